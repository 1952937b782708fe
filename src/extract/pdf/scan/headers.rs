//! What a picture will be unpacked to, out of its headers alone: its decoder would first reserve the memory.

use hayro_syntax::Filter;
use hayro_syntax::object::stream::Stream;
use hayro_syntax::object::{Array, Dict, Object};

use super::super::bounds;

/// The pictures that a progressive JPEG may refine; each takes as long as a whole one, and real files have ten or so.
const JPEG_SCANS_MAX: usize = 100;
/// Predictors add a byte to each line of a picture, and some writers a few at its end.
const SLACK: u64 = 1 << 16;
/// Parts that a JPEG 2000 picture is cut into; its format numbers them with two bytes.
const TILES_MAX: u64 = 65_535;

/// Width and height, as the dictionary of a picture tells them.
pub(in crate::extract::pdf) fn size(dict: &Dict<'_>) -> Option<(u32, u32)> {
    let number = |short: &str, long: &str| dict.get::<u32>(short).or_else(|| dict.get::<u32>(long));
    let (width, height) = (number("W", "Width")?, number("H", "Height")?);
    (width > 0 && height > 0).then_some((width, height))
}

/// What a picture is made of, as its dictionary tells.
pub(super) struct Shape {
    pub width: u32,
    pub height: u32,
    pub components: usize,
    pub bits: u8,
    /// The size that it will be shown in.
    pub shown: (u32, u32),
}

/// Whether decoding a picture takes no more memory than `bytes_max`, whatever its data say.
pub(super) fn fits(stream: &Stream<'_>, shape: &Shape, bytes_max: u64) -> bool {
    let Some(bytes) = decoded_bytes(stream, shape).filter(|bytes| *bytes <= bytes_max) else { return false };
    let unpacked_max = usize::try_from(bytes + u64::from(shape.height) + SLACK).unwrap_or(usize::MAX);
    !bounds::unpacks_beyond(stream, unpacked_max) && !is_refined_for_ever(stream)
}

fn decoded_bytes(stream: &Stream<'_>, shape: &Shape) -> Option<u64> {
    let (width, height) = (u64::from(shape.width), u64::from(shape.height));
    let components = u64::try_from(shape.components).ok()?;
    let filters = stream.filters();
    match filters.last() {
        // A progressive one keeps its coefficients, of two bytes each, besides the pixels.
        Some(Filter::DctDecode) => (width * height).checked_mul(3 * components.max(3)),
        Some(Filter::CcittFaxDecode) => {
            let columns = parameters(stream.dict()).get::<usize>("Columns").unwrap_or(1728);
            u64::try_from(columns.max(1)).ok()?.checked_mul(height)
        }
        Some(Filter::Jbig2Decode) if filters.len() == 1 => jbig2(&stream.raw_data()),
        Some(Filter::JpxDecode) if filters.len() == 1 => jpeg2000(&stream.raw_data(), shape.shown),
        Some(Filter::Jbig2Decode | Filter::JpxDecode) => None,
        _ => width.checked_mul(components * u64::from(shape.bits))?.div_ceil(8).checked_mul(height),
    }
}

fn is_refined_for_ever(stream: &Stream<'_>) -> bool {
    let is_jpeg = stream.filters().last() == Some(&Filter::DctDecode);
    is_jpeg && memchr::memmem::find_iter(&stream.raw_data(), b"\xff\xda").nth(JPEG_SCANS_MAX).is_some()
}

/// The parameters of the last filter.
fn parameters<'a>(dict: &Dict<'a>) -> Dict<'a> {
    let object = dict.get::<Object<'a>>("DP").or_else(|| dict.get::<Object<'a>>("DecodeParms"));
    match object {
        Some(Object::Dict(parameters)) => parameters,
        Some(Object::Array(list)) => last_dict(&list),
        _ => Dict::empty(),
    }
}

fn last_dict<'a>(list: &Array<'a>) -> Dict<'a> {
    list.iter::<Object<'a>>().last().and_then(Object::into_dict).unwrap_or_else(Dict::empty)
}

fn big16(bytes: &[u8], at: usize) -> Option<u64> {
    let [high, low] = *bytes.get(at..at.checked_add(2)?)?.first_chunk()?;
    Some(u64::from(u16::from_be_bytes([high, low])))
}

fn big32(bytes: &[u8], at: usize) -> Option<u64> {
    Some(big16(bytes, at)? << 16 | big16(bytes, at.checked_add(2)?)?)
}

/// The bytes of all pixels in the page and the regions of a JBIG2 stream (ITU T.88, 7.2 to 7.4).
fn jbig2(bytes: &[u8]) -> Option<u64> {
    let (mut at, mut pixels, mut page_width) = (0, 0_u64, 0);
    while let Some(segment) = Jbig2Segment::read(bytes, at) {
        if segment.kind == 50 {
            // The end of a stripe, which is where the page ends so far.
            pixels = pixels.checked_add(page_width * (big32(bytes, segment.data)? + 1))?;
        } else if matches!(segment.kind, 4..=7 | 20..=23 | 36..=43 | 48) {
            let (width, height) = (big32(bytes, segment.data)?, big32(bytes, segment.data + 4)?);
            page_width = if segment.kind == 48 { width } else { page_width };
            // The height of a page may be unknown: it is what its stripes fill.
            let height = if height == u64::from(u32::MAX) { 0 } else { height };
            pixels = pixels.checked_add(width.checked_mul(height)?)?;
        }
        let Some(length) = segment.length else { break };
        at = segment.data.checked_add(length)?;
    }
    Some(pixels)
}

