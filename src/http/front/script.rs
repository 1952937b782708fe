//! One script out of the page's modules, so that a browser asks once and not twenty times. Each module becomes a function
//! that gives back what it exports, in an order in which what a module imports stands before it.
//!
//! This reads no JavaScript: imports are `import { a, b } from "./name.js";`, a line each, and exports stand before what
//! they export, as the modules are written.

use std::fmt::Write;

/// A module: its name without its ending, and its text.
pub type Module = (&'static str, &'static str);

/// The script. The modules are in order.
pub fn joined(modules: &[Module]) -> String {
    let mut script = String::from("const modules = {};\n");
    for (name, text) in modules {
        let lines: String =
            text.lines().map(|line| imported(line).unwrap_or_else(|| plain(line).to_owned()) + "\n").collect();
        let exports: Vec<_> = text.lines().filter_map(exported).collect();
        write!(script, "modules[\"{name}\"] = (() => {{\n{lines}return {{ {} }};\n}})();\n", exports.join(", "))
            .expect("a string takes what is written");
    }
    script
}

/// What an import becomes: names for what the other module has given back.
fn imported(line: &str) -> Option<String> {
    let (names, module) = import(line)?;
    Some(format!("const {names} = modules[\"{module}\"];"))
}

/// The names that a line imports, in braces, and the module that has them.
fn import(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("import ")?.strip_suffix(".js\";")?.split_once(" from \"./")
}

/// A line without its `export`.
fn plain(line: &str) -> &str {
    line.strip_prefix("export ").unwrap_or(line)
}

/// The name that a line exports.
fn exported(line: &str) -> Option<&str> {
    let declared = line.strip_prefix("export ")?;
    let declared = declared.strip_prefix("async ").unwrap_or(declared);
    let (_, name) = declared.split_once(' ')?;
    name.split(|c: char| !c.is_alphanumeric()).next()
}

#[cfg(test)]
mod tests {
    use super::super::MODULES;
    use super::*;

    #[test]
    fn a_module_takes_what_another_has_given_back() {
        let modules = [
            ("dom", "export const make = 1;\nexport async function show() {}\nexport class Row {}\nlet own = 2;\n"),
            ("main", "import { make, show } from \"./dom.js\";\nshow(make);\n"),
        ];
        assert_eq!(
            joined(&modules),
            "const modules = {};\n\
             modules[\"dom\"] = (() => {\nconst make = 1;\nasync function show() {}\nclass Row {}\nlet own = 2;\n\
             return { make, show, Row };\n})();\n\
             modules[\"main\"] = (() => {\nconst { make, show } = modules[\"dom\"];\nshow(make);\nreturn {  };\n})();\n"
        );
    }

    #[test]
    fn each_module_stands_behind_those_that_it_imports_and_imports_what_they_export() {
        for (at, (name, text)) in MODULES.iter().enumerate() {
            for line in text.lines().filter(|line| line.starts_with("import")) {
                let (names, module) = import(line).unwrap_or_else(|| panic!("{name}.js: {line}"));
                let (_, text) = MODULES[..at].iter().find(|(other, _)| *other == module).unwrap_or_else(|| {
                    panic!("{name}.js imports {module}.js, which has to stand before it");
                });
                let exports: Vec<_> = text.lines().filter_map(exported).collect();
                for wanted in names.trim_matches(['{', '}', ' ']).split(", ") {
                    assert!(exports.contains(&wanted), "{name}.js imports {wanted} from {module}.js");
                }
            }
        }
    }
}
