//! What stands in a paragraph: text, spans, links, notes, comments and frames.

use super::Reader;
use crate::extract::ExtractError;
use crate::extract::markdown::{Inline, Style};
use crate::extract::xml::{Element, Node};

/// What a paragraph holds: its text, and the frames anchored in it.
#[derive(Default)]
pub(super) struct Content<'t> {
    pub inline: Inline,
    pub frames: Vec<Element<'t>>,
}

impl Reader<'_, '_> {
    pub(super) fn content<'t>(&mut self, paragraph: Element<'t>) -> Content<'t> {
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
                "frame" | "custom-shape" | "g" => match self.objects.take_formula(element) {
                    Some(formula) => content.inline.push(style, &formula),
                    None => content.frames.push(element),
                },
                "annotation" => {
                    let (author, text) = self.comment(element);
                    self.comments.push(format!("comment by {author}: {text}"));
                }
                // The number of a page is no text of it.
                "page-number" | "annotation-end" | "bookmark" | "change" | "ruby-text" | "tracked-changes" => {}
                _ => self.inline(element, style, content),
            }
        }
    }

    fn note(&mut self, note: Element<'_>, content: &mut Content<'_>) {
        let text = note.child("note-body").map_or(String::new(), |body| self.cell(body)).replace('\n', " ");
        self.notes.push(text);
        content.inline.push_plain(&format!("[^{}]", self.notes.len()));
    }

    /// The author of a comment, and what it says.
    pub(super) fn comment(&mut self, annotation: Element<'_>) -> (String, String) {
        let author = annotation.child("creator").map_or(String::new(), Element::text);
        (author, self.cell(annotation))
    }

    /// The notes, and behind them the comments, as remarks: they are about the text, not of it.
    pub(super) fn end_notes(&mut self) -> Result<(), ExtractError> {
        self.step()?;
        for (index, note) in std::mem::take(&mut self.notes).into_iter().enumerate() {
            self.writer.paragraph(&format!("[^{}]: {note}", index + 1));
            self.step()?;
        }
        for comment in std::mem::take(&mut self.comments) {
            self.writer.remark(&comment);
            self.step()?;
        }
        Ok(())
    }
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
