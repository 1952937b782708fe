//! ZIP packages (OOXML, ODF, EPUB): parts by name, with a limit on what all of them unpack to.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::extract::unpack::Unpacker;
use crate::extract::{ExtractError, Room};

pub(crate) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    unpacker: Unpacker<'a>,
}

impl<'a> Package<'a> {
    pub fn open<'r: 'a>(bytes: &'a [u8], room: &Room<'r>) -> Result<Self, ExtractError> {
        // An OOXML package that needs a password is a compound file with the package encrypted inside.
        if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            return Err(ExtractError::PasswordProtected);
        }
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| ExtractError::parse(error.to_string()))?;
        Ok(Self { archive, unpacker: Unpacker::new(bytes.len(), room) })
    }

    /// The names of the parts that begin with `prefix`, in the package's order.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.archive.file_names_raw().map(|name| String::from_utf8_lossy(name).into_owned());
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    /// A part's bytes; none when there is no such part. Names are compared without regard to case, as Office does.
    ///
    /// A part whose checksum or deflate stream is broken gives what could be read of it.
    pub fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, ExtractError> {
        let Some(index) = self.index(name) else { return Ok(None) };
        let entry = match self.archive.by_index(index) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::UnsupportedArchive(zip::result::ZipError::PASSWORD_REQUIRED)) => {
                return Err(ExtractError::PasswordProtected);
            }
            Err(error) => return Err(ExtractError::parse(error.to_string())),
        };
        let part = self.unpacker.read(entry)?;
        if part.broken && part.bytes.is_empty() {
            return Err(ExtractError::parse(format!("{name} cannot be unpacked")));
        }
        Ok(Some(part.bytes))
    }

    /// The beginning of a part, as far as it can be read.
    pub fn head(&mut self, name: &str, bytes_max: u64) -> Vec<u8> {
        let mut head = Vec::new();
        if let Some(part) = self.index(name).and_then(|index| self.archive.by_index(index).ok()) {
            // What is damaged gives less.
            let _ = part.take(bytes_max).read_to_end(&mut head);
        }
        head
    }

    /// Unpacks every part only to see that all of them stay within the limits.
    pub fn measure(&mut self) -> Result<(), ExtractError> {
        for index in 0..self.archive.len() {
            // A part that cannot be opened cannot grow either.
            if let Ok(entry) = self.archive.by_index(index) {
                self.unpacker.measure(entry)?;
            }
        }
        Ok(())
    }

    fn index(&self, name: &str) -> Option<usize> {
        let name = name.trim_start_matches('/');
        self.archive.index_for_name(name).or_else(|| {
            let same = |entry: &[u8]| {
                let entry = String::from_utf8_lossy(entry).replace('\\', "/");
                entry.trim_start_matches('/').eq_ignore_ascii_case(name)
            };
            self.archive.file_names_raw().position(same)
        })
    }

    /// A part that the format cannot do without.
    pub fn required(&mut self, name: &str) -> Result<Vec<u8>, ExtractError> {
        self.part(name)?.ok_or_else(|| ExtractError::parse(format!("{name} is missing")))
    }
}

/// Resolves a reference from one part to another: `../media/a.png` from `ppt/slides/slide1.xml`.
pub(crate) fn resolve(from: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_against_their_part() {
        assert_eq!(resolve("ppt/slides/slide1.xml", "../notes/n1.xml"), "ppt/notes/n1.xml");
        assert_eq!(resolve("word/document.xml", "footnotes.xml"), "word/footnotes.xml");
        assert_eq!(resolve("a/b.xml", "/c.xml"), "c.xml");
    }
}
