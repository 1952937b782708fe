//! DOCX: body, notes, comments, headers and footers, as Markdown.
//!
//! `WordprocessingML` as of ECMA-376 part 1. Deleted and hidden text is left out; inserted text counts. Comments, headers
//! and footers are remarks (`<!-- … -->`), each once.

mod notes;
mod runs;
mod styles;
mod tables;

use std::collections::HashMap;

use notes::NoteKind;
use runs::{Field, alternative};
use styles::{Numbering, ParagraphStyle, heading_by_outline, list_of};

use super::ooxml::{self, Relationships};
use super::package::Package;
use crate::extract::markdown::Writer;
use crate::extract::markdown::numbering::Format;
use crate::extract::xml::{self, Element, Tree};
use crate::extract::{ExtractError, Extracted, Room};

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    let main = ooxml::main_part(&mut package, "word/document.xml")?;
    let source = xml::decode(&package.required(&main)?);
    let tree = Tree::parse(&source)?;
    room.step(0)?;
    let relationships = Relationships::of(&mut package, &main)?;
    let part = |package: &mut Package<'_>, kind: &str| -> Result<String, ExtractError> {
        let Some(name) = relationships.of_kind(kind).first().map(|name| (*name).to_owned()) else {
            return Ok(String::new());
        };
        Ok(package.part(&name)?.map_or(String::new(), |bytes| xml::decode(&bytes)))
    };
    let styles = part(&mut package, "styles")?;
    let numbering = part(&mut package, "numbering")?;
    let notes = [part(&mut package, "footnotes")?, part(&mut package, "endnotes")?, part(&mut package, "comments")?];
    let mut reader = Reader {
        styles: styles::read(&Tree::parse(&styles)?),
        numbering: Numbering::read(&Tree::parse(&numbering)?),
        relationships: &relationships,
        writer: Writer::default(),
        noted: Vec::new(),
        commented: Vec::new(),
        fields: Vec::new(),
        margins: Vec::new(),
        room,
    };
    for root in tree.document().elements() {
        for body in root.elements() {
            reader.blocks(body)?;
        }
    }
    let [footnotes, endnotes, comments] = &notes;
    reader.notes(NoteKind::Footnote, &Tree::parse(footnotes)?)?;
    reader.notes(NoteKind::Endnote, &Tree::parse(endnotes)?)?;
    reader.comments(&Tree::parse(comments)?);
    for kind in ["header", "footer"] {
        for name in relationships.of_kind(kind) {
            let source = package.part(name)?.map_or(String::new(), |bytes| xml::decode(&bytes));
            reader.margin(kind, &Tree::parse(&source)?);
        }
    }
    let mut extracted = Extracted { text: reader.writer.finish(), engine: xml::ENGINE, ..Extracted::default() };
    xml::note_damage(&tree, &main, &mut extracted.warnings);
    ooxml::add_properties(&mut package, "Pages", &mut extracted)?;
    Ok(extracted)
}

struct Reader<'r, 'p, 'x> {
    styles: HashMap<String, ParagraphStyle>,
    numbering: Numbering,
    relationships: &'r Relationships,
    writer: Writer,
    /// The notes referred to so far, in order: the n-th has the number n.
    noted: Vec<(NoteKind, String)>,
    commented: Vec<String>,
    fields: Vec<Field>,
    /// The headers and footers written so far.
    margins: Vec<String>,
    room: &'x mut Room<'p>,
}

