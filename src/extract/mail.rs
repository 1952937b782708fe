//! EML: header fields, the body, and the attachments, each named and read as a file of its own.
//!
//! RFC 5322 and MIME. Of alternatives the plain text is taken, or else the HTML as Markdown.

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::markdown::Writer;
use super::{ExtractError, Extracted, Room, html, media};

const ENGINE: &str = "mail-parser 0.11.9";

/// How many messages may stand inside one another.
const NESTING_MAX: usize = 8;

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let message = MessageParser::default().parse(beginning(bytes)).ok_or_else(|| ExtractError::parse("no message"))?;
    let mut writer = Writer::default();
    let mut warnings = Vec::new();
    write_message(&message, &mut writer, &mut warnings, room, 0)?;
    Ok(Extracted {
        text: writer.finish(),
        title: message.subject().map(str::to_owned),
        author: message.from().and_then(|from| Some(addresses(from)).filter(|text| !text.is_empty())),
        warnings,
        engine: ENGINE,
        ..Extracted::default()
    })
}

/// The message from its first field on: some files begin with blank lines or with the `From ` line of a mailbox.
fn beginning(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if !bytes.starts_with(b"From ") {
        return bytes;
    }
    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes, |end| &bytes[end + 1..])
}

fn write_message(
    message: &Message<'_>,
    writer: &mut Writer,
    warnings: &mut Vec<String>,
    room: &mut Room<'_>,
    depth: usize,
) -> Result<(), ExtractError> {
    write_header(message, writer);
    let bodies = if message.text_body.is_empty() { &message.html_body } else { &message.text_body };
    for id in bodies {
        room.step(writer.len())?;
        match message.part(*id).map(|part| &part.body) {
            Some(PartType::Text(text)) => writer.paragraph(&text.replace("\r\n", "\n")),
            Some(PartType::Html(source)) => html::convert_text(source, writer, room)?,
            _ => {}
        }
    }
    for part in message.attachments() {
        room.step(writer.len())?;
        write_attachment(part, writer, warnings, room, depth)?;
    }
    Ok(())
}

fn write_header(message: &Message<'_>, writer: &mut Writer) {
    let mut lines = Vec::new();
    let mut field = |name: &str, value: String| {
        if !value.trim().is_empty() {
            lines.push(format!("{name}: {}", value.trim()));
        }
    };
    field("Subject", message.subject().unwrap_or_default().to_owned());
    field("From", message.from().map_or(String::new(), addresses));
    field("To", message.to().map_or(String::new(), addresses));
    field("Cc", message.cc().map_or(String::new(), addresses));
    field(
        "Date",
        message.header_raw("Date").map_or(String::new(), |date| date.split_whitespace().collect::<Vec<_>>().join(" ")),
    );
    writer.paragraph(&lines.join("\n"));
}

fn addresses(address: &Address<'_>) -> String {
    let all = address.iter().map(|one| match (one.name(), one.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => String::new(),
    });
    all.filter(|one| !one.is_empty()).collect::<Vec<_>>().join(", ")
}

fn write_attachment(
    part: &MessagePart<'_>,
    writer: &mut Writer,
    warnings: &mut Vec<String>,
    room: &mut Room<'_>,
    depth: usize,
) -> Result<(), ExtractError> {
    let name = part.attachment_name().unwrap_or_default();
    if let PartType::Message(inner) = &part.body {
        if !name.is_empty() {
            writer.heading(2, name);
        }
        if depth < NESTING_MAX {
            return write_message(inner, writer, warnings, room, depth + 1);
        }
        warnings.push("skipped: Messages are nested too deep.".to_owned());
        return Ok(());
    }
    writer.heading(2, name);
    let bytes = part.contents();
    let judged = media::judge(name, std::io::Cursor::new(bytes));
    let Ok(media::Judged::Agreed(media_type) | media::Judged::Differs { media_type, .. }) = judged else {
        return Ok(());
    };
    if media_type == media::EML && depth >= NESTING_MAX {
        warnings.push("skipped: Messages are nested too deep.".to_owned());
        return Ok(());
    }
    let Some(engine) = super::engine(&media_type) else {
        return Ok(());
    };
    match &part.body {
        PartType::Text(text) => writer.paragraph(&text.replace("\r\n", "\n")),
        PartType::Html(source) => html::convert_text(source, writer, room)?,
        _ => match engine(bytes, room) {
            Ok(extracted) => writer.paragraph(&extracted.text),
            Err(error @ (ExtractError::TextTooLarge | ExtractError::ExpandsTooFar)) => return Err(error),
            Err(error) => warnings.push(format!("skipped: Attachment {name}: {error}.")),
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn header_body_and_attachment_are_read() {
        let mail = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: A <a@b.c>\r\nTo: d@e.f\r\nDate: Mon, 1 Jan 2024 12:00:00 +0000\r\n\
            Content-Type: multipart/mixed; boundary=X\r\n\r\n--X\r\nContent-Type: text/plain\r\n\r\nHello\r\n--X\r\n\
            Content-Type: application/octet-stream; name=n.txt\r\nContent-Disposition: attachment; filename=n.txt\r\n\
            Content-Transfer-Encoding: base64\r\n\r\naW5zaWRl\r\n--X--\r\n";
        let extracted = read(mail.as_bytes(), "message/rfc822");
        let expected = "Subject: Grüße\nFrom: A <a@b.c>\nTo: d@e.f\nDate: Mon, 1 Jan 2024 12:00:00 +0000\n\nHello\n\n## n.txt\n\ninside\n";
        assert_eq!(extracted.text, expected);
        assert_eq!(extracted.title.as_deref(), Some("Grüße"));
    }
}
