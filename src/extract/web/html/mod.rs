//! HTML to Markdown: headings, lists, tables, links, emphasis, quotes and code.
//!
//! The whole page counts, its navigation too; scripts, styles and templates do not. The charset is the byte order
//! mark's, the `meta` element's or what the bytes look like, in this order (WHATWG HTML, 13.2.3.2).

mod blocks;
mod math;
mod tables;

use super::dom::{DOCUMENT, Page};
use crate::extract::markdown::{Inline, Style, Writer};
use crate::extract::text::charset;
use crate::extract::{ExtractError, Extracted, Room};

pub(crate) const ENGINE: &str = "html5ever 0.40.1";

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut writer = Writer::default();
    let page = convert(bytes, None, &mut writer, room)?;
    let is_author = |id: &usize| {
        page.name(*id) == Some("meta") && page.attr(*id, "name").is_some_and(|name| name.eq_ignore_ascii_case("author"))
    };
    let author = page.descendants(DOCUMENT).filter(is_author).find_map(|id| page.attr(id, "content"));
    let author = author.map(str::to_owned);
    let language = page.find("html").and_then(|id| page.attr(id, "lang")).map(str::to_owned);
    let title = title(&page);
    Ok(Extracted { text: writer.finish(), title, author, language, engine: ENGINE, ..Extracted::default() })
}

fn title(page: &Page) -> Option<String> {
    let head = page.find("head")?;
    let title = page.descendants(head).find(|id| page.name(*id) == Some("title"))?;
    Some(page.text(title).split_whitespace().collect::<Vec<_>>().join(" ")).filter(|title| !title.is_empty())
}

/// Appends a page to a document. `declared` is what a header outside the page says of its charset.
pub(crate) fn convert(
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
    let page = Page::parse(&decoded.text, &mut || room.host.progress());
    room.step(0)?;
    write_page(&page, writer, room)?;
    Ok(page)
}

/// Appends a page that is decoded already.
pub(crate) fn convert_text(source: &str, writer: &mut Writer, room: &mut Room<'_>) -> Result<(), ExtractError> {
    let page = Page::parse(source, &mut || room.host.progress());
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

#[cfg(test)]
mod tests {
    use crate::extract::tests::read;

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
