//! Title, author, date and language, from the information dictionary and, where it is silent, from the XMP packet.

use std::borrow::Cow;

use hayro_syntax::Pdf;
use hayro_syntax::object::{DateTime, Dict, Stream, String as PdfString};

use super::strings::text_string;
use crate::extract::Extracted;
use crate::extract::xml::{self, Tree};

pub(super) fn read(pdf: &Pdf, extracted: &mut Extracted) {
    let info = pdf.metadata();
    let text = |bytes: &Option<Box<[u8]>>| bytes.as_deref().map(text_string).filter(|text| !text.trim().is_empty());
    extracted.title = text(&info.title);
    extracted.author = text(&info.author);
    extracted.created = info.creation_date.map(moment);
    let Some(catalog) = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id()) else { return };
    extracted.language = catalog
        .get::<PdfString<'_>>("Lang")
        .map(|lang| text_string(lang.as_bytes()))
        .filter(|lang| !lang.trim().is_empty());
    let missing = extracted.title.is_none() || extracted.author.is_none() || extracted.created.is_none();
    if missing && let Some(packet) = packet(&catalog) {
        let xmp = Xmp::read(&xml::decode(&packet));
        extracted.title = extracted.title.take().or(xmp.title);
        extracted.author = extracted.author.take().or(xmp.author);
        extracted.created = extracted.created.take().or(xmp.created);
    }
}

/// The packet, unless it is absurdly large.
fn packet(catalog: &Dict<'_>) -> Option<Vec<u8>> {
    const PACKET_BYTES_MAX: usize = 4 << 20;
    let stream = catalog.get::<Stream<'_>>("Metadata")?;
    if stream.raw_data().len() > PACKET_BYTES_MAX {
        return None;
    }
    Some(stream.decoded_data().ok()?.into_owned())
}

/// A moment in ISO 8601 with its offset from UTC.
fn moment(date: DateTime) -> String {
    let DateTime { year, month, day, hour, minute, second, utc_offset_hour, utc_offset_minute } = date;
    let sign = if utc_offset_hour < 0 { '-' } else { '+' };
    let offset_hour = utc_offset_hour.unsigned_abs();
    let offset = match (offset_hour, utc_offset_minute) {
        (0, 0) => "Z".to_owned(),
        _ => format!("{sign}{offset_hour:02}:{utc_offset_minute:02}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{offset}")
}

/// The three properties of an XMP packet (ISO 16684-1) that matter here.
#[derive(Default)]
struct Xmp {
    title: Option<String>,
    author: Option<String>,
    created: Option<String>,
}

impl Xmp {
    /// Several authors become one line; of several titles, in several languages, the first counts.
    fn read(packet: &str) -> Self {
        let Ok(tree) = Tree::parse(packet) else { return Self::default() };
        let document = tree.document();
        let items = |name: &str| {
            let property = document.find(name)?;
            let items = property.find_all("li").into_iter().map(|item| item.text().trim().to_owned());
            let items: Vec<String> = items.filter(|item| !item.is_empty()).collect();
            (!items.is_empty()).then_some(items)
        };
        let attribute = || document.find_all("Description").into_iter().find_map(|element| element.attr("CreateDate"));
        let created = document.find("CreateDate").map(|element| element.text().trim().to_owned());
        Self {
            title: items("title").map(|mut titles| titles.swap_remove(0)),
            author: items("creator").map(|authors| authors.join(", ")),
            created: created.or_else(|| attribute().map(Cow::into_owned)).filter(|date| !date.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_properties_are_found_in_their_containers() {
        let xmp = Xmp::read(
            "<rdf:Description><dc:title><rdf:Alt><rdf:li>One</rdf:li><rdf:li>Eins</rdf:li></rdf:Alt></dc:title>\
            <dc:creator><rdf:Seq><rdf:li>A</rdf:li><rdf:li>B</rdf:li></rdf:Seq></dc:creator>\
            <xmp:CreateDate>2013-01-09T06:25:07-08:00</xmp:CreateDate></rdf:Description>",
        );
        assert_eq!(xmp.title.as_deref(), Some("One"));
        assert_eq!(xmp.author.as_deref(), Some("A, B"));
        assert_eq!(xmp.created.as_deref(), Some("2013-01-09T06:25:07-08:00"));
    }
}
