//! ODF text and presentations as Markdown (version 1.3, part 3). Spreadsheets are read as workbooks.
//!
//! Formulas stand in their line, and charts behind it as the tables that they show. Tracked deletions are left out.
//! Comments, headers and footers are remarks, each once; comments on slides are quotes.

mod lists;
mod objects;
mod paragraphs;
mod sheets;
mod slides;
mod styles;
mod tables;

use std::collections::HashMap;

use super::package::Package;
use crate::extract::markdown::numbering::{Counter, Level};
use crate::extract::markdown::{Mark, Style, Writer};
use crate::extract::xml::{self, Element, Tree};
use crate::extract::{ExtractError, Extracted, Room};
use objects::Objects;

/// What the body of a document is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Text,
    Sheets,
    Slides,
}

pub(crate) fn extract_text_document(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    extract(bytes, room, Body::Text)
}

pub(crate) fn extract_spreadsheet(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    extract(bytes, room, Body::Sheets)
}

pub(crate) fn extract_presentation(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    extract(bytes, room, Body::Slides)
}

fn extract(bytes: &[u8], room: &mut Room<'_>, kind: Body) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    refuse_encrypted(&mut package)?;
    let mut extracted = Extracted { engine: xml::ENGINE, ..Extracted::default() };
    add_properties(&mut package, &mut extracted)?;
    let content = xml::decode(&package.required("content.xml")?);
    let styles = package.part("styles.xml")?.map_or(String::new(), |bytes| xml::decode(&bytes));
    let tree = Tree::parse(&content)?;
    let style_tree = Tree::parse(&styles)?;
    let objects = Objects::of(&tree, &mut package, room, &mut extracted.warnings)?;
    let writer = Writer::default();
    let mut reader = Reader {
        styles: HashMap::new(),
        lists: HashMap::new(),
        whole: writer.mark(),
        writer,
        objects,
        notes: Vec::new(),
        comments: Vec::new(),
        counters: HashMap::new(),
        room,
    };
    reader.learn(&style_tree);
    reader.learn(&tree);
    if let Some(body) = tree.document().find("body")
        && let Err(error) = reader.document(kind, body, &style_tree, &mut extracted)
    {
        reader.writer.rewind(reader.whole);
        extracted.end_at(error, reader.writer.len() > 0)?;
    }
    extracted.text = reader.writer.finish();
    xml::note_damage(&tree, "content.xml", &mut extracted.warnings);
    Ok(extracted)
}

fn add_properties(package: &mut Package<'_>, extracted: &mut Extracted) -> Result<(), ExtractError> {
    let Some(meta) = package.part("meta.xml")? else { return Ok(()) };
    let source = xml::decode(&meta);
    let tree = Tree::parse(&source)?;
    xml::add_properties(&tree, extracted);
    let statistics = tree.document().find("document-statistic");
    extracted.pages = statistics.and_then(|element| element.attr("page-count")).and_then(|count| count.parse().ok());
    Ok(())
}

/// An encrypted part is listed with its encryption in the manifest.
fn refuse_encrypted(package: &mut Package<'_>) -> Result<(), ExtractError> {
    let manifest = package.part("META-INF/manifest.xml")?.map_or(String::new(), |bytes| xml::decode(&bytes));
    let tree = Tree::parse(&manifest)?;
    if tree.document().find("encryption-data").is_some() { Err(ExtractError::PasswordProtected) } else { Ok(()) }
}

struct Reader<'p, 'x> {
    styles: HashMap<String, Style>,
    /// Levels of a list style, from 1.
    lists: HashMap<String, Vec<(usize, Level)>>,
    writer: Writer,
    /// Up to where the text is whole and within its limit.
    whole: Mark,
    objects: Objects,
    notes: Vec<String>,
    comments: Vec<String>,
    counters: HashMap<String, Counter>,
    room: &'x mut Room<'p>,
}

impl Reader<'_, '_> {
    /// The body, and after it its notes; of a text document also the headers and footers.
    fn document(
        &mut self,
        kind: Body,
        body: Element<'_>,
        styles: &Tree<'_>,
        extracted: &mut Extracted,
    ) -> Result<(), ExtractError> {
        match kind {
            Body::Text => body.elements().try_for_each(|element| self.blocks(element))?,
            Body::Sheets => self.sheets(body, extracted)?,
            Body::Slides => self.slides(body, styles, extracted)?,
        }
        self.end_notes()?;
        if kind == Body::Text {
            self.margins(styles);
        }
        self.step()
    }

    /// Ends the reading when the text is over its limit; otherwise it is whole so far.
    fn step(&mut self) -> Result<(), ExtractError> {
        self.room.step(self.writer.len())?;
        self.whole = self.writer.mark();
        Ok(())
    }

