//! A batch's results as NDJSON: a line for each file that has ended, in file order.
//!
//! Lines are made piece by piece, each on a blocking thread when the client has room for it, so that a batch of any size
//! takes the memory of one piece and of one page of statuses. A line that breaks off has no end, so that nobody takes it
//! for whole.

use std::io::{self, Read};
use std::{mem, vec};

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use crc32fast::Hasher;
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::runtime::Handle;

use super::door::OwnBatch;
use super::openapi::parameters::BatchPath;
use super::openapi::schemas::ResultLines;
use super::openapi::{examples, problems};
use super::view::{FileView, TextError};
use super::{Api, ApiError};
use crate::batch::Outcome;
use crate::custody::FileStatus;
use crate::joblog::FileEnd;
use crate::spool::{Content, SpoolError};

/// Bytes that a piece has at least, but for the last; what is escaped in a text makes it longer, up to six times.
const PIECE_BYTES: usize = 64 << 10;

/// Files whose statuses are read at one time.
const PAGE_FILES: usize = 256;

problems!(ResultsProblems: NotFound, StorageFailed, Internal);

/// The results of all files that have ended so far.
///
/// Files that have not ended are left out, so whoever wants all of them waits for the batch first. A line has the members of
/// a file's status and, if the file succeeded, `text`. A text that cannot be read is `null` there, and `text_error` says what the answer to the file's `/text` would.
#[utoipa::path(
    get,
    path = "/batches/{batch}/results",
    operation_id = "get_results",
    tag = "batches",
    params(BatchPath),
    responses(
        (status = 200, description = "Newline-delimited JSON; a line that breaks off has no end.",
            body = inline(ResultLines), content_type = "application/x-ndjson",
            example = json!(examples::result_lines())),
        ResultsProblems,
    )
)]
pub async fn results(batch: OwnBatch, request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let mut response = HttpResponse::Ok();
    response.content_type("application/x-ndjson");
    if request.method() == Method::HEAD {
        return Ok(response.streaming(stream::empty::<Result<Bytes, ApiError>>()));
    }
    let results = Results { batch, files_read: 0, page: Vec::new().into_iter(), text: None };
    Ok(response.streaming(results.into_stream(api.blocking.clone())))
}

/// Results on their way.
struct Results {
    batch: OwnBatch,
    /// Files of the pages so far.
    files_read: usize,
    page: vec::IntoIter<FileStatus>,
    /// The rest of the text that the line in hand ends with.
    text: Option<EscapedText<Content>>,
}

impl Results {
    fn into_stream(self, blocking: Handle) -> impl Stream<Item = Result<Bytes, ApiError>> {
        stream::try_unfold(self, move |mut results| {
            let read = blocking.spawn_blocking(move || (results.piece(), results));
            async move {
                let (piece, results) = read.await.map_err(|error| ApiError::Internal(error.to_string()))?;
                let piece = piece
                    .inspect_err(|error| log::error!("batch {}: its results broke off: {error}", results.batch.id()));
                Ok(piece?.map(|piece| (piece, results)))
            }
        })
    }

    /// The next lines, or the next part of a long one; none at the end.
    fn piece(&mut self) -> Result<Option<Bytes>, ApiError> {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        while piece.len() < PIECE_BYTES {
            if let Some(text) = &mut self.text {
                if !text.append_to(&mut piece).map_err(|error| SpoolError::from_io(&error))? {
                    self.text = None;
                    piece.extend(b"\"}\n");
                }
            } else if let Some(file) = self.page.next() {
                self.begin_line(file, &mut piece)?;
            } else if !self.next_page()? {
                break;
            }
        }
        Ok((!piece.is_empty()).then(|| piece.into()))
    }

    /// Reads the files of the next page that have ended; false when there is no further page.
    fn next_page(&mut self) -> Result<bool, ApiError> {
        let to = (self.files_read + PAGE_FILES).min(self.batch.files_count());
        if to == self.files_read {
            return Ok(false);
        }
        let mut files = self.batch.files(self.files_read, to)?;
        // Its records are erased last, so what was read is whole if it is not doomed even now.
        self.batch.check_alive()?;
        files.retain(|file| file.state.is_terminal());
        self.files_read = to;
        self.page = files.into_iter();
        Ok(true)
    }

