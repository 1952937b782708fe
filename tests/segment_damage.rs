//! A segment that is damaged in any way costs the files that lie there, and no other: the doctor names them, a server
//! starts and serves all else as before, and what is named can be removed. `DAMAGE_ROUNDS` asks for more rounds than
//! usual, `DAMAGE_SEED` for those from another seed on.

mod support;

mod segment_damage {
    pub mod damage;
    pub mod history;
    pub mod places;
    pub mod served;
    pub mod table;
    pub mod told;
}

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use consign::custody::{Among, BatchWalk};
use segment_damage::damage::Damage;
use segment_damage::history::{self, SETTINGS, Seen, listed, see};
use segment_damage::places::{Part, Place, places};
use segment_damage::served::compare;
use segment_damage::table::{Outcome, Table};
use segment_damage::told::Told;
use support::custody::{copy, open};
use support::{DataDir, Server};

/// Rounds of damage unless more are asked for.
const ROUNDS: u64 = 48;

/// A sound directory, what a server tells of it, and where that lies.
struct Sound {
    data: DataDir,
    seen: Seen,
    places: Vec<Place>,
}

impl Sound {
    fn make() -> Self {
        let data = DataDir::new();
        history::make(&data);
        let mut server = data.serve(&SETTINGS);
        let seen = see(&server, &listed(&server));
        assert!(server.terminate().success());
        let places = places(&data.path());
        let sound = Self { data, seen, places };
        sound.assert_places_are_right();
        sound
    }

    /// A copy to be damaged.
    fn copy(&self) -> DataDir {
        let data = DataDir::new();
        copy(&self.data.path(), &data.path());
        data
    }

    /// Asserts that contents and texts lie where the map says, and that it knows of all that a server has.
    fn assert_places_are_right(&self) {
        for part in [Part::Content, Part::Text] {
            let of_part: Vec<_> = self.places.iter().filter(|place| place.part == part).collect();
            let mut served = 0;
            for (id, file) in self.seen.values().flat_map(|batch| &batch.as_ref().expect("a batch is served").files) {
                let told = if part == Part::Content { &file.content } else { &file.text };
                if told.status == 200 {
                    served += 1;
                    let place = of_part.iter().find(|place| place.files.contains(id)).expect("the map has each file");
                    assert!(read(&self.data.path(), place) == told.body, "{place:?}");
                }
            }
            assert!(served > 0);
            if part == Part::Content {
                assert_eq!(served, of_part.len(), "the map has what is served, and nothing else");
            }
        }
        for part in Part::ALL {
            assert!(self.places.iter().any(|place| place.part == part), "{part:?} is somewhere");
        }
    }
}

fn read(dir: &Path, place: &Place) -> Vec<u8> {
    let bytes = fs::read(dir.join(&place.segment)).expect("a segment can be read");
    let at = |at| usize::try_from(at).expect("small");
    bytes[at(place.range.start)..at(place.range.end)].to_vec()
}

/// One round: the doctor, a server, and what its end leaves, or what is left when all that was hit is removed.
fn round(sound: &Sound, seed: u64) -> (Damage, Outcome) {
    let data = sound.copy();
    let damage = Damage::by_seed(seed, &data.path(), &sound.places);
    let hit: BTreeSet<&String> = damage.hits.iter().flat_map(|place| &place.files).collect();
    let mut outcome = Outcome { files_hit: hit.len(), ..Outcome::default() };
    match Told::of(&data) {
        Ok(told) => {
            outcome.is_found = !told.is_sound;
            outcome.complaints.extend(told.complaints(&damage));
        }
        Err(error) => outcome.complaints.push(error),
    }
    let mut server = data.spawn(&SETTINGS);
    if server.is_up_or_ended() {
        serve(sound, &mut server, &damage, seed.is_multiple_of(2), &mut outcome);
    } else {
        outcome.complaints.push(format!("the server does not start: {}", server.log()));
        outcome.files_lost_beyond += sound.seen.len();
    }
    if server.log().contains("panicked at") {
        outcome.panics += 1;
        outcome.complaints.push(format!("the server panicked: {}", server.log()));
    }
    let replay = format!(
        "DAMAGE_SEED={seed} DAMAGE_ROUNDS=1 cargo nextest run --features test-hooks,fault -E 'binary(segment_damage)'"
    );
    let told = format!("{}\nreplay: {replay}", damage.told);
    outcome.complaints = outcome.complaints.into_iter().map(|complaint| format!("{told}\n{complaint}\n")).collect();
    (damage, outcome)
}

/// Asks the server for everything; then removes what was hit, or leaves it to be found again.
fn serve(sound: &Sound, server: &mut Server, damage: &Damage, is_removed: bool, outcome: &mut Outcome) {
    let complaints = &mut outcome.complaints;
    let all: BTreeSet<_> = sound.seen.keys().cloned().collect();
    if listed(server).into_iter().collect::<BTreeSet<_>>() != all {
        complaints.push("the batches that are listed are not those that were stored".to_owned());
    }
    let judgement = compare(&sound.seen, &see(server, &all), damage);
    complaints.extend(judgement.complaints);
    outcome.files_lost_beyond += judgement.wronged.len();
    let hit: BTreeSet<&String> = damage.hits.iter().flat_map(|place| &place.batches).collect();
    if is_removed {
        for batch in &hit {
            let status = server.delete(&format!("/batches/{batch}")).status;
            if status != 204 {
                complaints.push(format!("batch {batch}: its removal is answered with {status}"));
            }
        }
    }
    if !server.terminate().success() {
        complaints.push("the server does not end well".to_owned());
    }
    let left: BTreeSet<_> = all.into_iter().filter(|batch| !is_removed || !hit.contains(batch)).collect();
    if let Err(error) = start_again(&server.data.path(), &left) {
        complaints.push(format!("another start: {error}"));
    }
    match Told::in_process(&server.data) {
        // Of a segment that nothing lives in a start makes what it likes.
        Ok(told) if is_removed || hit.is_empty() => complaints.extend(told.complaints_of_left(damage)),
        Ok(told) => complaints.extend(told.complaints(damage)),
        Err(error) => complaints.push(error),
    }
}

