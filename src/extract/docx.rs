//! DOCX: body, notes, comments, headers and footers, as Markdown.
//!
//! `WordprocessingML` as of ECMA-376 part 1. Deleted and hidden text is left out; inserted text counts. Comments, headers
//! and footers are remarks (`<!-- … -->`), each once.

use std::collections::HashMap;

use super::markdown::{Inline, Style, Writer};
use super::numbering::{Counter, Format, Level};
use super::ooxml::{self, Relationships};
use super::package::Package;
use super::xml::{self, Element, Node, Tree};
use super::{ExtractError, Extracted, Room, cells};

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
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
        styles: read_styles(&Tree::parse(&styles)?),
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum NoteKind {
    Footnote,
    Endnote,
    Comment,
}

impl NoteKind {
    const fn element(self) -> &'static str {
        match self {
            Self::Footnote => "footnote",
            Self::Endnote => "endnote",
            Self::Comment => "comment",
        }
    }
}

#[derive(Debug, Clone, Default)]
struct ParagraphStyle {
    heading: Option<usize>,
    list: Option<(String, usize)>,
    based_on: Option<String>,
}

fn read_styles(tree: &Tree<'_>) -> HashMap<String, ParagraphStyle> {
    let mut styles = HashMap::new();
    for style in tree.document().find_all("style") {
        let Some(id) = style.attr("styleId") else { continue };
        let value = |name: &str| style.child(name).and_then(|element| element.attr("val"));
        let properties = style.child("pPr");
        let name = value("name").unwrap_or_default().to_lowercase();
        let outline =
            properties.and_then(|properties| properties.child("outlineLvl")).and_then(|level| level.attr("val"));
        let heading = heading_by_name(&name).or_else(|| heading_by_outline(outline.as_deref()));
        let list = properties.and_then(|properties| properties.child("numPr")).and_then(list_of);
        let based_on = value("basedOn").map(std::borrow::Cow::into_owned);
        styles.insert(id.into_owned(), ParagraphStyle { heading, list, based_on });
    }
    let ids: Vec<String> = styles.keys().cloned().collect();
    for id in ids {
        inherit(&mut styles, &id);
    }
    styles
}

fn heading_by_name(name: &str) -> Option<usize> {
    if name == "title" {
        return Some(1);
    }
    let level: usize = name.strip_prefix("heading ")?.trim().parse().ok()?;
    (1..=9).contains(&level).then_some(level)
}

fn heading_by_outline(value: Option<&str>) -> Option<usize> {
    let level: usize = value?.parse().ok()?;
    (level < 9).then_some(level + 1)
}

/// A style has what the style that it is based on has, up to a bounded number of steps: damaged files have circles.
fn inherit(styles: &mut HashMap<String, ParagraphStyle>, id: &str) {
    let Some(mut merged) = styles.get(id).cloned() else {
        return;
    };
    for _ in 0..20 {
        let Some(base) = merged.based_on.as_ref().and_then(|base| styles.get(base)) else {
            break;
        };
        merged.heading = merged.heading.or(base.heading);
        merged.list = merged.list.or_else(|| base.list.clone());
        merged.based_on.clone_from(&base.based_on);
    }
    styles.insert(id.to_owned(), merged);
}

/// The list and level of a `numPr`; a list `0` takes the paragraph out of its style's list.
fn list_of(properties: Element<'_>) -> Option<(String, usize)> {
    let value = |name: &str| properties.child(name).and_then(|element| element.attr("val"));
    let level = value("ilvl").and_then(|level| level.parse().ok()).unwrap_or(0);
    value("numId").map(|id| (id.into_owned(), level))
}

#[derive(Debug, Default)]
struct Numbering {
    /// From a list to the abstract list that it is an instance of.
    lists: HashMap<String, String>,
    levels: HashMap<(String, usize), Level>,
    counters: HashMap<String, Counter>,
}

