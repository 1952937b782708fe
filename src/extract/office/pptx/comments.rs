//! What reviewers wrote about a slide: quotes with the author's name, answers quoted once more below what they answer.
//!
//! Comments of ECMA-376 part 1, 19.4, whose answers name their parent as [MS-PPTX] has it, and the threads of later
//! versions, which hold their answers.

use std::collections::HashMap;

use crate::extract::ExtractError;
use crate::extract::markdown::Writer;
use crate::extract::office::ooxml::{self, Relationships};
use crate::extract::office::package::Package;
use crate::extract::xml::{Element, Tree};

/// The names of authors by their ids.
pub(super) type Authors = HashMap<String, String>;

/// The authors that a presentation lists, in either way.
pub(super) fn authors(
    relationships: &Relationships,
    package: &mut Package<'_>,
    warnings: &mut Vec<String>,
) -> Result<Authors, ExtractError> {
    let mut authors = Authors::new();
    for (kind, element) in [("commentAuthors", "cmAuthor"), ("authors", "author")] {
        for name in relationships.of_kind(kind) {
            let source = ooxml::dispensable(package, name, warnings)?.unwrap_or_default();
            for author in Tree::parse(&source)?.document().find_all(element) {
                if let (Some(id), Some(name)) = (author.attr("id"), author.attr("name")) {
                    authors.insert(id.into_owned(), name.into_owned());
                }
            }
        }
    }
    Ok(authors)
}

/// Writes the comments of a part, each with its answers below it.
pub(super) fn write(tree: &Tree<'_>, authors: &Authors, writer: &mut Writer) {
    let comments = tree.document().find_all("cm");
    let (mut threads, mut answers): (HashMap<Key, usize>, HashMap<usize, Vec<Element<'_>>>) = Default::default();
    for (place, comment) in comments.iter().enumerate().filter(|(_, comment)| parent(**comment).is_none()) {
        threads.insert(key(*comment), place);
    }
    let thread_of = |comment: Element<'_>| parent(comment).and_then(|parent| threads.get(&parent)).copied();
    for comment in &comments {
        if let Some(place) = thread_of(*comment) {
            answers.entry(place).or_default().push(*comment);
        }
    }
    for (place, comment) in comments.iter().enumerate() {
        // An answer to what is not there stands for itself.
        if thread_of(*comment).is_some() {
            continue;
        }
        write_one(*comment, "", authors, writer);
        let inside = comment.child("replyLst").map_or(Vec::new(), |list| list.find_all("reply"));
        for answer in answers.remove(&place).unwrap_or_default().into_iter().chain(inside) {
            write_one(answer, "> ", authors, writer);
        }
    }
}

/// The author of a comment, and its number among those of the author.
type Key = (String, String);

fn key(comment: Element<'_>) -> Key {
    let value = |name: &str| comment.attr(name).unwrap_or_default().into_owned();
    (value("authorId"), value("idx"))
}

/// The comment that another one answers.
fn parent(comment: Element<'_>) -> Option<Key> {
    comment.child("extLst").and_then(|list| list.find("parentCm")).map(key)
}

fn write_one(comment: Element<'_>, indent: &str, authors: &Authors, writer: &mut Writer) {
    let text = match comment.child("txBody") {
        Some(body) => {
            let lines = body.find_all("p").into_iter();
            lines.map(|line| line.find_all("t").into_iter().map(Element::text).collect::<String>()).collect::<Vec<_>>()
        }
        None => comment.child("text").map_or(Vec::new(), |text| text.text().lines().map(str::to_owned).collect()),
    };
    let text = text.join("\n");
    let author = comment.attr("authorId").and_then(|id| authors.get(id.as_ref()));
    let text = match author {
        Some(author) if !text.trim().is_empty() => format!("{author}: {}", text.trim()),
        _ => text.trim().to_owned(),
    };
    if !text.is_empty() {
        writer.quote(&format!("{indent}{}", text.replace('\n', &format!("\n{indent}"))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str) -> String {
        let authors = [("0", "Ann"), ("{B}", "Bob")].map(|(id, name)| (id.to_owned(), name.to_owned()));
        let mut writer = Writer::default();
        write(&Tree::parse(source).unwrap(), &Authors::from(authors), &mut writer);
        writer.finish()
    }

    #[test]
    fn answers_stand_below_their_comment() {
        let answer = |parent: u32, text: &str| {
            format!(
                "<p:cm authorId=\"9\" idx=\"7\"><p:text>{text}</p:text><p:extLst><p:ext><p15:threadingInfo>
                <p15:parentCm authorId=\"0\" idx=\"{parent}\"/></p15:threadingInfo></p:ext></p:extLst></p:cm>"
            )
        };
        let comment =
            |index: u32, text: &str| format!("<p:cm authorId=\"0\" idx=\"{index}\"><p:text>{text}</p:text></p:cm>");
        let list = [comment(1, "one\nmore"), comment(2, "two"), answer(1, "to one"), answer(3, "to none")];
        let expected = "> Ann: one\n> more\n\n> > to one\n\n> Ann: two\n\n> to none\n";
        assert_eq!(written(&format!("<p:cmLst>{}</p:cmLst>", list.concat())), expected);
    }

    #[test]
    fn threads_of_later_versions_are_read() {
        let body = |text: &str| format!("<p188:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p188:txBody>");
        let list = format!(
            "<p188:cmLst><p188:cm id=\"{{1}}\" authorId=\"{{B}}\"><p188:replyLst><p188:reply authorId=\"0\">{}</p188:reply>
            </p188:replyLst>{}</p188:cm></p188:cmLst>",
            body("answer"),
            body("question")
        );
        assert_eq!(written(&list), "> Bob: question\n\n> > Ann: answer\n");
    }
}
