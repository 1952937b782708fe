//! GZIP (RFC 1952): one packed file, most often a TAR archive.

use flate2::read::MultiGzDecoder;

use super::tar;
use crate::extract::markdown::Writer;
use crate::extract::unpack::Unpacker;
use crate::extract::{ExtractError, Extracted, Room, inner};

const ENGINE: &str = "flate2 1.1.11";

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let decoder = MultiGzDecoder::new(bytes);
    let name = decoder.header().and_then(|header| header.filename()).unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    let unpacked = Unpacker::new(bytes.len(), room).read(decoder)?;
    if unpacked.broken && unpacked.bytes.is_empty() {
        return Err(ExtractError::parse("the packed file cannot be unpacked"));
    }
    let mut extracted = if tar::is_header(&unpacked.bytes) {
        tar::extract(&unpacked.bytes, &mut room.inner(0)?)?
    } else {
        let mut extracted = Extracted { engine: ENGINE, ..Extracted::default() };
        let mut writer = Writer::default();
        inner::append(&name, &unpacked.bytes, &mut writer, &mut extracted, room)?;
        extracted.text = writer.finish();
        extracted
    };
    if unpacked.broken {
        extracted.warnings.push("damaged: The packed file breaks off.".to_owned());
    }
    Ok(extracted)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::tar::tests::archived;
    use crate::extract::tests::read;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn packed_file_and_packed_archive_are_read() {
        assert_eq!(read(&packed(b"plain words"), "application/gzip").text, "plain words\n");
        let archive = packed(&archived("a.txt", b"inside"));
        assert_eq!(read(&archive, "application/gzip").text, "## a.txt\n\ninside\n");
    }

    #[test]
    fn file_that_breaks_off_gives_what_is_there() {
        let packed = packed(&b"words and words ".repeat(1000));
        let extracted = read(&packed[..packed.len() - 8], "application/gzip");
        assert!(extracted.text.starts_with("words and words"));
        assert!(extracted.warnings[0].starts_with("damaged: "));
    }
}
