//! The repository's own rules, as tests. Each failure says what to do.
//!
//! They read the sources as rustfmt leaves them (`make check` sees to that), line by line, without parsing Rust.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Lines of a source file before its tests.
const FILE_LINES_MAX: usize = 300;
/// Lines of `src/main.rs`, which only ties the command line to the library.
const MAIN_LINES_MAX: usize = 60;
/// Lines of a function, its signature and its last brace counted.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn files_fit_their_reader() {
    let long = sources("src").into_iter().filter_map(|file| {
        let max = if file.name == "src/main.rs" { MAIN_LINES_MAX } else { FILE_LINES_MAX };
        let lines = file.before_tests().count();
        (lines > max).then(|| format!("{}: {lines} lines before its tests, {max} allowed", file.name))
    });
    report(long, "find the second idea in the file and give it a file of its own");
}

#[test]
fn functions_fit_a_screen() {
    let long = ["src", "tests", "benches"].into_iter().flat_map(sources).flat_map(|file| {
        let functions = functions(&file.text).into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
        let told = functions.map(|Function { name, line, lines }| {
            format!("{}:{line}: {name} has {lines} lines, {FUNCTION_LINES_MAX} allowed", file.name)
        });
        told.collect::<Vec<_>>()
    });
    report(long, "cut the function where its comment would say \"now\"");
}

#[test]
fn only_the_job_log_names_sled() {
    let named = sources("src")
        .into_iter()
        .filter(|file| !file.name.starts_with("src/joblog/"))
        .flat_map(|file| file.places(file.text.lines(), |line| words_of(code(line)).any(|word| word == "sled")));
    report(named, "ask src/joblog for what you need: it alone knows what the log is kept in");
}

#[test]
fn only_the_door_of_http_reaches_what_is_kept() {
    let named =
        sources("src/http").into_iter().filter(|file| !file.name.starts_with("src/http/door/")).flat_map(|file| {
            let is_kept = |word: &str| ["Custody", "custody", "joblog"].contains(&word);
            let lines = file.before_tests().filter(|line| !line.starts_with("use "));
            file.places(lines, |line| words_of(code(line)).any(is_kept))
        });
    report(named, "take an OwnBatch, or ask src/http/door/ for what you need: it alone knows whose a batch is");
}

#[test]
fn only_the_spool_makes_and_moves_files() {
    // Faults are noted in a file of the test that asked for them.
    let is_bound = |name: &str| !name.starts_with("src/spool/") && name != "src/fault.rs";
    let made = sources("src").into_iter().filter(|file| is_bound(&file.name)).flat_map(|file| {
        let mut doors = vec!["File::create", "fs::write", ".create(true)", ".create_new(true)", "fs::rename"];
        if file.name == "src/joblog/open.rs" {
            // It moves a damaged log aside whole, as a directory that it alone knows.
            doors.retain(|door| *door != "fs::rename");
        }
        file.places(file.before_tests(), |line| doors.iter().any(|door| code(line).contains(door)))
    });
    report(made, "let src/spool do it: it also syncs the file and its directory, in the right order");
}

#[test]
fn mailbox_sizes_are_those_of_the_drawing() {
    let constants: BTreeMap<_, _> = sources("src/actors").iter().flat_map(|file| mailboxes(&file.text)).collect();
    let Ok(architecture) = fs::read_to_string(root().join("ARCHITECTURE.md")) else {
        panic!("write ARCHITECTURE.md, with the pipeline's drawing in a fenced block")
    };
    let drawn = drawn_mailboxes(&architecture);
    assert_eq!(
        drawn, constants,
        "the drawing in ARCHITECTURE.md (left) and the constants in src/actors (right) differ: a mailbox is drawn as \
         `Verifier [8]` in a fenced block where src/actors says `pub const VERIFIER_MAILBOX_MAX: usize = 8;`"
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Put together from halves, so that this file does not break its own rule.
    let words = ["TO-DO", "FIX-ME", "XX-X"].map(|word| word.replacen('-', "", 1));
    let calls = ["to-do!(", "unimple-mented!(", "db-g!(", "#[ig-nore"].map(|call| call.replacen('-', "", 1));
    let marked = |line: &str| {
        calls.iter().any(|call| line.contains(call)) || words_of(line).any(|word| words.iter().any(|mark| mark == word))
    };
    let left = texts().into_iter().flat_map(|file| file.places(file.text.lines(), marked));
    report(left, "do it, or file an issue and leave the line out");
}

#[test]
fn nothing_names_a_machine() {
    let homes = ["/ro-ot/", "/ho-me/", "/Us-ers/", "/wo-rk/"].map(|path| path.replacen('-', "", 1));
    let named = texts()
        .into_iter()
        .flat_map(|file| file.places(file.text.lines(), |line| homes.iter().any(|home| line.contains(home))));
    report(named, "write the path relative to the repository, or take it from a setting");
}

#[test]
fn rules_see_what_they_look_for() {
    let text = "fn a() {}\n\npub(crate) async fn b<T>(\n    x: T,\n) -> T {\n    if x {\n    }\n}\n\n    fn c(&self);\n\n    fn d(\n        x: T,\n    );\n\n    fn e() {\n    }\n";
    let found: Vec<_> = functions(text).into_iter().map(|function| (function.name, function.lines)).collect();
    assert_eq!(found, [("a".to_owned(), 1), ("b".to_owned(), 6), ("e".to_owned(), 2)]);

    let constants = "pub const BATCH_AGGREGATOR_MAILBOX_MAX: usize = 1_024; // Why.\npub const OTHER_MAX: usize = 1;\n";
    assert_eq!(mailboxes(constants), [("BatchAggregator".to_owned(), 1_024)]);
    let drawing = "Verifier [9]\n```text\nhttp ─► Verifier [8] ─► Supervisor [1_024] [no] x[1]\n```\n";
    let drawn = BTreeMap::from([("Supervisor".to_owned(), 1_024), ("Verifier".to_owned(), 8)]);
    assert_eq!(drawn_mailboxes(drawing), drawn);
}

/// A text file of the repository.
struct SourceFile {
    /// Its path from the repository's root, with slashes.
    name: String,
    text: String,
}

impl SourceFile {
    /// The lines up to the module of tests; none of a file that is one.
    fn before_tests(&self) -> impl Iterator<Item = &str> {
        let is_test = self.name.ends_with("/tests.rs") || self.name.contains("/tests/");
        let text = if is_test { "" } else { &self.text };
        let mut lines = text.lines().peekable();
        std::iter::from_fn(move || {
            let line = lines.next()?;
            let tests = line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.starts_with("mod "));
            (!tests).then_some(line)
        })
    }

    /// Where `lines`, the first lines of this file, have one that is `wanted`.
    fn places<'a>(&self, lines: impl Iterator<Item = &'a str>, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let hits = lines.enumerate().filter(|(_, line)| wanted(line));
        hits.map(|(index, line)| format!("{}:{}: {}", self.name, index + 1, line.trim())).collect()
    }
}

