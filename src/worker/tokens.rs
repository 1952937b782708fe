//! Exact token counts over a whole text, with signs of life on the way.
//!
//! The count is that of tiktoken's `encode_ordinary`: what looks like a special token is text like any other. The text
//! is cut where the vocabulary's own pattern cuts it, and pieces are counted one by one, as bpe-openai's `count` does.
//! A piece may be as long as the text (a line of one letter, a genome): those are counted window by window, which is
//! exact by the rule that a sequence of tokens is the encoding of its bytes if and only if each two neighbours are the
//! encoding of theirs (bpe 0.2, README, "Novel Algorithm").

mod vocabulary;

use bpe::byte_pair_encoding::BytePairEncoding;

use self::vocabulary::Vocabulary;
use crate::batch::Tokenizer;

/// Progress is called at least once in so many bytes of text.
const PROGRESS_BYTES_MAX: usize = 256 << 10;

/// How long pieces are counted.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// A piece up to this long is counted in one go; a longer one so much at a time.
    bytes: usize,
    /// So much at a window's end is counted again with the next one, for there the tokens may depend on what follows.
    overlap_bytes: usize,
}

const WINDOW: Window = Window { bytes: PROGRESS_BYTES_MAX, overlap_bytes: 4 << 10 };

/// Loads the vocabulary, which takes a while the first time, so that no file has to wait for it.
pub fn load(tokenizer: Tokenizer) {
    Vocabulary::of(tokenizer);
}

/// The tokens in `text`.
pub fn count(text: &str, tokenizer: Tokenizer, progress: &mut dyn FnMut()) -> u64 {
    let vocabulary = Vocabulary::of(tokenizer);
    let mut tokens = 0;
    let mut unreported_bytes = 0;
    for piece in vocabulary.pieces(text) {
        tokens += count_piece(&vocabulary.bpe, piece.as_bytes(), WINDOW, progress);
        unreported_bytes += piece.len();
        if unreported_bytes >= PROGRESS_BYTES_MAX {
            progress();
            unreported_bytes = 0;
        }
    }
    tokens
}

fn count_piece(bpe: &BytePairEncoding, piece: &[u8], window: Window, progress: &mut dyn FnMut()) -> u64 {
    if piece.len() > window.bytes
        && let Some(tokens) = count_by_windows(bpe, piece, window, progress)
    {
        return tokens;
    }
    bpe.count(piece) as u64
}

/// The tokens in a long piece; none when a seam between two windows is not where the whole piece has one.
fn count_by_windows(
    bpe: &BytePairEncoding,
    mut rest: &[u8],
    window: Window,
    progress: &mut dyn FnMut(),
) -> Option<u64> {
    let mut total = 0;
    let mut before = None;
    loop {
        let is_last = rest.len() <= window.bytes;
        let mut tokens = bpe.encode_via_backtracking(&rest[..rest.len().min(window.bytes)]);
        if let (Some(before), Some(after)) = (before, tokens.first())
            && !are_neighbours(bpe, before, *after)
        {
            return None;
        }
        if is_last {
            return Some(total + tokens.len() as u64);
        }
        let mut given_back_bytes = 0;
        while given_back_bytes < window.overlap_bytes {
            given_back_bytes += bpe.token_len(tokens.pop()?);
        }
        before = Some(*tokens.last()?);
        total += tokens.len() as u64;
        rest = &rest[window.bytes - given_back_bytes..];
        progress();
    }
}

