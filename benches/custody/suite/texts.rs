//! Texts that look like prose to a tokenizer, no two of them the same.

/// Words of different lengths and frequencies of their tokens.
const WORDS: [&str; 32] = [
    "the",
    "harbour",
    "of",
    "committee",
    "and",
    "a",
    "vessel",
    "to",
    "is",
    "mooring",
    "in",
    "that",
    "lifted",
    "for",
    "on",
    "as",
    "crane",
    "with",
    "by",
    "this",
    "from",
    "northern",
    "are",
    "seventeen",
    "its",
    "insurance",
    "one",
    "unexpectedly",
    "be",
    "quay",
    "not",
    "weatherproof",
];

/// Words in a sentence.
const SENTENCE_WORDS: usize = 12;

/// The size of what is called a small file here.
pub const SMALL_BYTES: usize = 4 << 10;

/// A file of a batch: name and bytes.
pub type NamedFile = (String, Vec<u8>);

/// Where the texts of one server come from.
#[derive(Debug, Default)]
pub struct Texts {
    made: u64,
}

impl Texts {
    /// Texts with numbers behind this one.
    pub const fn beginning_at(made: u64) -> Self {
        Self { made }
    }

    /// The next small text; its first word is its number.
    pub fn small(&mut self) -> NamedFile {
        self.made += 1;
        let mut random = Random(self.made);
        let mut text = format!("{:016x}", self.made);
        let mut words = 0;
        while text.len() < SMALL_BYTES {
            words += 1;
            text.push_str(if words % SENTENCE_WORDS == 0 { ".\n" } else { " " });
            text.push_str(WORDS[usize::try_from(random.next() % 32).expect("an index of a word is small")]);
        }
        text.truncate(SMALL_BYTES);
        (format!("{}.txt", self.made), text.into_bytes())
    }

    /// So many of them.
    pub fn batch(&mut self, files: usize) -> Vec<NamedFile> {
        (0..files).map(|_| self.small()).collect()
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
