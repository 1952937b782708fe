//! DOCX: body with charts and diagrams, notes, comments, headers and footers, as Markdown.
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
use styles::{Numbering, ParagraphStyle, RunStyle, heading_by_outline, list_of};

use super::graphics::Graphics;
use super::ooxml::{self, Relationships};
use super::package::Package;
use crate::extract::markdown::numbering::Format;
use crate::extract::markdown::{Mark, Writer};
use crate::extract::xml::{self, Element, Tree};
use crate::extract::{ExtractError, Extracted, Room};

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    let main = ooxml::main_part(&mut package, "word/document.xml")?;
    let source = xml::decode(&package.required(&main)?);
    let tree = Tree::parse(&source)?;
    room.step(0)?;
    let relationships = Relationships::of(&mut package, &main)?;
    let mut extracted = Extracted { engine: xml::ENGINE, ..Extracted::default() };
    let graphics = Graphics::of(&relationships, &mut package, room, &mut extracted.warnings)?;
    let part = |package: &mut Package<'_>, kind: &str| -> Result<String, ExtractError> {
        let Some(name) = relationships.of_kind(kind).first().map(|name| (*name).to_owned()) else {
            return Ok(String::new());
        };
        Ok(package.part(&name)?.map_or(String::new(), |bytes| xml::decode(&bytes)))
    };
    let styles = part(&mut package, "styles")?;
    let numbering = part(&mut package, "numbering")?;
    let writer = Writer::default();
    let styles = Tree::parse(&styles)?;
    let mut reader = Reader {
        styles: styles::read(&styles),
        run_styles: styles::read_runs(&styles),
        numbering: Numbering::read(&Tree::parse(&numbering)?),
        relationships,
        graphics,
        whole: writer.mark(),
        writer,
        noted: Vec::new(),
        commented: Vec::new(),
        fields: Vec::new(),
        margins: Vec::new(),
        room,
    };
    if let Err(error) = reader.document(&tree, &mut package, &mut extracted.warnings) {
        reader.writer.rewind(reader.whole);
        extracted.end_at(error, reader.writer.len() > 0)?;
    }
    extracted.text = reader.writer.finish();
    xml::note_damage(&tree, &main, &mut extracted.warnings);
    ooxml::add_properties(&mut package, "Pages", &mut extracted)?;
    Ok(extracted)
}

struct Reader<'p, 'x> {
    styles: HashMap<String, ParagraphStyle>,
    run_styles: HashMap<String, RunStyle>,
    numbering: Numbering,
    /// Those of the part that is being read.
    relationships: Relationships,
    graphics: Graphics,
    writer: Writer,
    /// Up to where the text is whole and within its limit.
    whole: Mark,
    /// The notes referred to so far, in order: the n-th has the number n.
    noted: Vec<(NoteKind, String)>,
    commented: Vec<String>,
    fields: Vec<Field>,
    /// The headers and footers written so far.
    margins: Vec<String>,
    room: &'x mut Room<'p>,
}

