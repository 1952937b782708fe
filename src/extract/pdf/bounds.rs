//! Decoded streams, within what is left of the limits: a stream that would unpack too far is never unpacked.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use hayro_syntax::Filter;
use hayro_syntax::object::Stream;

use crate::extract::{ExtractError, Room};

/// The most that one byte of each compression can become: the formats allow no more.
const FLATE_RATIO_MAX: usize = 1032;
const LZW_RATIO_MAX: usize = 1366;
const RUN_LENGTH_RATIO_MAX: usize = 64;

/// The content of a stream, or none when it cannot be decoded; what it unpacks to is taken from the stock.
pub(super) fn decoded<'a>(stream: &Stream<'a>, room: &Room<'_>) -> Result<Option<Cow<'a, [u8]>>, ExtractError> {
    let left = room.stock.unpacked_bytes_left();
    if unpacks_beyond(stream, left) {
        return Err(ExtractError::ExpandsTooFar);
    }
    let Ok(data) = stream.decoded_data() else { return Ok(None) };
    room.stock.take_unpacked_bytes(data.len())?;
    Ok(Some(data))
}

/// Only streams that could unpack beyond the limit by what they are are measured, and only those that begin with zlib
/// can be. What a decoder of pictures makes of them is not counted.
pub(super) fn unpacks_beyond(stream: &Stream<'_>, left: usize) -> bool {
    let filters = stream.filters();
    let raw = stream.raw_data();
    let worst = filters.iter().fold(raw.len(), |size, filter| size.saturating_mul(ratio_max(*filter)));
    if worst <= left {
        return false;
    }
    let leading = filters.iter().take_while(|filter| **filter == Filter::FlateDecode).count();
    let rest_shrinks = filters[leading..].iter().all(|filter| ratio_max(*filter) == 1);
    match (rest_shrinks, leading) {
        (true, 1) => longer_than(ZlibDecoder::new(raw.as_ref()), left),
        (true, 2) => longer_than(ZlibDecoder::new(ZlibDecoder::new(raw.as_ref())), left),
        _ => filters.len() > 2,
    }
}

fn ratio_max(filter: Filter) -> usize {
    match filter {
        Filter::FlateDecode => FLATE_RATIO_MAX,
        Filter::LzwDecode => LZW_RATIO_MAX,
        Filter::RunLengthDecode => RUN_LENGTH_RATIO_MAX,
        _ => 1,
    }
}

fn longer_than(reader: impl Read, bytes_max: usize) -> bool {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    io::copy(&mut reader.take(limit), &mut io::sink()).is_ok_and(|bytes| bytes >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_is_measured_no_further_than_the_limit() {
        assert!(longer_than(io::repeat(0), 10));
        assert!(!longer_than(io::repeat(0).take(10), 10));
    }
}