    fn blocks(&mut self, parent: Element<'_>) -> Result<(), ExtractError> {
        for element in parent.elements() {
            self.step()?;
            match element.name() {
                "h" => {
                    let level = element.attr("outline-level").and_then(|level| level.parse().ok()).unwrap_or(1);
                    let content = self.content(element);
                    self.writer.heading(level, &content.inline.markdown());
                    self.frames(content.frames)?;
                }
                "p" => {
                    let content = self.content(element);
                    let text = content.inline.markdown();
                    match element.attr("style-name").as_deref() {
                        Some("Title") => self.writer.heading(1, &text),
                        _ => self.writer.paragraph(&text),
                    }
                    self.frames(content.frames)?;
                }
                "list" => self.list(element, 0, None)?,
                "object" => self.objects.write(element, &mut self.writer),
                "table" => self.table(element)?,
                "tracked-changes" | "forms" | "sequence-decls" | "variable-decls" | "user-field-decls" => {}
                "frame" | "custom-shape" | "rect" | "ellipse" | "g" => self.frames(vec![element])?,
                _ => self.blocks(element)?,
            }
        }
        Ok(())
    }

    fn frames(&mut self, frames: Vec<Element<'_>>) -> Result<(), ExtractError> {
        frames.into_iter().try_for_each(|frame| self.blocks(frame))
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::media::{ODP, ODT};
    use crate::extract::tests::{packed, read};
    use crate::extract::{Limits, extract};

    #[test]
    fn text_document_becomes_markdown() {
        let content = r#"<office:document-content><office:automatic-styles>
            <style:style style:name="B" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style>
            </office:automatic-styles><office:body><office:text>
            <text:h text:outline-level="2">Head</text:h>
            <text:p>a <text:span text:style-name="B">bold</text:span><text:s text:c="2"/>word<text:note>
            <text:note-citation>1</text:note-citation><text:note-body><text:p>noted</text:p></text:note-body></text:note></text:p>
            <text:p><office:annotation><dc:creator>Ann</dc:creator><text:p>why?</text:p></office:annotation></text:p>
            <text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>
            <table:table><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell>
            <table:table-cell table:number-columns-repeated="2"><text:p>y</text:p></table:table-cell></table:table-row></table:table>
            </office:text></office:body></office:document-content>"#;
        let package = packed(&[("content.xml", content.as_bytes())]);
        let expected =
            "## Head\n\na **bold**  word[^1]\n\n- item\n\n| x | y | y |\n| --- | --- | --- |\n\n[^1]: noted\n";
        assert_eq!(read(&package, ODT).text, format!("{expected}\n<!-- comment by Ann: why? -->\n"));
    }

    #[test]
    fn text_over_the_limit_keeps_the_paragraphs_before_it() {
        let content = "<office:document-content><office:body><office:text><text:p>first</text:p><text:p>second</text:p>
            </office:text></office:body></office:document-content>";
        let limits = Limits { text_bytes_max: 10, ..Limits::default() };
        let extracted = extract(&packed(&[("content.xml", content.as_bytes())]), ODT, &limits, &mut || ()).unwrap();
        assert_eq!(extracted.text, "first\n");
        assert!(extracted.truncated && extracted.warnings[0].starts_with("truncated: text_too_large: "));
    }

    #[test]
    fn presentation_gives_its_slides() {
        let content = r#"<office:document-content><office:body><office:presentation>
            <draw:page><draw:frame presentation:class="title"><draw:text-box><text:p>Title</text:p></draw:text-box></draw:frame>
            <draw:frame><draw:text-box><text:p>words</text:p></draw:text-box></draw:frame>
            <office:annotation><dc:creator>Ann</dc:creator><text:p>why?</text:p></office:annotation></draw:page>
            </office:presentation></office:body></office:document-content>"#;
        let extracted = read(&packed(&[("content.xml", content.as_bytes())]), ODP);
        assert_eq!(extracted.text, "<!-- slide 1 -->\n\n## Title\n\nwords\n\n> Ann: why?\n");
        assert_eq!(extracted.pages, Some(1));
    }

    #[test]
    fn what_all_slides_show_stands_on_the_first() {
        let page = |text: &str| {
            format!(
                r#"<draw:page draw:master-page-name="M" presentation:use-footer-name="f"><draw:frame><draw:text-box>
                <text:p>{text}</text:p></draw:text-box></draw:frame></draw:page>"#
            )
        };
        let content = format!(
            r#"<office:document-content><office:body><office:presentation>
            <presentation:footer-decl presentation:name="f">Confidential</presentation:footer-decl>{}{}
            </office:presentation></office:body></office:document-content>"#,
            page("one"),
            page("two")
        );
        let styles = r#"<office:document-styles><office:master-styles><style:master-page style:name="M">
            <draw:frame><draw:text-box><text:p>Our company<text:page-number>&lt;number&gt;</text:page-number></text:p></draw:text-box></draw:frame>
            <draw:frame presentation:class="title"><draw:text-box><text:p>Click</text:p></draw:text-box></draw:frame>
            </style:master-page></office:master-styles></office:document-styles>"#;
        let package = packed(&[("content.xml", content.as_bytes()), ("styles.xml", styles.as_bytes())]);
        let expected = "<!-- slide 1 -->\n\none\n\n<!-- master: Our company -->\n\n<!-- footer: Confidential -->\n\n<!-- slide 2 -->\n\ntwo\n";
        assert_eq!(read(&package, ODP).text, expected);
    }
}
