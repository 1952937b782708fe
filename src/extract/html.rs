//! HTML to Markdown: headings, lists, tables, links, emphasis, quotes and code.
//!
//! The whole page counts, its navigation too; scripts, styles and templates do not. The charset is the byte order
//! mark's, the `meta` element's or what the bytes look like, in this order (WHATWG HTML, 13.2.3.2).

use super::dom::{DOCUMENT, Kind, Page};
use super::markdown::{Inline, Style, Writer};
use super::{ExtractError, Extracted, Room, cells, charset};

pub(super) const ENGINE: &str = "html5ever 0.40.1";

/// Below this depth only the text is taken, so that the walk stays within its stack.
const DEPTH_MAX: usize = 150;

const SKIPPED: [&str; 8] = ["script", "style", "template", "head", "noscript", "iframe", "object", "datalist"];

const BLOCKS: [&str; 38] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "ul",
];

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut writer = Writer::default();
    let page = convert(bytes, None, &mut writer, room)?;
    let is_author = |id: &usize| {
        page.name(*id) == Some("meta") && page.attr(*id, "name").is_some_and(|name| name.eq_ignore_ascii_case("author"))
    };
    let author = page.descendants(DOCUMENT).filter(is_author).find_map(|id| page.attr(id, "content"));
    let author = author.map(str::to_owned);
    let title = title(&page);
    Ok(Extracted { text: writer.finish(), title, author, engine: ENGINE, ..Extracted::default() })
}

fn title(page: &Page) -> Option<String> {
    let head = page.find("head")?;
    let title = page.descendants(head).find(|id| page.name(*id) == Some("title"))?;
    Some(page.text(title).split_whitespace().collect::<Vec<_>>().join(" ")).filter(|title| !title.is_empty())
}

/// Appends a page to a document. `declared` is what a header outside the page says of its charset.
pub(super) fn convert(
    bytes: &[u8],
    declared: Option<&str>,
    writer: &mut Writer,
    room: &mut Room<'_>,
) -> Result<Page, ExtractError> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    let label = declared
        .or_else(|| charset::declared_label(&head, "charset"))
        .or_else(|| charset::declared_label(&head, "encoding"));
    let decoded = charset::decode(bytes, label);
    room.step(0)?;
    let page = Page::parse(&decoded.text, &mut *room.progress);
    room.step(0)?;
    write_page(&page, writer, room)?;
    Ok(page)
}

/// Appends a page that is decoded already.
pub(super) fn convert_text(source: &str, writer: &mut Writer, room: &mut Room<'_>) -> Result<(), ExtractError> {
    let page = Page::parse(source, &mut *room.progress);
    write_page(&page, writer, room)
}

fn write_page(page: &Page, writer: &mut Writer, room: &mut Room<'_>) -> Result<(), ExtractError> {
    let first_heading = page.find("h1").map(|id| page.text(id).split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some(title) = title(page).filter(|title| first_heading.as_ref() != Some(title)) {
        writer.heading(1, &title);
    }
    let mut walker = Walker { page, writer, room, inline: Inline::default(), item: None, quoted: false };
    walker.children(DOCUMENT, &Style::default(), 0)?;
    walker.flush();
    walker.room.step(walker.writer.len())
}

/// The list item that the next text begins: its depth and mark.
#[derive(Debug, Clone)]
struct Item {
    depth: usize,
    mark: String,
}

struct Walker<'w, 'p, 'x> {
    page: &'w Page,
    writer: &'w mut Writer,
    room: &'x mut Room<'p>,
    inline: Inline,
    item: Option<Item>,
    quoted: bool,
}

