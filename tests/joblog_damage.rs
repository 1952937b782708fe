//! A job log that is damaged in any way is noticed: the start works with all that was acknowledged, or it refuses with
//! the words that name the rebuild, and after a rebuild all is there. `DAMAGE_ROUNDS` asks for more rounds than usual,
//! `DAMAGE_SEED` for those from another seed on.

mod support;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use consign::custody::{Custody, CustodyError, JOB_LOG};
use consign::doctor::{self, Report};
use consign::joblog::{JobLog, JobLogError};
use consign::server::ServeError;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::custody::{Expected, assert_all_there, config, copy, live, open};
use tempfile::TempDir;

/// Rounds of damage unless more are asked for.
const ROUNDS: u64 = 60;

/// The most bytes that one round zeroes: more than a segment of sled's.
const ZEROED_BYTES_MAX: u64 = 600_000;

/// A data directory to be damaged, and what must be left of it.
struct Case {
    dir: PathBuf,
    expected: Expected,
}

/// Directories with a history of some starts: ended well and killed, with removals and without.
async fn cases(base: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for with_removals in [true, false] {
        let dir = base.join(format!("ended-{with_removals}"));
        let mut expected = Expected::default();
        for seed in 0..3 {
            let custody = open(&dir).expect("a sound log opens");
            custody.recover().await.expect("a sound log recovers");
            live(&custody, 40, with_removals, seed, &mut expected).await;
            if seed == 2 {
                let killed = base.join(format!("killed-{with_removals}"));
                copy(&dir, &killed);
                cases.push(Case { dir: killed, expected: expected.clone() });
            }
        }
        cases.push(Case { dir, expected });
    }
    cases
}

/// The files of a job log that have anything in them.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("the job log is a directory") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.metadata().expect("a file has a length").len() > 0 {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Damages one file of the job log in one of three ways, and says how.
fn damage(log: &Path, seed: u64) -> String {
    let mut chance = StdRng::seed_from_u64(seed);
    let files = files_below(log);
    let main = files.iter().find(|path| path.ends_with("db")).expect("sled has one large file");
    // Half of the rounds go to the file that holds everything.
    let path = if seed.is_multiple_of(2) { main } else { &files[chance.random_range(0..files.len())] };
    let file = OpenOptions::new().read(true).write(true).open(path).expect("a file of the log can be opened");
    let length = file.metadata().expect("a file has a length").len();
    let at = chance.random_range(0..length);
    let what = match chance.random_range(0..3) {
        0 => {
            file.set_len(at).expect("a file can be cut");
            "cut".to_owned()
        }
        1 => {
            let most = ZEROED_BYTES_MAX.min(length - at);
            let zeroed = if chance.random_range(0..2) == 0 { most.min(4096) } else { most };
            let zeroed = chance.random_range(1..=zeroed);
            file.write_all_at(&vec![0; usize::try_from(zeroed).expect("small")], at).expect("a file can be written");
            format!("zeroed for {zeroed}")
        }
        _ => {
            let flips = chance.random_range(1..16);
            (0..flips).for_each(|_| flip(&file, (at + chance.random_range(0..4096)).min(length - 1), &mut chance));
            format!("{flips} bits flipped")
        }
    };
    format!("{} of {length} bytes: {what} at {at}", path.file_name().expect("a file has a name").display())
}

fn flip(file: &File, at: u64, chance: &mut StdRng) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a byte can be read");
    byte[0] ^= 1 << chance.random_range(0..8);
    file.write_all_at(&byte, at).expect("a byte can be written");
}

/// What a start does before it takes requests.
async fn start(dir: &Path) -> Result<Custody, CustodyError> {
    let custody = open(dir)?;
    custody.recover().await?;
    Ok(custody)
}

/// Starts on what is left; if the start refuses, rebuilds and starts again. Says which it was.
async fn start_or_rebuild(dir: &Path, expected: &Expected) -> &'static str {
    match start(dir).await {
        Ok(custody) => {
            assert_all_there(&custody, expected);
            "started"
        }
        Err(error) => {
            assert!(matches!(error, CustodyError::JobLog(JobLogError::Damaged | JobLogError::Outdated)), "{error}");
            let told = ServeError::from(error).to_string();
            assert!(told.contains("consign doctor --rebuild"), "{told:?} says what to do");
            let rebuilt = doctor::rebuild(&config(dir)).await.expect("a rebuild succeeds");
            assert!(rebuilt.missing.is_empty(), "{rebuilt}");
            assert_eq!(rebuilt.batches, expected.batches.len());
            assert_all_there(&start(dir).await.expect("a rebuilt log opens"), expected);
            "rebuilt"
        }
    }
}

