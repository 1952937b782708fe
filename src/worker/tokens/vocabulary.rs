//! The vocabularies: unpacked when they are first asked for, and the patterns by which each cuts a text into pieces.
//!
//! `build.rs` makes the tables, without those that only encoding needs; [`BytePairEncoding::count`],
//! [`BytePairEncoding::encode_via_backtracking`] and the bytes of tokens work on them, and nothing else does. The patterns
//! are tiktoken's. Its `\s+(?!\S)`, white space up to the last before a word, is no regular expression: it is written as
//! white space with one more behind it, which the cut gives back, as bpe-openai does it.

use std::io::Read;
use std::iter;
use std::sync::LazyLock;

use bpe::byte_pair_encoding::BytePairEncoding;
use flate2::read::ZlibDecoder;
use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

use crate::batch::Tokenizer;

/// The pattern among a vocabulary's three that ends with a character too many.
const LOOKS_AHEAD: usize = 1;

const BEFORE_A_WORD: &str = r"\s+\s";
const SPACES: &str = r"\s+";

const CL100K_PIECES: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
    r"|[^\r\n\p{L}\p{N}]?\p{L}+",
    r"|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"|\s*[\r\n]+",
    r"|\s+$",
);

const O200K_PIECES: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"|\s*[\r\n]+",
    r"|\s+$",
);

static CL100K: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::new(include_bytes!(concat!(env!("OUT_DIR"), "/cl100k_base")), CL100K_PIECES));

static O200K: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut tables = Vec::new();
    let deflated = include_bytes!(concat!(env!("OUT_DIR"), "/o200k_base.zlib"));
    ZlibDecoder::new(&deflated[..]).read_to_end(&mut tables).expect("the build has deflated them");
    Vocabulary::new(&tables, O200K_PIECES)
});

/// What tokens are counted with.
pub struct Vocabulary {
    pub bpe: BytePairEncoding,
    pieces: Regex,
}

impl Vocabulary {
    /// The one of this name; the first who asks waits until it is unpacked.
    pub fn of(tokenizer: Tokenizer) -> &'static Self {
        match tokenizer {
            Tokenizer::Cl100kBase => &CL100K,
            Tokenizer::O200kBase => &O200K,
        }
    }

    fn new(tables: &[u8], pieces: &str) -> Self {
        let bpe = postcard::from_bytes(tables).expect("the tables are those of the same release of bpe");
        let pieces = Regex::new_many(&[pieces, BEFORE_A_WORD, SPACES]).expect("the patterns are well-formed");
        Self { bpe, pieces }
    }

    /// The pieces of a text, none of which shares a token with another.
    pub fn pieces<'t>(&'t self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let mut rest = text;
        iter::from_fn(move || {
            let found = self.pieces.find(Input::new(rest).anchored(Anchored::Yes))?;
            let mut piece = &rest[..found.end()];
            if found.pattern().as_usize() == LOOKS_AHEAD {
                let ahead = piece.chars().next_back().map_or(0, char::len_utf8);
                piece = &piece[..piece.len() - ahead];
            }
            rest = &rest[piece.len()..];
            Some(piece)
        })
    }
}
