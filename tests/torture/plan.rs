//! What each upload is: all of it follows from the seed and the upload's key, so that nothing has to be kept to know what
//! must come of it.

use std::fmt::{self, Display, Write};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

use crate::support::Form;

/// Files of the largest batch.
const FILES_MAX: u32 = 300;
/// Bytes of the smallest text, of the largest that is common, and of those that are rare.
const TEXT_BYTES_MIN: u32 = 16;
const TEXT_BYTES_MAX: u32 = 64 << 10;
/// Texts that come in many uploads, and how much longer each is than the one before it.
const COMMON_TEXTS: usize = 32;
const COMMON_TEXT_BYTES: usize = 1_500;
const LARGE_TEXT_BYTES: std::ops::Range<usize> = (1 << 20)..(4 << 20);

/// A generator of its own for each thing that is decided by chance.
pub fn chance(seed: u64, of: impl Display) -> StdRng {
    StdRng::from_seed(Sha256::digest(format!("{seed} {of}")).into())
}

/// A number from 1 to `max`, small ones as often as large ones: each doubling is as likely as the next.
fn up_to(chance: &mut StdRng, max: u32) -> u32 {
    let exponent = chance.random_range(0.0..f64::from(max + 1).log2());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 to max + 1")]
    let number = exponent.exp2() as u32;
    number.min(max)
}

/// Which upload it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub round: u32,
    pub client: u32,
    /// Of this client in this round.
    pub number: u32,
}

impl Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, client, number } = self;
        write!(f, "{round}-{client}-{number}")
    }
}

impl Key {
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('-').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self { round: next()?, client: next()?, number: next()? })
    }
}

/// What the client does with the upload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Manner {
    /// It goes away when this part of the body is sent.
    BreakOff(f64),
    /// It goes away when all is sent, without waiting for the answer.
    LeaveUnanswered,
    /// It reads the answer and goes on.
    Keep,
    /// It waits for the end of the batch.
    Watch,
    /// It asks for the removal of some batch that is completed.
    Remove,
}

/// An upload.
pub struct Plan {
    pub key: Key,
    pub manner: Manner,
    pub files: Vec<PlannedFile>,
}

impl Plan {
    pub fn of(seed: u64, key: Key) -> Self {
        let mut chance = chance(seed, key);
        let manner = match chance.random_range(0..100) {
            0..10 => Manner::BreakOff(chance.random_range(0.0..1.0)),
            10..15 => Manner::LeaveUnanswered,
            15..40 => Manner::Keep,
            40..80 => Manner::Watch,
            _ => Manner::Remove,
        };
        let count = up_to(&mut chance, FILES_MAX);
        let large = chance.random_bool(0.05).then(|| chance.random_range(0..count));
        let files = (0..count).map(|index| PlannedFile::of(&mut chance, key, index, large == Some(index))).collect();
        Self { key, manner, files }
    }

    /// The form that is sent. It says which upload it is, so that it can be told from others if its answer is lost.
    pub fn form(&self) -> Form {
        let form = Form::new().field("metadata", &format!("{{\"key\": \"{}\"}}", self.key));
        form.files(self.files.iter().map(|file| (&file.name, file.bytes())))
    }

    /// How many files have their outcome among the results; the others are refused while they arrive.
    pub fn results(&self) -> usize {
        self.files.iter().filter(|file| file.kind != Kind::Refused).count()
    }
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Empty,
    /// Refused by its name, while it arrives.
    Refused,
    /// A program under the name of a text.
    Program,
    /// A document that is none behind its first line.
    Damaged,
}

/// A file of an upload.
pub struct PlannedFile {
    pub name: String,
    pub kind: Kind,
    /// What its bytes begin with, and what no other file's do unless its text is a common one.
    mark: String,
    text_bytes: usize,
}

impl PlannedFile {
    fn of(chance: &mut StdRng, key: Key, index: u32, is_large: bool) -> Self {
        // The first file is always one that is taken: a batch of which all files are refused is none.
        let kind = match chance.random_range(0..100) {
            _ if is_large => Kind::Text,
            0..4 => Kind::Empty,
            4..7 if index > 0 => Kind::Refused,
            7..10 if index > 0 => Kind::Program,
            10..12 if index > 0 => Kind::Damaged,
            _ => Kind::Text,
        };
        let stem = if chance.random_bool(0.05) { "same".to_owned() } else { index.to_string() };
        let extension = match kind {
            Kind::Text | Kind::Empty => ["txt", "md", "log"][chance.random_range(0..3)],
            Kind::Refused => "exe",
            Kind::Program => "txt",
            Kind::Damaged => "pdf",
        };
        let small = TEXT_BYTES_MIN.max(up_to(chance, TEXT_BYTES_MAX)) as usize;
        let is_common = kind == Kind::Text && !is_large && chance.random_bool(0.2);
        let common = is_common.then(|| chance.random_range(0..COMMON_TEXTS));
        let text_bytes = match common {
            Some(number) => (number + 1) * COMMON_TEXT_BYTES,
            None if is_large => chance.random_range(LARGE_TEXT_BYTES),
            None => small,
        };
        let own = format!("{:08x} {key} {index}", chance.random::<u32>());
        let mark = common.map_or(own, |number| format!("common text {number}"));
        Self { name: format!("{stem}.{extension}"), kind, mark, text_bytes }
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self.kind {
            Kind::Text => self.text(self.text_bytes).into_bytes(),
            Kind::Empty => Vec::new(),
            Kind::Refused => format!("MZ {}", self.mark).into_bytes(),
            Kind::Program => [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0", self.mark.as_bytes()].concat(),
            Kind::Damaged => format!("%PDF-1.7\n{}", self.text(1_000)).into_bytes(),
        }
    }

    /// Numbered lines, so that no two pieces of it are the same.
    fn text(&self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 100);
        for line in 0.. {
            if text.len() >= bytes {
                break;
            }
            writeln!(text, "{} line {line}: whoever takes custody of a file keeps it whole or says so", self.mark)
                .expect("a string takes what is written to it");
        }
        text.truncate(bytes);
        text
    }

    /// The state and the code that it must end with.
    pub fn end(&self) -> (&'static str, Option<&'static str>) {
        match self.kind {
            Kind::Text | Kind::Empty => ("succeeded", None),
            Kind::Refused => ("rejected", Some("unsupported_type")),
            Kind::Program => ("rejected", Some("type_mismatch")),
            Kind::Damaged => ("failed", Some("parse_error")),
        }
    }

    /// Whether the server gives its bytes back.
    pub fn has_content(&self) -> bool {
        !matches!(self.kind, Kind::Refused | Kind::Program)
    }
}