impl Walker<'_, '_, '_> {
    /// Ends the paragraph that is being gathered.
    fn flush(&mut self) {
        let text = tidy(&std::mem::take(&mut self.inline).markdown());
        if text.is_empty() {
            return;
        }
        match self.item.take() {
            Some(item) => self.writer.item(item.depth, &item.mark, &text),
            None if self.quoted => self.writer.quote(&text),
            None => self.writer.paragraph(&text),
        }
    }

    fn children(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let page = self.page;
        if depth > DEPTH_MAX {
            self.inline.push(style, &page.text(id));
            return Ok(());
        }
        for child in &page.nodes[id].children {
            match &page.nodes[*child].kind {
                Kind::Text(text) => self.text(style, text),
                Kind::Element { .. } => self.element(*child, style, depth + 1)?,
                Kind::Document | Kind::Nothing => {}
            }
        }
        Ok(())
    }

    /// White space in HTML is one space, and none at the beginning of a line.
    fn text(&mut self, style: &Style, text: &str) {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if !matches!(c, ' ' | '\n' | '\t' | '\r' | '\x0c') {
                out.push(c);
            } else if !out.ends_with(' ') {
                out.push(' ');
            }
        }
        self.inline.push(style, &out);
    }

    fn element(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let name = self.page.name(id).unwrap_or_default();
        if SKIPPED.contains(&name) {
            return Ok(());
        }
        if !BLOCKS.contains(&name) {
            return self.phrase(id, name, style, depth);
        }
        self.flush();
        self.room.step(self.writer.len())?;
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.children(id, &Style { bold: false, ..style.clone() }, depth)?;
                let text = std::mem::take(&mut self.inline).markdown();
                self.item = None;
                self.writer.heading(usize::from(name.as_bytes()[1] - b'0'), &text);
            }
            "ul" | "ol" | "menu" | "dir" => self.list(id, name == "ol", style, depth, 0)?,
            "table" => self.table(id, style, depth)?,
            "pre" => self.writer.code(&self.page.text(id)),
            "blockquote" => {
                let outer = std::mem::replace(&mut self.quoted, true);
                self.children(id, style, depth)?;
                self.flush();
                self.quoted = outer;
            }
            _ => self.children(id, style, depth)?,
        }
        self.flush();
        Ok(())
    }

    fn phrase(&mut self, id: usize, name: &str, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let styled = match name {
            "b" | "strong" => Style { bold: true, ..style.clone() },
            "i" | "em" | "cite" | "var" => Style { italic: true, ..style.clone() },
            "s" | "del" | "strike" => Style { strike: true, ..style.clone() },
            "code" | "kbd" | "samp" | "tt" => Style { code: true, ..style.clone() },
            "a" => {
                let target = self.page.attr(id, "href").map(str::trim).filter(|href| is_address(href));
                Style { link: target.map(str::to_owned), ..style.clone() }
            }
            "br" => {
                self.inline.push(style, "\n");
                return Ok(());
            }
            "option" | "td" | "th" | "tr" | "caption" | "button" | "label" => {
                self.inline.push(style, " ");
                self.children(id, style, depth)?;
                self.inline.push(style, " ");
                return Ok(());
            }
            _ => style.clone(),
        };
        self.children(id, &styled, depth)
    }

    fn list(
        &mut self,
        id: usize,
        ordered: bool,
        style: &Style,
        depth: usize,
        level: usize,
    ) -> Result<(), ExtractError> {
        let page = self.page;
        let mut number: i64 = page.attr(id, "start").and_then(|start| start.trim().parse().ok()).unwrap_or(1);
        for child in &page.nodes[id].children {
            match page.name(*child) {
                Some("li") => {
                    let mark = if ordered { format!("{number}.") } else { "-".to_owned() };
                    number = number.saturating_add(1);
                    self.item = Some(Item { depth: level, mark });
                    self.list_item(*child, style, depth + 1, level)?;
                    self.flush();
                    self.item = None;
                }
                Some("ul" | "ol" | "menu" | "dir") if depth < DEPTH_MAX => {
                    self.list(*child, page.name(*child) == Some("ol"), style, depth + 1, level + 1)?;
                }
                Some(_) => self.element(*child, style, depth + 1)?,
                None => self.children_of_text(*child, style),
            }
        }
        self.flush();
        Ok(())
    }

    fn children_of_text(&mut self, id: usize, style: &Style) {
        if let Kind::Text(text) = &self.page.nodes[id].kind
            && !text.trim().is_empty()
        {
            self.text(style, text);
        }
    }

    fn list_item(&mut self, id: usize, style: &Style, depth: usize, level: usize) -> Result<(), ExtractError> {
        let page = self.page;
        for child in &page.nodes[id].children {
            match page.name(*child) {
                Some(name @ ("ul" | "ol" | "menu" | "dir")) if depth < DEPTH_MAX => {
                    self.flush();
                    self.list(*child, name == "ol", style, depth + 1, level + 1)?;
                }
                Some(_) => self.element(*child, style, depth + 1)?,
                None => {
                    if let Kind::Text(text) = &page.nodes[*child].kind {
                        self.text(style, text);
                    }
                }
            }
        }
        Ok(())
    }

    /// A table of data becomes one; a table that lays out blocks becomes its blocks.
    fn table(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let page = self.page;
        let rows = self.rows(id);
        let widest = rows.iter().map(|row| self.cells(*row).len()).max().unwrap_or(0);
        let lays_out = page.descendants(id).any(|inner| {
            matches!(
                page.name(inner),
                Some("table" | "h1" | "h2" | "h3" | "h4" | "ul" | "ol" | "blockquote" | "pre" | "form")
            )
        });
        if lays_out || widest < 2 {
            return self.layout(id, style, depth);
        }
        if let Some(caption) = page.nodes[id].children.iter().find(|child| page.name(**child) == Some("caption")) {
            self.children(*caption, style, depth)?;
            self.flush();
        }
        let mut out: Vec<Vec<String>> = Vec::new();
        // Rows that a cell of an earlier row still covers, by column.
        let mut covered: Vec<usize> = Vec::new();
        for row in rows {
            self.room.step(self.writer.len())?;
            let mut line: Vec<String> = Vec::new();
            for cell in self.cells(row) {
                Self::skip_covered(&mut line, &mut covered);
                let number =
                    |key: &str| page.attr(cell, key).and_then(|value| value.trim().parse().ok()).unwrap_or(1_usize);
                let (columns, height) = (number("colspan").clamp(1, 256), number("rowspan").clamp(1, 4096));
                let outer = std::mem::take(&mut self.inline);
                self.cell(cell, style, depth)?;
                let text = std::mem::replace(&mut self.inline, outer).markdown();
                covered.resize(covered.len().max(line.len() + columns), 0);
                covered[line.len()..line.len() + columns].fill(height - 1);
                cells::push(&mut line, text, columns);
            }
            Self::skip_covered(&mut line, &mut covered);
            out.push(line);
        }
        self.writer.table(&out);
        Ok(())
    }

    fn skip_covered(line: &mut Vec<String>, covered: &mut [usize]) {
        while let Some(rows) = covered.get_mut(line.len()).filter(|rows| **rows > 0) {
            *rows -= 1;
            line.push(String::new());
        }
    }

    /// The text of a cell on one line: its blocks are set apart by spaces.
    fn cell(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let page = self.page;
        if depth > DEPTH_MAX {
            self.inline.push(style, &page.text(id));
            return Ok(());
        }
        for child in &page.nodes[id].children {
            match page.name(*child) {
                None => {
                    if let Kind::Text(text) = &page.nodes[*child].kind {
                        self.text(style, text);
                    }
                }
                Some(name) if SKIPPED.contains(&name) => {}
                Some(name) if BLOCKS.contains(&name) => {
                    self.inline.push(style, " ");
                    self.cell(*child, style, depth + 1)?;
                    self.inline.push(style, " ");
                }
                Some(name) => self.phrase(*child, name, style, depth + 1)?,
            }
        }
        Ok(())
    }

    fn layout(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let page = self.page;
        for child in &page.nodes[id].children {
            match page.name(*child) {
                Some("thead" | "tbody" | "tfoot" | "tr") if depth < DEPTH_MAX => {
                    self.layout(*child, style, depth + 1)?;
                }
                Some(_) => {
                    self.flush();
                    self.children(*child, style, depth + 1)?;
                    self.flush();
                }
                None => {}
            }
        }
        Ok(())
    }

    fn rows(&self, table: usize) -> Vec<usize> {
        let mut rows = Vec::new();
        for child in &self.page.nodes[table].children {
            match self.page.name(*child) {
                Some("tr") => rows.push(*child),
                Some("thead" | "tbody" | "tfoot") => {
                    let inner = self.page.nodes[*child].children.iter().copied();
                    rows.extend(inner.filter(|row| self.page.name(*row) == Some("tr")));
                }
                _ => {}
            }
        }
        rows
    }

    fn cells(&self, row: usize) -> Vec<usize> {
        let children = self.page.nodes[row].children.iter().copied();
        children.filter(|cell| matches!(self.page.name(*cell), Some("td" | "th"))).collect()
    }
}

