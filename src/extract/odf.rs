//! ODF text and presentations as Markdown (version 1.3, part 3). Spreadsheets are read as workbooks.
//!
//! Tracked deletions are left out. Headers and footers are remarks, each once.

use std::collections::HashMap;

use super::markdown::{Inline, Style, Writer};
use super::numbering::{Counter, Format, Level};
use super::package::Package;
use super::xml::{self, Element, Node, Tree};
use super::{ExtractError, Extracted, Room, cells};

pub(super) fn extract_text_document(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    extract(bytes, room, false)
}

pub(super) fn extract_presentation(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    extract(bytes, room, true)
}

fn extract(bytes: &[u8], room: &mut Room<'_>, slides: bool) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    refuse_encrypted(&mut package)?;
    let content = xml::decode(&package.required("content.xml")?);
    let styles = package.part("styles.xml")?.map_or(String::new(), |bytes| xml::decode(&bytes));
    let tree = Tree::parse(&content)?;
    let style_tree = Tree::parse(&styles)?;
    let mut reader = Reader {
        styles: HashMap::new(),
        lists: HashMap::new(),
        writer: Writer::default(),
        notes: Vec::new(),
        counters: HashMap::new(),
        room,
    };
    reader.learn(&style_tree);
    reader.learn(&tree);
    let mut extracted = Extracted { engine: xml::ENGINE, ..Extracted::default() };
    if let Some(body) = tree.document().find("body") {
        if slides {
            extracted.pages = Some(reader.slides(body)?);
        } else {
            body.elements().try_for_each(|e| reader.blocks(e))?;
        }
    }
    reader.end_notes();
    if !slides {
        reader.margins(&style_tree);
    }
    extracted.text = reader.writer.finish();
    xml::note_damage(&tree, "content.xml", &mut extracted.warnings);
    if let Some(meta) = package.part("meta.xml")? {
        let source = xml::decode(&meta);
        (extracted.title, extracted.author) = xml::title_and_author(&source);
        let tree = Tree::parse(&source)?;
        let statistics = tree.document().find("document-statistic");
        let pages = statistics.and_then(|element| element.attr("page-count")).and_then(|count| count.parse().ok());
        extracted.pages = extracted.pages.or(pages);
    }
    Ok(extracted)
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
    notes: Vec<String>,
    counters: HashMap<String, Counter>,
    room: &'x mut Room<'p>,
}

/// What a paragraph holds: its text, and the frames anchored in it.
#[derive(Default)]
struct Content<'t> {
    inline: Inline,
    frames: Vec<Element<'t>>,
}

impl Reader<'_, '_> {
    fn learn(&mut self, tree: &Tree<'_>) {
        for style in tree.document().find_all("style") {
            let Some(name) = style.attr("name") else { continue };
            if style.attr("family").is_none_or(|family| family != "text") {
                continue;
            }
            let property = |key: &str| style.child("text-properties").and_then(|properties| properties.attr(key));
            let bold = property("font-weight")
                .is_some_and(|weight| weight == "bold" || weight.parse().is_ok_and(|weight: u32| weight >= 600));
            let italic = property("font-style").is_some_and(|value| value == "italic" || value == "oblique");
            let strike = property("text-line-through-style").is_some_and(|value| value != "none");
            self.styles.insert(name.into_owned(), Style { bold, italic, strike, ..Style::default() });
        }
        for list in tree.document().find_all("list-style") {
            let Some(name) = list.attr("name") else { continue };
            self.lists.insert(name.into_owned(), list.elements().filter_map(level_of).collect());
        }
    }

    fn blocks(&mut self, parent: Element<'_>) -> Result<(), ExtractError> {
        for element in parent.elements() {
            self.room.step(self.writer.len())?;
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

    fn content<'t>(&mut self, paragraph: Element<'t>) -> Content<'t> {
        let mut content = Content::default();
        self.inline(paragraph, &Style::default(), &mut content);
        content
    }

