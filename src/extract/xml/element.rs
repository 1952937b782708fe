//! A look at one element of a tree: its name, attributes, children and text.

use std::borrow::Cow;

use super::tree::{Slot, Tree};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'t> {
    pub(super) tree: &'t Tree<'t>,
    pub(super) id: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Node<'t> {
    Element(Element<'t>),
    Text(&'t str),
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
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
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