/// The line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

fn words_of(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_word(c))
}

/// A function with a body, as it stands in a file.
struct Function {
    name: String,
    /// Of its first line, from 1.
    line: usize,
    lines: usize,
}

/// All functions with a body: each ends at the first brace that stands as far in as its first line does.
fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, first) in lines.iter().enumerate() {
        let indent = first.len() - first.trim_start().len();
        let Some(name) = function_name(first.trim_start()) else { continue };
        // The lines that stand as far in: the first one, one that ends the arguments, and the last.
        let mut borders = lines[index..].iter().enumerate().filter_map(|(offset, line)| {
            let (margin, rest) = line.split_at_checked(indent)?;
            (margin.trim().is_empty() && rest.starts_with(|c: char| !c.is_whitespace())).then_some((offset, rest))
        });
        let is_last = |offset, rest: &str| rest == "}" || rest.ends_with(';') || (offset == 0 && rest.ends_with('}'));
        let last = borders.find(|(offset, rest)| is_last(*offset, rest));
        if let Some((offset, _)) = last.filter(|(_, rest)| rest.ends_with('}')) {
            found.push(Function { name: name.to_owned(), line: index + 1, lines: offset + 1 });
        }
    }
    found
}

/// The name of the function that begins with this line, if one does.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let modifiers = before.split_whitespace().all(|word| {
        word.starts_with("pub") || ["const", "async", "unsafe", "extern", "\"C\"", "default"].contains(&word)
    });
    modifiers.then(|| words_of(after).next().unwrap_or(after))
}

/// The actors and sizes that constants like `pub const VERIFIER_MAILBOX_MAX: usize = 8;` say.
fn mailboxes(text: &str) -> Vec<(String, usize)> {
    let sizes = text.lines().filter_map(|line| {
        let (name, size) = line.strip_prefix("pub const ")?.split_once("_MAILBOX_MAX: usize = ")?;
        let size = size.split(';').next()?;
        let plain = || panic!("give {name}_MAILBOX_MAX as a plain number, so that it can be read here: {size}");
        Some((camel_case(name), number(size).unwrap_or_else(plain)))
    });
    sizes.collect()
}

/// The actors and sizes that the fenced blocks of a document say, as `Verifier [8]`.
fn drawn_mailboxes(document: &str) -> BTreeMap<String, usize> {
    let blocks = document.split("```").skip(1).step_by(2);
    let words = blocks.flat_map(|block| block.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()));
    let mut drawn = BTreeMap::new();
    for pair in words.flat_map(|words| words.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()) {
        let name = pair.0.trim_matches(|c: char| !is_word(c));
        let size = pair.1.strip_prefix('[').and_then(|rest| number(rest.split_once(']')?.0));
        if let Some(size) = size.filter(|_| name.starts_with(|c: char| c.is_ascii_uppercase())) {
            let before = drawn.insert(name.to_owned(), size);
            assert!(before.is_none_or(|before| before == size), "ARCHITECTURE.md draws {name} with two sizes");
        }
    }
    drawn
}

/// `BatchAggregator` from `BATCH_AGGREGATOR`.
fn camel_case(constant: &str) -> String {
    let words = constant.split('_').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_owned() + &rest.to_lowercase()
    });
    words.collect()
}

fn number(text: &str) -> Option<usize> {
    text.trim().replace('_', "").parse().ok()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder of the repository.
fn sources(folder: &str) -> Vec<SourceFile> {
    let mut files = read_all(&root().join(folder));
    files.retain(|file| Path::new(&file.name).extension().is_some_and(|extension| extension == "rs"));
    files
}

/// Every text of the repository: what is built, stored or not UTF-8 is none.
fn texts() -> Vec<SourceFile> {
    let files = read_all(root());
    assert!(files.iter().any(|file| file.name == "tests/tidy.rs"), "the repository's root is not where it was");
    files
}

fn read_all(folder: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.expect("a readable folder"));
        for path in entries.map(|entry| entry.path()) {
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            if path.is_dir() && ![".git", "data", "fuzz/target", "target"].contains(&name.as_str()) {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                files.push(SourceFile { name, text });
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// Fails with every place that breaks a rule and what to do about it.
fn report(places: impl IntoIterator<Item = String>, advice: &str) {
    let places: Vec<String> = places.into_iter().collect();
    assert!(places.is_empty(), "{advice}:\n  {}", places.join("\n  "));
}
