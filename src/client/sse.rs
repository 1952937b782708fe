//! A reader of server-sent events (HTML standard, section 9.2.6), as far as this server writes them: UTF-8, lines that end
//! in LF or CRLF.

use std::io::{self, BufRead, Read};

/// Bytes of one line. An event is some KiB; what is longer is no event of ours.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// One event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Event {
    /// What a reader that comes again names; none of what is not durable.
    pub id: Option<String>,
    pub name: String,
    pub data: String,
}

/// Reads events off a stream, one after the other.
#[derive(Debug)]
pub struct EventReader<R> {
    lines: R,
    last_id: Option<String>,
}

impl<R: BufRead> EventReader<R> {
    /// The events of this stream.
    #[must_use]
    pub const fn new(stream: R) -> Self {
        Self { lines: stream, last_id: None }
    }

    /// The last id that the stream named, with an event or without.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The next event; none when the stream has ended.
    ///
    /// # Errors
    /// When the stream breaks off.
    pub fn next_event(&mut self) -> io::Result<Option<Event>> {
        let (mut event, mut has_data, mut line) = (Event::default(), false, String::new());
        loop {
            line.clear();
            if (&mut self.lines).take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
                // What was under way is no event: its blank line has not come.
                return Ok(None);
            }
            let Some(text) = line.strip_suffix('\n') else {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream broke off within a line"));
            };
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.is_empty() {
                if has_data {
                    return Ok(Some(event));
                }
                (event, has_data) = (Event::default(), false);
                continue;
            }
            let (field, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut event.name),
                "id" => {
                    event.id = Some(value.to_owned());
                    self.last_id = Some(value.to_owned());
                }
                "data" => {
                    if has_data {
                        event.data.push('\n');
                    }
                    event.data.push_str(value);
                    has_data = true;
                }
                // Comments, by which the stream says that it lives, and what is for browsers.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_past_comments_and_the_last_id_is_kept() {
        let stream = "retry: 2000\nid: 4\n\n: alive\nid: 7\nevent: batch\ndata: {\"a\":\ndata: 1}\n\nevent:file\r\ndata:x\r\n\r\n";
        let mut events = EventReader::new(stream.as_bytes());
        let batch = Event { id: Some("7".into()), name: "batch".into(), data: "{\"a\":\n1}".into() };
        assert_eq!(events.next_event().unwrap(), Some(batch));
        assert_eq!(events.last_id(), Some("7"));
        let file = Event { id: None, name: "file".into(), data: "x".into() };
        assert_eq!(events.next_event().unwrap(), Some(file));
        assert_eq!(events.next_event().unwrap(), None);
    }

    #[test]
    fn the_first_lines_name_where_a_stream_begins() {
        let mut events = EventReader::new("id: 9\n\n".as_bytes());
        assert_eq!((events.next_event().unwrap(), events.last_id()), (None, Some("9")));
    }

    #[test]
    fn half_an_event_is_none() {
        assert_eq!(EventReader::new("event: file\ndata: {}\n".as_bytes()).next_event().unwrap(), None);
        assert!(EventReader::new("event: fi".as_bytes()).next_event().is_err());
    }
}
