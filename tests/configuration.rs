//! docs/configuration.md says what the settings' own comments and defaults say: it is made from them, and this fails when
//! it is stale. `make docs` makes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use consign::config::Config;
use toml::{Table, Value};

/// Asks for the page to be written in the place of the one that is there.
const WRITE: &str = "CONSIGN_DOCS_WRITE";

/// What stands around the part that is made.
const BEGIN: &str = "<!-- made by `make docs` from src/config; do not edit -->\n";
const END: &str = "<!-- made until here -->\n";

/// A struct of settings: what its comment says, and its fields with theirs.
struct Section {
    comment: String,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    comment: String,
    /// The last part of its type's name.
    of: String,
}

#[test]
fn the_page_of_the_settings_is_as_the_code_has_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(&path).expect("there is a page");
    let (before, rest) = page.split_once(BEGIN).expect("the page says where the settings begin");
    let (_, after) = rest.split_once(END).expect("the page says where they end");
    let made = format!("{before}{BEGIN}\n{}\n{END}{after}", settings());
    if std::env::var_os(WRITE).is_some() {
        return fs::write(&path, made).expect("the page can be written");
    }
    assert!(page == made, "docs/configuration.md is stale; make it anew with `make docs`");
}

/// The settings, a table for each section.
fn settings() -> String {
    let sections = sections();
    let defaults = Table::try_from(Config::default()).expect("settings have the form of TOML");
    let (mut top, mut rest) = (table_head(), String::new());
    for field in &sections["Config"].fields {
        match sections.get(&field.of) {
            None => row(&mut top, &field.name, defaults.get(&field.name), &field.comment),
            Some(section) => {
                let (of_keys, name) = (field.name == "keys", &field.name);
                let title = if of_keys { "keys.NAME" } else { name };
                let values = defaults.get(name).and_then(Value::as_table);
                write!(rest, "\n## `[{title}]`\n\n{}\n\n{}", section.comment, table_head()).expect("text is written");
                for field in &section.fields {
                    row(&mut rest, &field.name, values.and_then(|values| values.get(&field.name)), &field.comment);
                }
            }
        }
    }
    format!("## Outside of sections\n\n{top}{rest}")
}

fn table_head() -> String {
    "| key | default | what it is |\n|---|---|---|\n".to_owned()
}

fn row(into: &mut String, name: &str, default: Option<&Value>, comment: &str) {
    let default = match default {
        None => "none".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "none".to_owned(),
        Some(Value::Array(list)) if list.is_empty() => "none".to_owned(),
        Some(Value::String(text)) => format!("`\"{text}\"`"),
        Some(value) => format!("`{value}`"),
    };
    writeln!(into, "| `{name}` | {default} | {} |", comment.replace('|', "\\|")).expect("text is written");
}

/// Every struct of settings, by its name.
fn sections() -> BTreeMap<String, Section> {
    let mut sections = BTreeMap::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config")).expect("there are settings") {
        let source = fs::read_to_string(entry.expect("it can be listed").path()).expect("it can be read");
        sections.extend(sections_of(&source));
    }
    assert!(sections.len() > 12, "the sections are found");
    for (name, Section { fields, .. }) in &sections {
        assert!(fields.iter().all(|field| !field.comment.is_empty() || sections.contains_key(&field.of)), "{name}");
    }
    sections
}

/// The structs of settings in a source, which is laid out as rustfmt does.
fn sections_of(source: &str) -> Vec<(String, Section)> {
    let mut sections: Vec<(String, Section)> = Vec::new();
    let (mut comment, mut is_open) = (Vec::new(), false);
    for line in source.lines() {
        let said = line.trim_start();
        if let Some(text) = said.strip_prefix("///") {
            comment.push(text.trim());
        } else if let Some(name) = line.strip_prefix("pub struct ").and_then(|line| line.strip_suffix(" {")) {
            let comment = of_section(&std::mem::take(&mut comment).join(" "));
            is_open = name == "Config" || name == "Limits" || name.ends_with("Settings");
            sections.extend(is_open.then(|| (name.to_owned(), Section { comment, fields: Vec::new() })));
        } else if let Some((name, of)) = said.strip_prefix("pub ").and_then(|field| field.split_once(": "))
            && let (true, Some((_, section))) = (is_open, sections.last_mut())
        {
            let comment = std::mem::take(&mut comment).join(" ");
            section.fields.push(Field { name: name.to_owned(), comment, of: last_name(of) });
        } else if !said.starts_with("#[") {
            is_open &= line != "}";
            comment.clear();
        }
    }
    sections
}

/// A section's comment without the section's name, which is the title.
fn of_section(comment: &str) -> String {
    let text = comment.split_once("]`: ").or_else(|| comment.split_once("]`, ")).map_or(comment, |(_, text)| text);
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

/// The last name in a type: `KeySettings` of `BTreeMap<String, KeySettings>,`.
fn last_name(of: &str) -> String {
    let mut names = of.split(|letter: char| !letter.is_ascii_alphanumeric());
    names.rfind(|name| !name.is_empty()).unwrap_or_default().to_owned()
}
