//! MSG: a message of Outlook with its header fields, body and attachments ([MS-OXMSG]).
//!
//! Of bodies the plain text is taken, or else the HTML, or else the RTF.

use super::{Header, rtf_body};
use crate::extract::markdown::Writer;
use crate::extract::office::bytes::{u32_at, u64_at, utf16};
use crate::extract::office::compound::Compound;
use crate::extract::office::{charset_of_page, rtf};
use crate::extract::web::html;
use crate::extract::{ExtractError, Extracted, Room, inner, time};

const ENGINE: &str = "consign-msg 1";

/// Properties of messages, recipients and attachments ([MS-OXPROPS]).
mod property {
    pub const SUBJECT: u32 = 0x0037;
    pub const SENT: u32 = 0x0039;
    pub const SENDER_NAME: u32 = 0x0c1a;
    pub const SENDER_ADDRESS: u32 = 0x0c1f;
    pub const SENDER_SMTP: u32 = 0x5d01;
    pub const TO: u32 = 0x0e04;
    pub const CC: u32 = 0x0e03;
    pub const DELIVERED: u32 = 0x0e06;
    pub const BODY: u32 = 0x1000;
    pub const RTF: u32 = 0x1009;
    pub const HTML: u32 = 0x1013;
    pub const CREATED: u32 = 0x3007;
    pub const DATA: u32 = 0x3701;
    pub const FILE_NAME: u32 = 0x3704;
    pub const LONG_FILE_NAME: u32 = 0x3707;
    pub const CONTENT_ID: u32 = 0x3712;
    pub const DISPLAY_NAME: u32 = 0x3001;
    pub const ADDRESS: u32 = 0x3003;
    pub const SMTP: u32 = 0x39fe;
    pub const RECIPIENT_KIND: u32 = 0x0c15;
    pub const HTML_PAGE: u32 = 0x3fde;
    pub const PAGE: u32 = 0x3ffd;
}

/// How many bytes stand before the list of properties, by what has them.
const MESSAGE_HEAD: usize = 32;
const INNER_MESSAGE_HEAD: usize = 24;
const PART_HEAD: usize = 8;

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let file = Compound::open(bytes)?;
    let message = Storage::new(&file, Compound::ROOT, MESSAGE_HEAD);
    let mut extracted = Extracted {
        title: message.text(property::SUBJECT),
        author: message.sender(),
        created: message.time(property::SENT).or_else(|| message.time(property::CREATED)),
        engine: ENGINE,
        ..Extracted::default()
    };
    let mut writer = Writer::default();
    message.write(&mut writer, &mut extracted, room)?;
    extracted.text = writer.finish();
    Ok(extracted)
}

/// A storage with properties: a message, a recipient or an attachment.
struct Storage<'f> {
    file: &'f Compound<'f>,
    id: usize,
    /// Properties of a fixed size: number and type in one word, flags, and eight bytes of value.
    fixed: Vec<u8>,
    head: usize,
    page: u32,
}

impl<'f> Storage<'f> {
    fn new(file: &'f Compound<'f>, id: usize, head: usize) -> Self {
        let fixed = file.stream_named(id, "__properties_version1.0").unwrap_or_default();
        let mut storage = Self { file, id, fixed, head, page: 1252 };
        let page = [property::PAGE, property::HTML_PAGE].into_iter().find_map(|number| storage.number(number));
        storage.page = page.unwrap_or(1252);
        storage
    }

    fn value(&self, number: u32) -> Option<&[u8]> {
        let mut list = self.fixed.get(self.head..)?.chunks_exact(16);
        list.find(|value| u32_at(value, 0).is_some_and(|tag| tag >> 16 == number))
    }

    fn number(&self, number: u32) -> Option<u32> {
        self.value(number).and_then(|value| u32_at(value, 8))
    }

    fn time(&self, number: u32) -> Option<String> {
        self.value(number).and_then(|value| u64_at(value, 8)).and_then(time::from_filetime)
    }

    fn stream(&self, number: u32, kind: u16) -> Option<Vec<u8>> {
        self.file.stream_named(self.id, &format!("__substg1.0_{number:04X}{kind:04X}"))
    }

    fn text(&self, number: u32) -> Option<String> {
        let text = match self.stream(number, 0x001f) {
            Some(units) => utf16(&units),
            None => self.decoded(&self.stream(number, 0x001e)?),
        };
        let text = text.trim_end_matches('\0').to_owned();
        (!text.trim().is_empty()).then_some(text)
    }

    fn decoded(&self, bytes: &[u8]) -> String {
        let encoding = charset_of_page(i64::from(self.page)).unwrap_or(encoding_rs::WINDOWS_1252);
        encoding.decode_without_bom_handling(bytes).0.into_owned()
    }

    fn sender(&self) -> Option<String> {
        let address = self.text(property::SENDER_SMTP).or_else(|| self.text(property::SENDER_ADDRESS));
        named(self.text(property::SENDER_NAME), address)
    }

    fn parts(&self, prefix: &str) -> Vec<usize> {
        let children = self.file.children(self.id);
        let mut parts: Vec<(usize, &str)> = children.iter().map(|(id, entry)| (*id, entry.name.as_str())).collect();
        parts.retain(|(_, name)| name.starts_with(prefix));
        parts.sort_by_key(|(_, name)| name.to_ascii_uppercase());
        parts.into_iter().map(|(id, _)| id).collect()
    }

