//! The page in headless Chromium: each script below `tests/browser` is a visit that a person could make. What the scripts
//! need of npm is installed below `target/browser`, once, from the lock file beside them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::skip;

/// What playwright runs on.
const NODE_MAJOR_MIN: u32 = 20;

/// Chromium, node and what the scripts import.
pub struct Browser {
    chromium: PathBuf,
    tools: PathBuf,
}

impl Browser {
    /// A browser; where something is missing, it is said that `test` did not run.
    pub fn or_skip(test: &str) -> Option<Self> {
        match Self::find() {
            Ok(browser) => Some(browser),
            Err(why) => {
                skip(test, &why);
                None
            }
        }
    }

    fn find() -> Result<Self, String> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let found = |name: &str| std::env::split_paths(&paths).map(|dir| dir.join(name)).find(|path| path.is_file());
        let chromium = found("chromium").ok_or("chromium is not installed (Debian: chromium)")?;
        let version = Command::new("node").arg("--version").output();
        let version = version.map_err(|_| "node is not installed (Debian: nodejs)")?.stdout;
        let version = String::from_utf8_lossy(&version).trim().to_owned();
        let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major: u32| major < NODE_MAJOR_MIN) {
            return Err(format!("node {version} is older than {NODE_MAJOR_MIN}"));
        }
        Ok(Self { chromium, tools: installed()? })
    }

    /// Goes through a script with these variables. A line of it that begins with `ask ` is a wish, which `grant` grants
    /// before it goes on; what the script prints else is printed.
    ///
    /// # Panics
    /// When the script fails.
    pub fn visit(&self, script: &str, variables: &[(&str, &str)], mut grant: impl FnMut(&str)) {
        let mut node = Command::new("node")
            .arg(scripts().join(script))
            .env("CONSIGN_CHROMIUM", &self.chromium)
            .env("CONSIGN_BROWSER_TOOLS", &self.tools)
            .env("CONSIGN_SCREENSHOTS", target().join("screenshots"))
            .env("CONSIGN_SCRATCH", env!("CARGO_TARGET_TMPDIR"))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node can be run");
        let mut answers = node.stdin.take().expect("its input is a pipe");
        let lines = BufReader::new(node.stdout.take().expect("its output is a pipe")).lines();
        for line in lines.map_while(Result::ok) {
            if let Some(wish) = line.strip_prefix("ask ") {
                grant(wish);
                // A script that has failed meanwhile reads nothing.
                let _ = writeln!(answers, "granted");
            } else {
                eprintln!("{line}");
            }
        }
        let status = node.wait().expect("node can be waited for");
        assert!(status.success(), "{script}: {status}");
    }
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("temporary files lie below target")
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// The folder with what is in the lock file. Tests run at the same time, so the first installs it and the others wait.
fn installed() -> Result<PathBuf, String> {
    let tools = target().join("browser");
    fs::create_dir_all(&tools).expect("a folder below target can be made");
    let lock = File::create(tools.join("lock")).expect("a file below target can be made");
    lock.lock().expect("a file can be locked");
    let wanted = fs::read(scripts().join("package-lock.json")).expect("the lock file is checked in");
    let mark = tools.join("installed.json");
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(tools);
    }
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(scripts().join(name), tools.join(name)).expect("a file below target can be written");
    }
    let npm = Command::new("npm").args(["ci", "--no-progress"]).current_dir(&tools).output();
    let npm = npm.map_err(|_| "npm is not installed (Debian: npm)")?;
    if !npm.status.success() {
        return Err(format!("npm could not install playwright-core: {}", String::from_utf8_lossy(&npm.stderr)));
    }
    // Only what came whole is marked.
    fs::write(&mark, wanted).expect("a file below target can be written");
    Ok(tools)
}
