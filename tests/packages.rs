//! What is handed out beside the sources: the image's recipe, the units and the Debian package name what there is, and the
//! unit leaves a server what it needs.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use support::corpus::Corpus;
use support::{DataDir, Form, process, skip};
use toml::Table;

const UNIT: &str = "deploy/systemd/consign.service";
const UNIT_WITH_SOCKET: &str = "deploy/systemd/socket/consign.service.d/socket.conf";
const SOCKET: &str = "deploy/systemd/socket/consign.socket";
const PACKAGED_SETTINGS: &str = "deploy/debian/consign.toml";

/// What `systemd-analyze security` may say at most, in tenths: 10 is the worst, 0 a service that can do nothing.
const EXPOSURE_MAX: u64 = 20;

#[test]
fn the_image_is_built_from_what_is_there_and_runs_what_the_program_takes() {
    let recipe = joined(&read("Dockerfile"));
    let mut stages = 0;
    for line in recipe.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "FROM" => stages += 1,
            "COPY" if !rest.starts_with("--from=build ") => {
                let mut names: Vec<_> = rest.split_whitespace().collect();
                names.pop();
                for name in names {
                    assert!(root().join(name).exists(), "{name} is not there");
                    assert!(read(".dockerignore").lines().any(|line| line == format!("!{name}")), "{name} is ignored");
                }
            }
            "CMD" => assert_taken(&words_of_json(rest)),
            "HEALTHCHECK" => {
                let (_, words) = rest.split_once(" CMD ").expect("a check runs something");
                let words = words_of_json(words);
                assert_eq!(words[0], "consign");
                assert_taken(&words[1..]);
            }
            _ => {}
        }
    }
    assert_eq!(stages, 2);
    let has = |line: &str| recipe.lines().any(|other| other == line);
    assert!(has("USER 10001:10001") && has("VOLUME /data") && has(r#"ENTRYPOINT ["consign"]"#), "{recipe}");
    let rust = manifest()["package"]["rust-version"].as_str().expect("a version").to_owned();
    assert!(recipe.contains(&format!("FROM rust:{rust}-")), "the image is built with Rust {rust}");
    for (name, value) in recipe.lines().filter_map(|line| line.strip_prefix("ENV ")).flat_map(pairs) {
        let set = Command::new(program()).arg("config").env(name, value).output().expect("the binary can be run");
        assert!(set.status.success(), "{name}={value}: {set:?}");
    }
}

#[test]
fn the_units_run_what_the_program_takes_with_the_settings_of_the_package() {
    for unit in [UNIT, UNIT_WITH_SOCKET] {
        let text = read(unit);
        let command = text.lines().rfind(|line| line.starts_with("ExecStart=/")).expect("it runs something");
        let words: Vec<_> = command.trim_start_matches("ExecStart=").split(' ').map(str::to_owned).collect();
        assert_eq!(words[0], "/usr/bin/consign");
        assert_taken(&words[1..]);
    }
    let settings = config(&["--config", &root().join(PACKAGED_SETTINGS).display().to_string()]);
    let listen = settings["listen"].as_str().expect("an address");
    assert!(read(SOCKET).lines().any(|line| line == format!("ListenStream={listen}")), "{listen}");
    assert_eq!(settings["data_dir"].as_str(), Some("/var/lib/consign"), "the unit's StateDirectory");
    // The last flush has 10 s and a second more after what runs was waited for.
    let stop: i64 = value(&read(UNIT), "TimeoutStopSec").parse().expect("seconds");
    let drain = settings["shutdown"]["drain_ms_max"].as_integer().expect("a time");
    assert!(stop * 1000 >= drain + 20_000, "{stop} s for {drain} ms");
}

#[test]
fn the_debian_package_is_made_of_what_is_there() {
    let manifest = manifest();
    let deb = manifest["package"]["metadata"]["deb"].as_table().expect("a package");
    let assets = deb["assets"].as_array().expect("assets");
    for source in assets.iter().map(|asset| asset[0].as_str().expect("a file")) {
        let is_built = source.starts_with("target/");
        let folder = source.strip_suffix("/*.md").unwrap_or(source);
        assert!(is_built || root().join(folder).exists(), "{source} is not there");
    }
    let units = &deb["systemd-units"];
    let [folder, name] = ["unit-scripts", "unit-name"].map(|key| units[key].as_str().expect("a name"));
    assert_eq!(format!("{folder}/{name}.service"), UNIT);
}

#[test]
fn the_unit_is_hardened_and_systemd_finds_nothing_wrong_with_it() {
    let analyze = |words: &[&str]| Command::new("systemd-analyze").args(words).current_dir(root()).output();
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let Ok(security) = analyze(&["security", "--no-pager", "--offline=true", &threshold, UNIT]) else {
        return skip("hardening", "systemd-analyze is not installed (Debian: systemd)");
    };
    let said = String::from_utf8_lossy(&security.stdout);
    assert!(security.status.success() && said.contains("Overall exposure level"), "{said}");
    for units in [&[UNIT][..], &[UNIT, SOCKET][..]] {
        let verified = analyze(&[&["verify", "--man=no"], units].concat()).expect("it ran before");
        let said = String::from_utf8_lossy(&verified.stderr);
        // The program need not be installed here.
        let found: Vec<_> = said.lines().filter(|line| !line.contains("/usr/bin/consign is not executable")).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn system_calls_of_a_server_and_its_children_are_those_that_the_unit_leaves() {
    let Some(left) = calls_left() else {
        return skip("system calls under the unit", "systemd-analyze is not installed (Debian: systemd)");
    };
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        return skip("system calls under the unit", "strace is not installed, or may not trace here");
    }
    // A file of calls for each thread, so that each line is whole.
    let data = DataDir::after("exec strace -ff -qq -e signal=none -o calls");
    let mut server = data.serve(&[]);
    let real = Corpus::or_skip("system calls over real files");
    let real =
        real.map_or_else(Vec::new, |corpus| corpus.good(&["pdf", "docx", "xls", "epub", "zip", "image"], 12, 1 << 20));
    let batch = server.process(Form::new().file("page.html", "<h1>A head</h1><p>and words").files(real));
    assert!(batch.file("page.html").state == "succeeded", "{batch:?}");
    // Strace's only child is the server, whose end and last flush count, too.
    let traced = process::children(server.pid()).into_iter().find_map(|id| Pid::from_raw(id.cast_signed()));
    kill_process(traced.expect("strace has a child"), Signal::TERM).expect("the server runs");
    assert!(server.ended().success());
    let files = fs::read_dir(data.scratch()).expect("the folder is there").filter_map(Result::ok);
    let files = files.filter(|file| file.file_name().to_string_lossy().starts_with("calls."));
    let trace: String = files.map(|file| fs::read_to_string(file.path()).expect("strace has written")).collect();
    // A child's own walls refuse with EPERM what the unit's would refuse likewise.
    let made = trace.lines().filter(|line| !line.contains("EPERM")).filter_map(call);
    let refused: BTreeSet<_> = made.filter(|call| !left.contains(call)).collect();
    assert!(trace.contains("landlock_restrict_self(") && refused.is_empty(), "the unit refuses {refused:?}");
}

/// The system calls that the unit's filter leaves; none where nobody can tell.
fn calls_left() -> Option<BTreeSet<String>> {
    let mut left = BTreeSet::new();
    for words in read(UNIT).lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (is_taken, words) = words.strip_prefix('~').map_or((false, words), |words| (true, words));
        for word in words.split(' ') {
            for call in calls_of(word)? {
                if is_taken {
                    left.remove(&call)
                } else {
                    left.insert(call)
                };
            }
        }
    }
    Some(left)
}

/// The calls that a word of a filter names, alone or as a set of sets.
fn calls_of(word: &str) -> Option<BTreeSet<String>> {
    if !word.starts_with('@') {
        return Some(BTreeSet::from([word.to_owned()]));
    }
    let listed = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", word]).output().ok()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let words = listed.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with('#'));
    words.map(calls_of).try_fold(BTreeSet::new(), |all, calls| Some(all.into_iter().chain(calls?).collect()))
}

/// The name in a line of strace's, such as `openat(AT_FDCWD, …`; none in one that tells of something else.
fn call(line: &str) -> Option<String> {
    let (name, _) = line.split_once('(')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name.then(|| name.to_owned())
}

/// The program must take these words: it stumbles over the one behind them, which keeps it from doing anything.
fn assert_taken<S: AsRef<str>>(words: &[S]) {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let refused = Command::new(program()).args(&words).arg("--no-such-flag").output().expect("the binary can be run");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("--no-such-flag"), "{words:?}: {said}");
}

/// The settings in force with these flags.
fn config(flags: &[&str]) -> Table {
    let mut command = Command::new(program());
    let output = command.arg("config").args(flags).output().expect("the binary can be run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).parse().expect("settings are TOML")
}

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_consign")
}

fn manifest() -> Table {
    read("Cargo.toml").parse().expect("the manifest is TOML")
}

/// The value of a key that stands once in a unit.
fn value<'t>(unit: &'t str, key: &str) -> &'t str {
    unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).expect("the key is there")
}

/// A recipe without comments, each instruction on one line.
fn joined(recipe: &str) -> String {
    let lines: Vec<_> = recipe.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    lines.join("\n").replace("\\\n", "")
}

fn words_of_json(list: &str) -> Vec<String> {
    serde_json::from_str(list).expect("what is run is a list of words")
}

fn pairs(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split_whitespace().filter_map(|pair| pair.split_once('='))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}
