//! Every block of code in the README and below docs/ does what it says: commands are run against a server, settings are
//! read by it, programs run, data is parsed.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{DataDir, Server, skip};

/// Commands that are not run, by how they begin, and why. One that no page has any more is to go.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo run --release", "starts a server that runs on; the one of this test is another build of it"),
    ("make ", "is run by who runs this test"),
    ("cargo install", "puts the program on the machine of who runs this test"),
    ("sudo ", "changes the machine; `make deb-test` does so with the package"),
    ("docker ", "there may be none; tests/packages.rs holds the recipe against the program"),
    ("consign --data-dir /srv", "takes a directory of the machine's and runs on"),
    ("consign health --config /etc", "asks what the package has installed; tests/health.rs asks a server of its own"),
    ("consign --tls-cert", "takes a port of the machine's and runs on; tests/tls.rs does so on another"),
];

/// A page that follows events never ends: it has come far enough when nothing more comes.
const FOLLOWS_FOR_SECONDS: &str = "3";

/// The exit code of `timeout` when the time was up.
const TIME_IS_UP: i32 = 124;

/// A block of code.
struct Block {
    language: String,
    text: String,
    /// Where it begins: page and line.
    place: String,
}

/// Every page, with its blocks.
fn pages() -> Vec<(String, Vec<Block>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs =
        fs::read_dir(root.join("docs")).expect("there are pages").map(|entry| entry.expect("it is listed").path());
    let mut paths: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.push(root.join("README.md"));
    paths.sort();
    let page = |path: PathBuf| {
        let name = path.strip_prefix(root).expect("it lies below").display().to_string();
        let text = fs::read_to_string(&path).expect("a page can be read");
        (name.clone(), blocks(&name, &text))
    };
    paths.into_iter().map(page).collect()
}

fn blocks(page: &str, text: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                let place = format!("{page}:{}", number + 1);
                open = Some(Block { language: language.to_owned(), text: String::new(), place });
            }
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block has no end");
    blocks
}

/// The commands of a block: those lines behind a prompt, and what continues them.
fn commands(block: &Block) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(command.to_owned());
        } else if goes_on {
            let command = commands.last_mut().expect("a command goes on");
            command.extend(["\n", line]);
        } else {
            continue;
        }
        goes_on = line.ends_with('\\');
    }
    commands
}

/// A directory in which a reader has what the pages speak of.
struct Desk {
    data: DataDir,
    /// That no server has.
    resting: DataDir,
    server: Server,
    /// What the pages call by its name is this build.
    bin: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let data = DataDir::new();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let dir = data.scratch().join("desk");
        let bin = data.scratch().join("bin");
        fs::create_dir_all(dir.join("tests")).expect("a directory can be made");
        fs::create_dir_all(&bin).expect("a directory can be made");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_consign"), bin.join("consign")).expect("a link can be made");
        std::os::unix::fs::symlink(&samples, dir.join("tests/data")).expect("a link can be made");
        for (name, sample) in [("minutes.md", "minutes.md"), ("prices.csv", "prices.csv"), ("report.pdf", "minutes.md")]
        {
            fs::copy(samples.join(sample), dir.join(name)).expect("a sample can be copied");
        }
        let body =
            "--b5f1\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\nwords\r\n--b5f1--\r\n";
        fs::write(dir.join("body"), body).expect("a body can be written");
        fs::write(data.scratch().join(".curlrc"), "fail-with-body\nsilent\nshow-error\n").expect("it can be written");
        let resting = DataDir::new();
        assert!(resting.serve(&[]).terminate().success());
        let server = data.serve(&[("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]);
        Self { data, resting, server, bin }
    }

    /// Runs a shell on the desk.
    fn shell(&self, script: &str) -> Output {
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").expect("there is a path"));
        let script = format!("set -euo pipefail\ncd \"$DESK\"\n{script}\n");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).env("PATH", path).env("DESK", self.data.scratch().join("desk"));
        shell.env("CURL_HOME", self.data.scratch()).env("SERVER", self.server.url("")).env("KEY", "none");
        shell.env("CONSIGN_SERVER", self.server.url(""));
        shell.env("CONSIGN_DATA_DIR", self.resting.path()).env_remove("http_proxy").env_remove("HTTP_PROXY");
        shell.output().expect("there is a shell")
    }

    /// The script with the server, and the batch and its files, that are there in the place of those of the page.
    fn as_here(&self, script: &str) -> String {
        let script = script.replace("http://127.0.0.1:8080", &self.server.url(""));
        match self
            .server
            .list("")
            .batches
            .iter()
            .map(|batch| &batch.id)
            .find(|id| self.server.batch(id).files.len() > 1)
        {
            Some(id) => with_ids_of(&script, id),
            None => script,
        }
    }
}

/// Puts a batch's id, and its files', where a page has those of its example.
fn with_ids_of(script: &str, batch: &str) -> String {
    let is_id = |text: &str| {
        text.len() == 36
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() })
    };
    let mut made = String::new();
    let mut at = 0;
    while at < script.len() {
        if let Some(id) = script.get(at..at + 36).filter(|text| is_id(text)) {
            made.extend([&batch[..32], &id[32..]]);
            at += 36;
        } else {
            let letter = script[at..].chars().next().expect("there is more");
            made.push(letter);
            at += letter.len_utf8();
        }
    }
    made
}

