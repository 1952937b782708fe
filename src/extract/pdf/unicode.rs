//! What the codes of a font mean.
//!
//! In this order: the font's `ToUnicode` map and its glyph names (both hayro's), the character collection of a CID font,
//! the map from characters to glyphs inside the font program, numbers in glyph names, and at last the code itself.

use std::cell::OnceCell;
use std::collections::HashMap;

use hayro_cmap::{BfString, CMap, CMapName, CidFamily};
use hayro_font::FontGlyph;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};
use skrifa::{FontRef, MetadataProvider as _};

/// What a code means, and whether that is a guess.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    pub text: Option<String>,
    pub guessed: bool,
}

impl Meaning {
    fn sure(text: String) -> Self {
        Self { text: Some(text), guessed: false }
    }
}

pub(super) struct Decoder<'a> {
    dict: Dict<'a>,
    is_composite: bool,
    collection: OnceCell<Option<Collection>>,
    /// From glyphs to characters, as the font program has them.
    program: OnceCell<HashMap<u32, char>>,
    numbered: OnceCell<HashMap<u32, char>>,
}

impl<'a> Decoder<'a> {
    pub fn new(dict: &Dict<'a>) -> Self {
        Self {
            dict: dict.clone(),
            is_composite: dict.get::<Name<'_>>("Subtype").is_some_and(|kind| kind.as_ref() == b"Type0"),
            collection: OnceCell::new(),
            program: OnceCell::new(),
            numbered: OnceCell::new(),
        }
    }

    pub fn meaning(&self, glyph: &FontGlyph<'_>, code: u32) -> Meaning {
        let told = match glyph {
            FontGlyph::Outline(outline) => outline.as_unicode(),
            FontGlyph::Type3(type3) => type3.as_unicode(),
        };
        if let Some(text) = told.map(string).filter(|text| means_something(text)) {
            return Meaning::sure(text);
        }
        if self.is_composite
            && let Some(collection) = self.collection.get_or_init(|| Collection::of(&self.dict))
            && let Some(text) = collection.text(code)
        {
            return Meaning::sure(text);
        }
        if let Some(c) = self.program_char(glyph) {
            return Meaning::sure(c.to_string());
        }
        if let Some(c) = self.numbered.get_or_init(|| numbered_names(&self.dict)).get(&code) {
            return Meaning::sure(c.to_string());
        }
        self.guess(code)
    }

    fn program_char(&self, glyph: &FontGlyph<'_>) -> Option<char> {
        let FontGlyph::Outline(outline) = glyph else { return None };
        let id = outline.glyph_id().to_u32();
        let map = self.program.get_or_init(|| {
            let data = outline.font_data();
            data.map(|data| characters((*data.data).as_ref())).unwrap_or_default()
        });
        map.get(&id).filter(|_| id != 0).copied()
    }

    /// One byte is most often Windows-1252; a longer code of an unnamed collection may be Unicode itself.
    fn guess(&self, code: u32) -> Meaning {
        let text = if self.is_composite {
            char::from_u32(code).filter(|c| *c >= ' ').map(String::from)
        } else {
            let byte = u8::try_from(code).ok().filter(|byte| *byte >= 0x20);
            byte.map(|byte| encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[byte]).0.into_owned())
        };
        Meaning { text, guessed: true }
    }
}

fn string(text: BfString) -> String {
    match text {
        BfString::Char(c) => c.to_string(),
        BfString::String(text) => text,
    }
}

/// Whether a map told a text at all: many map what they do not know to nothing, U+FFFD or a private code.
fn means_something(text: &str) -> bool {
    let nothing = |c: char| matches!(c, '\0'..='\u{8}' | '\u{e000}'..='\u{efff}' | '\u{fffd}' | '\u{ffff}');
    !text.is_empty() && !text.chars().all(nothing)
}

/// From glyph ids to characters, by the font program's own table; private codes only where there are no others.
fn characters(font: &[u8]) -> HashMap<u32, char> {
    const MAPPINGS_MAX: usize = 1 << 17;
    let Ok(font) = FontRef::from_index(font, 0) else { return HashMap::new() };
    let mut map: HashMap<u32, char> = HashMap::new();
    for (code, glyph) in font.charmap().mappings().take(MAPPINGS_MAX) {
        let Some(c) = char::from_u32(code).filter(|c| *c >= ' ') else { continue };
        let is_private = |c: char| matches!(c, '\u{e000}'..='\u{f8ff}');
        let known = map.entry(glyph.to_u32()).or_insert(c);
        if is_private(*known) && !is_private(c) {
            *known = c;
        }
    }
    map
}

