//! Makes the vocabularies that tokens are counted with: small in the program, and quick to unpack in a child.
//!
//! bpe-openai prepares each as tables for everything that a tokenizer can do, 47 MB for both. Counting looks into six of
//! the ten, so the others go empty, which leaves 18 MB. The larger vocabulary, which the settings have to ask for, is also
//! deflated: 12 MB. docs/decisions has the figures.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use bpe_openai::byte_pair_encoding::BytePairEncoding;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where to put what is made"));
    fs::write(folder.join("cl100k_base"), lean(&bpe_openai::cl100k_base().bpe))?;
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(&lean(&bpe_openai::o200k_base().bpe))?;
    fs::write(folder.join("o200k_base.zlib"), deflated.finish()?)
}

/// The vocabulary's bytes, without what counting does not need.
fn lean(vocabulary: &BytePairEncoding) -> Vec<u8> {
    // An automaton over one word, for where there has to be one.
    let least = tables(&BytePairEncoding::from_dictionary([vec![b'a']], None));
    let lean = Tables {
        tokens_by_hash: BTreeMap::new(),
        overlapping: least.overlapping,
        overlapping_backwards: least.overlapping_backwards,
        ..tables(vocabulary)
    };
    postcard::to_allocvec(&lean).expect("tables have a form as bytes")
}

/// What a [`BytePairEncoding`] of bpe 0.2 consists of, in the order in which it is written down and read; sorted, so that
/// each build makes the same bytes.
#[derive(Serialize, Deserialize)]
struct Tables {
    token_bytes: Vec<u8>,
    token_starts: Vec<u32>,
    tokens_by_hash: BTreeMap<u32, u32>,
    splits: Vec<(u32, u32)>,
    pairs: BTreeMap<(u32, u32), u32>,
    longest: Automaton,
    overlapping: Automaton,
    overlapping_backwards: Automaton,
    next_prefixes: Vec<u32>,
    hash_factor: u64,
}

fn tables(vocabulary: &BytePairEncoding) -> Tables {
    let bytes = postcard::to_allocvec(vocabulary).expect("a vocabulary has a form as bytes");
    postcard::from_bytes(&bytes).expect("a vocabulary consists of these tables")
}

/// An automaton, as its own bytes.
struct Automaton(Vec<u8>);

impl Serialize for Automaton {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Automaton {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Automaton;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("the bytes of an automaton")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Automaton, E> {
                Ok(Automaton(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
