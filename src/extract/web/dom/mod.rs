//! An HTML document as a tree in an arena, built by html5ever as a browser would.
//!
//! Nodes are numbers, so neither building nor dropping a tree recurses, however deep it is.

mod sink;

use std::cell::{Cell, RefCell};

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, ParseOpts, QualName, parse_document};

pub(crate) const DOCUMENT: usize = 0;

/// Real pages stay below a hundred.
const DEPTH_MAX: usize = 1000;

#[derive(Debug)]
pub(crate) enum Kind {
    Document,
    Element {
        name: QualName,
        attributes: Vec<Attribute>,
    },
    Text(String),
    /// Comments and processing instructions: never text of the page.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    pub children: Vec<usize>,
    parent: Option<usize>,
    /// How deep the node lay when it was put in.
    depth: usize,
}

#[derive(Debug)]
struct Dom {
    nodes: RefCell<Vec<Node>>,
    too_deep: Cell<bool>,
}

/// A finished document.
#[derive(Debug)]
pub(crate) struct Page {
    pub nodes: Vec<Node>,
}

impl Page {
    /// Parses a page, and calls `step` between pieces of it.
    ///
    /// What follows where elements nest deeper than in any real page is kept as text without its tags, since the time
    /// that the algorithm takes grows with the square of the depth.
    pub fn parse(source: &str, mut step: impl FnMut()) -> Self {
        const PIECE_BYTES: usize = 16 << 10;
        let root = Node { kind: Kind::Document, children: Vec::new(), parent: None, depth: 0 };
        let mut options = ParseOpts::default();
        // What stands in `noscript` is then parsed as the elements that it is.
        options.tree_builder.scripting_enabled = false;
        let dom = Dom { nodes: RefCell::new(vec![root]), too_deep: Cell::new(false) };
        let mut parser = parse_document(dom, options);
        let mut rest = source;
        while !rest.is_empty() && !parser.tokenizer.sink.sink.too_deep.get() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(PIECE_BYTES));
            parser.process(StrTendril::from_slice(piece));
            rest = after;
            step();
        }
        let mut page = parser.finish();
        if !rest.is_empty() {
            let id = page.nodes.len();
            page.nodes.push(Node {
                kind: Kind::Text(without_tags(rest)),
                children: Vec::new(),
                parent: None,
                depth: 1,
            });
            page.nodes[DOCUMENT].children.push(id);
        }
        page
    }

    pub fn name(&self, id: usize) -> Option<&str> {
        match &self.nodes[id].kind {
            Kind::Element { name, .. } => Some(&name.local),
            _ => None,
        }
    }

    pub fn attr(&self, id: usize, key: &str) -> Option<&str> {
        match &self.nodes[id].kind {
            Kind::Element { attributes, .. } => {
                attributes.iter().find(|attribute| &*attribute.name.local == key).map(|attribute| &*attribute.value)
            }
            _ => None,
        }
    }

    /// The first element of this name in document order.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.descendants(DOCUMENT).find(|id| self.name(*id) == Some(name))
    }

    /// All nodes below one, in document order.
    pub fn descendants(&self, id: usize) -> impl Iterator<Item = usize> {
        let mut stack: Vec<usize> = self.nodes[id].children.iter().rev().copied().collect();
        std::iter::from_fn(move || {
            let next = stack.pop()?;
            stack.extend(self.nodes[next].children.iter().rev());
            Some(next)
        })
    }

    /// All text below a node.
    pub fn text(&self, id: usize) -> String {
        let texts = self.descendants(id).filter_map(|id| match &self.nodes[id].kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

fn without_tags(source: &str) -> String {
    let mut out = String::new();
    for (index, piece) in source.split('<').enumerate() {
        let text = if index == 0 { piece } else { piece.split_once('>').map_or("", |(_, text)| text) };
        if !text.is_empty() {
            out.push_str(text);
            out.push(' ');
        }
    }
    out
}
