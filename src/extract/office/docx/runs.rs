//! What stands in a paragraph: runs of text, fields, links, formulas, and what is anchored in it.

use super::Reader;
use super::notes::NoteKind;
use super::styles::is_on;
use crate::extract::markdown::{Inline, Style};
use crate::extract::office::fields::link_of;
use crate::extract::office::graphics;
use crate::extract::xml::{Element, Node};

/// A field (`fldChar`) that is open: its code until `separate`, then its result.
#[derive(Debug, Default)]
pub(super) struct Field {
    code: String,
    in_result: bool,
    link: Option<String>,
}

/// What a paragraph holds: its text, and what is anchored in it.
#[derive(Default)]
pub(super) struct Content<'t> {
    pub inline: Inline,
    /// Text boxes, and references to charts and diagrams.
    pub anchored: Vec<Element<'t>>,
}

impl Reader<'_, '_> {
    pub(super) fn content<'t>(&mut self, paragraph: Element<'t>) -> Content<'t> {
        let mut content = Content::default();
        self.inline(paragraph, &Style::default(), &mut content);
        content
    }

    fn inline<'t>(&mut self, parent: Element<'t>, style: &Style, content: &mut Content<'t>) {
        for element in parent.elements() {
            match element.name() {
                "r" => self.run(element, style, content),
                "hyperlink" => {
                    let target = element.attr("id").and_then(|id| self.relationships.target(&id)).map(str::to_owned);
                    self.inline(
                        element,
                        &Style { link: target.or_else(|| style.link.clone()), ..style.clone() },
                        content,
                    );
                }
                "fldSimple" => {
                    let link = element.attr("instr").and_then(|code| link_of(&code));
                    self.inline(
                        element,
                        &Style { link: link.or_else(|| style.link.clone()), ..style.clone() },
                        content,
                    );
                }
                "oMath" | "oMathPara" => content.inline.push(style, &math(element)),
                "AlternateContent" => {
                    if let Some(choice) = alternative(element) {
                        self.inline(choice, style, content);
                    }
                }
                "del" | "moveFrom" | "pPr" | "rPr" => {}
                _ => self.inline(element, style, content),
            }
        }
    }

    fn run<'t>(&mut self, run: Element<'t>, outer: &Style, content: &mut Content<'t>) {
        let properties = run.child("rPr");
        let property = |name: &str| properties.and_then(|properties| properties.child(name));
        let on = |name: &str| property(name).is_some_and(is_on);
        if on("vanish") && !on("specVanish") {
            return;
        }
        let field_link = self.fields.iter().rev().find_map(|field| field.link.clone());
        let named = property("rStyle").and_then(|name| self.run_styles.get(name.attr("val")?.as_ref()));
        let own_or = |name: &str, named: Option<bool>| property(name).map(is_on).or(named).unwrap_or(false);
        let style = Style {
            bold: own_or("b", named.and_then(|named| named.bold)),
            italic: own_or("i", named.and_then(|named| named.italic)),
            strike: on("strike") || on("dstrike"),
            link: outer.link.clone().or(field_link),
            ..Style::default()
        };
        self.run_content(run, &style, content);
    }

    fn run_content<'t>(&mut self, run: Element<'t>, style: &Style, content: &mut Content<'t>) {
        for element in run.elements() {
            let name = element.name();
            if name == "fldChar" {
                self.field(&element.attr("fldCharType").unwrap_or_default());
                continue;
            }
            if let Some(field) = self.fields.last_mut()
                && !field.in_result
            {
                if name == "instrText" {
                    field.code.push_str(&element.text());
                }
                continue;
            }
            match name {
                "t" => content.inline.push(style, &element.text()),
                "tab" | "ptab" => content.inline.push(style, "\t"),
                "br" | "cr" => content.inline.push(style, "\n"),
                "noBreakHyphen" => content.inline.push(style, "\u{2011}"),
                "sym" => content.inline.push(style, &symbol(element)),
                "footnoteReference" => self.reference(NoteKind::Footnote, element, content),
                "endnoteReference" => self.reference(NoteKind::Endnote, element, content),
                "commentReference" => self.reference(NoteKind::Comment, element, content),
                "drawing" | "pict" | "object" => find_anchored(element, &mut content.anchored),
                "ruby" => self.inline(element, style, content),
                "AlternateContent" => {
                    if let Some(choice) = alternative(element) {
                        self.run_content(choice, style, content);
                    }
                }
                _ => {}
            }
        }
    }

    fn field(&mut self, kind: &str) {
        match kind {
            "begin" => self.fields.push(Field::default()),
            "separate" => {
                if let Some(field) = self.fields.last_mut() {
                    field.in_result = true;
                    field.link = link_of(&field.code);
                }
            }
            _ => drop(self.fields.pop()),
        }
    }

    fn reference(&mut self, kind: NoteKind, element: Element<'_>, content: &mut Content<'_>) {
        let Some(id) = element.attr("id") else { return };
        if kind == NoteKind::Comment {
            self.commented.push(id.into_owned());
            return;
        }
        self.noted.push((kind, id.into_owned()));
        content.inline.push_plain(&format!("[^{}]", self.noted.len()));
    }
}

/// The variant of a content that has text: the newer one first.
pub(super) fn alternative(element: Element<'_>) -> Option<Element<'_>> {
    let choices: Vec<Element<'_>> =
        element.elements().filter(|choice| choice.is("Choice") || choice.is("Fallback")).collect();
    let with_text = choices.iter().find(|choice| !choice.text().trim().is_empty());
    with_text.or(choices.first()).copied()
}

/// The text boxes and references in a drawing, without those inside one another.
fn find_anchored<'t>(element: Element<'t>, found: &mut Vec<Element<'t>>) {
    for child in element.elements() {
        match child.name() {
            "txbxContent" => found.push(child),
            _ if graphics::is_reference(child) => found.push(child),
            "AlternateContent" => {
                if let Some(choice) = alternative(child) {
                    find_anchored(choice, found);
                }
            }
            _ => find_anchored(child, found),
        }
    }
}

/// A character of a symbol font. Those of the private area have no meaning without their font, but for bullets.
fn symbol(element: Element<'_>) -> String {
    let code = element.attr("char").and_then(|code| u32::from_str_radix(&code, 16).ok()).unwrap_or(0);
    match code {
        0xf0b7 | 0xf0a7 => "•".to_owned(),
        0xe000..=0xf8ff => String::new(),
        code => char::from_u32(code).map_or(String::new(), String::from),
    }
}

/// A formula on one line.
fn math(element: Element<'_>) -> String {
    let mut out = String::new();
    for node in element.nodes() {
        if let Node::Element(child) = node {
            match child.name() {
                "t" => out.push_str(&child.text()),
                "f" => {
                    let part = |name: &str| child.child(name).map_or(String::new(), math);
                    out.extend(["(", &part("num"), ")/(", &part("den"), ")"]);
                }
                "sup" => out.extend(["^", &math(child)]),
                "sub" => out.extend(["_", &math(child)]),
                "rPr" | "ctrlPr" => {}
                _ => out.push_str(&math(child)),
            }
        }
    }
    out
}