impl Numbering {
    fn read(tree: &Tree<'_>) -> Self {
        let mut numbering = Self::default();
        for definition in tree.document().find_all("abstractNum") {
            let Some(id) = definition.attr("abstractNumId") else {
                continue;
            };
            for level in definition.find_all("lvl") {
                let Some(depth) = level.attr("ilvl").and_then(|depth| depth.parse().ok()) else {
                    continue;
                };
                let value = |name: &str| level.child(name).and_then(|element| element.attr("val"));
                let format = format_of(value("numFmt").as_deref().unwrap_or("decimal"));
                let start = value("start").and_then(|start| start.parse().ok()).unwrap_or(1);
                numbering.levels.insert((id.to_string(), depth), Level { format, start });
            }
        }
        for list in tree.document().find_all("num") {
            let definition = list.child("abstractNumId").and_then(|element| element.attr("val"));
            if let (Some(id), Some(definition)) = (list.attr("numId"), definition) {
                numbering.lists.insert(id.into_owned(), definition.into_owned());
            }
        }
        numbering
    }

    /// The mark of the next item of a list, and whether it is one at all.
    fn mark(&mut self, list: &str, depth: usize) -> Option<(Format, String)> {
        let definition = self.lists.get(list)?;
        let level = self.levels.get(&(definition.clone(), depth))?;
        let mark = self.counters.entry(definition.clone()).or_default().next(depth, level);
        Some((level.format, mark))
    }
}

fn format_of(name: &str) -> Format {
    match name {
        "bullet" => Format::Bullet,
        "none" => Format::None,
        "lowerLetter" => Format::LowerLetter,
        "upperLetter" => Format::UpperLetter,
        "lowerRoman" => Format::LowerRoman,
        "upperRoman" => Format::UpperRoman,
        _ => Format::Decimal,
    }
}

/// A field (`fldChar`) that is open: its code until `separate`, then its result.
#[derive(Debug, Default)]
struct Field {
    code: String,
    in_result: bool,
    link: Option<String>,
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

/// What a paragraph holds: its text, and the text boxes anchored in it.
#[derive(Default)]
struct Content<'t> {
    inline: Inline,
    boxes: Vec<Element<'t>>,
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

