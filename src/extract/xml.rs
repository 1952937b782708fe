//! XML: a forgiving tree for the engines that read it, and the text of files that are XML themselves.
//!
//! Names are compared without their prefixes. No entity but the five predefined ones and character references is
//! expanded, and nothing outside the bytes is ever read, so there is no entity bomb and no leak. What cannot be parsed
//! ends the tree, and what was read so far counts. Depth is bounded, so that walks may recurse.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{ExtractError, Extracted, Room, charset};

/// Deeper elements become siblings: no real document nests so deep, and a walk of this depth fits on the stack.
const DEPTH_MAX: usize = 200;
/// A node takes about 80 bytes, so a tree stays well within the memory of a child.
const NODES_MAX: usize = 4 << 20;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Slot<'a> {
    /// The name with its prefix; empty for a text.
    name: &'a str,
    /// The attributes as written; of a text, the text itself.
    content: Cow<'a, str>,
    first: u32,
    next: u32,
}

/// A parsed document.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    slots: Vec<Slot<'a>>,
    /// Why the rest of the document is missing.
    pub broken: Option<String>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'t> {
    tree: &'t Tree<'t>,
    id: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Node<'t> {
    Element(Element<'t>),
    Text(&'t str),
}

/// Decodes a part by its byte order mark or XML declaration.
pub(super) fn decode(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]);
    let declaration = head.split("?>").next().filter(|declaration| declaration.trim_start().starts_with("<?xml"));
    charset::decode(bytes, declaration.and_then(|declaration| charset::declared_label(declaration, "encoding"))).text
}

impl<'a> Tree<'a> {
    pub fn parse(source: &'a str) -> Result<Self, ExtractError> {
        let mut builder = Builder::new(source);
        let mut reader = Reader::from_str(source);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        loop {
            let from = position(&reader);
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(event) => builder.take(&event, from, position(&reader))?,
                Err(error) => {
                    builder.tree.broken = Some(error.to_string());
                    break;
                }
            }
        }
        Ok(builder.tree)
    }

    /// A node that holds the document's elements.
    pub fn document(&self) -> Element<'_> {
        Element { tree: self, id: 0 }
    }

    pub fn root(&self) -> Option<Element<'_>> {
        self.document().elements().next()
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).expect("a position within memory fits")
}

struct Builder<'a> {
    source: &'a str,
    tree: Tree<'a>,
    /// The open elements and the last child of each.
    open: Vec<(u32, u32)>,
    /// How many elements are open below the deepest that counts.
    too_deep: usize,
}

impl<'a> Builder<'a> {
    fn new(source: &'a str) -> Self {
        let root = Slot { name: "", content: Cow::Borrowed(""), first: NONE, next: NONE };
        Self { source, tree: Tree { slots: vec![root], broken: None }, open: vec![(0, NONE)], too_deep: 0 }
    }

    fn take(&mut self, event: &Event<'_>, from: usize, to: usize) -> Result<(), ExtractError> {
        let raw = self.source.get(from..to).unwrap_or("");
        match event {
            Event::Start(_) | Event::Empty(_) => {
                let tag = raw.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/');
                let end = tag.find(|c: char| c.is_ascii_whitespace()).unwrap_or(tag.len());
                let id = self.append(&tag[..end], Cow::Borrowed(&tag[end..]))?;
                if matches!(event, Event::Start(_)) {
                    if self.open.len() < DEPTH_MAX {
                        self.open.push((id, NONE));
                    } else {
                        self.too_deep += 1;
                    }
                }
            }
            Event::End(_) if self.too_deep > 0 => self.too_deep -= 1,
            Event::End(_) if self.open.len() > 1 => drop(self.open.pop()),
            Event::Text(_) => drop(self.append("", Cow::Borrowed(raw))?),
            Event::CData(_) => {
                let text = raw.strip_prefix("<![CDATA[").unwrap_or(raw);
                self.append("", Cow::Borrowed(text.strip_suffix("]]>").unwrap_or(text)))?;
            }
            Event::GeneralRef(_) => drop(self.append("", unescape(raw))?),
            _ => {}
        }
        Ok(())
    }

    fn append(&mut self, name: &'a str, content: Cow<'a, str>) -> Result<u32, ExtractError> {
        if self.tree.slots.len() >= NODES_MAX {
            return Err(ExtractError::ExpandsTooFar);
        }
        let id = u32::try_from(self.tree.slots.len()).expect("the number of nodes is bounded");
        let (parent, last) = self.open.last_mut().expect("the document itself is never closed");
        match *last {
            NONE => self.tree.slots[*parent as usize].first = id,
            last => self.tree.slots[last as usize].next = id,
        }
        *last = id;
        self.tree.slots.push(Slot { name, content, first: NONE, next: NONE });
        Ok(id)
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

impl<'t> Element<'t> {
    fn slot(self) -> &'t Slot<'t> {
        &self.tree.slots[self.id as usize]
    }

    /// The name without its prefix.
    pub fn name(self) -> &'t str {
        local(self.slot().name)
    }

    pub fn is(self, name: &str) -> bool {
        self.name() == name
    }

    /// The first attribute of this name, whatever its prefix.
    pub fn attr(self, name: &str) -> Option<Cow<'t, str>> {
        self.attributes()
            .find(|(key, _)| local(key) == name && !key.starts_with("xmlns"))
            .map(|(_, value)| unescape(value))
    }

