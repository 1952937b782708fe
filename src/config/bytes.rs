//! Numbers of bytes in settings: read from a whole number or a text like `"1.5 GiB"`, written in the largest unit that
//! divides them, so that what is printed reads back as the same number.

use std::fmt;

use bytesize::{ByteSize, GIB, KIB, MIB, TIB};
use serde::{Deserializer, Serialize, Serializer, de};

/// The largest number of bytes: TOML's whole numbers end there.
const BYTES_LIMIT: u64 = i64::MAX as u64;

/// Writes `bytes` as a text with a binary unit, or as a number where none divides it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
pub fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match unit(*bytes) {
        Some(_) => text(*bytes).serialize(serializer),
        None => bytes.serialize(serializer),
    }
}

/// Reads a number of bytes.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Amount)
}

/// The same of a setting that may be left out.
pub mod optional {
    use serde::{Deserializer, Serializer};

    /// Writes what is there; what is not is skipped by its field.
    #[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
    pub fn serialize<S: Serializer>(bytes: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        super::serialize(&bytes.unwrap_or_default(), serializer)
    }

    /// Reads a number of bytes that is there.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}

/// `bytes` as people write it: `"256 MiB"`, or `"255"` where no unit divides it.
pub fn text(bytes: u64) -> String {
    match unit(bytes) {
        Some((size, name)) => format!("{} {name}", bytes / size),
        None => bytes.to_string(),
    }
}

fn unit(bytes: u64) -> Option<(u64, &'static str)> {
    const UNITS: [(u64, &str); 4] = [(TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
    UNITS.into_iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size))
}

struct Amount;

impl de::Visitor<'_> for Amount {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of bytes below 8 EiB, such as 1048576 or \"1 MiB\"")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        text.trim()
            .parse::<ByteSize>()
            .ok()
            .map(|size| size.as_u64())
            .filter(|bytes| *bytes <= BYTES_LIMIT)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::{IntoDeserializer as _, value::Error};

    use super::*;

    fn read(text: &str) -> Option<u64> {
        let result: Result<u64, Error> = deserialize(text.into_deserializer());
        result.ok()
    }

    #[test]
    fn units_are_read_as_people_write_them() {
        assert_eq!(read("1 MiB"), Some(MIB));
        assert_eq!(read("1MiB"), Some(MIB));
        assert_eq!(read(" 1 mib "), Some(MIB));
        assert_eq!(read("1.5 GiB"), Some(GIB * 3 / 2));
        assert_eq!(read("1 MB"), Some(1_000_000));
        assert_eq!(read("1048576"), Some(MIB));
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("9007199254740993"), Some(9_007_199_254_740_993));
    }

    #[test]
    fn what_is_no_number_of_bytes_is_refused() {
        for text in ["", "MiB", "-1", "-1 MiB", "1 parsec", "1 MiB 2", "8 EiB", "99999999999 TiB", "NaN", "1e3 MiB"] {
            assert_eq!(read(text), None, "{text:?}");
        }
        let negative: Result<u64, Error> = deserialize((-1_i64).into_deserializer());
        assert!(negative.is_err());
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for bytes in [0, 1, 1023, KIB, KIB + 1, 1536, MIB, 3 * MIB, GIB, 5 * TIB, BYTES_LIMIT] {
            let written = toml::Value::try_from(Row { bytes }).expect("a number or a text");
            assert_eq!(written.try_into::<Row>().expect("reads back"), Row { bytes });
        }
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Row {
        #[serde(with = "super")]
        bytes: u64,
    }
}
