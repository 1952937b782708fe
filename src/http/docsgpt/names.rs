//! The names that DocsGPT keeps attachments under: those of Werkzeug's `secure_filename`, and a random one where nothing
//! is left of a name.

use unicode_normalization::UnicodeNormalization;
use uuid::{Builder, Uuid};

/// The name to keep a file under, which its client calls so.
pub fn safe_filename(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or_default();
    let safe = secure(base);
    let extension = extension(base);
    // A name of another script leaves its extension, which is no name.
    if safe.is_empty() || safe == extension.trim_start_matches('.') {
        return format!("{}{}", random(), extension.replace(|c: char| c != '.' && !c.is_alphanumeric(), ""));
    }
    safe
}

/// What a name ends with from its last dot on, as Python's `os.path.splitext` has it: dots that it begins with are none.
pub fn extension(name: &str) -> &str {
    let stem = name.trim_start_matches('.');
    stem.rfind('.').map_or("", |dot| &stem[dot..])
}

/// ASCII letters, digits, `_`, `.` and `-`, with words joined by `_`.
fn secure(name: &str) -> String {
    let ascii: String = name.nfkd().filter(char::is_ascii).map(|c| if c == '/' { ' ' } else { c }).collect();
    // Python takes the four separators of ASCII (28 to 31) for spaces, too.
    let is_space = |c: char| c.is_ascii_whitespace() || matches!(c, '\x0b' | '\x1c'..='\x1f');
    let words: Vec<_> = ascii.split(is_space).filter(|word| !word.is_empty()).collect();
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let safe: String = words.join("_").chars().filter(is_safe).collect();
    safe.trim_matches(['.', '_']).to_owned()
}

/// A random id (RFC 9562, version 4).
fn random() -> Uuid {
    Builder::from_random_bytes(rand::random()).into_uuid()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_made_safe_as_werkzeug_does_it() {
        for (name, safe) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\y.txt", "Cxy.txt"),
            ("отчёт 2024 v2.pdf", "2024_v2.pdf"),
            (".env", "env"),
            ("naïve x.txt", "naive_x.txt"),
            ("my  report (1).txt", "my_report_1.txt"),
            ("a\u{ff0f}b.txt", "a_b.txt"),
            ("\t a\u{b}b\u{1c}c .txt", "a_b_c_.txt"),
            ("_._a.txt", "a.txt"),
            ("a.tar.gz", "a.tar.gz"),
        ] {
            assert_eq!(safe_filename(name), safe, "{name:?}");
        }
    }

    #[test]
    fn a_name_of_which_nothing_is_left_is_a_random_one() {
        for (name, end) in [("файл.pdf", ".pdf"), ("", ""), ("..", ""), ("日本", ""), ("дом.тхт", ".тхт"), ("a/", "")]
        {
            let safe = safe_filename(name);
            let id = safe.strip_suffix(end).and_then(|id| Uuid::try_parse(id).ok());
            assert_eq!(id.map(|id| id.get_version_num()), Some(4), "{name:?} became {safe}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_name_becomes_one_that_a_directory_holds(name in "\\PC{0,40}|[\\x00-\\x7f]{0,20}") {
            let safe = safe_filename(&name);
            prop_assert!(!safe.is_empty() && safe != "." && safe != "..");
            prop_assert!(!safe.contains(|c: char| c == '/' || c == '\\' || c.is_control()), "{safe:?}");
        }
    }
}
