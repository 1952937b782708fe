//! EPUB: the documents of the spine, in reading order, each as HTML.
//!
//! EPUB 2 and 3 open container format and package document. Documents under DRM cannot be read.

use std::collections::HashMap;

use super::html;
use crate::extract::markdown::Writer;
use crate::extract::office::package::{Package, resolve};
use crate::extract::xml::{self, Tree};
use crate::extract::{ExtractError, Extracted, Room};

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    let opf = package_document(&mut package)?;
    let source = xml::decode(&package.required(&opf)?);
    let mut extracted = Extracted { engine: html::ENGINE, ..Extracted::default() };
    xml::add_properties(&Tree::parse(&source)?, &mut extracted);
    let mut writer = Writer::default();
    for (index, name) in spine(&source, &opf)?.iter().enumerate() {
        let mark = writer.mark();
        let done = if index < room.limits.pages_max {
            chapter(name, &mut package, &mut writer, &mut extracted, room)
        } else {
            Err(ExtractError::TooManyPages)
        };
        if let Err(error) = done {
            writer.rewind(mark);
            extracted.end_at(error, writer.len() > 0)?;
            break;
        }
    }
    extracted.text = writer.finish();
    if extracted.text.is_empty() && package.part("META-INF/encryption.xml")?.is_some() {
        return Err(ExtractError::PasswordProtected);
    }
    Ok(extracted)
}

fn chapter(
    name: &str,
    package: &mut Package<'_>,
    writer: &mut Writer,
    extracted: &mut Extracted,
    room: &mut Room<'_>,
) -> Result<(), ExtractError> {
    match package.part(name) {
        Ok(Some(bytes)) => html::convert(&bytes, Some("utf-8"), writer, room).map(drop),
        Ok(None) | Err(ExtractError::Parse(_)) => {
            extracted.warnings.push(format!("damaged: {name} is missing."));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn package_document(package: &mut Package<'_>) -> Result<String, ExtractError> {
    if let Some(container) = package.part("META-INF/container.xml")? {
        let source = xml::decode(&container);
        let tree = Tree::parse(&source)?;
        if let Some(path) = tree.document().find("rootfile").and_then(|file| file.attr("full-path")) {
            return Ok(path.into_owned());
        }
    }
    let found = package.names("").into_iter().find(|name| name.to_ascii_lowercase().ends_with(".opf"));
    found.ok_or_else(|| ExtractError::parse("no package document"))
}

/// The parts of the spine; of documents outside the linear order too, at their places.
fn spine(source: &str, opf: &str) -> Result<Vec<String>, ExtractError> {
    let tree = Tree::parse(source)?;
    let mut items = HashMap::new();
    for item in tree.document().find_all("item") {
        if let (Some(id), Some(href)) = (item.attr("id"), item.attr("href")) {
            let href = href.split('#').next().unwrap_or("").to_owned();
            items.insert(id.into_owned(), resolve(opf, &percent_decoded(&href)));
        }
    }
    let references = tree.document().find_all("itemref");
    Ok(references.into_iter().filter_map(|reference| items.get(reference.attr("idref")?.as_ref()).cloned()).collect())
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if let (b'%', Some(byte)) = (first, code) {
            out.push(byte);
            rest = &tail[2..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use crate::extract::media::EPUB;
    use crate::extract::tests::{packed, read};

    #[test]
    fn spine_gives_the_order_of_chapters() {
        let container = r#"<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"#;
        let book = r#"<package><metadata><dc:title>Book</dc:title><dc:creator>Ann</dc:creator></metadata>
            <manifest><item id="a" href="a%20b.xhtml"/><item id="c" href="c.xhtml"/></manifest>
            <spine><itemref idref="c"/><itemref idref="a"/></spine></package>"#;
        let package = packed(&[
            ("META-INF/container.xml", container.as_bytes()),
            ("OEBPS/book.opf", book.as_bytes()),
            ("OEBPS/a b.xhtml", b"<html><body><p>second</p></body></html>"),
            ("OEBPS/c.xhtml", b"<html><body><h1>First</h1></body></html>"),
        ]);
        let extracted = read(&package, EPUB);
        assert_eq!(extracted.text, "# First\n\nsecond\n");
        assert_eq!((extracted.title.as_deref(), extracted.author.as_deref()), (Some("Book"), Some("Ann")));
    }
}