impl Reader<'_, '_> {
    /// The body, and after it what stands in parts of its own.
    fn document(
        &mut self,
        tree: &Tree<'_>,
        package: &mut Package<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<(), ExtractError> {
        for root in tree.document().elements() {
            for body in root.elements() {
                self.blocks(body)?;
            }
        }
        let kinds = ["footnotes", "endnotes", "comments", "header", "footer"];
        let named = |kind| self.relationships.of_kind(kind).into_iter().map(move |name| (kind, name.to_owned()));
        let parts: Vec<(&str, String)> = kinds.into_iter().flat_map(named).collect();
        for (kind, name) in parts {
            self.step()?;
            let Some(source) = ooxml::dispensable(package, &name, warnings)? else { continue };
            let tree = Tree::parse(&source)?;
            xml::note_damage(&tree, &name, warnings);
            self.relationships = match Relationships::of(package, &name) {
                Err(error) if error.is_limit() => return Err(error),
                // Without them links have no targets, and that is all.
                relationships => relationships.unwrap_or_default(),
            };
            match kind {
                "footnotes" => self.notes(NoteKind::Footnote, &tree)?,
                "endnotes" => self.notes(NoteKind::Endnote, &tree)?,
                "comments" => self.comments(&tree)?,
                _ => self.margin(kind, &tree),
            }
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
        self.step()?;
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
        for anchored in content.anchored {
            match self.graphics.at(anchored, &self.relationships) {
                Some(graphic) => graphic.write(&mut self.writer),
                None => self.blocks(anchored)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::media::DOCX;
    use crate::extract::tests::{packed, read};
    use crate::extract::{ExtractError, Limits, extract};

    const RELATIONSHIPS: &str = r#"<Relationships>
        <Relationship Id="r1" Type="http://x/styles" Target="styles.xml"/>
        <Relationship Id="r2" Type="http://x/numbering" Target="numbering.xml"/>
        <Relationship Id="r3" Type="http://x/footnotes" Target="footnotes.xml"/>
        <Relationship Id="r4" Type="http://x/header" Target="header1.xml"/>
        <Relationship Id="r5" Type="http://x/hyperlink" Target="http://a.b/" TargetMode="External"/>
        <Relationship Id="r6" Type="http://x/comments" Target="comments.xml"/>
        <Relationship Id="r7" Type="http://x/chart" Target="charts/chart1.xml"/></Relationships>"#;
    const CHART: &str = r#"<c:chartSpace><c:chart><c:plotArea><c:barChart><c:ser><c:tx><c:v>Sum</c:v></c:tx>
        <c:val><c:numLit><c:pt idx="0"><c:v>4</c:v></c:pt></c:numLit></c:val></c:ser></c:barChart></c:plotArea></c:chart></c:chartSpace>"#;
    const STYLES: &str = r#"<w:styles><w:style w:styleId="H"><w:name w:val="heading 2"/></w:style>
        <w:style w:styleId="Own"><w:basedOn w:val="H"/></w:style>
        <w:style w:type="character" w:styleId="Strong"><w:rPr><w:b/></w:rPr></w:style>
        <w:style w:type="character" w:styleId="Both"><w:basedOn w:val="Strong"/><w:rPr><w:i/></w:rPr></w:style></w:styles>"#;
    const NUMBERING: &str = r#"<w:numbering><w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:start w:val="3"/>
        <w:numFmt w:val="decimal"/></w:lvl></w:abstractNum>
        <w:num w:numId="7"><w:abstractNumId w:val="1"/></w:num></w:numbering>"#;

    const NOTES: &str = r#"<w:footnotes><w:footnote w:id="2"><w:p><w:hyperlink r:id="r5"><w:r><w:t>noted</w:t></w:r></w:hyperlink></w:p>
        </w:footnote></w:footnotes>"#;

    fn package(body: &str) -> Vec<u8> {
        let document = format!("<w:document><w:body>{body}</w:body></w:document>");
        let header = "<w:hdr><w:p><w:r><w:t>Top</w:t></w:r></w:p></w:hdr>";
        let comments = r#"<w:comments><w:comment w:id="4" w:author="Ann"><w:p><w:r><w:t>why?</w:t></w:r></w:p></w:comment></w:comments>"#;
        packed(&[
            ("word/document.xml", document.as_bytes()),
            ("word/_rels/document.xml.rels", RELATIONSHIPS.as_bytes()),
            ("word/styles.xml", STYLES.as_bytes()),
            ("word/numbering.xml", NUMBERING.as_bytes()),
            ("word/footnotes.xml", NOTES.as_bytes()),
            ("word/comments.xml", comments.as_bytes()),
            ("word/header1.xml", header.as_bytes()),
            ("word/charts/chart1.xml", CHART.as_bytes()),
        ])
    }

    fn text(body: &str) -> String {
        let text = read(&package(body), DOCX).text;
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
    fn runs_look_as_their_style_and_they_themselves_say() {
        let run = |properties: &str, text: &str| {
            format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space=\"preserve\">{text}</w:t></w:r>")
        };
        let strong = run(r#"<w:rStyle w:val="Strong"/>"#, "one ");
        let both = run(r#"<w:rStyle w:val="Both"/>"#, "two ");
        let plain = run(r#"<w:rStyle w:val="Both"/><w:b w:val="0"/>"#, "three ");
        let unknown = run(r#"<w:rStyle w:val="gone"/>"#, "four");
        assert_eq!(text(&format!("<w:p>{strong}{both}{plain}{unknown}</w:p>")), "**one** ***two*** *three* four");
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

    #[test]
    fn charts_stand_behind_their_paragraph_and_in_their_cell() {
        let drawing = r#"<w:r><w:drawing><wp:inline><a:graphic><a:graphicData><c:chart r:id="r7"/></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"#;
        let paragraph = format!("<w:p><w:r><w:t>a</w:t></w:r>{drawing}</w:p>");
        let table = format!(
            "<w:tbl><w:tr><w:tc>{paragraph}</w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        );
        let expected = "a\n\n|  | Sum |\n| --- | --- |\n|  | 4 |\n\n| a Sum 4 | b |\n| --- | --- |";
        assert_eq!(text(&(paragraph + &table)), expected);
    }

    #[test]
    fn text_over_the_limit_keeps_the_paragraphs_before_it() {
        let body = "<w:p><w:r><w:t>first</w:t></w:r></w:p><w:p><w:r><w:t>second</w:t></w:r></w:p>";
        let limits = Limits { text_bytes_max: "first\n".len(), ..Limits::default() };
        let extracted = extract(&package(body), DOCX, &limits, &mut || ()).unwrap();
        assert_eq!(extracted.text, "first\n");
        assert!(extracted.truncated && extracted.warnings[0].starts_with("truncated: text_too_large: "));
        let limits = Limits { text_bytes_max: "first".len(), ..Limits::default() };
        let result = extract(&package(body), DOCX, &limits, &mut || ());
        assert_eq!(result, Err(ExtractError::TextTooLarge));
    }
}
