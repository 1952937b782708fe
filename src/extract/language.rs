//! The language of a text that does not say it.
//!
//! A guess by trigrams over the beginning of the text, given only when it is reliable.

use whatlang::{Lang, detect};

/// More text makes no better guess.
const SAMPLE_BYTES_MAX: usize = 16 << 10;
/// Less text makes a bad one.
const LETTERS_MIN: usize = 200;

/// The language as in BCP 47, or none when it is not clear.
pub(super) fn of(text: &str) -> Option<String> {
    let sample = &text[..text.floor_char_boundary(SAMPLE_BYTES_MAX)];
    // Addresses, numbers and marks say nothing of the language.
    let words =
        sample.split_whitespace().filter(|word| word.chars().all(|c| c.is_alphabetic() || "'’-.,;:!?()".contains(c)));
    let words = words.collect::<Vec<_>>().join(" ");
    if words.chars().filter(|c| c.is_alphabetic()).count() < LETTERS_MIN {
        return None;
    }
    let found = detect(&words).filter(whatlang::Info::is_reliable)?;
    Some(tag(found.lang()).to_owned())
}

/// The two letters of ISO 639-1 where a language has them, as BCP 47 asks.
fn tag(language: Lang) -> &'static str {
    let pair = TAGS.iter().find(|(known, _)| *known == language);
    pair.map_or(language.code(), |(_, tag)| tag)
}

const TAGS: &[(Lang, &str)] = &[
    (Lang::Afr, "af"),
    (Lang::Aka, "ak"),
    (Lang::Amh, "am"),
    (Lang::Ara, "ar"),
    (Lang::Aze, "az"),
    (Lang::Bel, "be"),
    (Lang::Ben, "bn"),
    (Lang::Bul, "bg"),
    (Lang::Cat, "ca"),
    (Lang::Ces, "cs"),
    (Lang::Cmn, "zh"),
    (Lang::Dan, "da"),
    (Lang::Deu, "de"),
    (Lang::Ell, "el"),
    (Lang::Eng, "en"),
    (Lang::Epo, "eo"),
    (Lang::Est, "et"),
    (Lang::Fin, "fi"),
    (Lang::Fra, "fr"),
    (Lang::Guj, "gu"),
    (Lang::Heb, "he"),
    (Lang::Hin, "hi"),
    (Lang::Hrv, "hr"),
    (Lang::Hun, "hu"),
    (Lang::Hye, "hy"),
    (Lang::Ind, "id"),
    (Lang::Ita, "it"),
    (Lang::Jav, "jv"),
    (Lang::Jpn, "ja"),
    (Lang::Kan, "kn"),
    (Lang::Kat, "ka"),
    (Lang::Khm, "km"),
    (Lang::Kor, "ko"),
    (Lang::Lat, "la"),
    (Lang::Lav, "lv"),
    (Lang::Lit, "lt"),
    (Lang::Mal, "ml"),
    (Lang::Mar, "mr"),
    (Lang::Mkd, "mk"),
    (Lang::Mya, "my"),
    (Lang::Nep, "ne"),
    (Lang::Nld, "nl"),
    (Lang::Nob, "nb"),
    (Lang::Ori, "or"),
    (Lang::Pan, "pa"),
    (Lang::Pes, "fa"),
    (Lang::Pol, "pl"),
    (Lang::Por, "pt"),
    (Lang::Ron, "ro"),
    (Lang::Rus, "ru"),
    (Lang::Sin, "si"),
    (Lang::Slk, "sk"),
    (Lang::Slv, "sl"),
    (Lang::Sna, "sn"),
    (Lang::Spa, "es"),
    (Lang::Srp, "sr"),
    (Lang::Swe, "sv"),
    (Lang::Tam, "ta"),
    (Lang::Tel, "te"),
    (Lang::Tgl, "tl"),
    (Lang::Tha, "th"),
    (Lang::Tuk, "tk"),
    (Lang::Tur, "tr"),
    (Lang::Ukr, "uk"),
    (Lang::Urd, "ur"),
    (Lang::Uzb, "uz"),
    (Lang::Vie, "vi"),
    (Lang::Yid, "yi"),
    (Lang::Zul, "zu"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_language_is_named_and_a_few_words_are_not() {
        let german =
            "Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiß, warum er das tut. ".repeat(4);
        assert_eq!(of(&german).as_deref(), Some("de"));
        assert_eq!(of("ok"), None);
        assert_eq!(of(&"0x1f 22; ".repeat(100)), None);
    }
}
