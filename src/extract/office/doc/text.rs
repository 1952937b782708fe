//! From characters and their properties to paragraphs, tables and notes.

use super::comments::Authors;
use super::header::Header;
use super::lists::Lists;
use super::pieces::Pieces;
use super::properties::{Paragraph, Properties};
use crate::extract::markdown::numbering::Format;
use crate::extract::markdown::{Inline, Mark, Style, Writer};
use crate::extract::office::fields::Fields;
use crate::extract::{ExtractError, Extracted, Room};

const CELL_END: char = '\x07';
const PARAGRAPH_END: char = '\r';
const PAGE_END: char = '\x0c';
const NOTE: char = '\x02';
const COMMENT: char = '\x05';

/// What a document is made of.
pub(super) struct Document {
    pub header: Header,
    pub pieces: Pieces,
    pub properties: Properties,
    pub lists: Lists,
    pub authors: Authors,
}

impl Document {
    /// Writes the text, up to the limits.
    pub fn write(self, extracted: &mut Extracted, room: &mut Room<'_>) -> Result<(), ExtractError> {
        let Self { header, pieces, properties, lists, authors } = self;
        let writer = Writer::default();
        let whole = writer.mark();
        let table = Table::default();
        let mut reader = Reader { properties: &properties, lists, writer, whole, notes: 0, table, room };
        if let Err(error) = reader.document(&header, &pieces, &authors) {
            reader.writer.rewind(reader.whole);
            extracted.end_at(error, reader.writer.len() > 0)?;
        }
        extracted.text = reader.writer.finish();
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Table {
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    /// Paragraphs of the cell that is being read.
    cell: Vec<String>,
}

struct Reader<'p, 'r, 'x> {
    properties: &'p Properties,
    lists: Lists,
    writer: Writer,
    /// Up to where the text is whole and within its limit.
    whole: Mark,
    /// Notes referred to so far.
    notes: usize,
    table: Table,
    room: &'x mut Room<'r>,
}

impl Reader<'_, '_, '_> {
    fn document(&mut self, header: &Header, pieces: &Pieces, authors: &Authors) -> Result<(), ExtractError> {
        let lengths = header.lengths;
        let mut rest = pieces.characters.as_slice();
        let mut take = |length: usize| {
            let (part, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            part
        };
        let body = take(lengths.body);
        let footnotes = take(lengths.footnotes);
        let margins = take(lengths.margins);
        take(lengths.macros);
        let comments = take(lengths.comments);
        let endnotes = take(lengths.endnotes);
        let boxes = take(lengths.boxes);
        self.part(body)?;
        self.part(boxes)?;
        let notes = [self.notes(footnotes), self.notes(endnotes)].concat();
        for (index, note) in notes.into_iter().enumerate() {
            self.writer.paragraph(&format!("[^{}]: {note}", index + 1));
            self.step()?;
        }
        self.comments(comments, authors)?;
        self.margins(margins);
        self.step()
    }

    /// Ends the reading when the text is over its limit; otherwise it is whole so far.
    fn step(&mut self) -> Result<(), ExtractError> {
        self.room.step(self.writer.len())?;
        self.whole = self.writer.mark();
        Ok(())
    }

    fn part(&mut self, part: &[(char, u32)]) -> Result<(), ExtractError> {
        let mut fields = Fields::default();
        let mut inline = Inline::default();
        for (index, (c, offset)) in part.iter().enumerate() {
            match *c {
                PARAGRAPH_END | PAGE_END => {
                    self.paragraph(&inline.markdown(), self.properties.paragraph(*offset));
                    inline = Inline::default();
                    self.step()?;
                }
                CELL_END => {
                    let ends_row = self.ends_row(part, index);
                    self.cell(&inline.markdown(), ends_row);
                    inline = Inline::default();
                    self.step()?;
                }
                c => self.character(c, *offset, &mut fields, &mut inline),
            }
        }
        self.paragraph(&inline.markdown(), Paragraph::default());
        self.end_table();
        self.step()
    }

    fn character(&mut self, c: char, offset: u32, fields: &mut Fields, inline: &mut Inline) {
        if fields.take(c) {
            return;
        }
        let properties = self.properties.characters(offset);
        if properties.left_out {
            return;
        }
        let style = Style { link: fields.link(), ..properties.style };
        match c {
            NOTE => {
                self.notes += 1;
                inline.push_plain(&format!("[^{}]", self.notes));
            }
            '\x0b' | '\x0e' => inline.push(&style, "\n"),
            '\x1e' => inline.push(&style, "\u{2011}"),
            '\t' => inline.push(&style, "\t"),
            // Symbols of fonts without Unicode values, pictures, marks and optional hyphens.
            '\u{f0b7}' => inline.push(&style, "•"),
            '\0'..='\x1f' | '\u{e000}'..='\u{f8ff}' => {}
            c => inline.push(&style, c.encode_utf8(&mut [0; 4])),
        }
    }

    /// A row ends with a mark of its own, which looks like that of an empty cell. Without properties, two marks in a row
    /// are taken for the end of a row.
    fn ends_row(&self, part: &[(char, u32)], index: usize) -> bool {
        if self.properties.know_tables() {
            return self.properties.paragraph(part[index].1).ends_row;
        }
        index > 0 && part[index - 1].0 == CELL_END && !self.table.row.is_empty()
    }

    fn cell(&mut self, text: &str, ends_row: bool) {
        if ends_row {
            let row = std::mem::take(&mut self.table.row);
            self.table.rows.push(row);
            return;
        }
        let mut cell = std::mem::take(&mut self.table.cell);
        cell.push(text.to_owned());
        self.table.row.push(cell.join("\n"));
    }

    fn paragraph(&mut self, text: &str, properties: Paragraph) {
        if properties.in_table {
            self.table.cell.push(text.to_owned());
            return;
        }
        self.end_table();
        let item = properties.item.filter(|_| !text.is_empty());
        let mark = item.map(|item| (item.level, self.lists.mark(item).unwrap_or((Format::Bullet, "-".to_owned()))));
        match (properties.heading, mark) {
            (Some(level), Some((_, (format, mark)))) if !matches!(format, Format::Bullet | Format::None) => {
                self.writer.heading(level, &format!("{mark} {text}"));
            }
            (Some(level), _) => self.writer.heading(level, text),
            (None, Some((_, (Format::None, _))) | None) => self.writer.paragraph(text),
            (None, Some((depth, (_, mark)))) => self.writer.item(depth, &mark, text),
        }
    }

    fn end_table(&mut self) {
        let mut table = std::mem::take(&mut self.table);
        // What a damaged table has left over.
        if !table.cell.is_empty() {
            table.row.push(table.cell.join("\n"));
        }
        table.rows.push(table.row);
        self.writer.table(&table.rows);
    }

    /// The notes of a part, each of which begins with the mark of its reference.
    fn notes(&mut self, part: &[(char, u32)]) -> Vec<String> {
        let starts = part.split(|(c, _)| *c == NOTE);
        starts.map(|note| self.line(note)).filter(|note| !note.is_empty()).collect()
    }

    /// The comments, as remarks: they are about the text, not of it.
    fn comments(&mut self, part: &[(char, u32)], authors: &Authors) -> Result<(), ExtractError> {
        // Before the first mark stands no comment.
        let comments = part.split(|(c, _)| *c == COMMENT).skip(1);
        for (index, comment) in comments.enumerate() {
            let text = self.line(comment);
            let author = authors.of(index).map_or(String::new(), |author| format!(" by {author}"));
            if !text.is_empty() {
                self.writer.remark(&format!("comment{author}: {text}"));
            }
            self.step()?;
        }
        Ok(())
    }

    fn line(&mut self, part: &[(char, u32)]) -> String {
        let mut fields = Fields::default();
        let mut inline = Inline::default();
        for (c, offset) in part {
            if matches!(*c, PARAGRAPH_END | CELL_END | PAGE_END) {
                inline.push_plain(" ");
            } else {
                self.character(*c, *offset, &mut fields, &mut inline);
            }
        }
        inline.markdown()
    }

    /// The headers and footers of all sections, each text once.
    fn margins(&mut self, part: &[(char, u32)]) {
        let mut seen = Vec::new();
        for line in part.split(|(c, _)| *c == PARAGRAPH_END) {
            let text = self.line(line);
            if !text.is_empty() && !seen.contains(&text) {
                self.writer.remark(&format!("margin: {text}"));
                seen.push(text);
            }
        }
    }
}