/// Repairs, since a copied directory has zeros where the original has holes; nothing is lost by it, and all is in order.
async fn assert_repaired_and_sound(dir: &Path, expected: &Expected) -> Report {
    let repaired = doctor::repair(&config(dir)).await.expect("a repair succeeds");
    assert!(repaired.is_some_and(|repaired| repaired.batches_entered == 0), "the start has entered all there was");
    let report = doctor::examine(&config(dir), true).expect("the directory can be examined");
    assert!(report.is_sound, "{report}");
    assert_all_there(&start(dir).await.expect("a sound log opens"), expected);
    report
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test]
async fn no_damage_to_the_job_log_loses_anything_in_silence() {
    let base = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made");
    let cases = cases(base.path()).await;
    let first = number("DAMAGE_SEED", 0);
    let (mut started, mut rebuilt) = (0, 0);
    for seed in first..first + number("DAMAGE_ROUNDS", ROUNDS) {
        let case = &cases[usize::try_from(seed / 2).expect("small") % cases.len()];
        let dir = base.path().join("round");
        let _ = fs::remove_dir_all(&dir);
        copy(&case.dir, &dir);
        let what = damage(&dir.join(JOB_LOG), seed);
        // Shown only by a round that fails.
        eprintln!("seed {seed}, {}: {what}", case.dir.file_name().expect("a case has a name").display());
        match start_or_rebuild(&dir, &case.expected).await {
            "started" => started += 1,
            _ => rebuilt += 1,
        }
        assert_repaired_and_sound(&dir, &case.expected).await;
    }
    assert!(started > 0 && rebuilt > 0, "{started} starts and {rebuilt} rebuilds: the damage is of all kinds");
}

#[tokio::test]
async fn a_rebuild_that_a_crash_cuts_short_is_completed_by_another_or_by_a_start() {
    let base = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made");
    for Case { dir, expected } in cases(base.path()).await {
        for (point, entered) in [("moved", 0.0), ("begun", 0.0), ("half-way", 0.5), ("batches-entered", 1.0)] {
            for is_rebuilt in [false, true] {
                let cut_short = base.path().join("cut-short");
                let _ = fs::remove_dir_all(&cut_short);
                copy(&dir, &cut_short);
                JobLog::put_aside(&cut_short.join(JOB_LOG)).expect("a log can be put aside");
                if point != "moved" {
                    enter_some(&cut_short, entered).await;
                }
                if is_rebuilt {
                    let rebuilt = doctor::rebuild(&config(&cut_short)).await.expect("a rebuild succeeds");
                    assert!(rebuilt.missing.is_empty(), "{point}: {rebuilt}");
                }
                assert_all_there(&start(&cut_short).await.expect("the log opens"), &expected);
            }
        }
    }
}

/// Enters this share of the batches, durably, as a rebuild has that is cut short then.
async fn enter_some(dir: &Path, share: f64) {
    let custody = open(dir).expect("a new log opens");
    let segments = custody.spool.store().examine().expect("the segments can be read");
    let mut seals: Vec<_> = segments.into_iter().flat_map(|segment| segment.frames).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of few")]
    #[expect(clippy::cast_precision_loss, reason = "a share of few")]
    seals.truncate((seals.len() as f64 * share) as usize);
    custody.enter_batches(&seals).expect("the log takes batches");
    custody.joblog.commit(Vec::new()).await.expect("the log can be flushed");
}

#[tokio::test]
async fn rebuilding_twice_changes_nothing_and_keeps_every_log_before() {
    let base = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made");
    let case = cases(base.path()).await.remove(0);
    for round in 1..=2 {
        let rebuilt = doctor::rebuild(&config(&case.dir)).await.expect("a rebuild succeeds");
        assert_eq!(rebuilt.batches, case.expected.batches.len());
        assert!(rebuilt.missing.is_empty() && rebuilt.removed == 0, "{rebuilt}");
        let report = assert_repaired_and_sound(&case.dir, &case.expected).await;
        assert_eq!(report.job_log.put_aside.len(), round, "{report}");
    }
}

#[tokio::test]
async fn a_log_from_before_a_removal_is_refused_and_the_removed_batch_does_not_come_back() {
    let base = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory can be made");
    let (dir, old) = (base.path().join("data"), base.path().join("old"));
    let mut expected = Expected::default();
    let custody = open(&dir).expect("a new log opens");
    live(&custody, 4, false, 1, &mut expected).await;
    copy(&dir.join(JOB_LOG), &old);
    live(&custody, 8, true, 2, &mut expected).await;
    drop(custody);
    assert!(!expected.removed.is_empty());
    fs::remove_dir_all(dir.join(JOB_LOG)).expect("a log can be removed");
    copy(&old, &dir.join(JOB_LOG));

    assert_eq!(start(&dir).await.err(), Some(CustodyError::JobLog(JobLogError::Outdated)));
    let report = doctor::examine(&config(&dir), false).expect("the directory can be examined");
    assert!(!report.is_sound && report.to_string().contains("consign doctor --rebuild"), "{report}");
    assert_eq!(start_or_rebuild(&dir, &expected).await, "rebuilt");
}
