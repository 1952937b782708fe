//! Which encoding bytes are in that say nothing of it: chardetng's guess, against those that it does not know.
//!
//! chardetng knows what browsers meet. DOS and Macintosh code pages and Johab are tried beside its guess, and the reading
//! that looks most like text wins: letters in words of one script and case, frequent letters, marks between words.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{MACINTOSH, UTF_8, X_MAC_CYRILLIC};

use super::Codec;
use super::tables::{CP437, CP850, CP852, CP855};

/// How much is read each way to compare.
const TRIAL_BYTES_MAX: usize = 64 << 10;

/// What chardetng does not try.
const OTHERS: [Codec; 7] = [
    Codec::Known(X_MAC_CYRILLIC),
    Codec::Table(&CP855),
    Codec::Known(MACINTOSH),
    Codec::Table(&CP850),
    Codec::Table(&CP437),
    Codec::Table(&CP852),
    Codec::Johab,
];

pub(super) fn guess(bytes: &[u8]) -> Codec {
    let sample = &bytes[..bytes.len().min(super::SAMPLE_BYTES_MAX)];
    // A cut-off or slightly damaged UTF-8 file is still UTF-8 when most of what is not ASCII is well formed.
    if mostly_utf8(sample) {
        return Codec::Known(UTF_8);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, true);
    let usual = Codec::Known(detector.guess(None, Utf8Detection::Allow));
    let first = sample.iter().position(|byte| !byte.is_ascii()).unwrap_or(0).saturating_sub(16);
    let trial = &sample[first..sample.len().min(first + TRIAL_BYTES_MAX)];
    let usual_text = usual.decode(trial);
    let usual_score = score(&usual_text);
    let others = OTHERS.map(|codec| {
        let text = codec.decode(trial);
        (score(&text), codec, text)
    });
    let (best_score, best, text) = others.into_iter().max_by_key(|(score, ..)| *score).expect("there are others");
    // The usual encodings are usual: another must read clearly better where it reads otherwise, and well on the whole.
    let otherwise = usual_text.chars().zip(text.chars()).filter(|(one, other)| one != other).count();
    let clearly = best_score - usual_score > count(otherwise).max(6);
    if clearly && best_score > count(text.chars().filter(|c| !c.is_ascii()).count()) { best } else { usual }
}

fn count(characters: usize) -> i64 {
    i64::try_from(characters).unwrap_or(i64::MAX)
}

fn mostly_utf8(sample: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in sample.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += chunk.invalid().len().min(1);
    }
    good > bad * 8
}

/// How much a reading looks like text. Only what is not ASCII counts, since ASCII reads the same every way.
fn score(text: &str) -> i64 {
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    let mut sum = 0;
    while let Some(c) = characters.next() {
        if !c.is_ascii() {
            sum += score_of(before, c, characters.peek().copied().unwrap_or(' '));
        }
        before = c;
    }
    sum
}

fn score_of(before: char, c: char, after: char) -> i64 {
    match c {
        '\u{80}'..='\u{9f}' | '\u{fffd}' | '\u{e000}'..='\u{f8ff}' => -12,
        '\u{400}'..='\u{4ff}' => letter(cyrillic(c), before, c, is_cyrillic),
        // Two of them side by side are rare in every language that has them.
        'À'..='ɏ' if c.is_alphabetic() && before.is_alphabetic() && !before.is_ascii() => -3,
        'À'..='ɏ' if c.is_lowercase() && after.is_uppercase() => -3,
        'À'..='ɏ' if c.is_alphabetic() && !before.is_alphabetic() && !after.is_alphabetic() => 1,
        'À'..='ɏ' if c.is_alphabetic() => letter(latin(c), before, c, |c| c.is_ascii_alphabetic()),
        '’' | '·' => 2,
        '–' | '—' | '“' | '”' | '„' | '‘' | '«' | '»' | '…' | '\u{a0}' | '•' | '°' | '§' | '©' | '€' | '£' | '№' => {
            if before.is_alphabetic() && after.is_alphabetic() {
                -3
            } else {
                2
            }
        }
        '─'..='▟' => {
            if before.is_alphabetic() || after.is_alphabetic() {
                -3
            } else {
                1
            }
        }
        // Two bytes each, so they count twice.
        '가'..='힣' => {
            if FREQUENT_HANGUL.contains(c) {
                9
            } else {
                1
            }
        }
        'ぁ'..='ヿ' => 7,
        '\u{3000}'..='\u{303f}' | '！'..='～' => 5,
        '一'..='鿿' => 4,
        'ƒ' | 'ª' | 'º' | 'µ' | 'ｦ'..='ﾟ' => -1,
        _ if c.is_alphabetic() => {
            if before.is_alphabetic() || after.is_alphabetic() {
                5
            } else {
                0
            }
        }
        _ => -1,
    }
}

