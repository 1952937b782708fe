//! What a start finds, sweeps, cuts off and leaves alone.

use super::*;

#[tokio::test]
async fn a_start_finds_every_sealed_batch_and_sweeps_the_rest() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let mut seals = Vec::new();
    for length in [10, 500_000, 2_000, 700_000] {
        seals.push(store(&spool, &[bytes(1, length)]).await.seal);
    }
    drop(spool);
    let mut survey = found(&dir, &[]);
    survey.frames.sort_by_key(|seal| seals.iter().position(|known| known == seal));
    assert_eq!(survey.frames, seals);
    let mut alive: Vec<u64> = seals.iter().map(|seal| seal.segment).collect();
    alive.sort_unstable();
    alive.dedup();
    let again = found(&dir, &seals).frames;
    assert!(again.len() < seals.len(), "what the job log knows for certain is not looked at again");
    assert!(alive.iter().all(|segment| segments(&dir).contains(segment)));
}

#[tokio::test]
async fn a_group_cut_short_by_a_crash_is_cut_off() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let seal = store(&spool, &[bytes(1, 100)]).await.seal;
    drop(spool);
    let path = segment::path(&dir.path().join("spool"), seal.segment);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&bytes(7, 20_000), seal.end()).unwrap();
    assert_eq!(found(&dir, &[]).frames, [seal]);
    assert_eq!(file.metadata().unwrap().len(), seal.end());
}

#[tokio::test]
async fn what_the_job_log_knows_is_never_cut_off() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let seals = [store(&spool, &[bytes(1, 100)]).await.seal, store(&spool, &[bytes(2, 9_000)]).await.seal];
    drop(spool);
    damage(&dir, &seals[1]);
    assert_eq!(found(&dir, &seals).frames, [seals[0]]);
    let spool = open(&dir);
    let kept = spool.store().content(&Extent { length: 9_000, ..seals[1].extent() }).unwrap().read_all().unwrap();
    assert!(kept == bytes(2, 9_000));
}

#[tokio::test]
async fn without_a_job_log_what_looks_damaged_is_kept() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let (small, large) = (store(&spool, &[bytes(1, 100)]).await.seal, store(&spool, &[bytes(2, 500_000)]).await.seal);
    drop(spool);
    damage(&dir, &small);
    damage(&dir, &large);
    let survey = found(&dir, &[]);
    assert!(survey.frames.is_empty());
    assert_eq!(survey.damaged, [small.segment, large.segment]);
    assert!([small, large].iter().all(|seal| segments(&dir).contains(&seal.segment)));
}

#[tokio::test]
async fn a_segment_that_the_log_does_not_know_is_walked_wherever_it_lies() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let missing = store(&spool, &[bytes(1, 100)]).await.seal;
    drop(spool);
    let spool = open(&dir);
    let entered = store(&spool, &[bytes(2, 100)]).await.seal;
    drop(spool);
    assert!(missing.segment < entered.segment);
    assert_eq!(found(&dir, &[entered]).frames, [missing, entered]);
}

/// Flips a byte in the middle of a frame.
fn damage(dir: &TempDir, seal: &FrameRef) {
    let path = segment::path(&dir.path().join("spool"), seal.segment);
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, seal.frame + 70).unwrap();
    file.write_all_at(&[!byte[0]], seal.frame + 70).unwrap();
}

#[tokio::test]
async fn damage_to_one_seal_costs_no_other() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let seals = [store(&spool, &[bytes(1, 100)]).await.seal, store(&spool, &[bytes(2, 9_000)]).await.seal];
    drop(spool);
    damage(&dir, &seals[0]);
    assert_eq!(found(&dir, &[]).frames, [seals[1]]);
}

#[tokio::test]
async fn bytes_of_a_client_never_pass_for_a_seal() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let genuine = store(&spool, &[bytes(1, 100)]).await.seal;
    let path = segment::path(&dir.path().join("spool"), genuine.segment);
    let mut copy = vec![0; genuine.length as usize];
    OpenOptions::new().read(true).open(&path).unwrap().read_exact_at(&mut copy, genuine.frame).unwrap();
    let forged = store(&spool, &[copy]).await.seal;
    drop(spool);
    assert_eq!(found(&dir, &[]).frames, [genuine, forged]);
}

#[tokio::test]
async fn an_erased_batch_is_not_found_again_and_its_blocks_are_free() {
    let dir = TempDir::new().unwrap();
    let spool = open(&dir);
    let kept = store(&spool, &[bytes(1, 50_000)]).await.seal;
    let erased = store(&spool, &[bytes(2, 50_000)]).await.seal;
    spool.store().erase(&[erased]).unwrap();
    assert_eq!(erased.segment, kept.segment);
    let gone = spool.store().content(&Extent { length: 50_000, ..erased.extent() }).unwrap().read_all().unwrap();
    assert!(gone.iter().all(|byte| *byte == 0));
    drop(spool);
    assert_eq!(found(&dir, &[]).frames, [kept]);
}
