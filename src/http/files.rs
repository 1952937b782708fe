//! One file: its status, its text, its bytes.

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, Charset, ContentDisposition, DispositionParam, DispositionType, EntityTag, ExtendedValue,
};
use actix_web::{HttpRequest, HttpResponse};
use sanitize_filename::{Options, sanitize_with_options};

use super::ApiError;
use super::door::OwnBatch;
use super::headers::SANDBOXED;
use super::selection::{Representation, Selection, not_modified};
use super::view::FileView;
use crate::batch::{FileId, Outcome};
use crate::custody::FileStatus;

/// `GET /batches/{batch}/files/{file}`: one file's status.
pub async fn status(batch: OwnBatch, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let status = find(&batch, &request).await?;
    Ok(HttpResponse::Ok().json(FileView::from(status)))
}

/// `GET …/text`: the text that was read from the file.
pub async fn text(batch: OwnBatch, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let status = find(&batch, &request).await?;
    let Some(end) = status.end.filter(|end| matches!(end.outcome, Outcome::Succeeded(_))) else {
        return Err(ApiError::NoResult { state: status.state });
    };
    // Known without a look at the text: the outcome, to the millisecond, and what the text was when it was written.
    let tag = EntityTag::new_strong(format!("{:x}-{:x}-{:08x}", end.ended_ms, end.text_length, end.text_crc));
    let Some(selection) = Selection::of(&request, &tag, end.text_length)? else { return Ok(not_modified(tag)) };
    let (bytes, sha256) = batch.off_thread(move |batch| batch.digested_text(&end)).await??;
    let mut response = HttpResponse::Ok();
    response.content_type("text/plain; charset=utf-8");
    Ok(Representation { bytes, sha256, tag }.send(selection, response))
}

/// `GET …/content`: the bytes that the client sent, as an attachment.
pub async fn content(batch: OwnBatch, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let status = find(&batch, &request).await?;
    if !status.has_content() {
        return Err(ApiError::ContentGone);
    }
    let sha256 = status.sealed.sha256;
    let tag = EntityTag::new_strong(hex::encode(sha256));
    let Some(selection) = Selection::of(&request, &tag, status.sealed.length)? else { return Ok(not_modified(tag)) };
    let bytes = batch.content(&status.sealed)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("application/octet-stream")
        .insert_header(attachment(&status.sealed.name))
        .insert_header((CONTENT_SECURITY_POLICY, SANDBOXED));
    Ok(Representation { bytes, sha256, tag }.send(selection, response))
}

async fn find(batch: &OwnBatch, request: &HttpRequest) -> Result<FileStatus, ApiError> {
    let file = FileId::parse(request.match_info().query("file")).ok_or(ApiError::NotFound)?;
    batch.off_thread(move |batch| batch.file(file)).await?
}

/// A file name that is safe on every system, in plain ASCII and, where that is not all of it, in full (RFC 6266).
pub fn attachment(name: &str) -> ContentDisposition {
    let visible: String = name.chars().filter(|c| !is_invisible(*c)).collect();
    // As on Windows wherever this server runs: the file leaves for a system that we do not know.
    let mut safe = sanitize_with_options(visible, Options { windows: true, truncate: true, replacement: "" });
    if safe.trim_matches(['.', ' ']).is_empty() {
        "file".clone_into(&mut safe);
    }
    let ascii: String = safe.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let mut parameters = vec![DispositionParam::Filename(ascii)];
    if !safe.is_ascii() {
        let charset = Charset::Ext("UTF-8".into());
        let value = ExtendedValue { charset, language_tag: None, value: safe.into_bytes() };
        parameters.push(DispositionParam::FilenameExt(value));
    }
    ContentDisposition { disposition: DispositionType::Attachment, parameters }
}

/// Controls, characters without width, and those that turn the direction of what follows (Unicode TR 36).
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_without_paths_controls_or_tricks() {
        for (name, expected) in [
            ("../../etc/passwd", "attachment; filename=\"....etcpasswd\""),
            ("report.pdf", "attachment; filename=\"report.pdf\""),
            ("CON", "attachment; filename=\"file\""),
            ("a\u{202e}fdp.exe", "attachment; filename=\"afdp.exe\""),
            ("a\u{61c}fdp.exe", "attachment; filename=\"afdp.exe\""),
            ("..", "attachment; filename=\"file\""),
            ("naïve.txt", "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ] {
            assert_eq!(attachment(name).to_string(), expected, "{name:?}");
        }
    }
}