fn assert_ran(block: &Block, command: &str, output: &Output) {
    let is_follower = command.contains("curl -N") && output.status.code() == Some(TIME_IS_UP);
    let (told, said) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success() || is_follower, "{}: {command}\n{}\n{told}\n{said}", block.place, output.status);
}

#[test]
fn every_command_can_be_run_in_the_order_of_its_page() {
    let mut unused: Vec<&str> = NOT_RUN.iter().map(|(begin, _)| *begin).collect();
    for (page, blocks) in pages() {
        let consoles: Vec<&Block> = blocks.iter().filter(|block| block.language == "console").collect();
        if consoles.is_empty() {
            continue;
        }
        let desk = Desk::new();
        let before = "curl \"$SERVER/batches?wait=60\" -F files=@minutes.md -F files=@prices.csv -F files=@tests/data/notice.html";
        assert!(desk.shell(before).status.success(), "{page}: a batch to speak of");
        let mut script = String::new();
        for block in consoles {
            for command in commands(block) {
                if let Some((begin, _)) = NOT_RUN.iter().find(|(begin, _)| command.starts_with(begin)) {
                    unused.retain(|known| known != begin);
                    continue;
                }
                let command = desk.as_here(&command);
                let follows = command.replace("curl -N", &format!("timeout {FOLLOWS_FOR_SECONDS} curl -N"));
                // What a page has set before, a later command may use.
                if command.starts_with("export ") || command.split('=').next().is_some_and(is_variable) {
                    script.extend([&command, "\n"]);
                    continue;
                }
                assert_ran(block, &command, &desk.shell(&format!("{script}{follows}")));
            }
        }
    }
    assert!(unused.is_empty(), "no page has these any more: {unused:?}");
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[test]
fn every_other_block_is_what_its_language_says() {
    let desk = Desk::new();
    let path = desk.data.scratch().join("block");
    let file = path.display();
    let run = |block: &Block, script: &str| assert_ran(block, script, &desk.shell(&desk.as_here(script)));
    for block in pages().into_iter().flat_map(|(_, blocks)| blocks) {
        let text = block.text.replace("sha256 = \"…\"", &format!("sha256 = \"{}\"", "ab".repeat(32)));
        let text = text.replace("whsec_…", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        fs::write(&path, desk.as_here(&text)).expect("a block can be written");
        match &*block.language {
            "console" | "http" | "text" | "nginx" | "" => {}
            "toml" => run(&block, &format!("CONSIGN_CONFIG={file} consign config")),
            "json" => {
                let whole = serde_json::from_str::<Value>(&text).is_ok();
                let members = serde_json::from_str::<Value>(&format!("{{{text}}}")).is_ok();
                assert!(whole || members, "{}: no JSON", block.place);
            }
            "python" => run(&block, &format!("python3 {file}")),
            "sh" => run(&block, &format!("bash -n {file}")),
            "js" if !has("node") => skip("every_other_block_is_what_its_language_says", "node is not installed"),
            "js" if text.contains("EventSource(") => run(&block, &format!("node --check - < {file}")),
            "js" => run(&block, &format!("node --input-type=module < {file}")),
            other => panic!("{}: say how a block of {other} is tried", block.place),
        }
    }
}

fn has(program: &str) -> bool {
    Command::new("which").arg(program).output().is_ok_and(|found| found.status.success())
}