    fn content<'t>(&mut self, paragraph: Element<'t>) -> Content<'t> {
        let mut content = Content::default();
        self.inline(paragraph, &Style::default(), &mut content);
        content
    }

    fn inline<'t>(&mut self, parent: Element<'t>, style: &Style, content: &mut Content<'t>) {
        for element in parent.elements() {
            match element.name() {
                "r" => self.run(element, style, content),
                "hyperlink" => {
                    let target = element.attr("id").and_then(|id| self.relationships.target(&id)).map(str::to_owned);
                    self.inline(
                        element,
                        &Style { link: target.or_else(|| style.link.clone()), ..style.clone() },
                        content,
                    );
                }
                "fldSimple" => {
                    let link = element.attr("instr").and_then(|code| link_of(&code));
                    self.inline(
                        element,
                        &Style { link: link.or_else(|| style.link.clone()), ..style.clone() },
                        content,
                    );
                }
                "oMath" | "oMathPara" => content.inline.push(style, &math(element)),
                "AlternateContent" => {
                    if let Some(choice) = alternative(element) {
                        self.inline(choice, style, content);
                    }
                }
                "del" | "moveFrom" | "pPr" | "rPr" => {}
                _ => self.inline(element, style, content),
            }
        }
    }

    fn run<'t>(&mut self, run: Element<'t>, outer: &Style, content: &mut Content<'t>) {
        let properties = run.child("rPr");
        let on = |name: &str| properties.and_then(|properties| properties.child(name)).is_some_and(is_on);
        if on("vanish") && !on("specVanish") {
            return;
        }
        let field_link = self.fields.iter().rev().find_map(|field| field.link.clone());
        let style = Style {
            bold: on("b"),
            italic: on("i"),
            strike: on("strike") || on("dstrike"),
            link: outer.link.clone().or(field_link),
            ..Style::default()
        };
        self.run_content(run, &style, content);
    }

    fn run_content<'t>(&mut self, run: Element<'t>, style: &Style, content: &mut Content<'t>) {
        for element in run.elements() {
            let name = element.name();
            if name == "fldChar" {
                self.field(&element.attr("fldCharType").unwrap_or_default());
                continue;
            }
            if let Some(field) = self.fields.last_mut()
                && !field.in_result
            {
                if name == "instrText" {
                    field.code.push_str(&element.text());
                }
                continue;
            }
            match name {
                "t" => content.inline.push(style, &element.text()),
                "tab" | "ptab" => content.inline.push(style, "\t"),
                "br" | "cr" => content.inline.push(style, "\n"),
                "noBreakHyphen" => content.inline.push(style, "\u{2011}"),
                "sym" => content.inline.push(style, &symbol(element)),
                "footnoteReference" => self.reference(NoteKind::Footnote, element, content),
                "endnoteReference" => self.reference(NoteKind::Endnote, element, content),
                "commentReference" => self.reference(NoteKind::Comment, element, content),
                "drawing" | "pict" | "object" => boxes(element, &mut content.boxes),
                "ruby" => self.inline(element, style, content),
                "AlternateContent" => {
                    if let Some(choice) = alternative(element) {
                        self.run_content(choice, style, content);
                    }
                }
                _ => {}
            }
        }
    }

    fn field(&mut self, kind: &str) {
        match kind {
            "begin" => self.fields.push(Field::default()),
            "separate" => {
                if let Some(field) = self.fields.last_mut() {
                    field.in_result = true;
                    field.link = link_of(&field.code);
                }
            }
            _ => drop(self.fields.pop()),
        }
    }

    fn reference(&mut self, kind: NoteKind, element: Element<'_>, content: &mut Content<'_>) {
        let Some(id) = element.attr("id") else { return };
        if kind == NoteKind::Comment {
            self.commented.push(id.into_owned());
            return;
        }
        self.noted.push((kind, id.into_owned()));
        content.inline.push_plain(&format!("[^{}]", self.noted.len()));
    }

    fn table(&mut self, table: Element<'_>) -> Result<(), ExtractError> {
        let rows = rows(table);
        // A table of one cell is a frame round text, not a table.
        if let [row] = rows.as_slice()
            && let [cell] = row_cells(*row).as_slice()
        {
            return self.blocks(*cell);
        }
        let mut out = Vec::new();
        for row in rows {
            self.room.step(self.writer.len())?;
            let mut line = Vec::new();
            for cell in row_cells(row) {
                let properties = cell.child("tcPr");
                let property = |name: &str| properties.and_then(|properties| properties.child(name));
                let span =
                    property("gridSpan").and_then(|e| e.attr("val")).and_then(|span| span.parse().ok()).unwrap_or(1);
                let continues =
                    property("vMerge").is_some_and(|merge| merge.attr("val").is_none_or(|val| val != "restart"));
                let text = if continues { String::new() } else { self.cell(cell) };
                cells::push(&mut line, text, span);
            }
            out.push(line);
        }
        self.writer.table(&out);
        Ok(())
    }

    /// A cell's paragraphs, one a line; a table inside it gives a line for each row.
    fn cell(&mut self, cell: Element<'_>) -> String {
        let mut lines = Vec::new();
        for element in cell.elements() {
            match element.name() {
                "p" => {
                    let content = self.content(element);
                    lines.push(content.inline.markdown());
                    for text_box in content.boxes {
                        lines.push(self.cell(text_box));
                    }
                }
                "tbl" => {
                    for row in rows(element) {
                        let cells: Vec<String> = row_cells(row).into_iter().map(|cell| self.cell(cell)).collect();
                        lines.push(cells.join(" "));
                    }
                }
                "sdt" | "sdtContent" | "ins" | "smartTag" | "customXml" => lines.push(self.cell(element)),
                _ => {}
            }
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    /// The notes of one kind that the text refers to, in the order of their numbers.
    fn notes(&mut self, kind: NoteKind, tree: &Tree<'_>) -> Result<(), ExtractError> {
        let notes = by_id(tree, kind);
        for (index, (noted, id)) in self.noted.clone().into_iter().enumerate() {
            self.room.step(self.writer.len())?;
            if let Some(note) = notes.get(&id).filter(|_| noted == kind) {
                let text = self.cell(*note).replace('\n', " ");
                self.writer.paragraph(&format!("[^{}]: {text}", index + 1));
            }
        }
        Ok(())
    }

    /// The comments, as remarks: they are about the text, not of it.
    fn comments(&mut self, tree: &Tree<'_>) {
        let comments = by_id(tree, NoteKind::Comment);
        for id in std::mem::take(&mut self.commented) {
            let Some(comment) = comments.get(&id) else { continue };
            let author = comment.attr("author").unwrap_or_default();
            let text = self.cell(*comment);
            self.writer.remark(&format!("comment by {author}: {text}"));
        }
    }

    /// A header or footer, as a remark: it belongs to the pages, not to the text. The same text is given once.
    fn margin(&mut self, kind: &str, tree: &Tree<'_>) {
        for root in tree.document().elements() {
            let text = self.cell(root);
            if !text.is_empty() && !self.margins.contains(&text) {
                self.writer.remark(&format!("{kind}: {text}"));
                self.margins.push(text);
            }
        }
    }
}

/// The notes of one kind by their ids.
fn by_id<'t>(tree: &'t Tree<'_>, kind: NoteKind) -> HashMap<String, Element<'t>> {
    let notes = tree.document().find_all(kind.element()).into_iter();
    notes.filter_map(|note| Some((note.attr("id")?.into_owned(), note))).collect()
}

/// A property without a value is on; `0`, `false` and `off` are off.
fn is_on(property: Element<'_>) -> bool {
    property.attr("val").is_none_or(|value| !["0", "false", "off", "none"].contains(&value.as_ref()))
}

/// The variant of a content that has text: the newer one first.
fn alternative(element: Element<'_>) -> Option<Element<'_>> {
    let choices: Vec<Element<'_>> =
        element.elements().filter(|choice| choice.is("Choice") || choice.is("Fallback")).collect();
    let with_text = choices.iter().find(|choice| !choice.text().trim().is_empty());
    with_text.or(choices.first()).copied()
}

fn rows(table: Element<'_>) -> Vec<Element<'_>> {
    unwrapped(table, "tr")
}

fn row_cells(row: Element<'_>) -> Vec<Element<'_>> {
    unwrapped(row, "tc")
}

/// Children of a name, also inside content controls and inserted parts.
fn unwrapped<'t>(parent: Element<'t>, name: &str) -> Vec<Element<'t>> {
    let mut found = Vec::new();
    for element in parent.elements() {
        if element.is(name) {
            found.push(element);
        } else if ["sdt", "sdtContent", "ins", "customXml", "smartTag"].contains(&element.name()) {
            found.extend(unwrapped(element, name));
        }
    }
    found
}

/// The text boxes in a drawing, without those inside one another.
fn boxes<'t>(element: Element<'t>, found: &mut Vec<Element<'t>>) {
    for child in element.elements() {
        match child.name() {
            "txbxContent" => found.push(child),
            "AlternateContent" => {
                if let Some(choice) = alternative(child) {
                    boxes(choice, found);
                }
            }
            _ => boxes(child, found),
        }
    }
}

/// The address of a `HYPERLINK "…"` field.
fn link_of(code: &str) -> Option<String> {
    let rest = code.trim_start().strip_prefix("HYPERLINK")?;
    let address = rest.split('"').nth(1)?;
    (!address.is_empty() && !rest.trim_start().starts_with("\\l")).then(|| address.to_owned())
}

/// A character of a symbol font. Those of the private area have no meaning without their font, but for bullets.
fn symbol(element: Element<'_>) -> String {
    let code = element.attr("char").and_then(|code| u32::from_str_radix(&code, 16).ok()).unwrap_or(0);
    match code {
        0xf0b7 | 0xf0a7 => "•".to_owned(),
        0xe000..=0xf8ff => String::new(),
        code => char::from_u32(code).map_or(String::new(), String::from),
    }
}

/// A formula on one line.
fn math(element: Element<'_>) -> String {
    let mut out = String::new();
    for node in element.nodes() {
        if let Node::Element(child) = node {
            match child.name() {
                "t" => out.push_str(&child.text()),
                "f" => {
                    let part = |name: &str| child.child(name).map_or(String::new(), math);
                    out.extend(["(", &part("num"), ")/(", &part("den"), ")"]);
                }
                "sup" => out.extend(["^", &math(child)]),
                "sub" => out.extend(["_", &math(child)]),
                "rPr" | "ctrlPr" => {}
                _ => out.push_str(&math(child)),
            }
        }
    }
    out
}
