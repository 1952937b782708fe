//! What an upload's form says: whether it is one, which of its parts are files, the metadata, and who is to be told.

use actix_multipart::Field;
use actix_web::{HttpMessage, HttpRequest, mime};
use serde_json::{Map, Value};

use super::ApiError;
use crate::config::WebhookSettings;
use crate::webhooks::WebhookUrl;

/// The name of a part that is a file; none for a form field. `filename*` (RFC 5987) says more than `filename`.
pub fn file_name(part: &Field) -> Option<String> {
    let disposition = part.content_disposition()?;
    match disposition.get_filename_ext() {
        Some(extended) => Some(String::from_utf8_lossy(&extended.value).into_owned()),
        None => disposition.get_filename().map(str::to_owned),
    }
}

/// Whether the body's media type is `multipart/form-data` (RFC 7578).
pub fn is_form(request: &HttpRequest) -> bool {
    request.mime_type().is_ok_and(|media_type| {
        media_type.is_some_and(|it| it.type_() == mime::MULTIPART && it.subtype() == mime::FORM_DATA)
    })
}

/// The JSON object that a field holds, as it was sent.
///
/// # Errors
/// When it holds anything else, or what a reader may well refuse: each status gives it back, and is to be read by all.
pub fn json_object(value: Vec<u8>) -> Result<String, ApiError> {
    let what =
        "The field metadata must be a JSON object, of at most 127 levels and with numbers that a double can hold.";
    let Ok(text) = String::from_utf8(value) else { return Err(ApiError::BadField { what }) };
    match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(_) => Ok(text.trim_ascii().to_owned()),
        Err(_) => Err(ApiError::BadField { what }),
    }
}

/// The URL that a field holds, where it is to be told that the batch is completed.
///
/// # Errors
/// When it holds anything else, or a place that is not called, or nothing that is sent could be signed.
pub fn webhook(value: Vec<u8>, settings: &WebhookSettings) -> Result<String, ApiError> {
    let bad = |what| Err(ApiError::BadField { what });
    if settings.secret.is_none() {
        return bad("This server has no secret to sign webhooks with; its operator sets one as webhook.secret.");
    }
    let Ok(text) = String::from_utf8(value) else { return bad("The field webhook must be a URL.") };
    match WebhookUrl::parse(&text) {
        Some(url) if url.may_be_called(&settings.reach()) => Ok(text),
        Some(_) => bad("The field webhook names an address that this server does not call."),
        None => bad(
            "The field webhook must be an http or https URL of up to 2,000 characters without a user name, a password or \
             a fragment.",
        ),
    }
}
