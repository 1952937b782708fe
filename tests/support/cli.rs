//! The command line that calls a server, as a person or a script runs it.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::server::{DataDir, Server};

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Asserts the exit code.
    #[must_use]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    /// What it printed as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The first file of this name in what a push printed as JSON.
    pub fn file(&self, name: &str) -> Value {
        let report = self.json();
        let found =
            report["files"].as_array().and_then(|files| files.iter().find(|file| file["name"] == name).cloned());
        found.unwrap_or_else(|| panic!("{name} in {report}"))
    }
}

/// A command that is still running.
pub struct Running(Child);

impl Running {
    /// Waits for its end.
    pub fn ended(self) -> Ran {
        let output = self.0.wait_with_output().expect("the command can be waited for");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what it says is text");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Kills it and waits for its end.
    pub fn kill(mut self) {
        self.0.kill().expect("it has not been waited for");
        self.0.wait().expect("the command can be waited for");
    }

    /// Whether it goes on.
    pub fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl DataDir {
    /// Starts `consign` with these words in the directory for a test's own files, calling this server.
    pub fn start_cli(&self, server: &str, words: &[&str], input: &[u8]) -> Running {
        let mut command: Command = self.bare_command(&[("SERVER", server)]);
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        let command = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        // One that fails early reads nothing.
        let _ = stdin.write_all(input);
        Running(child)
    }
}

impl Server {
    /// Runs `consign` with these words against this server.
    pub fn cli(&self, words: &[&str]) -> Ran {
        self.cli_with(words, b"")
    }

    /// The same with something on standard input.
    pub fn cli_with(&self, words: &[&str], input: &[u8]) -> Ran {
        self.data.start_cli(&self.url(""), words, input).ended()
    }
}

/// Writes files below a directory, with the directories above them.
pub fn plant(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory can be made");
        std::fs::write(path, text).expect("a test's file can be written");
    }
}
