//! Writes Markdown: blocks with the right blank lines between them, and runs of text with emphasis and links.
//!
//! Characters that Markdown gives a meaning are not escaped: the reader of the text is a language model or a search
//! index, and a stray asterisk harms neither. Only what would break a table is replaced.

pub(crate) mod cells;
pub(crate) mod numbering;

use std::fmt::Write as _;

/// How a run of text looks.
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own, as in the formats themselves")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Style {
    pub bold: bool,
    pub italic: bool,
    pub strike: bool,
    pub code: bool,
    pub link: Option<String>,
}

/// Runs of text that make up a paragraph, a heading or a cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inline {
    runs: Vec<(Style, String)>,
}

impl Inline {
    pub fn push(&mut self, style: &Style, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.runs.last_mut() {
            Some((last, run)) if last == style => run.push_str(text),
            _ => self.runs.push((style.clone(), text.to_owned())),
        }
    }

    pub fn push_plain(&mut self, text: &str) {
        self.push(&Style::default(), text);
    }

    /// The runs as Markdown, without white space round it.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let mut at = 0;
        while at < self.runs.len() {
            let link = &self.runs[at].0.link;
            let end =
                self.runs[at..].iter().position(|(style, _)| style.link != *link).map_or(self.runs.len(), |n| at + n);
            match link {
                None => self.emphasised(at, end, &mut out),
                Some(target) => {
                    let mut label = String::new();
                    self.emphasised(at, end, &mut label);
                    push_link(&mut out, &label, target);
                }
            }
            at = end;
        }
        out.trim().to_owned()
    }

    fn emphasised(&self, from: usize, to: usize, out: &mut String) {
        for index in from..to {
            let (style, text) = &self.runs[index];
            let after = self.runs.get(index + 1).and_then(|(_, next)| next.chars().next());
            push_emphasised(out, style, text, after);
        }
    }
}

/// Marks must stand outside white space and at the edges of words: `**a **` and `a**b**` are not emphasis everywhere.
fn push_emphasised(out: &mut String, style: &Style, text: &str, after: Option<char>) {
    let core = text.trim();
    let inside_word = |outer: Option<char>, inner: Option<char>| {
        outer.is_some_and(char::is_alphanumeric) && inner.is_some_and(char::is_alphanumeric)
    };
    let leads = inside_word(out.chars().next_back(), text.chars().next());
    let trails = inside_word(text.chars().next_back(), after);
    let worth_marking = core.chars().any(char::is_alphanumeric) && !core.contains('\n');
    if leads || trails || !worth_marking || !(style.bold || style.italic || style.strike || style.code) {
        out.push_str(text);
        return;
    }
    let mark = match (style.code, style.bold, style.italic) {
        (true, ..) => "`",
        (_, true, true) => "***",
        (_, true, false) => "**",
        (_, false, true) => "*",
        _ => "",
    };
    let strike = if style.strike { "~~" } else { "" };
    let start = text.len() - text.trim_start().len();
    out.push_str(&text[..start]);
    out.extend([strike, mark, core, mark, strike]);
    out.push_str(&text[start + core.len()..]);
}

fn push_link(out: &mut String, label: &str, target: &str) {
    let core = label.trim();
    if core.is_empty() {
        out.push_str(label);
        return;
    }
    let start = label.len() - label.trim_start().len();
    out.push_str(&label[..start]);
    // White space inside an address comes from broken lines, and a browser would drop the line breaks too.
    let target: String = target.chars().filter(|c| !c.is_control()).collect();
    if core.chars().filter(|c| !c.is_whitespace()).eq(target.chars().filter(|c| !c.is_whitespace())) {
        let _ = write!(out, "<{}>", target.replace(' ', "%20"));
    } else {
        let target = target.replace(' ', "%20").replace('(', "%28").replace(')', "%29");
        let _ = write!(out, "[{}]({target})", core.replace('\n', " "));
    }
    out.push_str(&label[start + core.len()..]);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Block {
    #[default]
    None,
    Item,
    Other,
}

/// A place in a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    bytes: usize,
    last: Block,
}

/// A growing Markdown document.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: String,
    last: Block,
}

impl Writer {
    /// The most bytes that [`Writer::finish`] would give now.
    pub fn len(&self) -> usize {
        self.out.len() + usize::from(!self.out.is_empty())
    }

