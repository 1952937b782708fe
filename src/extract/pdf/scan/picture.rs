//! Pictures as planes of grey, with what they let through.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_syntax::object::stream::{FilterResult, ImageDecodeParams};
use hayro_syntax::object::{Array, Dict, Object, Stream};
use hayro_syntax::page::Resources;

use super::colours::{COMPONENTS_MAX, Colours};
use super::headers::{self, Shape};

/// A rectangle of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub samples: Vec<u8>,
}

impl Plane {
    pub fn line(&self, line: usize) -> &[u8] {
        &self.samples[line * self.width..][..self.width]
    }

    /// The plane with its lines as columns.
    pub fn turned_over(&self) -> Self {
        let mut samples = Vec::with_capacity(self.samples.len());
        for column in 0..self.width {
            samples.extend(self.samples[column..].iter().step_by(self.width));
        }
        Self { width: self.height, height: self.width, samples }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Picture {
    /// Lightness, and how much of it covers what is below.
    Tones(Plane, Option<Plane>),
    /// How much of the colour for filling goes through.
    Stencil(Plane),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    TooLarge,
    Undecodable,
}

/// What decoding may take, and how large the picture will be shown.
pub(super) struct Frame {
    pub pixels_max: u64,
    pub shown: (u32, u32),
}

/// Samples in a line or column; JPEG cannot have more either.
const SIDE_MAX: u32 = 65_535;
/// Bytes that a picture may take for each pixel that it may have.
const PIXEL_BYTES: u64 = 4;

pub(super) fn decode(stream: &Stream<'_>, resources: &Resources<'_>, frame: &Frame) -> Result<Picture, Fault> {
    let dict = stream.dict();
    if is_stencil(dict) {
        return stencil(stream, frame).map(Picture::Stencil);
    }
    let tones = plane(stream, colours(dict, resources), frame)?;
    // What a mask hides is nothing that is worth losing the picture for, so a broken one is left out.
    let alpha = match dict.get::<Stream<'_>>("SMask") {
        Some(mask) => plane(&mask, Some(Colours::Grey), frame).ok(),
        None => dict.get::<Stream<'_>>("Mask").and_then(|mask| stencil(&mask, frame).ok()),
    };
    Ok(Picture::Tones(tones, alpha))
}

fn either<'a>(dict: &Dict<'a>, short: &str, long: &str) -> Option<Object<'a>> {
    dict.get::<Object<'a>>(short).or_else(|| dict.get::<Object<'a>>(long))
}

fn is_stencil(dict: &Dict<'_>) -> bool {
    either(dict, "IM", "ImageMask").and_then(Object::into_bool).unwrap_or(false)
}

fn colours(dict: &Dict<'_>, resources: &Resources<'_>) -> Option<Colours> {
    either(dict, "CS", "ColorSpace").and_then(|space| Colours::of(&space, resources))
}

/// A stencil paints where its samples are black.
fn stencil(stream: &Stream<'_>, frame: &Frame) -> Result<Plane, Fault> {
    let mut plane = plane(stream, Some(Colours::Grey), frame)?;
    for sample in &mut plane.samples {
        *sample = 255 - *sample;
    }
    Ok(plane)
}

fn plane(stream: &Stream<'_>, colours: Option<Colours>, frame: &Frame) -> Result<Plane, Fault> {
    let dict = stream.dict();
    let (width, height) = headers::size(dict).ok_or(Fault::Undecodable)?;
    let bits = either(dict, "BPC", "BitsPerComponent").and_then(Object::into_u8);
    let bits = if is_stencil(dict) { Some(1) } else { bits };
    let components = colours.as_ref().map(Colours::components);
    let (components_or_one, bits_or_byte) = (components.unwrap_or(1), bits.unwrap_or(8));
    let shape = Shape { width, height, components: components_or_one, bits: bits_or_byte, shown: frame.shown };
    let pixels = u64::from(width) * u64::from(height);
    let is_small = width.max(height) <= SIDE_MAX && pixels <= frame.pixels_max;
    if !is_small || !headers::fits(stream, &shape, frame.pixels_max * PIXEL_BYTES) {
        return Err(Fault::TooLarge);
    }
    let parameters = ImageDecodeParams {
        is_indexed: colours.as_ref().is_some_and(Colours::is_palette),
        bpc: bits,
        num_components: components.and_then(|components| u8::try_from(components).ok()),
        target_dimension: Some(frame.shown),
        width,
        height,
    };
    // Decoders of pictures are the part of a parser that panics first; what they are given is dropped with them.
    let decoded = catch_unwind(AssertUnwindSafe(|| stream.decoded_image(&parameters).ok()));
    let decoded = decoded.ok().flatten().ok_or(Fault::Undecodable)?;
    Samples::new(&decoded, colours, &shape).and_then(|samples| samples.plane(dict)).ok_or(Fault::Undecodable)
}