    fn inline<'t>(&mut self, parent: Element<'t>, style: &Style, content: &mut Content<'t>) {
        for node in parent.nodes() {
            let element = match node {
                Node::Text(text) => {
                    content.inline.push(style, &collapsed(text));
                    continue;
                }
                Node::Element(element) => element,
            };
            match element.name() {
                "span" => {
                    let own = element.attr("style-name").and_then(|name| self.styles.get(name.as_ref())).cloned();
                    let own = own.map_or_else(|| style.clone(), |own| Style { link: style.link.clone(), ..own });
                    self.inline(element, &own, content);
                }
                "a" => {
                    let link =
                        element.attr("href").map(std::borrow::Cow::into_owned).filter(|link| !link.starts_with('#'));
                    self.inline(element, &Style { link, ..style.clone() }, content);
                }
                "s" => {
                    let count = element.attr("c").and_then(|count| count.parse().ok()).unwrap_or(1_usize);
                    content.inline.push(style, &" ".repeat(count.min(100)));
                }
                "tab" => content.inline.push(style, "\t"),
                "line-break" => content.inline.push(style, "\n"),
                "note" => self.note(element, content),
                "frame" | "custom-shape" | "g" => content.frames.push(element),
                "annotation" | "annotation-end" | "bookmark" | "change" | "ruby-text" | "tracked-changes" => {}
                _ => self.inline(element, style, content),
            }
        }
    }

    fn note(&mut self, note: Element<'_>, content: &mut Content<'_>) {
        let text = note.child("note-body").map_or(String::new(), |body| self.cell(body)).replace('\n', " ");
        self.notes.push(text);
        content.inline.push_plain(&format!("[^{}]", self.notes.len()));
    }

    fn end_notes(&mut self) {
        for (index, note) in std::mem::take(&mut self.notes).into_iter().enumerate() {
            self.writer.paragraph(&format!("[^{}]: {note}", index + 1));
        }
    }

    fn list(&mut self, list: Element<'_>, depth: usize, outer: Option<&str>) -> Result<(), ExtractError> {
        let own = list.attr("style-name");
        let name = own.as_deref().or(outer).unwrap_or("").to_owned();
        let level = self.lists.get(&name).and_then(|levels| levels.iter().find(|(at, _)| *at == depth + 1));
        let level = level.map_or(Level { format: Format::Bullet, start: 1 }, |(_, level)| level.clone());
        let continues = list.attr("continue-numbering").is_some_and(|value| value == "true")
            || list.attr("continue-list").is_some();
        if depth == 0 && !continues {
            self.counters.remove(&name);
        }
        for item in list.elements() {
            let header = item.is("list-header");
            let mut first = true;
            for element in item.elements() {
                self.room.step(self.writer.len())?;
                match element.name() {
                    "p" | "h" => {
                        let content = self.content(element);
                        let text = content.inline.markdown();
                        if element.is("h") {
                            let level = element.attr("outline-level").and_then(|level| level.parse().ok()).unwrap_or(1);
                            self.writer.heading(level, &text);
                        } else if first && !header && !text.is_empty() {
                            let mark = self.counters.entry(name.clone()).or_default().next(depth, &level);
                            self.writer.item(depth, &mark, &text);
                        } else {
                            self.writer.paragraph(&text);
                        }
                        first = false;
                        self.frames(content.frames)?;
                    }
                    "list" => self.list(element, depth + 1, Some(&name))?,
                    _ => self.blocks(element)?,
                }
            }
        }
        Ok(())
    }

    fn table(&mut self, table: Element<'_>) -> Result<(), ExtractError> {
        let mut rows = Vec::new();
        for row in rows_of(table) {
            self.room.step(self.writer.len())?;
            let mut line = Vec::new();
            for cell in row.elements() {
                let number = |key: &str| cell.attr(key).and_then(|value| value.parse().ok()).unwrap_or(1_usize);
                // Covered cells are there and count for themselves, so a span needs no blanks of its own.
                match cell.name() {
                    "table-cell" => {
                        let text = self.cell(cell);
                        let repeated = number("number-columns-repeated");
                        let copies = if text.is_empty() { repeated } else { repeated.min(64) };
                        for _ in 1..copies.min(256) {
                            cells::push(&mut line, text.clone(), 1);
                        }
                        cells::push(&mut line, text, 1);
                    }
                    "covered-table-cell" => cells::push(&mut line, String::new(), number("number-columns-repeated")),
                    _ => {}
                }
            }
            rows.push(line);
        }
        self.writer.table(&rows);
        Ok(())
    }

    /// The paragraphs of a cell or note, one a line.
    fn cell(&mut self, cell: Element<'_>) -> String {
        let mut lines = Vec::new();
        for element in cell.elements() {
            match element.name() {
                "p" | "h" => {
                    let content = self.content(element);
                    lines.push(content.inline.markdown());
                    for frame in content.frames {
                        lines.push(self.cell(frame));
                    }
                }
                "annotation" => {}
                _ => lines.push(self.cell(element)),
            }
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    fn slides(&mut self, body: Element<'_>) -> Result<u32, ExtractError> {
        let pages = body.find_all("page");
        for (index, page) in pages.iter().enumerate() {
            self.writer.remark(&format!("slide {}", index + 1));
            for shape in page.elements() {
                let class = shape.attr("class");
                match (shape.name(), class.as_deref()) {
                    (_, Some("page-number")) => {}
                    ("notes", _) => {
                        let frames =
                            shape.elements().filter(|frame| frame.attr("class").is_none_or(|class| class == "notes"));
                        let text = frames.map(|frame| self.cell(frame)).collect::<Vec<_>>().join("\n");
                        self.writer.quote(&text);
                    }
                    (_, Some("title")) => {
                        let text = self.cell(shape);
                        self.writer.heading(2, &text);
                    }
                    _ => self.frames(vec![shape])?,
                }
            }
        }
        Ok(u32::try_from(pages.len()).unwrap_or(u32::MAX))
    }

    /// The headers and footers of the page styles, each text once.
    fn margins(&mut self, styles: &Tree<'_>) {
        let Some(masters) = styles.document().find("master-styles") else {
            return;
        };
        let mut seen: Vec<String> = Vec::new();
        for page in masters.find_all("master-page") {
            for margin in page.elements().filter(|e| e.name().starts_with("header") || e.name().starts_with("footer")) {
                let text = margin.text();
                if !text.trim().is_empty() && !seen.contains(&text) {
                    seen.push(text);
                    let kind = if margin.name().starts_with("header") { "header" } else { "footer" };
                    let text = self.cell(margin);
                    self.writer.remark(&format!("{kind}: {text}"));
                }
            }
        }
    }
}

fn level_of(element: Element<'_>) -> Option<(usize, Level)> {
    let depth = element.attr("level")?.parse().ok()?;
    let start = element.attr("start-value").and_then(|start| start.parse().ok()).unwrap_or(1);
    let format = match (element.name(), element.attr("num-format").as_deref()) {
        ("list-level-style-number", Some("1")) => Format::Decimal,
        ("list-level-style-number", Some("a")) => Format::LowerLetter,
        ("list-level-style-number", Some("A")) => Format::UpperLetter,
        ("list-level-style-number", Some("i")) => Format::LowerRoman,
        ("list-level-style-number", Some("I")) => Format::UpperRoman,
        _ => Format::Bullet,
    };
    Some((depth, Level { format, start }))
}

/// The rows of a table, also those in groups and in its head.
fn rows_of(table: Element<'_>) -> Vec<Element<'_>> {
    let mut rows = Vec::new();
    for element in table.elements() {
        match element.name() {
            "table-row" => rows.push(element),
            "table-header-rows" | "table-rows" | "table-row-group" => rows.extend(rows_of(element)),
            _ => {}
        }
    }
    rows
}

/// White space in ODF is what `text:s` and its like say; what is written counts as one space.
fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
        if c != ' ' || !out.ends_with(' ') {
            out.push(c);
        }
    }
    out
}
