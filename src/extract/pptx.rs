//! PPTX: slides in their order, each with its title as a heading, its shapes, tables and notes.
//!
//! `PresentationML` as of ECMA-376 part 1. Slide numbers are left out.

use super::markdown::{Inline, Style, Writer};
use super::numbering::{Counter, Format, Level};
use super::ooxml::{self, Relationships};
use super::package::Package;
use super::xml::{self, Element, Tree};
use super::{ExtractError, Extracted, Room, cells};

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    let slides = slides(&mut package)?;
    let mut extracted =
        Extracted { pages: u32::try_from(slides.len()).ok(), engine: xml::ENGINE, ..Extracted::default() };
    let mut writer = Writer::default();
    for (index, slide) in slides.iter().enumerate() {
        room.step(writer.len())?;
        let Some(bytes) = package.part(slide)? else {
            extracted.warnings.push(format!("damaged: {slide} is missing."));
            continue;
        };
        let source = xml::decode(&bytes);
        let tree = Tree::parse(&source)?;
        xml::note_damage(&tree, slide, &mut extracted.warnings);
        let relationships = Relationships::of(&mut package, slide)?;
        writer.remark(&format!("slide {}", index + 1));
        Slide { relationships: &relationships, writer: &mut writer }.shapes(&tree);
        for notes in relationships.of_kind("notesSlide") {
            let source = package.part(notes)?.map_or(String::new(), |bytes| xml::decode(&bytes));
            notes_of(&Tree::parse(&source)?, &mut writer);
        }
    }
    extracted.text = writer.finish();
    ooxml::add_properties(&mut package, "Slides", &mut extracted)?;
    Ok(extracted)
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
