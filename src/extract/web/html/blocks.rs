//! The walk over a page: its blocks, lists and phrases, in the order of the document.

use super::{Item, Walker, math};
use crate::extract::ExtractError;
use crate::extract::markdown::Style;
use crate::extract::web::dom::Kind;

/// Below this depth only the text is taken, so that the walk stays within its stack.
pub(super) const DEPTH_MAX: usize = 150;

pub(super) const SKIPPED: [&str; 8] =
    ["script", "style", "template", "head", "noscript", "iframe", "object", "datalist"];

pub(super) const BLOCKS: [&str; 38] = [
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

impl Walker<'_, '_, '_> {
    /// Ends the paragraph that is being gathered.
    pub(super) fn flush(&mut self) {
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

    pub(super) fn children(&mut self, id: usize, style: &Style, depth: usize) -> Result<(), ExtractError> {
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
    pub(super) fn text(&mut self, style: &Style, text: &str) {
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

    pub(super) fn phrase(&mut self, id: usize, name: &str, style: &Style, depth: usize) -> Result<(), ExtractError> {
        let styled = match name {
            "b" | "strong" => Style { bold: true, ..style.clone() },
            "i" | "em" | "cite" | "var" => Style { italic: true, ..style.clone() },
            "s" | "del" | "strike" => Style { strike: true, ..style.clone() },
            "code" | "kbd" | "samp" | "tt" => Style { code: true, ..style.clone() },
            "a" => {
                let target = self.page.attr(id, "href").map(str::trim).filter(|href| is_address(href));
                Style { link: target.map(str::to_owned), ..style.clone() }
            }
            "math" => {
                self.inline.push(style, &math::formula(self.page, id));
                return Ok(());
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