/// Characters of a font whose glyph names only say their codes, as in `g65`, `C0065` or `a65`.
fn numbered_names(dict: &Dict<'_>) -> HashMap<u32, char> {
    let mut names = Vec::new();
    let differences = dict.get::<Dict<'_>>("Encoding").and_then(|encoding| encoding.get::<Array<'_>>("Differences"));
    let mut code: u32 = 0;
    for item in differences.iter().flat_map(Array::iter::<Object<'_>>) {
        match item {
            Object::Number(number) => code = u32::try_from(number.as_i64()).unwrap_or(0),
            Object::Name(name) => {
                names.push((code, number_of(name.as_str())));
                code = code.saturating_add(1);
            }
            _ => {}
        }
    }
    let numbered = names.iter().filter(|(_, number)| number.is_some()).count();
    if numbered * 10 < names.len() * 9 {
        return HashMap::new();
    }
    let characters = names.into_iter().filter_map(|(code, number)| Some((code, char::from_u32(number?)?)));
    characters.collect()
}

/// The number after one or two letters, when it can be a character.
fn number_of(name: &str) -> Option<u32> {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let letters = name.len() - digits.len();
    if !(1..=2).contains(&letters) || digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let number: u32 = digits.parse().ok()?;
    (matches!(number, 32..=126 | 161..=255)).then_some(number)
}

/// The character collection of a CID font: from codes to CIDs, and from these to characters.
struct Collection {
    cids: CMap,
    characters: Option<CMap>,
    /// Whether the codes are UTF-16 already.
    is_unicode: bool,
}

impl Collection {
    fn of(dict: &Dict<'_>) -> Option<Self> {
        let encoding = dict.get::<Object<'_>>("Encoding")?;
        let name = match &encoding {
            Object::Name(name) => Some(name.as_str().to_owned()),
            _ => None,
        };
        let cids = match (&encoding, name.as_deref()) {
            (_, Some("Identity-H")) => CMap::identity_h(),
            (_, Some("Identity-V")) => CMap::identity_v(),
            (_, Some(name)) => load(CMapName::from_bytes(name.as_bytes()))?,
            (Object::Stream(stream), _) => parse(stream)?,
            _ => return None,
        };
        let is_unicode = name.is_some_and(|name| name.starts_with("Uni"));
        let family = descendant_family(dict).or_else(|| Some(cids.metadata().character_collection.clone()?.family));
        let characters = family.and_then(|family| load(family.ucs2_cmap()?));
        Some(Self { cids, characters, is_unicode })
    }

    fn text(&self, code: u32) -> Option<String> {
        if self.is_unicode {
            return utf16(code);
        }
        let cid = (1..=4).find_map(|bytes| self.cids.lookup_cid_code(code, bytes))?;
        let characters = self.characters.as_ref()?;
        let text = characters.lookup_bf_string(cid).map(string);
        let text = text.or_else(|| {
            let unicode = (1..=4).find_map(|bytes| characters.lookup_cid_code(cid, bytes))?;
            char::from_u32(unicode).map(String::from)
        });
        text.filter(|text| means_something(text))
    }
}

/// One or two units of UTF-16 that were read as one number.
#[expect(clippy::cast_possible_truncation, reason = "each half is sixteen bits")]
fn utf16(code: u32) -> Option<String> {
    let units = [(code >> 16) as u16, code as u16];
    let units = if units[0] == 0 { &units[1..] } else { &units[..] };
    String::from_utf16(units).ok().filter(|text| means_something(text))
}

fn load(name: CMapName<'_>) -> Option<CMap> {
    CMap::parse(hayro_cmap::load_embedded(name)?, hayro_cmap::load_embedded)
}

fn parse(stream: &Stream<'_>) -> Option<CMap> {
    CMap::parse(&stream.decoded_data().ok()?, hayro_cmap::load_embedded)
}

fn descendant_family(dict: &Dict<'_>) -> Option<CidFamily> {
    let descendant = dict.get::<Array<'_>>("DescendantFonts")?.iter::<Dict<'_>>().next()?;
    let info = descendant.get::<Dict<'_>>("CIDSystemInfo")?;
    let registry = info.get::<PdfString<'_>>("Registry")?;
    let ordering = info.get::<PdfString<'_>>("Ordering")?;
    let family = CidFamily::from_registry_ordering(registry.as_bytes(), ordering.as_bytes());
    family.ucs2_cmap().is_some().then_some(family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_glyph_names_are_codes() {
        assert_eq!(number_of("g65"), Some(65));
        assert_eq!(number_of("C0065"), Some(65));
        assert_eq!(number_of("alpha"), None);
        assert_eq!(number_of("g7"), None);
    }

    #[test]
    fn japanese_collection_is_known() {
        let collection = Collection {
            cids: load(CMapName::from_bytes(b"90ms-RKSJ-H")).unwrap(),
            characters: load(CidFamily::AdobeJapan1.ucs2_cmap().unwrap()),
            is_unicode: false,
        };
        assert_eq!(collection.text(0x93fa).as_deref(), Some("日"));
    }

    #[test]
    fn pairs_of_units_are_one_character() {
        assert_eq!(utf16(0xd83d_de00).as_deref(), Some("😀"));
        assert_eq!(utf16(0x65e5).as_deref(), Some("日"));
    }
}
