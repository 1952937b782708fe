//! PPTX: slides in their order, each with its title as a heading, its shapes, tables and notes.
//!
//! `PresentationML` as of ECMA-376 part 1. Slide numbers are left out.

use super::ooxml::{self, Relationships};
use super::package::Package;
use crate::extract::markdown::cells;
use crate::extract::markdown::numbering::{Counter, Format, Level};
use crate::extract::markdown::{Inline, Style, Writer};
use crate::extract::xml::{self, Element, Tree};
use crate::extract::{ExtractError, Extracted, Room};

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    let slides = slides(&mut package)?;
    let mut extracted =
        Extracted { pages: u32::try_from(slides.len()).ok(), engine: xml::ENGINE, ..Extracted::default() };
    let mut writer = Writer::default();
    for (index, name) in slides.iter().enumerate() {
        let mark = writer.mark();
        writer.remark(&format!("slide {}", index + 1));
        let done = if index < room.limits.pages_max {
            write_slide(name, &mut package, &mut writer, &mut extracted)
        } else {
            Err(ExtractError::TooManyPages)
        };
        if let Err(error) = done.and_then(|()| room.step(writer.len())) {
            writer.rewind(mark);
            extracted.end_at(error, writer.len() > 0)?;
            break;
        }
    }
    extracted.text = writer.finish();
    ooxml::add_properties(&mut package, "Slides", &mut extracted)?;
    Ok(extracted)
}

fn write_slide(
    name: &str,
    package: &mut Package<'_>,
    writer: &mut Writer,
    extracted: &mut Extracted,
) -> Result<(), ExtractError> {
    let Some(bytes) = package.part(name)? else {
        extracted.warnings.push(format!("damaged: {name} is missing."));
        return Ok(());
    };
    let source = xml::decode(&bytes);
    let tree = Tree::parse(&source)?;
    xml::note_damage(&tree, name, &mut extracted.warnings);
    let relationships = Relationships::of(package, name)?;
    Slide { relationships: &relationships, writer }.shapes(&tree);
    for notes in relationships.of_kind("notesSlide") {
        let source = package.part(notes)?.map_or(String::new(), |bytes| xml::decode(&bytes));
        notes_of(&Tree::parse(&source)?, writer);
    }
    Ok(())
}

/// The slides' parts in the order of the presentation; by their numbers when the presentation does not list them.
fn slides(package: &mut Package<'_>) -> Result<Vec<String>, ExtractError> {
    let main = ooxml::main_part(package, "ppt/presentation.xml")?;
    let relationships = Relationships::of(package, &main)?;
    let mut listed = Vec::new();
    if let Some(bytes) = package.part(&main)? {
        let source = xml::decode(&bytes);
        let tree = Tree::parse(&source)?;
        for slide in tree.document().find_all("sldId") {
            let target = slide.prefixed_attr("id").and_then(|id| relationships.target(&id).map(str::to_owned));
            listed.extend(target);
        }
    }
    if listed.is_empty() {
        listed = package.names("ppt/slides/slide");
        let number =
            |name: &String| name.chars().filter(char::is_ascii_digit).collect::<String>().parse::<u64>().unwrap_or(0);
        listed.sort_by_key(|name| (number(name), name.clone()));
    }
    Ok(listed)
}

struct Slide<'r, 'w> {
    relationships: &'r Relationships,
    writer: &'w mut Writer,
}

