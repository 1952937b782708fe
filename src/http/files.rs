//! One file: its status, its text, its bytes.

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, Charset, ContentDisposition, DispositionParam, DispositionType, EntityTag, ExtendedValue,
};
use actix_web::{HttpRequest, HttpResponse};
use sanitize_filename::{Options, sanitize_with_options};

use super::ApiError;
use super::door::OwnBatch;
use super::headers::SANDBOXED;
use super::openapi::parameters::{FilePath, PartAndVersion, Revalidation};
use super::openapi::schemas::Bytes;
use super::openapi::{examples, problems};
use super::selection::{Representation, Selection, not_modified};
use super::view::FileView;
use crate::batch::{FileId, Outcome};
use crate::custody::FileStatus;

problems!(StatusProblems: NotFound, StorageFailed, Internal);

/// The status of one file.
#[utoipa::path(
    get,
    path = "/batches/{batch}/files/{file}",
    operation_id = "get_file",
    tag = "files",
    params(FilePath),
    responses(
        (status = 200, description = "The file as it is now.", body = FileView,
            links(
                ("get_text" = (operation_id = "get_text",
                    parameters(("batch" = "$request.path.batch"), ("file" = "$response.body#/id")))),
                ("get_content" = (operation_id = "get_content",
                    parameters(("batch" = "$request.path.batch"), ("file" = "$response.body#/id")))),
            ),
            example = json!(examples::succeeded())),
        StatusProblems,
    )
)]
pub async fn status(batch: OwnBatch, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let status = find(&batch, &request).await?;
    Ok(HttpResponse::Ok().json(FileView::from(status)))
}

problems!(TextProblems: NotFound, NoResult, PreconditionFailed, RangeNotSatisfiable, StorageFailed, Internal);

/// The text that was read from a file.
///
/// It can be resumed and revalidated (RFC 9110).
#[utoipa::path(
    get,
    path = "/batches/{batch}/files/{file}/text",
    operation_id = "get_text",
    tag = "files",
    params(FilePath, Revalidation, PartAndVersion),
    responses(
        (status = 200, description = "The text in UTF-8.", body = String, content_type = "text/plain",
            headers(("ETag"), ("Repr-Digest"), ("Accept-Ranges")), example = json!("Report\n\nWords of the first page.\n")),
        (status = 206, description = "The part that was asked for.", body = String, content_type = "text/plain",
            headers(("ETag"), ("Repr-Digest"), ("Accept-Ranges"), ("Content-Range"))),
        (status = 304, description = "The client has it already.", headers(("ETag"))),
        TextProblems,
    )
)]
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

problems!(ContentProblems: NotFound, ContentGone, PreconditionFailed, RangeNotSatisfiable, StorageFailed, Internal);

/// The bytes that the client sent, as an attachment.
///
/// They can be resumed and revalidated (RFC 9110); the `ETag` is their SHA-256.
#[utoipa::path(
    get,
    path = "/batches/{batch}/files/{file}/content",
    operation_id = "get_content",
    tag = "files",
    params(FilePath, Revalidation, PartAndVersion),
    responses(
        (status = 200, description = "The bytes.", body = inline(Bytes), content_type = "application/octet-stream",
            headers(("ETag"), ("Repr-Digest"), ("Accept-Ranges"), ("Content-Disposition"))),
        (status = 206, description = "The part that was asked for.", body = inline(Bytes),
            content_type = "application/octet-stream",
            headers(("ETag"), ("Repr-Digest"), ("Accept-Ranges"), ("Content-Disposition"),
                ("Content-Range"))),
        (status = 304, description = "The client has them already.", headers(("ETag"))),
        ContentProblems,
    )
)]
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