    /// The first attribute of this name that has a prefix: `r:id` beside a plain `id`.
    pub fn prefixed_attr(self, name: &str) -> Option<Cow<'t, str>> {
        let mut found = self.attributes().filter(|(key, _)| key.contains(':') && !key.starts_with("xmlns"));
        found.find(|(key, _)| local(key) == name).map(|(_, value)| unescape(value))
    }

    fn attributes(self) -> impl Iterator<Item = (&'t str, &'t str)> {
        let mut rest: &'t str = &self.slot().content;
        std::iter::from_fn(move || {
            let (key, after) = rest.split_once('=')?;
            let after = after.trim_ascii_start();
            let quote = after.chars().next().filter(|c| *c == '"' || *c == '\'')?;
            let (value, next) = after[1..].split_once(quote)?;
            rest = next;
            Some((key.trim_ascii(), value))
        })
    }

    pub fn nodes(self) -> impl Iterator<Item = Node<'t>> {
        let tree = self.tree;
        let mut next = self.slot().first;
        std::iter::from_fn(move || {
            let slot = tree.slots.get(next as usize)?;
            let id = std::mem::replace(&mut next, slot.next);
            Some(if slot.name.is_empty() { Node::Text(&slot.content) } else { Node::Element(Element { tree, id }) })
        })
    }

    pub fn elements(self) -> impl Iterator<Item = Element<'t>> {
        self.nodes().filter_map(|node| if let Node::Element(element) = node { Some(element) } else { None })
    }

    pub fn child(self, name: &str) -> Option<Element<'t>> {
        self.elements().find(|element| element.is(name))
    }

    /// The element at the end of a path of children.
    pub fn at(self, path: &[&str]) -> Option<Element<'t>> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The first descendant of this name, in document order.
    pub fn find(self, name: &str) -> Option<Element<'t>> {
        self.elements().find_map(|element| if element.is(name) { Some(element) } else { element.find(name) })
    }

    /// All descendants of this name, in document order, without those inside one another.
    pub fn find_all(self, name: &str) -> Vec<Element<'t>> {
        let mut found = Vec::new();
        for element in self.elements() {
            if element.is(name) {
                found.push(element);
            } else {
                found.extend(element.find_all(name));
            }
        }
        found
    }

    /// All text inside, as written.
    pub fn text(self) -> String {
        let mut text = String::new();
        self.collect_text(&mut text);
        text
    }

    fn collect_text(self, text: &mut String) {
        for node in self.nodes() {
            match node {
                Node::Text(piece) => text.push_str(piece),
                Node::Element(element) => element.collect_text(text),
            }
        }
    }
}

/// Replaces predefined entities and character references; others stay as they are.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').filter(|end| *end < 12).map(|end| (&rest[1..end], end));
        if let Some((c, end)) = entity.and_then(|(name, end)| Some((character(name)?, end))) {
            out.push(c);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn character(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let hexadecimal = number.strip_prefix(['x', 'X']);
            let code = hexadecimal.map_or_else(|| number.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok());
            char::from_u32(code?)
        }
    }
}

/// The text of a file that is XML: a line for each element that has text of its own.
pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    room.step(0)?;
    let source = decode(bytes);
    let tree = Tree::parse(&source)?;
    room.step(0)?;
    let mut writer = Lines { out: String::new() };
    writer.element(tree.document());
    let title = tree.root().and_then(|root| root.find("title")).map(Element::text);
    let warnings = tree.broken.map(|error| format!("damaged: The XML breaks off: {error}."));
    Ok(Extracted {
        text: writer.out,
        title,
        warnings: warnings.into_iter().collect(),
        engine: ENGINE,
        ..Extracted::default()
    })
}

pub(super) const ENGINE: &str = "quick-xml 0.42.0";

struct Lines {
    out: String,
}

impl Lines {
    fn element(&mut self, element: Element<'_>) {
        if ["script", "style"].contains(&element.name()) {
            return;
        }
        let mixed = element.nodes().any(|node| matches!(node, Node::Text(text) if !text.trim().is_empty()));
        if !mixed {
            element.elements().for_each(|child| self.element(child));
            return;
        }
        let text = element.text();
        let before = self.out.len();
        for word in text.split_whitespace() {
            if self.out.len() > before {
                self.out.push(' ');
            }
            self.out.push_str(word);
        }
        self.out.push('\n');
    }
}

/// Title and author from a Dublin Core part: `docProps/core.xml`, `meta.xml`, an OPF's metadata.
pub(super) fn title_and_author(source: &str) -> (Option<String>, Option<String>) {
    let Ok(tree) = Tree::parse(source) else {
        return (None, None);
    };
    let find = |names: &[&str]| names.iter().find_map(|name| tree.document().find(name)).map(Element::text);
    (find(&["title"]), find(&["creator", "initial-creator"]))
}

/// Warns when a part could not be read to its end.
pub(super) fn note_damage(tree: &Tree<'_>, part: &str, warnings: &mut Vec<String>) {
    if let Some(error) = &tree.broken {
        warnings.push(format!("damaged: {part} breaks off: {error}."));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

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
    fn xml_file_gives_a_line_for_each_text() {
        let extracted = read(b"<n><to>Tove</to><body>Do <b>not</b>\n forget</body></n>", "application/xml");
        assert_eq!(extracted.text, "Tove\nDo not forget\n");
    }
}
