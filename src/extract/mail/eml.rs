//! EML: header fields, the body, and the attachments, each named and read as a file of its own.
//!
//! RFC 5322 and MIME. Of alternatives the plain text is taken, or else the HTML as Markdown.

use mail_parser::{Address, ContentType, DateTime, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::Header;
use crate::extract::markdown::Writer;
use crate::extract::web::html;
use crate::extract::{ExtractError, Extracted, Room, inner};

const ENGINE: &str = "mail-parser 0.11.9";

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let message = MessageParser::default().parse(beginning(bytes)).ok_or_else(|| ExtractError::parse("no message"))?;
    let mut extracted = Extracted {
        title: message.subject().map(str::to_owned),
        author: message.from().map(addresses),
        created: message.date().filter(|date| date.is_valid()).map(DateTime::to_rfc3339),
        engine: ENGINE,
        ..Extracted::default()
    };
    let mut writer = Writer::default();
    write_message(&message, &mut writer, &mut extracted, room)?;
    extracted.text = writer.finish();
    Ok(extracted)
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
    extracted: &mut Extracted,
    room: &mut Room<'_>,
) -> Result<(), ExtractError> {
    header(message).write(writer);
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
        let mark = writer.mark();
        if let Err(error) = write_attachment(part, writer, extracted, room) {
            writer.rewind(mark);
            return extracted.end_at(error, writer.len() > 0);
        }
    }
    Ok(())
}

fn header(message: &Message<'_>) -> Header {
    let date = message.header_raw("Date").unwrap_or_default();
    Header {
        subject: message.subject().unwrap_or_default().to_owned(),
        from: message.from().map_or(String::new(), addresses),
        to: message.to().map_or(String::new(), addresses),
        cc: message.cc().map_or(String::new(), addresses),
        date: date.split_whitespace().collect::<Vec<_>>().join(" "),
    }
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
    extracted: &mut Extracted,
    room: &mut Room<'_>,
) -> Result<(), ExtractError> {
    room.step(writer.len())?;
    let name = part.attachment_name().unwrap_or_default();
    match &part.body {
        PartType::Message(message) => {
            room.stock.take_entry()?;
            writer.heading(2, name);
            match room.inner(writer.len()) {
                Ok(mut room) => {
                    // The inner room counts from the text round it, so the message gets a writer of its own.
                    let mut inner = Writer::default();
                    write_message(message, &mut inner, extracted, &mut room)?;
                    writer.paragraph(&inner.finish());
                }
                Err(error) => extracted.warnings.push(format!("skipped: {name}: {}: {error}.", error.code())),
            }
            Ok(())
        }
        PartType::Text(text) => {
            writer.heading(2, name);
            writer.paragraph(&text.replace("\r\n", "\n"));
            Ok(())
        }
        PartType::Html(source) => {
            writer.heading(2, name);
            html::convert_text(source, writer, room)
        }
        _ if part.content_id().is_some() || part.content_disposition().is_some_and(ContentType::is_inline) => {
            inner::append_inline(name, part.contents(), writer, extracted, room)
        }
        _ => inner::append(name, part.contents(), writer, extracted, room),
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::tests::read;

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
