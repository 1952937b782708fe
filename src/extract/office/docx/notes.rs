//! What stands outside the body: footnotes, endnotes, comments, headers and footers.

use std::collections::HashMap;

use super::Reader;
use crate::extract::ExtractError;
use crate::extract::xml::{Element, Tree};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum NoteKind {
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

impl Reader<'_, '_> {
    /// The notes of one kind that the text refers to, in the order of their numbers.
    pub(super) fn notes(&mut self, kind: NoteKind, tree: &Tree<'_>) -> Result<(), ExtractError> {
        let notes = by_id(tree, kind);
        for (index, (noted, id)) in self.noted.clone().into_iter().enumerate() {
            self.step()?;
            if let Some(note) = notes.get(&id).filter(|_| noted == kind) {
                let text = self.cell(*note).replace('\n', " ");
                self.writer.paragraph(&format!("[^{}]: {text}", index + 1));
            }
        }
        Ok(())
    }

    /// The comments, as remarks: they are about the text, not of it.
    pub(super) fn comments(&mut self, tree: &Tree<'_>) -> Result<(), ExtractError> {
        let comments = by_id(tree, NoteKind::Comment);
        for id in std::mem::take(&mut self.commented) {
            self.step()?;
            let Some(comment) = comments.get(&id) else { continue };
            let author = comment.attr("author").unwrap_or_default();
            let text = self.cell(*comment);
            self.writer.remark(&format!("comment by {author}: {text}"));
        }
        Ok(())
    }

    /// A header or footer, as a remark: it belongs to the pages, not to the text. The same text is given once.
    pub(super) fn margin(&mut self, kind: &str, tree: &Tree<'_>) {
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
