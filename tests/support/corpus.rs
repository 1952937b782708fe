//! Real files, where they are at hand: `CONSIGN_CORPUS`, or `../shared/corpus` beside the crate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::skip;

/// The collection's directory.
pub struct Corpus {
    dir: PathBuf,
}

impl Corpus {
    /// The collection; without it, says that `test` did not run.
    pub fn or_skip(test: &str) -> Option<Self> {
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
        let dir = std::env::var_os("CONSIGN_CORPUS").map_or_else(beside, PathBuf::from);
        if dir.join("index.tsv").is_file() {
            return Some(Self { dir });
        }
        skip(test, "no collection of real files here; CONSIGN_CORPUS may name its directory");
        None
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }

    /// Every file below a folder that has folders of files.
    pub fn paths_below(&self, folder: &str) -> Vec<String> {
        let entries = |dir: PathBuf| {
            let entries = std::fs::read_dir(dir).expect("the collection has the folder");
            let mut names: Vec<String> =
                entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
            names.sort_unstable();
            names
        };
        let folders = entries(self.dir.join(folder)).into_iter();
        let below = |name: String| {
            let files = entries(self.dir.join(folder).join(&name));
            files.into_iter().map(move |file| format!("{folder}/{name}/{file}"))
        };
        folders.flat_map(below).collect()
    }

    /// What is expected of each hostile file, by path.
    pub fn expectations(&self) -> BTreeMap<String, String> {
        let table = String::from_utf8_lossy(&self.read("hostile.tsv")).into_owned();
        let line = |line: &str| line.split_once('\t').map(|(file, expected)| (file.to_owned(), expected.to_owned()));
        table.lines().filter_map(line).collect()
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.dir.join(path)).unwrap_or_else(|error| panic!("{path} of the collection: {error}"))
    }

    /// Valid files of these formats, up to `count` of at most `bytes_max` each, the formats taking turns.
    pub fn good(&self, formats: &[&str], count: usize, bytes_max: u64) -> Vec<(String, Vec<u8>)> {
        let mut queues: Vec<_> = formats.iter().map(|format| self.paths(format, bytes_max).into_iter()).collect();
        let mut paths = Vec::new();
        while paths.len() < count {
            let round: Vec<String> = queues.iter_mut().filter_map(Iterator::next).collect();
            assert!(!round.is_empty(), "the collection has {} files for {count} wanted", paths.len());
            paths.extend(round);
        }
        paths.truncate(count);
        paths.into_iter().map(|path| (base_name(&path), self.read(&path))).collect()
    }

    fn paths(&self, format: &str, bytes_max: u64) -> Vec<String> {
        let dir = self.dir.join("good").join(format);
        let entries = std::fs::read_dir(dir).expect("the collection has the format");
        let small =
            entries.filter_map(Result::ok).filter(|entry| entry.metadata().is_ok_and(|meta| meta.len() <= bytes_max));
        let mut names: Vec<String> = small.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names.into_iter().map(|name| format!("good/{format}/{name}")).collect()
    }
}

/// The last part of a path.
pub fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
