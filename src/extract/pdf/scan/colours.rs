//! Colour spaces, as far as it takes to see light and dark (ISO 32000-2, 8.6).
//!
//! A recogniser sees grey. So what an ICC profile or a tint transformation says in detail is left out: all that counts
//! is how many components a colour has, and whether more of one is lighter or darker.

use hayro_syntax::object::stream::ImageColorSpace;
use hayro_syntax::object::{Array, Name, Object, Stream};
use hayro_syntax::page::Resources;

/// The most components that a colour may have (ISO 32000-2, annex C).
pub(in crate::extract::pdf) const COMPONENTS_MAX: usize = 32;
/// How far a colour space may stand in another one; a palette of a profile is the deepest that there is.
const DEPTH_MAX: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::extract::pdf) enum Colours {
    Grey,
    Rgb,
    Cmyk,
    /// Of which only the lightness counts.
    Lab,
    /// So many inks on white paper.
    Inks(usize),
    /// The lightness of each entry.
    Palette(Vec<u8>),
}

impl Colours {
    /// None for a pattern, and for what is no colour space.
    pub fn of(space: &Object<'_>, resources: &Resources<'_>) -> Option<Self> {
        Self::within(space, resources, DEPTH_MAX)
    }

    fn within(space: &Object<'_>, resources: &Resources<'_>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        match space {
            Object::Name(name) => Self::simple(name).or_else(|| {
                let named = resources.get_color_space(name)?;
                Self::within(&named, resources, depth)
            }),
            Object::Array(array) => Self::family(array, resources, depth),
            _ => None,
        }
    }

    fn simple(name: &Name<'_>) -> Option<Self> {
        Some(match name.as_ref() {
            b"DeviceGray" | b"G" | b"CalGray" => Self::Grey,
            b"DeviceRGB" | b"RGB" | b"CalRGB" => Self::Rgb,
            b"DeviceCMYK" | b"CMYK" | b"CalCMYK" => Self::Cmyk,
            b"Lab" => Self::Lab,
            _ => return None,
        })
    }

    fn family(array: &Array<'_>, resources: &Resources<'_>, depth: usize) -> Option<Self> {
        let mut items = array.iter::<Object<'_>>();
        let family = items.next()?.into_name()?;
        match family.as_ref() {
            b"ICCBased" => match items.next()?.into_stream()?.dict().get::<usize>("N")? {
                1 => Some(Self::Grey),
                3 => Some(Self::Rgb),
                4 => Some(Self::Cmyk),
                _ => None,
            },
            b"Separation" => Some(Self::Inks(1)),
            b"DeviceN" => {
                let inks = items.next()?.into_array()?.iter::<Name<'_>>().take(COMPONENTS_MAX).count();
                (inks > 0).then_some(Self::Inks(inks))
            }
            b"Indexed" | b"I" => {
                let base = Self::within(&items.next()?, resources, depth)?;
                items.next()?;
                palette(&base, &items.next()?)
            }
            _ => Self::simple(&family),
        }
    }

    /// What a picture is in that does not say it, but whose own format does.
    pub fn of_picture(space: ImageColorSpace) -> Self {
        match space {
            ImageColorSpace::Gray => Self::Grey,
            ImageColorSpace::Rgb => Self::Rgb,
            ImageColorSpace::Cmyk => Self::Cmyk,
            ImageColorSpace::Unknown(components) => Self::Inks(usize::from(components).clamp(1, COMPONENTS_MAX)),
        }
    }

    pub fn components(&self) -> usize {
        match self {
            Self::Grey | Self::Palette(_) => 1,
            Self::Rgb | Self::Lab => 3,
            Self::Cmyk => 4,
            Self::Inks(inks) => *inks,
        }
    }

    pub fn is_palette(&self) -> bool {
        matches!(self, Self::Palette(_))
    }

    /// How light a colour is, of which each component goes from 0 to 255; that of a palette is its entry.
    pub fn lightness(&self, colour: &[u8]) -> u8 {
        match (self, colour) {
            (Self::Rgb, [red, green, blue, ..]) => luma(*red, *green, *blue),
            (Self::Cmyk, [cyan, magenta, yellow, black, ..]) => {
                let rest = |ink: &u8| (255 - *ink).saturating_sub(*black);
                luma(rest(cyan), rest(magenta), rest(yellow))
            }
            (Self::Inks(_), inks) => 255 - inks.iter().max().unwrap_or(&0),
            (Self::Palette(entries), [entry, ..]) => entries.get(usize::from(*entry)).copied().unwrap_or(0),
            (Self::Grey | Self::Lab, [light, ..]) => *light,
            // A colour without all of its components.
            _ => 0,
        }
    }
}

/// The weights of ITU-R BT.601.
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 77 * u32::from(red) + 151 * u32::from(green) + 28 * u32::from(blue);
    u8::try_from(sum >> 8).unwrap_or(u8::MAX)
}

fn palette(base: &Colours, table: &Object<'_>) -> Option<Colours> {
    let entries = |bytes: &[u8]| {
        let entries = bytes.chunks_exact(base.components()).take(256);
        Colours::Palette(entries.map(|entry| base.lightness(entry)).collect())
    };
    match table {
        Object::String(table) => Some(entries(table.as_bytes())),
        Object::Stream(table) => read_table(table).map(|table| entries(&table)),
        _ => None,
    }
}

/// A table has at most 256 entries, so one that is larger packed is none.
fn read_table(table: &Stream<'_>) -> Option<Vec<u8>> {
    const BYTES_MAX: usize = 256 * COMPONENTS_MAX;
    if table.raw_data().len() > BYTES_MAX {
        return None;
    }
    table.decoded_data().ok().map(|table| table[..table.len().min(BYTES_MAX)].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_is_light_in_every_colour_space() {
        assert_eq!(Colours::Grey.lightness(&[9]), 9);
        assert_eq!(Colours::Rgb.lightness(&[255, 255, 255]), 255);
        assert_eq!(Colours::Cmyk.lightness(&[0, 0, 0, 0]), 255);
        assert_eq!(Colours::Cmyk.lightness(&[0, 0, 0, 255]), 0);
        assert_eq!(Colours::Inks(2).lightness(&[0, 255]), 0);
        assert_eq!(Colours::Palette(vec![7, 8]).lightness(&[1]), 8);
    }

    #[test]
    fn colour_that_lacks_components_is_dark() {
        assert_eq!(Colours::Rgb.lightness(&[255]), 0);
    }
}
