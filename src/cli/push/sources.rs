//! Which files are meant: those that are named, those in folders, those that match, and standard input.
//!
//! A file's name is what `cp -r` would make of it: from a folder that is named, its own name and the path below it; of a
//! file that is named, its name alone.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use ignore::{DirEntry, WalkBuilder};

use super::PushArguments;
use crate::cli::CliError;
use crate::client::Content;

/// A file that is to be sent.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub content: Content,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub sources: Vec<Source>,
    /// Links, pipes and the like, which are passed over.
    pub passed_over: usize,
    /// Folders and entries that cannot be read, each with why.
    pub unreadable: Vec<(String, String)>,
}

/// Finds the files that the command line means.
pub fn find(arguments: &PushArguments) -> Result<Found, CliError> {
    let mut search = Search { filter: Arc::new(Filter::of(arguments)?), found: Found::default(), seen: HashSet::new() };
    let mut has_stdin = false;
    for path in &arguments.paths {
        if path == "-" {
            if !std::mem::replace(&mut has_stdin, true) {
                search.found.sources.push(standard_input(&arguments.stdin_name)?);
            }
        } else {
            search.take(path)?;
        }
    }
    if search.found.sources.is_empty() && search.found.unreadable.is_empty() {
        return Err(CliError::Call("no file is there to be sent".into()));
    }
    Ok(search.found)
}

/// Takes all that standard input brings into a file without a name, so that it can be sent as often as it takes.
fn standard_input(name: &str) -> Result<Source, CliError> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut io::stdin().lock(), &mut file)?;
    Ok(Source { name: name.to_owned(), content: Content::Open(Arc::new(file)) })
}

/// What of a folder is taken.
struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    hidden: bool,
    follow_links: bool,
}

/// A pattern; one without a slash is of a name, wherever it stands.
struct Pattern {
    matcher: GlobMatcher,
    is_of_path: bool,
}

impl Pattern {
    fn new(text: &str) -> Result<Self, CliError> {
        let glob = GlobBuilder::new(text.trim_end_matches('/')).literal_separator(true).build();
        let glob = glob.map_err(|error| CliError::Call(format!("{text} is no pattern: {}", error.kind())))?;
        Ok(Self { matcher: glob.compile_matcher(), is_of_path: text.trim_end_matches('/').contains('/') })
    }

    fn matches(&self, path: &Path) -> bool {
        if self.is_of_path {
            self.matcher.is_match(path)
        } else {
            path.file_name().is_some_and(|name| self.matcher.is_match(name))
        }
    }
}

impl Filter {
    fn of(arguments: &PushArguments) -> Result<Self, CliError> {
        let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect::<Result<_, _>>();
        Ok(Self {
            include: patterns(&arguments.include)?,
            exclude: patterns(&arguments.exclude)?,
            hidden: arguments.hidden,
            follow_links: arguments.follow_links,
        })
    }

    fn excludes(&self, name: &Path) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(name))
    }

    fn includes(&self, name: &Path) -> bool {
        self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(name))
    }
}

/// The search while it goes on.
struct Search {
    filter: Arc<Filter>,
    found: Found,
    /// A file that is meant twice is sent once.
    seen: HashSet<PathBuf>,
}

impl Search {
    fn take(&mut self, path: &OsString) -> Result<(), CliError> {
        let path = Path::new(path);
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                self.walk(path, &last_name(path), None);
                Ok(())
            }
            Ok(metadata) => {
                self.add(path, &last_name(path), &metadata);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match pattern(path)? {
                Some((base, pattern)) => {
                    let before = self.found.sources.len();
                    self.walk(&base, &last_name(&base), Some(&pattern));
                    if self.found.sources.len() == before {
                        return Err(CliError::Call(format!("{} matches no file", path.display())));
                    }
                    Ok(())
                }
                None => Err(CliError::Call(format!("{} is not there", path.display()))),
            },
            Err(error) => Err(CliError::Call(format!("{} cannot be read: {error}", path.display()))),
        }
    }

    /// Walks a folder in the order of names. `root` is what the names of its files begin with.
    fn walk(&mut self, folder: &Path, root: &Path, wanted: Option<&GlobMatcher>) {
        let mut walk = WalkBuilder::new(folder);
        let (filter, base, prefix) = (Arc::clone(&self.filter), folder.to_owned(), root.to_owned());
        walk.standard_filters(false)
            .hidden(!filter.hidden)
            .follow_links(filter.follow_links)
            .sort_by_file_name(Ord::cmp);
        walk.filter_entry(move |entry| entry.depth() == 0 || !filter.excludes(&name_of(entry, &base, &prefix)));
        for entry in walk.build() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.found.unreadable.push(place_and_reason(&error));
                    continue;
                }
            };
            if entry.file_type().is_some_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = name_of(&entry, folder, root);
            if !self.filter.includes(&name) || wanted.is_some_and(|wanted| !wanted.is_match(without_dots(entry.path())))
            {
                continue;
            }
            match entry.metadata() {
                Ok(metadata) => self.add(entry.path(), &name, &metadata),
                Err(error) => self.found.unreadable.push((name.display().to_string(), place_and_reason(&error).1)),
            }
        }
    }

    fn add(&mut self, path: &Path, name: &Path, metadata: &Metadata) {
        if !metadata.is_file() {
            self.found.passed_over += 1;
        } else if self.seen.insert(path.to_owned()) {
            let name = name.to_string_lossy().into_owned();
            self.found.sources.push(Source { name, content: Content::Path(path.to_owned()) });
        }
    }
}

/// Where a walk could not go on, and why: the beginning and the end of what is said of it.
fn place_and_reason(error: &ignore::Error) -> (String, String) {
    let text = error.to_string();
    let (place, why) = text.split_once(": ").unwrap_or(("a folder", &text));
    (place.to_owned(), why.rsplit(": ").next().unwrap_or(why).to_owned())
}

/// What a path is called itself; nothing of `.` and `..`.
fn last_name(path: &Path) -> PathBuf {
    path.file_name().map(PathBuf::from).unwrap_or_default()
}

/// The name of what was found in `folder`.
fn name_of(entry: &DirEntry, folder: &Path, root: &Path) -> PathBuf {
    root.join(entry.path().strip_prefix(folder).unwrap_or(entry.path()))
}

/// A path that is a pattern, and the folder below which it can match.
fn pattern(path: &Path) -> Result<Option<(PathBuf, GlobMatcher)>, CliError> {
    let is_plain = |part: &Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let base: PathBuf = path.components().take_while(is_plain).collect();
    if base.components().count() == path.components().count() {
        return Ok(None);
    }
    let matcher = Pattern::new(&without_dots(path).to_string_lossy())?.matcher;
    Ok(Some((if base.as_os_str().is_empty() { PathBuf::from(".") } else { base }, matcher)))
}

/// A path as a pattern has it: `./a` is `a`.
fn without_dots(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}
