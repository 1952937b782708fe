//! docs/configuration.md says what the settings' own comments and defaults say: it is made from them, and this fails when
//! it is stale. `make docs` makes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use consign::config::Config;
use syn::{Attribute, Expr, Fields, Item, Lit, Meta, Type};
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
        for item in syn::parse_file(&source).expect("it is Rust").items {
            let Item::Struct(found) = item else { continue };
            let Fields::Named(fields) = found.fields else { continue };
            let field = |field: syn::Field| {
                let name = field.ident.expect("a named field has a name").to_string();
                Field { name, comment: comment(&field.attrs), of: last_name(&field.ty) }
            };
            let fields: Vec<Field> = fields.named.into_iter().map(field).collect();
            let name = found.ident.to_string();
            if name == "Config" || name == "Limits" || name.ends_with("Settings") {
                sections.insert(name, Section { comment: of_section(&comment(&found.attrs)), fields });
            }
        }
    }
    assert!(sections.len() > 12, "the sections are found");
    for (name, Section { fields, .. }) in &sections {
        assert!(fields.iter().all(|field| !field.comment.is_empty() || sections.contains_key(&field.of)), "{name}");
    }
    sections
}

/// A comment, as one paragraph.
fn comment(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join(" ")
}

/// A section's comment without the section's name, which is the title.
fn of_section(comment: &str) -> String {
    let text = comment.split_once("]`: ").or_else(|| comment.split_once("]`, ")).map_or(comment, |(_, text)| text);
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

/// The last name in a type: `KeySettings` of `BTreeMap<String, KeySettings>`.
fn last_name(of: &Type) -> String {
    let Type::Path(path) = of else { return String::new() };
    let segment = path.path.segments.last().expect("a path has a name");
    match &segment.arguments {
        syn::PathArguments::AngleBracketed(arguments) => match arguments.args.last() {
            Some(syn::GenericArgument::Type(inner)) => last_name(inner),
            _ => segment.ident.to_string(),
        },
        _ => segment.ident.to_string(),
    }
}
