//! `consign extract`: reads the text of files on this machine, as a server would: by the same children, with the same limits.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::CliError;
use super::error::SOME_FAILED;
use super::settings::{SettingsArguments, key_and_value};
use super::table::{harmless, print, print_json};
use super::texts::{self, Texts};
use crate::batch::{BatchId, FileError, FileErrorCode, TextInfo};
use crate::config::Config;
use crate::extract::media::{self, Judged};
use crate::server::children::{bare_worker_settings, find_ocr, processors};
use crate::worker::{Child, Extraction, Job, WorkerSettings};

/// Bytes that a child is handed at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// What `--help` says below the flags.
pub const EXAMPLES: &str = "\
Exit codes: 0 every file has its text; 2 some have none; 64 the command makes no sense; 1 anything else.

Examples:
  consign extract report.pdf                                   Print its text
  consign extract --out texts *.pdf                            report.pdf becomes texts/report.pdf.md
  consign extract --json *.docx | jq '.[] | {file, tokens}'
  consign extract --set worker.wall_ms_max=600000 large.pdf    Settings are those of a server";

/// The flags of `consign extract`.
#[derive(Debug, Args)]
pub struct ExtractArguments {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write each text below this directory, under its file's name
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print what is known of each text, and the text itself unless it goes into a file, as JSON
    #[arg(long)]
    json: bool,
    /// The settings file [default: consign.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Change any setting that `consign config` lists; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

/// What is told of a file.
#[derive(Debug, Serialize)]
struct Told<'a> {
    file: &'a Path,
    state: &'static str,
    media_type: Option<String>,
    #[serde(flatten)]
    info: Option<TextInfo>,
    text: Option<String>,
    text_path: Option<PathBuf>,
    error: Option<ToldError>,
}

#[derive(Debug, Serialize)]
struct ToldError {
    code: String,
    message: String,
}

/// A file that was read, or why it was not.
type ReadFile = Result<(String, Extraction), ToldError>;

/// Reads them; returns how the program ends.
pub fn run(arguments: ExtractArguments) -> Result<ExitCode, CliError> {
    let ExtractArguments { files, out, json, config, set } = arguments;
    let settings = SettingsArguments { config, set, ..SettingsArguments::default() };
    let config = settings.load().map_err(|error| CliError::Call(error.to_string()))?.config;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut texts = out.as_deref().map(Texts::below);
    let mut told = Vec::new();
    let mut has_failures = false;
    // What stands between two texts, so that each begins on a line of its own.
    let mut between = "";
    runtime.block_on(async {
        let reader = Reader::new(&config).await;
        let count = processors(config.worker.processes).min(files.len());
        let reading = stream::iter(&files).map(async |file| (file, reader.read(file).await));
        // As many at a time as there are children, and told in the order in which they were named.
        let mut reading = std::pin::pin!(reading.buffered(count));
        while let Some((file, read)) = reading.next().await {
            has_failures |= read.is_err();
            let mut of_file = told_of(file, read);
            match &mut texts {
                Some(texts) => put_away(&mut of_file, texts)?,
                None if !json => {
                    let text = of_file.text.as_deref().unwrap_or_default();
                    print(between)?;
                    print(text)?;
                    between = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                }
                None => {}
            }
            if json {
                told.push(of_file);
            } else if let Some(error) = &of_file.error {
                eprintln!("consign: {}: {} ({})", harmless(&file.to_string_lossy()), error.message, error.code);
            }
        }
        reader.retire().await;
        Ok::<(), CliError>(())
    })?;
    if json {
        print_json(&told)?;
    }
    Ok(if has_failures { ExitCode::from(SOME_FAILED) } else { ExitCode::SUCCESS })
}

fn told_of(file: &Path, read: ReadFile) -> Told<'_> {
    match read {
        Ok((media_type, Extraction { text, info })) => Told {
            file,
            state: "succeeded",
            media_type: Some(media_type),
            info: Some(info),
            text: Some(text),
            text_path: None,
            error: None,
        },
        Err(error) => Told {
            file,
            state: "failed",
            media_type: None,
            info: None,
            text: None,
            text_path: None,
            error: Some(error),
        },
    }
}

