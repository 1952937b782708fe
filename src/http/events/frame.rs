//! What an event looks like on the wire (HTML standard, section 9.2.5), and as JSON.

use serde::Serialize;

use crate::batch::BatchId;
use crate::http::view::{BatchView, FileView};
use crate::joblog::BatchChange;

/// A comment, by which both sides see that the other lives.
pub const HEARTBEAT: &[u8] = b": heartbeat\n\n";

/// Milliseconds after which a browser connects anew.
const RETRY_MS: u32 = 2_000;

/// `event: file`: what has become of a file.
#[derive(Debug, Serialize)]
pub struct FileEvent {
    pub batch: BatchId,
    pub file: FileView,
}

/// `event: batch`: what has become of a batch, and how it stood then.
#[derive(Debug, Serialize)]
pub struct BatchEvent {
    pub change: BatchChange,
    #[serde(flatten)]
    pub batch: BatchView,
}

/// `event: removed`: a batch is gone, and its events with it.
#[derive(Debug, Serialize)]
pub struct RemovedEvent {
    pub batch: BatchId,
}

/// What a stream begins with. The id is the last that was given out: who is cut off before its first event goes on there.
pub fn opening(id: Option<u64>) -> Vec<u8> {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("retry: {RETRY_MS}\n{id}\n").into_bytes()
}

/// One event.
pub fn event(id: Option<u64>, name: &str, data: &impl Serialize) -> Vec<u8> {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let mut frame = format!("{id}event: {name}\ndata: ").into_bytes();
    let begun = frame.len();
    serde_json::to_writer(&mut frame, data).expect("a status is plain data, which JSON can hold");
    // A client's own JSON may have line breaks between its words, and there only. A line of the stream has none.
    for byte in frame[begun..].iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')) {
        *byte = b' ';
    }
    frame.extend(b"\n\n");
    frame
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn an_event_is_three_lines_whatever_its_data_holds() {
        let data = RawValue::from_string("{\"a\":\r\n \"b\\nc\"}".to_owned()).unwrap();
        let frame = event(Some(7), "file", &data);
        assert_eq!(String::from_utf8(frame).unwrap(), "id: 7\nevent: file\ndata: {\"a\":   \"b\\nc\"}\n\n");
        let frame = event(None, "removed", &1);
        assert_eq!(String::from_utf8(frame).unwrap(), "event: removed\ndata: 1\n\n");
    }

    #[test]
    fn a_stream_says_when_to_come_again_and_where_it_begins() {
        assert_eq!(opening(Some(8)), b"retry: 2000\nid: 8\n\n");
        assert_eq!(opening(None), b"retry: 2000\n\n");
    }
}