/// Whether the two tokens' bytes, one after the other, are encoded by just these two.
fn are_neighbours(bpe: &BytePairEncoding, before: u32, after: u32) -> bool {
    let bytes = bpe.decode_tokens(&[before, after]);
    bpe.encode_via_backtracking(&bytes) == [before, after]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKENIZERS: [Tokenizer; 2] = [Tokenizer::Cl100kBase, Tokenizer::O200kBase];

    fn counted(text: &str, tokenizer: Tokenizer) -> u64 {
        count(text, tokenizer, &mut || {})
    }

    fn reference(text: &str, tokenizer: Tokenizer) -> u64 {
        let reference = match tokenizer {
            Tokenizer::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
            Tokenizer::O200kBase => tiktoken_rs::o200k_base_singleton(),
        };
        reference.encode_ordinary(text).len() as u64
    }

    #[test]
    fn counts_equal_those_of_tiktoken_on_varied_texts() {
        let texts = [
            String::new(),
            "The quick fox didn't jump; it's lazy, they'll say. \"Quoted\" – dashes… 1234567, 3.14159e-10!".into(),
            "fn main() {\n    let x: Vec<u8> = (0..10).map(|i| i * 2).collect();\n\t\tprintln!(\"{x:?}\");\n}\n".into(),
            "def f(a, *b, **c):\n    return {k: v for k, v in c.items() if k not in b}  # noqa\n".into(),
            r#"{"id":"0192","tags":["a","b"],"nested":{"n":-1.5e3,"t":true,"u":"\u00e9"},"url":"x.org/?q=1&r"}"#.into(),
            "敏捷的棕色狐狸跳过了懒狗。吾輩は猫である。名前はまだ無い。다람쥐 헌 쳇바퀴에 타고파.".into(),
            "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر. שלום, เป็นมนุษย์สุด. नमस्ते दुनिया".into(),
            "👩‍👩‍👧‍👦 👍🏽 🇪🇺 ❤️‍🔥 e\u{301} n\u{303} \u{200b}\u{feff}\u{202e}abc\u{0}\u{7f}".into(),
            "  \t  \n\n\n   x \u{a0}\u{3000} y\r\n\r\n\r\n  \r z    ".into(),
            "line one\r\nline two\r\n\r\n  indented\r\n\ttabbed\r\n".into(),
            "<|endoftext|><|fim_prefix|> <|im_start|>system<|im_sep|>hi<|im_end|><|endofprompt|>".into(),
            "CamelCaseWords HTTPServer iPhone McDONALD'S DON'T don\u{2019}t I'LL WE'VE x'S".into(),
            "==========----------__________//////////**********::::::::".into(),
            "a".repeat(5_000),
            "ACGTTGCA".repeat(3_000),
            " ".repeat(3_000) + "x" + &"\n".repeat(3_000) + &"\t ".repeat(500),
            "Donaudampfschifffahrtsgesellschaftskapitän ΑΒΓΔ αβγδ Привет, мир! İstanbul ǅ ʰ".into(),
        ];
        for tokenizer in TOKENIZERS {
            for text in &texts {
                let start: String = text.chars().take(40).collect();
                assert_eq!(counted(text, tokenizer), reference(text, tokenizer), "{tokenizer}: {start:?}");
            }
            let joined = texts.concat();
            assert_eq!(counted(&joined, tokenizer), reference(&joined, tokenizer), "{tokenizer}: all of them");
        }
    }

    #[test]
    fn a_piece_of_many_windows_counts_as_in_one_go() {
        let mut seed = 1_u64;
        let mut letters = |alphabet: &[u8], length: usize| -> Vec<u8> {
            std::iter::repeat_with(|| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                alphabet[usize::try_from(seed >> 33).unwrap() % alphabet.len()]
            })
            .take(length)
            .collect()
        };
        let pieces = [
            letters(b"ACGT", 20_000),
            letters(b"abcdefghijklmnopqrstuvwxyz", 20_000),
            letters(b"the", 20_000),
            letters(b"=-", 20_000),
            b"=".repeat(20_001),
            b"a".repeat(20_003),
            b" ".repeat(20_007),
            "漢字仮名".repeat(2_000).into_bytes(),
            b"internationalization".repeat(1_000),
        ];
        for tokenizer in TOKENIZERS {
            let bpe = &Vocabulary::of(tokenizer).bpe;
            for piece in &pieces {
                for bytes in [600, 1_000, 4_096] {
                    let window = Window { bytes, overlap_bytes: 256 };
                    let mut calls = 0;
                    let tokens = count_by_windows(bpe, piece, window, &mut || calls += 1);
                    let start = String::from_utf8_lossy(&piece[..12]);
                    assert_eq!(tokens, Some(bpe.count(piece) as u64), "{tokenizer}, {bytes}: {start}");
                    assert!(calls >= piece.len() / bytes, "{calls} calls");
                }
            }
        }
    }

    #[test]
    fn a_seam_in_the_wrong_place_is_noticed() {
        let bpe = &Vocabulary::of(Tokenizer::Cl100kBase).bpe;
        let [h, ello] = [b"h".as_slice(), b"ello"].map(|bytes| bpe.encode_via_backtracking(bytes)[0]);
        assert!(!are_neighbours(bpe, h, ello), "hello is one token");
        let hello = bpe.encode_via_backtracking(b"hello")[0];
        let world = bpe.encode_via_backtracking(b" world")[0];
        assert!(are_neighbours(bpe, hello, world));
    }

    #[test]
    fn progress_is_called_within_every_mebibyte() {
        for text in ["some words, again and again. ".repeat(150_000), "x".repeat(4 << 20)] {
            let mut calls = 0;
            count(&text, Tokenizer::Cl100kBase, &mut || calls += 1);
            assert!(calls >= text.len() >> 20, "{calls} calls for {} bytes", text.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn counts_equal_those_of_tiktoken_on_any_text(text in "\\PC{0,80}|[a-zA-Z' \\r\\n\\t0-9]{0,200}|.{0,80}") {
            for tokenizer in TOKENIZERS {
                prop_assert_eq!(counted(&text, tokenizer), reference(&text, tokenizer));
            }
        }

        #[test]
        fn windows_of_any_letters_count_as_in_one_go(piece in "[a-f]{700,4000}|[=_/-]{700,4000}|\\p{Han}{300,1500}") {
            for tokenizer in TOKENIZERS {
                let bpe = &Vocabulary::of(tokenizer).bpe;
                let window = Window { bytes: 600, overlap_bytes: 256 };
                prop_assert_eq!(
                    count_piece(bpe, piece.as_bytes(), window, &mut || {}),
                    bpe.count(piece.as_bytes()) as u64
                );
            }
        }
    }
}
