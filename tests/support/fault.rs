//! Fault points from outside: arms them in a server and reads which it has passed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::DataDir;

/// The door through which a server is told where to fail.
pub struct Faults {
    file: PathBuf,
}

impl Faults {
    /// For the servers of this data directory.
    pub fn of(data: &DataDir) -> Self {
        Self { file: data.scratch().join("fault") }
    }

    /// The setting that a server must be started with.
    pub fn setting(&self) -> (&'static str, &str) {
        ("FAULT_FILE", self.file.to_str().expect("the path of a test is UTF-8"))
    }

    /// From now on the server fails where the line says, such as `seal_sync/before#2=crash`, and what it passes is noted
    /// anew.
    pub fn arm(&self, line: &str) {
        self.note_anew();
        // In one step, since the server may look at any time.
        let made = self.file.with_extension("made");
        std::fs::write(&made, line).expect("a test's file can be written");
        #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
        std::fs::rename(&made, &self.file).expect("a test's file can be moved");
    }

    /// What the server passes is noted anew, and nothing fails.
    pub fn note_anew(&self) {
        self.disarm();
        // There are none before the first run.
        let _ = std::fs::remove_file(self.file.with_extension("hits"));
    }

    /// Nothing fails from now on.
    pub fn disarm(&self) {
        // The server took it away when it came to pass.
        let _ = std::fs::remove_file(&self.file);
    }

    /// Whether the armed fault has not come to pass, or goes on for ever.
    pub fn is_armed(&self) -> bool {
        self.file.exists()
    }

    /// How often each point was passed.
    pub fn hits(&self) -> BTreeMap<String, usize> {
        let noted = std::fs::read_to_string(self.file.with_extension("hits")).unwrap_or_default();
        let mut hits = BTreeMap::new();
        for point in noted.lines() {
            *hits.entry(point.to_owned()).or_default() += 1;
        }
        hits
    }
}
