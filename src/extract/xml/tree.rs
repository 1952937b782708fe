//! Builds the tree: elements and texts in one arena, so that neither parsing nor dropping recurses.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::element::{Element, unescape};
use crate::extract::ExtractError;

/// Deeper elements become siblings: no real document nests so deep, and a walk of this depth fits on the stack.
pub(super) const DEPTH_MAX: usize = 200;
/// A node takes about 80 bytes, so a tree stays well within the memory of a child.
const NODES_MAX: usize = 4 << 20;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Slot<'a> {
    /// The name with its prefix; empty for a text.
    pub name: &'a str,
    /// The attributes as written; of a text, the text itself.
    pub content: Cow<'a, str>,
    pub first: u32,
    pub next: u32,
}

/// A parsed document.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    pub(super) slots: Vec<Slot<'a>>,
    /// Why the rest of the document is missing.
    pub broken: bool,
    /// Whether elements stood so deep that what is in them became their sibling.
    pub flattened: bool,
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
                Err(_) => {
                    builder.tree.broken = true;
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
        Self {
            source,
            tree: Tree { slots: vec![root], broken: false, flattened: false },
            open: vec![(0, NONE)],
            too_deep: 0,
        }
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
                        self.tree.flattened = true;
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
            return Err(ExtractError::TooManyElements);
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