/// What another start does before it takes requests; it must know the batches that are left, and no others.
fn start_again(dir: &Path, left: &BTreeSet<String>) -> Result<(), String> {
    let custody = open(dir).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(custody.recover()).map_err(|error| error.to_string())?;
    let (among, page_max, looks_max) = (Among::Owned, usize::MAX, usize::MAX);
    let all = BatchWalk { among, before: None, created_after_ms: None, page_max, looks_max };
    let known = custody.batches("local", &all, |_| true).map_err(|error| error.to_string())?;
    let known: BTreeSet<_> = known.batches.into_iter().map(|batch| batch.id.to_string()).collect();
    if known == *left { Ok(()) } else { Err(format!("it knows of {known:?}, not of {left:?}")) }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn no_damage_to_a_segment_costs_more_than_the_files_that_lie_there() {
    let sound = Sound::make();
    assert!(Told::of(&sound.copy()).expect("the doctor examines").is_sound, "a copy that nobody damages is sound");
    let (first, rounds) = (number("DAMAGE_SEED", 0), number("DAMAGE_ROUNDS", ROUNDS));
    let mut table = Table::default();
    for seed in first..first + rounds {
        let (damage, outcome) = round(&sound, seed);
        eprintln!("seed {seed}, {}: {} places hit", damage.told, damage.hits.len());
        table.add(damage.kind, outcome);
    }
    eprintln!("{table}");
    assert!(table.complaints.is_empty(), "{} complaints:\n{}", table.complaints.len(), table.complaints.join("\n"));
    assert!(rounds < ROUNDS || table.is_of_all_kinds(), "the damage is of all kinds:\n{table}");
}

/// A place of a file that one of these names has.
#[cfg(feature = "test-hooks")]
fn place_of<'a>(places: &'a [Place], part: Part, file: &support::FileStatus) -> &'a Place {
    let mut of_file = places.iter().filter(|place| place.part == part && place.files.contains(&file.id));
    of_file.next_back().expect("the map has the file")
}

/// Changes the bytes of a place.
#[cfg(feature = "test-hooks")]
fn change(dir: &Path, place: &Place, change: impl Fn(&mut [u8])) {
    let mut bytes = fs::read(dir.join(&place.segment)).expect("a segment can be read");
    let at = |at| usize::try_from(at).expect("small");
    change(&mut bytes[at(place.range.start)..at(place.range.end)]);
    fs::write(dir.join(&place.segment), bytes).expect("a segment can be written");
}

#[cfg(feature = "test-hooks")]
#[test]
fn files_that_wait_and_are_damaged_end_so_and_all_others_end_well() {
    let data = DataDir::new();
    let server = data.serve(&SETTINGS);
    let hung = server.upload(history::hung()).id;
    support::wait_until("the only child to be busy", || server.batch(&hung).files[0].state == "processing");
    let large = server.upload(history::numbered("large", 40_000));
    let cut = server.upload(history::numbered("cut", 40_000));
    let small = server.upload(history::numbered("small", 900).file("program.pdf", history::program()));
    // Its outcome is flushed, and with it that the job log knows of all three batches.
    support::wait_until("an outcome", || server.batch(&small.id).file("program.pdf").state == "rejected");
    let hung = server.batch(&hung);
    server.kill();

    let places = places(&data.path());
    let place = |part, file| place_of(&places, part, file);
    change(&data.path(), place(Part::Content, &hung.files[0]), |bytes| bytes[0] ^= 1);
    change(&data.path(), place(Part::Content, &small.files[1]), |bytes| bytes[700] ^= 4);
    change(&data.path(), place(Part::Content, &small.files[3]), |bytes| bytes.fill(0));
    change(&data.path(), place(Part::Entry, &small.files[4]), |bytes| bytes[3] ^= 0x80);
    change(&data.path(), place(Part::Content, &large.files[2]), |bytes| bytes[39_999] ^= 1);
    let own = place(Part::Content, &cut.files[1]);
    let segment = fs::OpenOptions::new().write(true).open(data.path().join(&own.segment)).expect("a segment opens");
    segment.set_len(own.range.start + 7).expect("a segment can be cut");

    let server = data.serve(&SETTINGS);
    for (batch, lost) in [(&hung, &[0][..]), (&small, &[1, 3, 4]), (&large, &[2]), (&cut, &[0, 1, 2, 3, 4, 5])] {
        let ended = server.completed(&batch.id);
        for (index, (file, before)) in ended.files.iter().zip(&batch.files).enumerate().take(6) {
            if lost.contains(&index) {
                file.assert_ended("failed", "damaged");
                server.get(&format!("{}/content", file.path())).assert_problem(410, "content_gone");
                server.get(&format!("{}/text", file.path())).assert_problem(409, "no_result");
            } else {
                assert_eq!((file.state.as_str(), &file.sha256), ("succeeded", &before.sha256), "{file:?}");
                let content = server.content(file).text();
                assert_eq!(server.text(file).trim(), content.trim());
                assert_eq!(Some(support::sha256(content.as_bytes())), before.sha256);
            }
        }
    }
    assert_eq!(server.batch(&small.id).file("program.pdf").code(), Some("type_mismatch"));
    assert!(!server.log().contains("panicked at"), "{}", server.log());
}