    /// Writes a file's line, up to its text if it has one.
    fn begin_line(&mut self, file: FileStatus, line: &mut Vec<u8>) -> Result<(), ApiError> {
        let id = file.id;
        let end = file.end.clone().filter(|end| matches!(end.outcome, Outcome::Succeeded(_)));
        append_json(line, &FileView::from(file));
        let Some(end) = end else {
            line.push(b'\n');
            return Ok(());
        };
        line.truncate(line.len() - 1);
        match EscapedText::open(&self.batch, &end) {
            Ok(text) => {
                line.extend(b",\"text\":\"");
                self.text = Some(text);
            }
            Err(error) => {
                // The text of a batch that is being removed is not damaged.
                self.batch.check_alive()?;
                log::error!("file {id}: its text could not be read: {error}");
                let error = ApiError::from(error);
                line.extend(b",\"text\":null,\"text_error\":");
                append_json(line, &TextError { code: error.code(), message: error.detail().into_owned() });
                line.extend(b"}\n");
            }
        }
        Ok(())
    }
}

fn append_json(line: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(line, value).expect("a view serializes, and memory takes it");
}

/// A text on its way into a JSON string.
struct EscapedText<R> {
    text: R,
    hasher: Hasher,
    crc: u32,
    /// The beginning of a character that the last read cut in two.
    cut: Vec<u8>,
}

impl EscapedText<Content> {
    /// A text that is as it was written, as far as a look from end to end can tell.
    fn open(batch: &OwnBatch, end: &FileEnd) -> Result<Self, SpoolError> {
        Ok(Self::new(batch.text(end)?, end.text_crc))
    }
}

impl<R: Read> EscapedText<R> {
    fn new(text: R, crc: u32) -> Self {
        Self { text, hasher: Hasher::new(), crc, cut: Vec::new() }
    }

    /// Appends the next part, escaped; false at the end of the text.
    ///
    /// # Errors
    /// When it cannot be read, or turns out at its end not to be what was written.
    fn append_to(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let mut part = mem::take(&mut self.cut);
        let begun = part.len();
        part.reserve(PIECE_BYTES);
        let read = (&mut self.text).take(PIECE_BYTES as u64).read_to_end(&mut part)?;
        self.hasher.update(&part[begun..]);
        if read == 0 {
            let is_whole = begun == 0 && self.hasher.clone().finalize() == self.crc;
            return if is_whole { Ok(false) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
        let text = part.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        self.cut.extend(&part[text.len()..]);
        if self.cut.len() >= char::MAX_LEN_UTF8 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let quoted = serde_json::to_string(text)?;
        line.extend(&quoted.as_bytes()[1..quoted.len() - 1]);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &[u8], crc: u32) -> io::Result<String> {
        let mut pieces = EscapedText::new(text, crc);
        let mut line = b"\"".to_vec();
        while pieces.append_to(&mut line)? {}
        line.push(b'"');
        Ok(serde_json::from_slice(&line)?)
    }

    #[test]
    fn a_text_that_changes_while_it_is_read_has_no_end() {
        let text = "wörds ".repeat(20_000);
        let crc = crc32fast::hash(text.as_bytes());
        assert_eq!(escaped(text.as_bytes(), crc).unwrap(), text);
        for damaged in [&text.as_bytes()[1..], &text.as_bytes()[..100_000], b"\xff\xff\xff\xff", b"a\xff", b"\xc3"] {
            let kind = escaped(damaged, crc).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::InvalidData, "{} bytes", damaged.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_comes_out_of_its_string_as_it_went_in(
            pattern in "\\PC{1,20}|[\\x00-\\x1f\"\\\\]{1,20}",
            shift in 0..4_usize,
        ) {
            // Long enough for three parts, whose borders fall into characters here and there.
            let text = "a".repeat(shift) + &pattern.repeat(2 * PIECE_BYTES / pattern.len() + 1);
            prop_assert_eq!(escaped(text.as_bytes(), crc32fast::hash(text.as_bytes())).unwrap(), text);
        }
    }
}