/// Decoded samples, and how they lie.
struct Samples<'s> {
    data: &'s [u8],
    width: usize,
    height: usize,
    bits: u8,
    colours: Colours,
}

impl<'s> Samples<'s> {
    /// What the format of the picture itself says comes before the dictionary.
    fn new(decoded: &'s FilterResult<'_>, colours: Option<Colours>, shape: &Shape) -> Option<Self> {
        let own = decoded.image_data.as_ref();
        let (width, height) = own.map_or((shape.width, shape.height), |own| (own.width, own.height));
        let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
        let bits = own.map_or(shape.bits, |own| own.bits_per_component);
        let own_colours = || own.and_then(|own| own.color_space).map(Colours::of_picture);
        let needed = |colours: &Colours| width * colours.components() * height * usize::from(bits) / 8;
        // A JPEG with other components than its dictionary says has its own.
        let colours = colours.filter(|colours| own.is_none() || needed(colours) <= decoded.data.len());
        let colours = colours.or_else(own_colours).unwrap_or(Colours::Grey);
        let is_sound = width > 0 && height > 0 && matches!(bits, 1 | 2 | 4 | 8 | 16);
        is_sound.then_some(Self { data: &decoded.data, width, height, bits, colours })
    }

    /// Lines that are missing are white, but one must be there.
    fn plane(&self, dict: &Dict<'_>) -> Option<Plane> {
        let components = self.colours.components();
        let row_bytes = (self.width * components * usize::from(self.bits)).div_ceil(8);
        if self.data.len() < row_bytes {
            return None;
        }
        let tables = self.tables(dict);
        let mut samples = Vec::new();
        samples.try_reserve_exact(self.width * self.height).ok()?;
        for row in self.data.chunks_exact(row_bytes).take(self.height) {
            self.row(row, &tables, &mut samples);
        }
        samples.resize(self.width * self.height, 255);
        Some(Plane { width: self.width, height: self.height, samples })
    }

    fn row(&self, row: &[u8], tables: &[[u8; 256]], out: &mut Vec<u8>) {
        let components = tables.len();
        if let [table] = tables {
            // The lightness of each value, so that a line of one component is looked up and no more.
            let table: Vec<u8> = table.iter().map(|value| self.colours.lightness(&[*value])).collect();
            out.extend((0..self.width).map(|x| table[usize::from(self.value(row, x))]));
            return;
        }
        let mut colour = [0; COMPONENTS_MAX];
        for x in 0..self.width {
            for (component, table) in tables.iter().enumerate() {
                colour[component] = table[usize::from(self.value(row, x * components + component))];
            }
            out.push(self.colours.lightness(&colour[..components]));
        }
    }

    /// A sample, of which the upper byte is enough.
    fn value(&self, row: &[u8], index: usize) -> u8 {
        match self.bits {
            8 => row[index],
            16 => row[2 * index],
            bits => {
                let bits = usize::from(bits);
                let at = index * bits;
                row[at / 8] >> (8 - bits - at % 8) & (0xff >> (8 - bits))
            }
        }
    }

    /// What each value of each component means, from 0 to 255, by the entry `Decode`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by what comes before")]
    fn tables(&self, dict: &Dict<'_>) -> Vec<[u8; 256]> {
        let decode = either(dict, "D", "Decode").and_then(Object::into_array);
        let mut ranges = decode.iter().flat_map(Array::iter::<(f32, f32)>);
        let largest = f32::from(u8::MAX >> (8 - self.bits.min(8)));
        let keeps_values = matches!(self.colours, Colours::Palette(_));
        let table = |range: Option<(f32, f32)>| {
            let (from, to) = range.filter(|_| self.colours != Colours::Lab).unwrap_or((0.0, 1.0));
            let mut table = [0; 256];
            for (value, out) in (0_u8..=255).zip(&mut table) {
                let meaning = from + f32::from(value) / largest * (to - from);
                *out = if keeps_values { value } else { (meaning * 255.0).round().clamp(0.0, 255.0) as u8 };
            }
            table
        };
        (0..self.colours.components()).map(|_| table(ranges.next())).collect()
    }
}