    pub fn finish(mut self) -> String {
        while self.out.ends_with(['\n', ' ']) {
            self.out.pop();
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }

    /// A place to come back to with [`Writer::rewind`].
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.out.len(), last: self.last }
    }

    /// Takes back what was written after a mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.bytes);
        self.last = mark.last;
    }

    fn open(&mut self, block: Block) {
        let gap = match (self.last, block) {
            (Block::None, _) => "",
            (Block::Item, Block::Item) => "\n",
            _ => "\n\n",
        };
        self.out.push_str(gap);
        self.last = block;
    }

    /// A heading, of level 1 to 6.
    pub fn heading(&mut self, level: usize, text: &str) {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            return;
        }
        // A heading that is bold throughout is only a heading.
        let bare = line.strip_prefix("**").and_then(|rest| rest.strip_suffix("**")).filter(|rest| !rest.contains("**"));
        self.open(Block::Other);
        let _ = write!(self.out, "{} {}", &"######"[..level.clamp(1, 6)], bare.unwrap_or(&line));
    }

    pub fn paragraph(&mut self, text: &str) {
        let text = text.trim_matches(['\n', ' ', '\t', '\r']);
        if !text.is_empty() {
            self.open(Block::Other);
            self.out.push_str(text);
        }
    }

    /// A list item at a depth from 0; `marker` is `-` or a number such as `3.`.
    pub fn item(&mut self, depth: usize, marker: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.open(Block::Item);
        let indent = "    ".repeat(depth.min(12));
        let hanging = format!("\n{indent}{}", " ".repeat(marker.chars().count() + 1));
        let _ = write!(self.out, "{indent}{marker} {}", text.replace('\n', &hanging));
    }

    pub fn quote(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.open(Block::Other);
            let _ = write!(self.out, "> {}", text.replace('\n', "\n> "));
        }
    }

    pub fn code(&mut self, text: &str) {
        let text = text.trim_matches(['\n', '\r']);
        if !text.trim().is_empty() {
            self.open(Block::Other);
            let _ = write!(self.out, "```\n{text}\n```");
        }
    }

    /// A remark beside the text: where a page begins, what a header says, what a reviewer wrote.
    pub fn remark(&mut self, text: &str) {
        self.open(Block::Other);
        let _ = write!(self.out, "<!-- {} -->", text.trim().replace("--", "- -"));
    }

    /// A table whose first row is its head. Rows may be of different lengths; a table without text is left out.
    pub fn table(&mut self, rows: &[Vec<String>]) {
        let filled =
            |row: &Vec<String>| row.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        let columns = rows.iter().map(filled).max().unwrap_or(0);
        let rows: Vec<&Vec<String>> = rows.iter().filter(|row| filled(row) > 0).collect();
        if columns == 0 {
            return;
        }
        self.open(Block::Other);
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                self.out.push('\n');
            }
            self.out.push('|');
            for column in 0..columns {
                self.out.push(' ');
                push_cell(&mut self.out, row.get(column).map_or("", String::as_str));
                self.out.push_str(" |");
            }
            if index == 0 {
                self.out.push_str("\n|");
                self.out.push_str(&" --- |".repeat(columns));
            }
        }
    }
}

fn push_cell(out: &mut String, cell: &str) {
    let mut words = cell.split_whitespace();
    if let Some(first) = words.next() {
        push_escaped(out, first);
    }
    for word in words {
        out.push(' ');
        push_escaped(out, word);
    }
}

fn push_escaped(out: &mut String, word: &str) {
    if word.contains('|') {
        out.push_str(&word.replace('|', "\\|"));
    } else {
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bold() -> Style {
        Style { bold: true, ..Style::default() }
    }

    #[test]
    fn emphasis_stands_at_the_edges_of_words() {
        let mut inline = Inline::default();
        inline.push_plain("a ");
        inline.push(&bold(), "bold ");
        inline.push_plain("word and H");
        inline.push(&bold(), "alf");
        assert_eq!(inline.markdown(), "a **bold** word and Half");
    }

    #[test]
    fn link_keeps_its_label_and_target() {
        let mut inline = Inline::default();
        inline.push(&Style { link: Some("http://a.b/c (d)".to_owned()), ..Style::default() }, "there");
        inline.push(&Style { link: Some("http://x.y".to_owned()), ..Style::default() }, "http://x.y");
        assert_eq!(inline.markdown(), "[there](http://a.b/c%20%28d%29)<http://x.y>");
    }

    #[test]
    fn blocks_are_set_apart_and_items_are_not() {
        let mut writer = Writer::default();
        writer.heading(2, "**Title**");
        writer.item(0, "-", "one");
        writer.item(1, "1.", "two\nlines");
        writer.paragraph(" end ");
        assert_eq!(writer.finish(), "## Title\n\n- one\n    1. two\n       lines\n\nend\n");
    }

    #[test]
    fn table_is_cut_to_what_is_filled() {
        let mut writer = Writer::default();
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        writer.table(&[row(&["a|b", "", ""]), row(&["", ""]), row(&["c\nd", "e"])]);
        assert_eq!(writer.finish(), "| a\\|b |  |\n| --- | --- |\n| c d | e |\n");
    }
}