impl Reader<'_, '_, '_> {
    fn blocks(&mut self, parent: Element<'_>) -> Result<(), ExtractError> {
        for element in parent.elements() {
            match element.name() {
                "p" => self.paragraph(element)?,
                "tbl" => self.table(element)?,
                "sdt" | "sdtContent" | "ins" | "moveTo" | "smartTag" | "customXml" => self.blocks(element)?,
                "AlternateContent" => {
                    if let Some(choice) = alternative(element) {
                        self.blocks(choice)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn paragraph(&mut self, paragraph: Element<'_>) -> Result<(), ExtractError> {
        self.room.step(self.writer.len())?;
        let content = self.content(paragraph);
        let properties = paragraph.child("pPr");
        let value = |name: &str| properties.and_then(|properties| properties.child(name)).and_then(|e| e.attr("val"));
        let style = value("pStyle").and_then(|id| self.styles.get(id.as_ref())).cloned().unwrap_or_default();
        let text = content.inline.markdown();
        let list = properties.and_then(|properties| properties.child("numPr")).and_then(list_of).or(style.list);
        let mark = if text.is_empty() {
            None
        } else {
            list.and_then(|(id, depth)| Some((self.numbering.mark(&id, depth)?, depth)))
        };
        match (heading_by_outline(value("outlineLvl").as_deref()).or(style.heading), mark) {
            (Some(level), Some(((format, mark), _))) if !matches!(format, Format::Bullet | Format::None) => {
                self.writer.heading(level, &format!("{mark} {text}"));
            }
            (Some(level), _) => self.writer.heading(level, &text),
            (None, Some(((Format::None, _), _)) | None) => self.writer.paragraph(&text),
            (None, Some(((_, mark), depth))) => self.writer.item(depth, &mark, &text),
        }
        for text_box in content.boxes {
            self.blocks(text_box)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::media::DOCX;
    use crate::extract::tests::{packed, read};

    const RELATIONSHIPS: &str = r#"<Relationships>
        <Relationship Id="r1" Type="http://x/styles" Target="styles.xml"/>
        <Relationship Id="r2" Type="http://x/numbering" Target="numbering.xml"/>
        <Relationship Id="r3" Type="http://x/footnotes" Target="footnotes.xml"/>
        <Relationship Id="r4" Type="http://x/header" Target="header1.xml"/>
        <Relationship Id="r5" Type="http://x/hyperlink" Target="http://a.b/" TargetMode="External"/>
        <Relationship Id="r6" Type="http://x/comments" Target="comments.xml"/></Relationships>"#;
    const STYLES: &str = r#"<w:styles><w:style w:styleId="H"><w:name w:val="heading 2"/></w:style>
        <w:style w:styleId="Own"><w:basedOn w:val="H"/></w:style></w:styles>"#;
    const NUMBERING: &str = r#"<w:numbering><w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:start w:val="3"/>
        <w:numFmt w:val="decimal"/></w:lvl></w:abstractNum>
        <w:num w:numId="7"><w:abstractNumId w:val="1"/></w:num></w:numbering>"#;

    fn text(body: &str) -> String {
        let document = format!("<w:document><w:body>{body}</w:body></w:document>");
        let header = "<w:hdr><w:p><w:r><w:t>Top</w:t></w:r></w:p></w:hdr>";
        let notes =
            r#"<w:footnotes><w:footnote w:id="2"><w:p><w:r><w:t>noted</w:t></w:r></w:p></w:footnote></w:footnotes>"#;
        let comments = r#"<w:comments><w:comment w:id="4" w:author="Ann"><w:p><w:r><w:t>why?</w:t></w:r></w:p></w:comment></w:comments>"#;
        let package = packed(&[
            ("word/document.xml", document.as_bytes()),
            ("word/_rels/document.xml.rels", RELATIONSHIPS.as_bytes()),
            ("word/styles.xml", STYLES.as_bytes()),
            ("word/numbering.xml", NUMBERING.as_bytes()),
            ("word/footnotes.xml", notes.as_bytes()),
            ("word/comments.xml", comments.as_bytes()),
            ("word/header1.xml", header.as_bytes()),
        ]);
        let text = read(&package, DOCX).text;
        text.strip_suffix("\n\n<!-- header: Top -->\n").expect("the header stands last").to_owned()
    }

    #[test]
    fn styles_make_headings_and_lists() {
        let body = r#"<w:p><w:pPr><w:pStyle w:val="Own"/></w:pPr><w:r><w:t>Head</w:t></w:r></w:p>
            <w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="7"/></w:numPr></w:pPr><w:r><w:t>item</w:t></w:r></w:p>"#;
        assert_eq!(text(body), "## Head\n\n3. item");
    }

    #[test]
    fn emphasis_links_and_changes_are_read() {
        let body = r#"<w:p><w:r><w:rPr><w:b/></w:rPr><w:t>bold</w:t></w:r><w:r><w:t xml:space="preserve"> and </w:t></w:r>
            <w:hyperlink r:id="r5"><w:r><w:t>link</w:t></w:r></w:hyperlink>
            <w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t> new</w:t></w:r></w:ins></w:p>"#;
        assert_eq!(text(body), "**bold** and [link](http://a.b/) new");
    }

    #[test]
    fn notes_and_comments_follow_the_text() {
        let body = r#"<w:p><w:r><w:t>a</w:t><w:footnoteReference w:id="2"/><w:commentReference w:id="4"/></w:r></w:p>"#;
        assert_eq!(text(body), "a[^1]\n\n[^1]: noted\n\n<!-- comment by Ann: why? -->");
    }

    #[test]
    fn merged_cells_leave_blanks() {
        let cell = |properties: &str, text: &str| {
            format!("<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>")
        };
        let rows = [
            cell(r#"<w:gridSpan w:val="2"/>"#, "wide") + &cell(r#"<w:vMerge w:val="restart"/>"#, "tall"),
            cell("", "a") + &cell("", "b") + &cell("<w:vMerge/>", "x"),
        ];
        let body = format!("<w:tbl><w:tr>{}</w:tr><w:tr>{}</w:tr></w:tbl>", rows[0], rows[1]);
        assert_eq!(text(&body), "| wide |  | tall |\n| --- | --- | --- |\n| a | b |  |");
    }
}
