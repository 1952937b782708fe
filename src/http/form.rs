//! What the parts of an upload's form say: which of them are files, and the metadata.

use actix_multipart::Field;
use serde_json::value::RawValue;

use super::ApiError;

/// The name of a part that is a file; none for a form field. `filename*` (RFC 5987) says more than `filename`.
pub fn file_name(part: &Field) -> Option<String> {
    let disposition = part.content_disposition()?;
    match disposition.get_filename_ext() {
        Some(extended) => Some(String::from_utf8_lossy(&extended.value).into_owned()),
        None => disposition.get_filename().map(str::to_owned),
    }
}

/// The JSON object that a field holds, as it was sent.
///
/// # Errors
/// When it holds anything else.
pub fn json_object(value: Vec<u8>) -> Result<String, ApiError> {
    let not_an_object = ApiError::BadField { what: "The field metadata must be a JSON object." };
    let Ok(text) = String::from_utf8(value) else { return Err(not_an_object) };
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(json) if json.get().starts_with('{') => Ok(json.get().to_owned()),
        _ => Err(not_an_object),
    }
}