/// The syllables that make up some third of any Korean text.
const FREQUENT_HANGUL: &str =
    "이다는을의에가를고하은지로한도사기서어자대있나그시리인해스게수아일라정만보주들부장으여전";

fn is_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{4ff}').contains(&c)
}

/// A letter counts more in a word of its own script, and against the reading where case or script breaks in a word.
fn letter(weight: i64, before: char, c: char, of_script: impl Fn(char) -> bool) -> i64 {
    if !before.is_alphabetic() {
        return weight;
    }
    let breaks_script = !of_script(before);
    let breaks_case = before.is_lowercase() && c.is_uppercase();
    weight + if breaks_script || breaks_case { -5 } else { 1 }
}

fn cyrillic(c: char) -> i64 {
    match c.to_lowercase().next().unwrap_or(c) {
        'о' | 'е' | 'а' | 'и' | 'н' | 'т' | 'с' | 'р' | 'в' | 'л' => 4,
        'к' | 'м' | 'д' | 'п' | 'у' | 'я' | 'ы' | 'ь' | 'г' | 'з' | 'б' | 'і' => 3,
        'ч' | 'й' | 'х' | 'ж' | 'ш' | 'ю' | 'ј' | 'ї' | 'є' => 2,
        'ц' | 'щ' | 'э' | 'ф' | 'ё' | 'ъ' => 1,
        _ => -2,
    }
}

fn latin(c: char) -> i64 {
    match c.to_lowercase().next().unwrap_or(c) {
        'é' | 'è' | 'à' | 'ä' | 'ö' | 'ü' | 'ß' | 'á' | 'í' | 'ó' | 'ñ' | 'ç' | 'ã' | 'ø' | 'å' | 'ê' => {
            4
        }
        'â' | 'î' | 'ô' | 'û' | 'ë' | 'ï' | 'ú' | 'õ' | 'æ' | 'ò' | 'ù' | 'ì' | 'œ' | 'ő' | 'ű' | 'ę' | 'ą' | 'ł'
        | 'ś' | 'ż' | 'ć' | 'ě' | 'š' | 'č' | 'ř' | 'ž' | 'ý' | 'ů' | 'ğ' | 'ş' | 'ı' => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_that_browsers_do_not_know_are_found() {
        let dos = b"\xd3\xa0\xd0\xa8\xd4\xed\xc6\xb7\xbd \xa6\xd6\xd2 \xe3\xe5\xd6\xde\xd0 \xd4\xa0 \xa2\xa8\xe1\xa8\xac\xe7 \xe1\xa8\xc6\xb7, \xb7 \xd4\xb7\xc6\xe5\xd6 \xeb \xd4\x84\xd2 \xd4\xa8 \xe9\xb7\xd0.";
        assert_eq!(guess(dos).decode(dos), "Маленький дом стоял на берегу реки, и никто в нём не жил.");
        let mac =
            b"\x8f\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0! \x9d\xf2\xee \xef\xf0\xee\xf1\xf2\xee\xe9 \xf2\xe5\xea\xf1\xf2.";
        assert_eq!(guess(mac).decode(mac), "Привет, мир! Это простой текст.");
        let french = b"L'\x8et\x8e \x88 la plage, o\x9d la for\x90t finit, les \x8el\x8fves \x8etudient.";
        assert_eq!(guess(french).decode(french), "L'été à la plage, où la forêt finit, les élèves étudient.");
        let korean = b"\x8ba\x93e \x94a\xb7q \x90i \xb4a\xc3\xb1\xb5A \xb7\xa9\xb4\xe1\x90a\xac\xe1 \xc0w\xa2\x85\xb7i \xb5i\x89\xa1 \xa4c\xb7i \xa5\xa1\xb4v\x94a. \xb4a\xa2\x81\x95\xa1 \xb4\xf4\xb4\xf6\x94a.";
        assert_eq!(
            guess(korean).decode(korean),
            "그는 다음 날 아침에 일어나서 창문을 열고 밖을 보았다. 아무도 없었다."
        );
    }

    #[test]
    fn usual_encodings_stay() {
        assert_eq!(guess(b"Gr\xfc\xdfe aus K\xf6ln").decode(b"Gr\xfc\xdfe aus K\xf6ln"), "Grüße aus Köln");
    }
}