/// Addresses inside the page and scripts lead nowhere once the page is text.
fn is_address(href: &str) -> bool {
    !href.is_empty() && !href.starts_with('#') && !href.starts_with("javascript:") && !href.starts_with("data:")
}

/// Lines without white space at their ends and without doubled spaces.
fn tidy(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let mut out = String::with_capacity(line.len());
        for c in line.trim_matches(' ').chars() {
            if c != ' ' || !out.ends_with(' ') {
                out.push(c);
            }
        }
        out
    });
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn structure_becomes_markdown() {
        let page = "<title>T</title><h1>Head</h1><p>One <b>bold</b> and <a href='http://x.y/'>link</a>.<ul><li>a<ul><li>b</ul><li>c</ul>\
                    <ol start=3><li>d</ol><script>no()</script>";
        let text = read(page.as_bytes(), "text/html").text;
        let expected = "# T\n\n# Head\n\nOne **bold** and [link](http://x.y/).\n\n- a\n    - b\n- c\n3. d\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn merged_cells_leave_blanks() {
        let page = "<table><tr><th rowspan=2>a<th>b<tr><td>c<tr><td colspan=2>d</table>";
        let text = read(page.as_bytes(), "text/html").text;
        assert_eq!(text, "| a | b |\n| --- | --- |\n|  | c |\n| d |  |\n");
    }

    #[test]
    fn charset_of_the_meta_element_is_obeyed() {
        let text = read(b"<meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2", "text/html").text;
        assert_eq!(text, "Привет\n");
    }

    #[test]
    fn deep_nesting_does_not_overflow() {
        let page = "<div>".repeat(50_000) + "deep";
        assert!(read(page.as_bytes(), "text/html").text.ends_with("deep\n"));
    }
}
