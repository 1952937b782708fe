//! The texts of files as files: where each goes below a directory that the user names, and how it comes there.
//!
//! A text appears under its name whole or not at all: it is written beside it first. No name leads out of the directory,
//! whatever the file was called, and no two files share one.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::CliError;

/// What a text's name ends with, behind its file's name: `report.pdf.md`.
const ENDING: &str = ".md";
/// The longest name that common filesystems take, without [`ENDING`] and a number, and without what stands in front while
/// it is written.
const NAME_BYTES_MAX: usize = 230;
/// A file as others make theirs; the process's umask takes away from this.
const MODE: u32 = 0o666;

/// A directory for texts.
#[derive(Debug)]
pub struct Texts {
    directory: PathBuf,
    taken: HashSet<PathBuf>,
}

impl Texts {
    /// The texts below this directory, which need not be there yet.
    pub fn below(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), taken: HashSet::new() }
    }

    /// Where the text of a file of this name goes: the same for the same names in the same order.
    pub fn place(&mut self, name: &str) -> PathBuf {
        let safe = safe_path(name);
        let numbered = (1..).map(|number| {
            let number = if number == 1 { String::new() } else { format!("-{number}") };
            PathBuf::from(format!("{safe}{number}{ENDING}"))
        });
        let mut free = numbered.filter(|path| !self.taken.contains(path));
        let path = free.next().expect("the numbers do not end");
        self.taken.insert(path.clone());
        self.directory.join(path)
    }
}

/// Writes a text, whole or not at all, with the directories above it.
pub fn write(path: &Path, text: &mut dyn Read) -> Result<(), WriteFailure> {
    let failed = |error| WriteFailure::Written(CliError::Written { path: path.to_owned(), error });
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(failed)?;
    let mut made = tempfile::Builder::new();
    let made = made.prefix(".consign-").permissions(Permissions::from_mode(MODE)).tempfile_in(directory);
    let mut file = made.map_err(failed)?;
    let mut writer = BufWriter::new(&mut file);
    let mut block = vec![0; 64 << 10];
    loop {
        let count = match text.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(WriteFailure::Read(error)),
        };
        writer.write_all(&block[..count]).map_err(failed)?;
    }
    writer.flush().map_err(failed)?;
    drop(writer);
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Writes a text that is here already.
pub fn write_whole(path: &Path, text: &[u8]) -> Result<(), CliError> {
    write(path, &mut &*text).map_err(|failure| match failure {
        WriteFailure::Read(error) => CliError::Output(error),
        WriteFailure::Written(error) => error,
    })
}

/// Why a text was not written.
#[derive(Debug)]
pub enum WriteFailure {
    /// It did not come whole.
    Read(io::Error),
    /// It could not be put where it was to go.
    Written(CliError),
}

/// A file's name as a relative path that stays where it is put.
fn safe_path(name: &str) -> String {
    let parts = name.split(['/', '\\']).map(sanitize_filename::sanitize);
    let parts = parts.map(|part| shortened(part.trim()).to_owned()).filter(|part| !part.trim_matches('.').is_empty());
    // What is hidden stays so, but a text is to be seen.
    let path = parts.collect::<Vec<_>>().join("/");
    if path.is_empty() { "file".to_owned() } else { path }
}

fn shortened(part: &str) -> &str {
    let mut end = part.len().min(NAME_BYTES_MAX);
    while !part.is_char_boundary(end) {
        end -= 1;
    }
    &part[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in ["../../etc/passwd", "/etc/passwd", "..", "", "a/../../b", "C:\\x\\..\\..\\y", "\0", "con", ".. /x"]
        {
            let path = Texts::below(Path::new("out")).place(name);
            let inside = path.strip_prefix("out").unwrap();
            assert!(inside.components().all(|part| matches!(part, std::path::Component::Normal(_))), "{path:?}");
            assert!(path.to_string_lossy().ends_with(".md"), "{path:?}");
        }
        assert_eq!(Texts::below(Path::new("out")).place("docs/a b.pdf"), Path::new("out/docs/a b.pdf.md"));
    }

    #[test]
    fn names_that_are_alike_get_numbers_and_long_ones_are_cut() {
        let mut texts = Texts::below(Path::new("."));
        let names = ["a.txt", "a.txt", "a?.txt"].map(|name| texts.place(name));
        assert_eq!(names, ["./a.txt.md", "./a.txt-2.md", "./a.txt-3.md"].map(PathBuf::from));
        let longest = texts.place(&"ü".repeat(200));
        assert!(longest.file_name().unwrap().len() < 255);
    }

    #[test]
    fn a_text_that_breaks_off_leaves_nothing() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b.md");
        assert!(matches!(write(&path, &mut b"half".chain(Broken)), Err(WriteFailure::Read(_))));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        write(&path, &mut &b"whole"[..]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
    }
}
