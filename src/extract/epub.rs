//! EPUB: the documents of the spine, in reading order, each as HTML.
//!
//! EPUB 2 and 3 open container format and package document. Documents under DRM cannot be read.

use std::collections::HashMap;

use super::markdown::Writer;
use super::package::{Package, resolve};
use super::xml::{self, Tree};
use super::{ExtractError, Extracted, Room, html};

pub(super) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    let opf = package_document(&mut package)?;
    let source = xml::decode(&package.required(&opf)?);
    let (title, author) = xml::title_and_author(&source);
    let mut extracted = Extracted { title, author, engine: html::ENGINE, ..Extracted::default() };
    let mut writer = Writer::default();
    for name in spine(&source, &opf)? {
        room.step(writer.len())?;
        match package.part(&name) {
            Ok(Some(bytes)) => drop(html::convert(&bytes, Some("utf-8"), &mut writer, room)?),
            Ok(None) | Err(ExtractError::Parse(_)) => extracted.warnings.push(format!("damaged: {name} is missing.")),
            Err(error) => return Err(error),
        }
    }
    extracted.text = writer.finish();
    if extracted.text.is_empty() && package.part("META-INF/encryption.xml")?.is_some() {
        return Err(ExtractError::PasswordProtected);
    }
    Ok(extracted)
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