/// What a shape is for: the type of its placeholder.
fn placeholder(shape: Element<'_>) -> Option<std::borrow::Cow<'_, str>> {
    let properties = shape.elements().find(|element| element.name().starts_with("nv"))?;
    let placeholder = properties.at(&["nvPr", "ph"])?;
    Some(placeholder.attr("type").unwrap_or("obj".into()))
}

fn is_title(shape: Element<'_>) -> bool {
    placeholder(shape).is_some_and(|kind| kind == "title" || kind == "ctrTitle")
}

impl Slide<'_, '_> {
    fn shapes(&mut self, tree: &Tree<'_>) {
        let Some(shapes) = tree.document().find("spTree") else {
            return;
        };
        for title in shapes.elements().filter(|shape| is_title(*shape)) {
            let lines: Vec<String> = title.find_all("p").into_iter().map(|p| self.line(p).markdown()).collect();
            self.writer.heading(2, &lines.join(" "));
        }
        for shape in shapes.elements().filter(|shape| !is_title(*shape)) {
            self.shape(shape);
        }
    }

    fn shape(&mut self, shape: Element<'_>) {
        match shape.name() {
            "sp" => {
                let kind = placeholder(shape);
                if kind.as_deref() == Some("sldNum") {
                    return;
                }
                let bulleted = matches!(kind.as_deref(), Some("body" | "obj"));
                if let Some(body) = shape.child("txBody") {
                    self.paragraphs(body, bulleted);
                }
            }
            "graphicFrame" => match shape.find("tbl") {
                Some(table) => self.table(table),
                None => shape.find_all("txBody").into_iter().for_each(|body| self.paragraphs(body, false)),
            },
            "AlternateContent" => {
                if let Some(choice) = shape.child("Choice").or_else(|| shape.child("Fallback")) {
                    choice.elements().for_each(|shape| self.shape(shape));
                }
            }
            "grpSp" => shape.elements().for_each(|shape| self.shape(shape)),
            _ => {}
        }
    }

    /// The paragraphs of a shape; `bulleted` when its placeholder has bullets unless it is told otherwise.
    fn paragraphs(&mut self, body: Element<'_>, bulleted: bool) {
        let mut counter = Counter::default();
        let paragraphs: Vec<Element<'_>> = body.elements().filter(|element| element.is("p")).collect();
        let several = paragraphs.len() > 1;
        for paragraph in paragraphs {
            let text = self.line(paragraph).markdown();
            let properties = paragraph.child("pPr");
            let has = |name: &str| properties.is_some_and(|properties| properties.child(name).is_some());
            let depth = properties.and_then(|p| p.attr("lvl")).and_then(|level| level.parse().ok()).unwrap_or(0);
            if text.is_empty() {
                continue;
            }
            if let Some(auto) = properties.and_then(|properties| properties.child("buAutoNum")) {
                let start = auto.attr("startAt").and_then(|start| start.parse().ok()).unwrap_or(1);
                let level = Level { format: auto_format(&auto.attr("type").unwrap_or_default()), start };
                let mark = counter.next(depth, &level);
                self.writer.item(depth, &mark, &text);
            } else if has("buChar") || has("buBlip") || (bulleted && several && !has("buNone")) {
                self.writer.item(depth, "-", &text);
            } else {
                self.writer.paragraph(&text);
            }
        }
    }

    fn line(&mut self, paragraph: Element<'_>) -> Inline {
        let mut inline = Inline::default();
        for element in paragraph.elements() {
            match element.name() {
                "r" | "fld" => {
                    let properties = element.child("rPr");
                    let on = |name: &str| {
                        properties.and_then(|p| p.attr(name)).is_some_and(|value| value == "1" || value == "true")
                    };
                    let link = properties.and_then(|p| p.child("hlinkClick")).and_then(|link| link.attr("id"));
                    let link = link.and_then(|id| self.relationships.target(&id)).filter(|target| target.contains(':'));
                    let style =
                        Style { bold: on("b"), italic: on("i"), link: link.map(str::to_owned), ..Style::default() };
                    inline.push(&style, &element.child("t").map_or(String::new(), Element::text));
                }
                "br" => inline.push_plain("\n"),
                "pPr" | "endParaRPr" => {}
                // Formulas and what else may hold text.
                _ => inline.push_plain(&element.find_all("t").into_iter().map(Element::text).collect::<String>()),
            }
        }
        inline
    }

    fn table(&mut self, table: Element<'_>) {
        let mut rows = Vec::new();
        for row in table.elements().filter(|element| element.is("tr")) {
            let mut line = Vec::new();
            for cell in row.elements().filter(|element| element.is("tc")) {
                // Cells that a merged one covers are there, marked, and empty.
                let covered = cell.attr("hMerge").or(cell.attr("vMerge")).is_some_and(|value| value != "0");
                let lines = cell.find_all("p").into_iter().map(|p| self.line(p).markdown());
                let text = if covered { String::new() } else { lines.collect::<Vec<_>>().join("\n") };
                cells::push(&mut line, text, 1);
            }
            rows.push(line);
        }
        self.writer.table(&rows);
    }
}

fn auto_format(kind: &str) -> Format {
    match kind {
        _ if kind.starts_with("alphaLc") => Format::LowerLetter,
        _ if kind.starts_with("alphaUc") => Format::UpperLetter,
        _ if kind.starts_with("romanLc") => Format::LowerRoman,
        _ if kind.starts_with("romanUc") => Format::UpperRoman,
        _ => Format::Decimal,
    }
}

/// The speaker's notes: the text of the notes page's body, without the slide's picture and number.
fn notes_of(tree: &Tree<'_>, writer: &mut Writer) {
    let relationships = Relationships::default();
    for shape in tree.document().find_all("sp") {
        if placeholder(shape).as_deref() != Some("body") {
            continue;
        }
        let mut slide = Slide { relationships: &relationships, writer: &mut Writer::default() };
        let lines: Vec<String> = shape.find_all("p").into_iter().map(|p| slide.line(p).markdown()).collect();
        writer.quote(lines.join("\n").trim());
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::media::PPTX;
    use crate::extract::tests::{packed, read};
    use crate::extract::{Limits, extract};

    fn shape(kind: &str, paragraphs: &str) -> String {
        format!(
            "<p:sp><p:nvSpPr><p:nvPr><p:ph type=\"{kind}\"/></p:nvPr></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>"
        )
    }

    fn slide(shapes: &str) -> String {
        format!("<p:sld><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>")
    }

    #[test]
    fn slides_stand_in_the_order_of_the_presentation() {
        let list = r#"<p:presentation><p:sldIdLst><p:sldId id="9" r:id="b"/><p:sldId id="8" r:id="a"/></p:sldIdLst></p:presentation>"#;
        let relationships = r#"<Relationships><Relationship Id="a" Type="x/slide" Target="slides/slide1.xml"/>
            <Relationship Id="b" Type="x/slide" Target="slides/slide2.xml"/></Relationships>"#;
        let paragraph = |text: &str| format!("<a:p><a:r><a:t>{text}</a:t></a:r></a:p>");
        let first =
            slide(&(shape("body", &(paragraph("one") + &paragraph("two"))) + &shape("title", &paragraph("Title"))));
        let second = slide(&(shape("sldNum", &paragraph("2")) + &shape("subTitle", &paragraph("plain"))));
        let package = packed(&[
            ("ppt/presentation.xml", list.as_bytes()),
            ("ppt/_rels/presentation.xml.rels", relationships.as_bytes()),
            ("ppt/slides/slide1.xml", first.as_bytes()),
            ("ppt/slides/slide2.xml", second.as_bytes()),
        ]);
        let extracted = read(&package, PPTX);
        assert_eq!(extracted.text, "<!-- slide 1 -->\n\nplain\n\n<!-- slide 2 -->\n\n## Title\n\n- one\n- two\n");
        assert_eq!(extracted.pages, Some(2));
        let limits = Limits { pages_max: 1, ..Limits::default() };
        let extracted = extract(&package, PPTX, &limits, &mut || ()).unwrap();
        assert_eq!(extracted.text, "<!-- slide 1 -->\n\nplain\n");
        assert!(extracted.truncated && extracted.warnings[0].starts_with("truncated: too_many_pages: "));
    }

    #[test]
    fn table_and_notes_are_read() {
        let cell = |text: &str| format!("<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>");
        let table = format!(
            "<p:graphicFrame><a:graphic><a:tbl><a:tr>{}{}</a:tr></a:tbl></a:graphic></p:graphicFrame>",
            cell("a"),
            cell("b")
        );
        let notes = slide(&shape("body", "<a:p><a:r><a:t>say this</a:t></a:r></a:p>"));
        let relationships = r#"<Relationships><Relationship Id="n" Type="x/notesSlide" Target="../notesSlides/n.xml"/></Relationships>"#;
        let package = packed(&[
            ("ppt/slides/slide1.xml", slide(&table).as_bytes()),
            ("ppt/slides/_rels/slide1.xml.rels", relationships.as_bytes()),
            ("ppt/notesSlides/n.xml", notes.as_bytes()),
        ]);
        let expected = "<!-- slide 1 -->\n\n| a | b |\n| --- | --- |\n\n> say this\n";
        assert_eq!(read(&package, PPTX).text, expected);
    }
}