/// Moves a text, where there is one, into its file.
fn put_away(told: &mut Told<'_>, texts: &mut Texts) -> Result<(), CliError> {
    let name = told.file.file_name().unwrap_or_default().to_string_lossy();
    // A file without a text has a place, too, so that the others' do not depend on it.
    let path = texts.place(&name);
    let Some(text) = told.text.take() else { return Ok(()) };
    texts::write_whole(&path, text.as_bytes())?;
    told.text_path = Some(path);
    Ok(())
}

/// Reads files by children that it keeps for the next ones.
struct Reader {
    settings: WorkerSettings,
    file_bytes_max: u64,
    idle: RefCell<Vec<Child>>,
    batch: BatchId,
}

impl Reader {
    async fn new(config: &Config) -> Self {
        let mut settings = bare_worker_settings(config);
        // Where there is no engine a picture has no text, and its warnings say so.
        settings.ocr = find_ocr(config, &settings).await.ok();
        let file_bytes_max = config.limits.extract_bytes_max;
        Self { settings, file_bytes_max, idle: RefCell::default(), batch: BatchId::new() }
    }

    async fn read(&self, path: &Path) -> ReadFile {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (file, length) = open(path).map_err(|error| cannot_be_read(&error))?;
        if length > self.file_bytes_max {
            return Err(FileErrorCode::TooLargeToExtract.into());
        }
        if !media::name_allowed(&name) {
            return Err(FileErrorCode::UnsupportedType.into());
        }
        let judged = media::judge(&name, &file).map_err(|error| cannot_be_read(&error))?;
        let (media_type, warning) = match judged {
            Judged::Agreed(media_type) => (media_type, None),
            Judged::Differs { media_type, .. } => {
                let warning = format!("type_differs: the content is {media_type}, which is not what the name says");
                (media_type, Some(warning))
            }
            Judged::Mismatch => return Err(FileErrorCode::TypeMismatch.into()),
            Judged::Unsupported => return Err(FileErrorCode::UnsupportedType.into()),
        };
        let mut child = self.child().await?;
        let job = Job { file: self.batch.file(0), media_type: media_type.clone(), length };
        let read = child.attempt(&job, blocks(file, length)).await;
        if !child.is_spent() {
            self.idle.borrow_mut().push(child);
        }
        let mut extraction = read.map_err(|failure| ToldError::from(failure.error))?;
        extraction.info.warnings.extend(warning);
        Ok((media_type, extraction))
    }

    /// A child that waits, or another.
    async fn child(&self) -> Result<Child, ToldError> {
        if let Some(child) = self.idle.borrow_mut().pop() {
            return Ok(child);
        }
        Child::spawn(&self.settings)
            .await
            .map_err(|error| ToldError { code: "no_worker".into(), message: error.to_string() })
    }

    async fn retire(&self) {
        for child in self.idle.take() {
            child.retire().await;
        }
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    if metadata.is_file() { Ok((file, metadata.len())) } else { Err(io::Error::other("it is not a regular file")) }
}

/// The bytes of a file from its beginning.
fn blocks(mut file: File, length: u64) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Unpin {
    let rewound = file.seek(SeekFrom::Start(0));
    let mut missing = length;
    let blocks = std::iter::from_fn(move || {
        if missing == 0 {
            return None;
        }
        let mut block = Vec::new();
        let read = (&mut file).take(missing.min(BLOCK_BYTES as u64)).read_to_end(&mut block);
        Some(match read {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it has become shorter")),
            Ok(count) => {
                missing -= count as u64;
                Ok(Bytes::from(block))
            }
            Err(error) => Err(error),
        })
    });
    stream::iter(rewound.err().map(Err).into_iter().chain(blocks))
}

fn cannot_be_read(error: &io::Error) -> ToldError {
    ToldError { code: "cannot_be_read".into(), message: format!("The file cannot be read: {error}.") }
}

impl From<FileError> for ToldError {
    fn from(error: FileError) -> Self {
        Self { code: error.code.to_string(), message: error.message() }
    }
}

impl From<FileErrorCode> for ToldError {
    fn from(code: FileErrorCode) -> Self {
        FileError::from(code).into()
    }
}
