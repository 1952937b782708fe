//! What DOCX and PPTX share: relationships between parts, and document properties.

use std::collections::HashMap;

use super::package::{Package, resolve};
use crate::extract::xml::{self, Tree};
use crate::extract::{ExtractError, Extracted};

#[derive(Debug, Default)]
pub(crate) struct Relationships(HashMap<String, Relationship>);

#[derive(Debug)]
pub(crate) struct Relationship {
    /// The last step of the relationship's type, as `hyperlink` or `notesSlide`.
    pub kind: String,
    /// A part's name, or an address outside the package.
    pub target: String,
}

impl Relationships {
    /// The relationships of a part; none when it has no `.rels`.
    pub fn of(package: &mut Package<'_>, part: &str) -> Result<Self, ExtractError> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let name = if folder.is_empty() { format!("_rels/{file}.rels") } else { format!("{folder}/_rels/{file}.rels") };
        let Some(bytes) = package.part(&name)? else {
            return Ok(Self::default());
        };
        let source = xml::decode(&bytes);
        let tree = Tree::parse(&source)?;
        let mut found = HashMap::new();
        for element in tree.document().find_all("Relationship") {
            let (Some(id), Some(target)) = (element.attr("Id"), element.attr("Target")) else {
                continue;
            };
            let external = element.attr("TargetMode").is_some_and(|mode| mode == "External");
            let target = if external { target.into_owned() } else { resolve(part, &target) };
            let kind = element.attr("Type").map_or(String::new(), |kind| last_step(&kind).to_owned());
            found.insert(id.into_owned(), Relationship { kind, target });
        }
        Ok(Self(found))
    }

    pub fn target(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(|relationship| relationship.target.as_str())
    }

    /// The targets of one kind, in the order of their names.
    pub fn of_kind(&self, kind: &str) -> Vec<&str> {
        let mut targets: Vec<&str> = self
            .0
            .values()
            .filter(|relationship| relationship.kind == kind)
            .map(|found| found.target.as_str())
            .collect();
        targets.sort_unstable();
        targets
    }
}

fn last_step(kind: &str) -> &str {
    kind.rsplit('/').next().unwrap_or(kind)
}

/// The part that the package is about.
pub(crate) fn main_part(package: &mut Package<'_>, usual: &str) -> Result<String, ExtractError> {
    let relationships = Relationships::of(package, "")?;
    let target = relationships.of_kind("officeDocument").first().map(|target| (*target).to_owned());
    Ok(target.unwrap_or_else(|| usual.to_owned()))
}

/// A part that a document can do without: one that is missing or damaged becomes a warning.
pub(crate) fn dispensable(
    package: &mut Package<'_>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, ExtractError> {
    match package.part(name) {
        Ok(Some(bytes)) => return Ok(Some(xml::decode(&bytes))),
        Ok(None) => warnings.push(format!("damaged: {name} is missing.")),
        Err(error) if error.is_limit() => return Err(error),
        Err(error) => warnings.push(format!("skipped: {name}: {}: {error}.", error.code())),
    }
    Ok(None)
}

/// Fills in title and author, and pages by the name that `app.xml` has for them.
pub(crate) fn add_properties(
    package: &mut Package<'_>,
    pages: &str,
    extracted: &mut Extracted,
) -> Result<(), ExtractError> {
    if let Some(core) = package.part("docProps/core.xml")? {
        let source = xml::decode(&core);
        xml::add_properties(&Tree::parse(&source)?, extracted);
    }
    if extracted.pages.is_none()
        && let Some(app) = package.part("docProps/app.xml")?
    {
        let source = xml::decode(&app);
        let tree = Tree::parse(&source)?;
        extracted.pages = tree.document().find(pages).and_then(|element| element.text().trim().parse().ok());
    }
    Ok(())
}
