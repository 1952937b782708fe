//! XML: a forgiving tree for the engines that read it, and the text of files that are XML themselves.
//!
//! Names are compared without their prefixes. No entity but the five predefined ones and character references is
//! expanded, and nothing outside the bytes is ever read, so there is no entity bomb and no leak. What cannot be parsed
//! ends the tree, and what was read so far counts. Depth is bounded, so that walks may recurse. What feeds and maps keep
//! as HTML inside a text is read as HTML.

mod element;
mod tree;

pub(crate) use element::{Element, Node};
use tree::DEPTH_MAX;
pub(crate) use tree::Tree;

use super::markdown::Writer;
use super::text::charset;
use super::web::html;
use super::{ExtractError, Extracted, Room};

/// Decodes a part by its byte order mark or XML declaration.
pub(crate) fn decode(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]);
    let declaration = head.split("?>").next().filter(|declaration| declaration.trim_start().starts_with("<?xml"));
    charset::decode(bytes, declaration.and_then(|declaration| charset::declared_label(declaration, "encoding"))).text
}

/// The text of a file that is XML: a line for each element that has text of its own.
pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let source = decode(bytes);
    let tree = Tree::parse(&source)?;
    room.step(0)?;
    let mut writer = Lines { out: String::new(), room };
    writer.element(tree.document())?;
    let title = tree.root().and_then(|root| root.find("title")).map(Element::text);
    let mut extracted = Extracted { text: writer.out, title, engine: ENGINE, ..Extracted::default() };
    note_damage(&tree, "The XML", &mut extracted.warnings);
    Ok(extracted)
}

/// The text that a drawing shows; what drawing programs keep in it besides is no text.
pub(crate) fn extract_svg(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let source = decode(bytes);
    let tree = Tree::parse(&source)?;
    let mut writer = Lines { out: String::new(), room };
    for name in ["title", "desc", "text"] {
        tree.document().find_all(name).into_iter().try_for_each(|element| writer.element(element))?;
    }
    let title = tree.root().and_then(|root| root.child("title")).map(Element::text);
    let mut extracted = Extracted { text: writer.out, title, engine: ENGINE, ..Extracted::default() };
    note_damage(&tree, "The drawing", &mut extracted.warnings);
    Ok(extracted)
}

pub(crate) const ENGINE: &str = "quick-xml 0.42.0";

struct Lines<'x, 'p> {
    out: String,
    room: &'x mut Room<'p>,
}

impl Lines<'_, '_> {
    fn element(&mut self, element: Element<'_>) -> Result<(), ExtractError> {
        if ["script", "style"].contains(&element.name()) {
            return Ok(());
        }
        let mixed = element.nodes().any(|node| matches!(node, Node::Text(text) if !text.trim().is_empty()));
        if !mixed {
            return element.elements().try_for_each(|child| self.element(child));
        }
        let text = element.text();
        if is_html(element.name(), &text) {
            let mut writer = Writer::default();
            html::convert_text(&text, &mut writer, self.room)?;
            self.out.push_str(&writer.finish());
            return Ok(());
        }
        let before = self.out.len();
        for word in text.split_whitespace() {
            if self.out.len() > before {
                self.out.push(' ');
            }
            self.out.push_str(word);
        }
        self.out.push('\n');
        Ok(())
    }
}

/// Elements whose text is HTML by the formats that have them: RSS 2.0, Atom (RFC 4287, 3.1.1.2) and KML 2.3.
const OF_HTML: [&str; 4] = ["content", "description", "encoded", "summary"];

/// Whether a text is HTML, and not about it.
fn is_html(element: &str, text: &str) -> bool {
    OF_HTML.contains(&element) && ["</", "<br", "/>"].iter().any(|tag| text.contains(tag))
}

/// Fills in what a Dublin Core part says: `docProps/core.xml`, `meta.xml`, an OPF's metadata.
pub(crate) fn add_properties(tree: &Tree<'_>, extracted: &mut Extracted) {
    let find = |names: &[&str]| {
        let texts = names.iter().filter_map(|name| tree.document().find(name)).map(Element::text);
        texts.map(|text| text.trim().to_owned()).find(|text| !text.is_empty())
    };
    extracted.title = find(&["title"]);
    extracted.author = find(&["creator", "initial-creator"]);
    extracted.created = find(&["created", "creation-date", "date"]);
    extracted.language = find(&["language"]);
}

/// Warns when a part could not be read to its end, or not with all of its structure.
pub(crate) fn note_damage(tree: &Tree<'_>, part: &str, warnings: &mut Vec<String>) {
    if tree.broken {
        warnings.push(format!("damaged: {part} breaks off."));
    }
    if tree.flattened {
        warnings.push(format!("skipped: {part} nests deeper than {DEPTH_MAX} elements, which are read side by side."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::tests::read;

    #[test]
    fn attributes_and_text_are_unescaped() {
        let tree = Tree::parse("<a:r x:k='1 &lt; 2' k=\"2\">a &amp; b&#x41;<![CDATA[<c>]]></a:r>").expect("parses");
        let root = tree.root().expect("has a root");
        assert_eq!(root.name(), "r");
        assert_eq!(root.attr("k").as_deref(), Some("1 < 2"));
        assert_eq!(root.text(), "a & bA<c>");
    }

    #[test]
    fn entity_is_never_expanded() {
        let tree = Tree::parse("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>").expect("parses");
        assert_eq!(tree.root().expect("has a root").text(), "&x;");
    }

    #[test]
    fn depth_is_bounded() {
        let source = "<a>".repeat(100_000) + "x";
        let tree = Tree::parse(&source).expect("parses");
        assert_eq!(tree.document().text(), "x");
    }

    #[test]
    fn flattening_is_warned_of() {
        let nested = |depth: usize| "<a>".repeat(depth) + "x" + &"</a>".repeat(depth);
        let extracted = read(nested(DEPTH_MAX + 1).as_bytes(), "application/xml");
        assert_eq!(extracted.text, "x\n");
        assert!(extracted.warnings[0].starts_with("skipped: The XML nests deeper than 200 "));
        assert!(read(nested(DEPTH_MAX - 1).as_bytes(), "application/xml").warnings.is_empty());
    }

    #[test]
    fn html_inside_a_text_is_read_and_text_about_it_is_kept() {
        let feed = "<rss><title>a</title><description>Of &lt;b style='x'&gt;note&lt;/b&gt;</description>\
                    <hint>Write &lt;b&gt;x&lt;/b&gt;</hint><encoded><![CDATA[<p>y</p>]]></encoded></rss>";
        assert_eq!(read(feed.as_bytes(), "application/xml").text, "a\nOf **note**\nWrite <b>x</b>\ny\n");
    }

    #[test]
    fn xml_file_gives_a_line_for_each_text() {
        let extracted = read(b"<n><to>Tove</to><body>Do <b>not</b>\n forget</body></n>", "application/xml");
        assert_eq!(extracted.text, "Tove\nDo not forget\n");
    }
}