struct Jbig2Segment {
    kind: u8,
    /// Where its data begin.
    data: usize,
    /// None where only the data tell it, which is allowed for the last one.
    length: Option<usize>,
}

impl Jbig2Segment {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let number = big32(bytes, at)?;
        let flags = *bytes.get(at + 4)?;
        let references = usize::from(bytes.get(at + 5)? >> 5);
        let (references, counted) = if references == 7 {
            let many = usize::try_from(big32(bytes, at + 5)? & 0x1fff_ffff).ok()?;
            (many, at + 9 + (many + 1).div_ceil(8))
        } else {
            (references, at + 6)
        };
        let reference_bytes = match number {
            0..=256 => 1,
            257..=65_536 => 2,
            _ => 4,
        };
        let page_bytes = if flags & 0x40 == 0 { 1 } else { 4 };
        let length_at = counted.checked_add(references.checked_mul(reference_bytes)?)?.checked_add(page_bytes)?;
        let length = big32(bytes, length_at)?;
        let length = (length != u64::from(u32::MAX)).then(|| usize::try_from(length).ok()).flatten();
        Some(Self { kind: flags & 0x3f, data: length_at + 4, length })
    }
}

/// The bytes that the coefficients and samples of a JPEG 2000 codestream take (ITU T.800, A.5.1). Of one that is shown
/// much smaller, the finest details are not decoded.
fn jpeg2000(bytes: &[u8], shown: (u32, u32)) -> Option<u64> {
    const BEGINNING: &[u8] = b"\xff\x4f\xff\x51";
    let at = memchr::memmem::find(bytes, BEGINNING)? + BEGINNING.len() + 4;
    let number = |index: usize| big32(bytes, at + 4 * index);
    let (right, bottom, left, top) = (number(0)?, number(1)?, number(2)?, number(3)?);
    let (tile_width, tile_height, tiles_left, tiles_top) = (number(4)?, number(5)?, number(6)?, number(7)?);
    let components = big16(bytes, at + 32)?;
    let tiles =
        |end: u64, from: u64, size: u64| end.checked_sub(from).filter(|_| size > 0).map(|all| all.div_ceil(size));
    let tiles = tiles(right, tiles_left, tile_width)? * tiles(bottom, tiles_top, tile_height)?;
    let (width, height) = (right.checked_sub(left)?, bottom.checked_sub(top)?);
    let halvings = |size: u64, shown: u32| size.checked_div(shown.into()).and_then(u64::checked_ilog2).unwrap_or(0);
    let halved = halvings(width, shown.0).min(halvings(height, shown.1)).min(levels(&bytes[at..]));
    let pixels = width.div_ceil(1 << halved).checked_mul(height.div_ceil(1 << halved))?;
    // A floating point number and a byte for each sample, and the coefficients of one component.
    let bytes = pixels.checked_mul(components.checked_mul(5)?.checked_add(4)?)?;
    (tiles <= TILES_MAX).then_some(bytes)
}

/// The times that a picture was halved (A.6.1); none where its components may differ in that.
fn levels(header: &[u8]) -> u32 {
    const OF_ALL: &[u8] = b"\xff\x52";
    const OF_ONE: &[u8] = b"\xff\x53";
    const PICTURE: &[u8] = b"\xff\x90";
    let end = memchr::memmem::find(header, PICTURE).unwrap_or(0);
    let header = &header[..end];
    let levels = memchr::memmem::find(header, OF_ALL).and_then(|at| header.get(at + 9).copied());
    levels.filter(|_| memchr::memmem::find(header, OF_ONE).is_none()).map_or(0, |levels| u32::from(levels.min(32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_a_jbig2_stream_are_added_up() {
        let mut bytes = vec![0, 0, 0, 0, 48, 0, 1, 0, 0, 0, 19, 0, 0, 0, 10, 0, 0, 0, 5];
        bytes.extend([0; 11]);
        bytes.extend([0, 0, 0, 1, 38, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2, 0, 0, 0, 3]);
        assert_eq!(jbig2(&bytes), Some(56));
    }

    #[test]
    fn jpeg_2000_tells_its_size_and_too_many_tiles_are_refused() {
        let header = |tile: u8| {
            let mut bytes = b"\xff\x4f\xff\x51\0\x29\0\0".to_vec();
            for number in [200, 100, 0, 0, tile, tile, 0, 0] {
                bytes.extend([0, 0, number, 0]);
            }
            bytes.extend(b"\0\x03\xff\x52\0\x0c\0\0\0\x01\0\x02\x04\x04\0\0\xff\x90");
            bytes
        };
        let whole = 200 * 100 * 65_536 * 19;
        let shown = |size| jpeg2000(&header(200), (size, size));
        assert_eq!((shown(200 << 8), shown(50 << 8), shown(1)), (Some(whole), Some(whole / 4), Some(whole / 16)));
        let mut tiny = header(0);
        tiny[8 + 19] = 1;
        tiny[8 + 23] = 1;
        assert_eq!(jpeg2000(&tiny, (1, 1)), None);
    }
}
