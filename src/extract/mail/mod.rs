//! Messages and what is attached to them.

pub(crate) mod eml;
pub(crate) mod msg;
mod rtf_body;

use super::markdown::Writer;

/// The header fields that a reader of mail shows.
#[derive(Debug, Default)]
struct Header {
    subject: String,
    from: String,
    to: String,
    cc: String,
    date: String,
}

impl Header {
    /// One line for each field that is there.
    fn write(&self, writer: &mut Writer) {
        let Self { subject, from, to, cc, date } = self;
        let fields = [("Subject", subject), ("From", from), ("To", to), ("Cc", cc), ("Date", date)];
        let lines = fields.into_iter().filter(|(_, value)| !value.trim().is_empty());
        let lines: Vec<String> = lines.map(|(name, value)| format!("{name}: {}", value.trim())).collect();
        writer.paragraph(&lines.join("\n"));
    }
}
