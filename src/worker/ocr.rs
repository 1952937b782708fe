//! Tesseract, where the machine has it: how it is found, and how it is started.
//!
//! It reads images that nobody vouches for, so it runs as a child of its own with a room of its own: this program,
//! called `consign worker --ocr`, locks itself in and then becomes tesseract. Finding it takes the same way, so what
//! was found is known to work in there.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::{env, io};

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::settings::WorkerSettings;

/// Where distributions keep tesseract's language data.
const DATA: [&str; 3] = ["/usr/share/tesseract-ocr", "/usr/share/tessdata", "/usr/local/share/tessdata"];

/// The data by which tesseract sees which way up a page is.
const ORIENTATION: &str = "osd";

/// What recognises text in images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcrEngine {
    /// Its name and version, as in `tesseract 5.3.0`.
    pub name: String,
    pub program: PathBuf,
    /// With these it reads an image from stdin and writes text to stdout.
    pub arguments: Vec<String>,
}

/// What the child that becomes the engine is told, on its command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// What it may read besides itself and its libraries.
    pub data: Vec<PathBuf>,
    /// Its address space.
    pub memory_bytes: u64,
    /// So much processor time it may use.
    pub wall_ms: u64,
}

impl OcrEngine {
    /// Looks for tesseract and asks it for its version and its languages, of which it must have all that are named, as
    /// in `eng+deu`.
    ///
    /// # Errors
    /// Why there is no OCR, in one sentence without its full stop.
    pub async fn find(settings: &WorkerSettings, languages: &str) -> Result<Self, String> {
        let program = search("tesseract").ok_or("tesseract is not installed")?;
        let mut engine = Self { name: String::new(), program, arguments: vec!["--version".into()] };
        let version = engine.ask(settings).await?;
        engine.name = version.lines().next().unwrap_or_default().trim().to_owned();
        engine.arguments = vec!["--list-langs".into()];
        let listed = engine.ask(settings).await?;
        let has = |language: &str| listed.lines().skip(1).any(|line| line.trim() == language);
        if let Some(missing) = languages.split('+').find(|language| !has(language)) {
            return Err(format!("{} has no data for the language {missing:?}", engine.name));
        }
        // Pages lie on their side or head in many scans; without the data for it tesseract takes them as they are.
        let segmentation = if has(ORIENTATION) { "1" } else { "3" };
        engine.arguments = ["stdin", "stdout", "-l", languages, "--psm", segmentation].map(str::to_owned).to_vec();
        Ok(engine)
    }

    /// The languages that it has data for.
    ///
    /// # Errors
    /// Why it does not say, in one sentence without its full stop.
    pub async fn languages(&self, settings: &WorkerSettings) -> Result<Vec<String>, String> {
        let asked = Self { arguments: vec!["--list-langs".into()], ..self.clone() };
        let listed = asked.ask(settings).await?;
        Ok(listed.lines().skip(1).map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
    }

    /// What the engine says to its arguments.
    async fn ask(&self, settings: &WorkerSettings) -> Result<String, String> {
        let told = |error: &dyn std::fmt::Display| format!("{} cannot be run: {error}", self.program.display());
        let process = self.start(settings, Stdio::null()).map_err(|error| told(&error))?;
        let output = timeout(settings.silence, process.wait_with_output()).await.map_err(|error| told(&error))?;
        let Output { status, stdout, stderr } = output.map_err(|error| told(&error))?;
        let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        match status.success() {
            // Old ones say it on stderr.
            true if stdout.trim().is_empty() => Ok(stderr),
            true => Ok(stdout),
            false => Err(told(&super::verdict::one_line(&stderr))),
        }
    }

    /// Starts the engine in its room. It is killed when it is dropped, and when the thread that called this ends.
    pub(super) fn start(&self, settings: &WorkerSettings, stdin: Stdio) -> io::Result<Child> {
        let own_data = env::var_os("TESSDATA_PREFIX").map(PathBuf::from);
        let plan = Plan {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            data: DATA.iter().map(PathBuf::from).chain(own_data.clone()).collect(),
            memory_bytes: settings.memory_bytes,
            wall_ms: u64::try_from(settings.wall.as_millis()).unwrap_or(u64::MAX),
        };
        let mut command = Command::new(&settings.program);
        command.arg0("consign").args(["worker", "--ocr"]).arg(serde_json::to_string(&plan)?).env_clear();
        if let Some(own_data) = own_data {
            command.env("TESSDATA_PREFIX", own_data);
        }
        // Each file has one core, as with every other parser.
        command.env("OMP_THREAD_LIMIT", "1");
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true).spawn()
    }
}

/// The program of this name on the path, without links.
fn search(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())?;
    found.canonicalize().ok().filter(|program| Path::is_absolute(program))
}