    /// The recipients of a kind: 1 for `To`, 2 for `Cc`.
    fn recipients(&self, kind: u32, shown: u32) -> String {
        let all = self.parts("__recip_version1.0_").into_iter().map(|id| Storage::new(self.file, id, PART_HEAD));
        let of_kind = all.filter(|recipient| recipient.number(property::RECIPIENT_KIND) == Some(kind));
        let names = of_kind.filter_map(|recipient| {
            let address = recipient.text(property::SMTP).or_else(|| recipient.text(property::ADDRESS));
            named(recipient.text(property::DISPLAY_NAME), address)
        });
        let names = names.collect::<Vec<_>>().join(", ");
        if names.is_empty() { self.text(shown).unwrap_or_default() } else { names }
    }

    fn write(&self, writer: &mut Writer, extracted: &mut Extracted, room: &mut Room<'_>) -> Result<(), ExtractError> {
        let header = Header {
            subject: self.text(property::SUBJECT).unwrap_or_default(),
            from: self.sender().unwrap_or_default(),
            to: self.recipients(1, property::TO),
            cc: self.recipients(2, property::CC),
            date: shown(self.time(property::SENT).or_else(|| self.time(property::DELIVERED))),
        };
        header.write(writer);
        self.write_body(writer, extracted, room)?;
        for id in self.parts("__attach_version1.0_") {
            let mark = writer.mark();
            if let Err(error) = Storage::new(self.file, id, PART_HEAD).write_attachment(writer, extracted, room) {
                writer.rewind(mark);
                return extracted.end_at(error, writer.len() > 0);
            }
        }
        Ok(())
    }

    fn write_body(
        &self,
        writer: &mut Writer,
        extracted: &mut Extracted,
        room: &mut Room<'_>,
    ) -> Result<(), ExtractError> {
        if let Some(text) = self.text(property::BODY) {
            writer.paragraph(&text.replace("\r\n", "\n"));
            return room.step(writer.len());
        }
        if let Some(source) = self.stream(property::HTML, 0x0102) {
            return html::convert(&source, None, writer, room).map(drop);
        }
        if let Some(source) = self.text(property::HTML) {
            return html::convert_text(&source, writer, room);
        }
        let packed = self.stream(property::RTF, 0x0102);
        if let Some(source) = packed.and_then(|body| rtf_body::unpack(&body, room.stock.unpacked_bytes_left())) {
            room.stock.take_unpacked_bytes(source.len())?;
            match rtf::extract(&source, &mut room.inner(writer.len())?) {
                Ok(body) => {
                    writer.paragraph(&body.text);
                    extracted.truncated |= body.truncated;
                    extracted.warnings.extend(body.warnings);
                }
                Err(error) => extracted.warnings.push(format!("skipped: The body: {}: {error}.", error.code())),
            }
        }
        Ok(())
    }

    fn write_attachment(
        &self,
        writer: &mut Writer,
        extracted: &mut Extracted,
        room: &mut Room<'_>,
    ) -> Result<(), ExtractError> {
        room.step(writer.len())?;
        let name = self.text(property::LONG_FILE_NAME).or_else(|| self.text(property::FILE_NAME));
        let name = name.or_else(|| self.text(property::DISPLAY_NAME)).unwrap_or_default();
        if let Some(bytes) = self.stream(property::DATA, 0x0102) {
            let is_inline = self.text(property::CONTENT_ID).is_some();
            let append = if is_inline { inner::append_inline } else { inner::append };
            return append(&name, &bytes, writer, extracted, room);
        }
        let Some(id) = self.file.find(self.id, "__substg1.0_3701000D") else { return Ok(()) };
        room.stock.take_entry()?;
        writer.heading(2, &name);
        match room.inner(writer.len()) {
            Ok(mut room) => {
                let mut inner = Writer::default();
                Storage::new(self.file, id, INNER_MESSAGE_HEAD).write(&mut inner, extracted, &mut room)?;
                writer.paragraph(&inner.finish());
            }
            Err(error) => extracted.warnings.push(format!("skipped: {name}: {}: {error}.", error.code())),
        }
        Ok(())
    }
}

/// A moment as people read it.
fn shown(time: Option<String>) -> String {
    time.unwrap_or_default().replace('T', " ").replace('Z', " +00:00")
}

/// A person's name with an address that readers of mail know; the internal ones of Exchange say nothing.
fn named(name: Option<String>, address: Option<String>) -> Option<String> {
    match (name, address.filter(|address| address.contains('@') && !address.starts_with('/'))) {
        (Some(name), Some(address)) if name != address => Some(format!("{name} <{address}>")),
        (name, address) => address.or(name),
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::media::MSG;
    use crate::extract::office::compound::write::file_of;
    use crate::extract::tests::read;

    fn units(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn header_and_body_are_read() {
        let mut properties = vec![0; 32];
        properties.extend(0x0039_0040_u32.to_le_bytes());
        properties.extend([0; 4]);
        properties.extend(133_485_408_000_000_000_u64.to_le_bytes());
        let streams = [
            ("__properties_version1.0", properties),
            ("__substg1.0_0037001F", units("Grüße")),
            ("__substg1.0_0C1A001F", units("Ann")),
            ("__substg1.0_5D01001F", units("ann@b.c")),
            ("__substg1.0_0E04001F", units("Bob")),
            ("__substg1.0_1000001F", units("Hello\r\nthere")),
        ];
        let streams: Vec<(&str, &[u8])> = streams.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let extracted = read(&file_of(&streams), MSG);
        let header = "Subject: Grüße\nFrom: Ann <ann@b.c>\nTo: Bob\nDate: 2024-01-01 00:00:00 +00:00";
        assert_eq!(extracted.text, format!("{header}\n\nHello\nthere\n"));
        assert_eq!(extracted.created.as_deref(), Some("2024-01-01T00:00:00Z"));
    }
}
