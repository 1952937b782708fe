//! Bytes on loan: stored once, there as long as anybody needs them, through removals in any order, a lost job log, and a
//! crash at any point of a removal.

use super::*;
use crate::spool::Extent;

/// Makes a batch durable whose files have these bytes, as an upload does, and ends its files.
async fn hand_in(custody: &Arc<Custody>, owner: &str, contents: &[&[u8]]) -> SealedBatch {
    let sealed = seal(custody, owner, contents).await;
    custody.note_digests(owner, sealed.header.batch, &digests_of(sealed.files.iter().map(Some))).unwrap();
    end(custody, &files(&sealed)).await;
    sealed
}

async fn seal(custody: &Arc<Custody>, owner: &str, contents: &[&[u8]]) -> SealedBatch {
    let entering = Arc::clone(custody);
    let enter = move |sealed: &SealedBatch| entering.enter(sealed).map_err(|_| SpoolError::InDoubt);
    seal_and(custody, owner, contents, enter).await
}

/// Seals a batch as an upload does; what is done right behind that is for the test to say.
async fn seal_and(
    custody: &Arc<Custody>,
    owner: &str,
    contents: &[&[u8]],
    enter: impl FnOnce(&SealedBatch) -> Result<(), SpoolError> + Send + 'static,
) -> SealedBatch {
    let (batch, mut intake, mut files) = (BatchId::new(), custody.spool.receive(), Vec::new());
    for content in contents {
        intake.write(content).await.unwrap();
        let KeptFile { offset, length } = intake.keep_file().await.unwrap();
        files.push(SealedFile { offset, length, name: "a.txt".into(), ..SealedFile::default() });
    }
    intake.digest(&mut files);
    let borrowing = custody.borrow(owner, batch, &mut files, &tokio::runtime::Handle::current()).await;
    intake.let_go(&mut files).await.unwrap();
    let sealed = intake.seal(SealHeader::plain(batch, owner), files, Box::new(enter)).await.unwrap();
    drop(borrowing);
    sealed
}

fn lenders(sealed: &SealedBatch) -> Vec<Option<FileId>> {
    sealed.files.iter().map(|file| file.loan.map(|loan| loan.lender)).collect()
}

fn bytes(custody: &Custody, sealed: &SealedBatch, index: usize) -> Vec<u8> {
    let record = custody.joblog.batch(sealed.header.batch).unwrap().unwrap();
    custody.content(&record, &sealed.files[index]).unwrap().read_all().unwrap()
}

/// Bytes of an extent that take room on the disk.
fn room(custody: &Custody, extent: &Extent) -> u64 {
    custody.spool.store().data_bytes(extent).unwrap()
}

fn is_sound(custody: &Custody) {
    let checked = custody.joblog.check();
    assert!(checked.faults.is_empty() && checked.strays.is_empty(), "{checked:?}");
}

const SMALL: usize = 20_000;
const LARGE: usize = 9 << 20;

#[tokio::test]
async fn the_same_bytes_are_stored_once_and_small_or_foreign_ones_are_not_shared() {
    let dir = TempDir::new().unwrap();
    let custody = Arc::new(open(&dir));
    let (a, b, tiny) = (vec![b'a'; SMALL], vec![b'b'; SMALL], vec![b't'; 4096]);
    let first = hand_in(&custody, "local", &[&a, &tiny, &a, &b]).await;
    let id = first.header.batch;
    assert_eq!(lenders(&first), [None, None, Some(id.file(0)), None]);
    let second = hand_in(&custody, "local", &[&tiny, &b, &b, &a]).await;
    assert_eq!(lenders(&second), [None, Some(id.file(3)), Some(id.file(3)), Some(id.file(0))]);
    assert_eq!(second.seal.frame - second.seal.region, 4096, "the others' bytes are not stored again");
    assert_eq!(lenders(&hand_in(&custody, "other", &[&a]).await), [None], "nobody else's bytes");
    for (index, expected) in [&tiny, &b, &b, &a].into_iter().enumerate() {
        assert!(bytes(&custody, &second, index) == *expected, "file {index}");
    }
    let c = vec![b'c'; LARGE];
    let large = hand_in(&custody, "local", &[&c, &a, &c]).await;
    assert_eq!(lenders(&large), [None, Some(id.file(0)), Some(large.header.batch.file(0))]);
    assert!(bytes(&custody, &large, 0) == c && bytes(&custody, &large, 2) == c);
    assert!(room(&custody, &large.seal.extent()) < LARGE as u64 + 65_536, "a stream's second copy is let go");
    is_sound(&custody);
}

#[tokio::test]
async fn bytes_outlive_the_batch_that_they_came_with_and_go_with_the_last_that_needs_them() {
    for length in [SMALL, LARGE] {
        let dir = TempDir::new().unwrap();
        let mut custody = Arc::new(open(&dir));
        let (a, b) = (vec![b'a'; length], vec![b'b'; length]);
        let first = hand_in(&custody, "local", &[&b, &a]).await;
        let second = hand_in(&custody, "local", &[&a]).await;
        let third = hand_in(&custody, "local", &[&a, &b]).await;
        let whole = first.seal.extent();
        custody.remove(first.header.batch).await.unwrap();
        assert!(bytes(&custody, &second, 0) == a && bytes(&custody, &third, 1) == b);
        custody.remove(third.header.batch).await.unwrap();
        assert!(bytes(&custody, &second, 0) == a);
        let kept = first.files[1].extent(&first.seal).outward();
        assert_eq!(room(&custody, &whole), room(&custody, &kept), "nothing else of the first batch is there");
        drop(custody);
        // A job log that is made anew finds them by the seals alone.
        std::fs::remove_dir_all(dir.path().join(JOB_LOG)).unwrap();
        std::fs::remove_file(dir.path().join("REMOVALS")).unwrap();
        custody = Arc::new(open(&dir));
        custody.recover().await.unwrap();
        assert!(bytes(&custody, &second, 0) == a, "after the log was lost");
        let fourth = hand_in(&custody, "local", &[&a]).await;
        assert_eq!(lenders(&fourth), [Some(first.header.batch.file(1))], "a borrower's bytes can be borrowed on");
        custody.remove(second.header.batch).await.unwrap();
        assert!(bytes(&custody, &fourth, 0) == a);
        custody.remove(fourth.header.batch).await.unwrap();
        let is_gone = custody.spool.store().content(&whole).is_err() || room(&custody, &whole) == 0;
        assert!(is_gone, "the last takes the bytes along");
        is_sound(&custody);
    }
}

#[tokio::test]
async fn a_borrower_that_only_its_seal_knows_of_keeps_its_bytes_from_a_removal_that_had_begun() {
    let dir = TempDir::new().unwrap();
    let custody = Arc::new(open(&dir));
    let a = vec![b'a'; SMALL];
    let first = hand_in(&custody, "local", &[&a]).await;
    let second = seal_and(&custody, "local", &[&a], |_| Ok(())).await;
    assert_eq!(lenders(&second), [Some(first.header.batch.file(0))]);
    custody.joblog.commit(vec![Change::Doom { batch: first.header.batch }]).await.unwrap();
    drop(custody);
    let custody = Arc::new(open(&dir));
    custody.recover().await.unwrap();
    assert!(custody.joblog.batch(first.header.batch).unwrap().is_none(), "the removal is through");
    assert!(bytes(&custody, &second, 0) == a);
}

#[tokio::test]
async fn of_many_borrowers_any_one_keeps_the_bytes_and_no_neighbour_s_are_freed_with_them() {
    let dir = TempDir::new().unwrap();
    let custody = Arc::new(open(&dir));
    let contents: Vec<Vec<u8>> = (b'a'..b'g').map(|letter| vec![letter; 5_000]).collect();
    let all: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let first = hand_in(&custody, "local", &all).await;
    let mut borrowers = Vec::new();
    for (index, bytes) in all.iter().enumerate() {
        for _ in 0..4 {
            borrowers.push((index, hand_in(&custody, "local", &[bytes]).await));
        }
    }
    custody.remove(first.header.batch).await.unwrap();
    // Every second file loses all its borrowers; its neighbours share blocks with it.
    let (kept, gone): (Vec<_>, Vec<_>) = borrowers.into_iter().partition(|(index, _)| index % 2 == 0);
    for (_, batch) in &gone {
        custody.remove(batch.header.batch).await.unwrap();
    }
    for (at, (index, batch)) in kept.iter().enumerate() {
        assert!(bytes(&custody, batch, 0) == contents[*index], "file {index}");
        if at % 4 < 3 {
            custody.remove(batch.header.batch).await.unwrap();
        }
    }
    for (index, batch) in kept.iter().skip(3).step_by(4) {
        assert!(bytes(&custody, batch, 0) == contents[*index], "the last borrower of file {index}");
    }
    is_sound(&custody);
}

#[tokio::test]
async fn a_borrower_whose_bytes_are_gone_with_their_segment_can_be_removed() {
    let dir = TempDir::new().unwrap();
    let custody = Arc::new(open(&dir));
    let a = vec![b'a'; LARGE];
    let first = hand_in(&custody, "local", &[&a]).await;
    let second = hand_in(&custody, "local", &[&a]).await;
    custody.remove(first.header.batch).await.unwrap();
    drop(custody);
    let segment = dir.path().join("spool").join(format!("{:012}.seg", first.seal.segment));
    std::fs::remove_file(segment).unwrap();
    let custody = Arc::new(open(&dir));
    custody.recover().await.unwrap();
    assert_eq!(custody.remove(second.header.batch).await.unwrap(), Removal::Removed);
    is_sound(&custody);
}

#[tokio::test]
async fn a_loan_that_the_log_has_lost_is_missed_and_one_that_a_crash_cut_short_is_forgotten() {
    let dir = TempDir::new().unwrap();
    let custody = Arc::new(open(&dir));
    let a = vec![b'a'; SMALL];
    hand_in(&custody, "local", &[&a]).await;
    let second = hand_in(&custody, "local", &[&a]).await;
    let never = seal_and(&custody, "local", &[&a], |_| Ok(())).await;
    custody.spool.store().erase(&[never.seal]).unwrap();
    custody.joblog.enter_in_part(&never).unwrap();
    drop(custody);
    let custody = Arc::new(open(&dir));
    custody.recover().await.unwrap();
    is_sound(&custody);
    custody.joblog.lose_loans_of(&second);
    let faults = custody.joblog.check().faults;
    assert!(!faults.is_empty(), "a loan is missing");
}

#[tokio::test]
async fn damaged_bytes_are_not_borrowed() {
    let dir = TempDir::new().unwrap();
    let custody = Arc::new(open(&dir));
    let a = vec![b'a'; SMALL];
    let first = hand_in(&custody, "local", &[&a]).await;
    overwrite(&dir, "spool", first.seal.segment, first.seal.region + 10_000);
    let second = hand_in(&custody, "local", &[&a]).await;
    assert_eq!(lenders(&second), [None]);
    assert!(bytes(&custody, &second, 0) == a);
}

#[tokio::test]
async fn dead_bytes_stay_for_those_who_need_them() {
    let dir = TempDir::new().unwrap();
    let custody = Arc::new(open(&dir));
    let a = vec![b'a'; SMALL];
    let first = seal(&custody, "local", &[&a, &a]).await;
    let id = first.header.batch;
    let extent = first.files[0].extent(&first.seal);
    let dies = async |index: usize| {
        end_with(&custody, &[id.file(index)], true).await;
        let custody = Arc::clone(&custody);
        let given_back = move || custody.give_back(vec![(extent, id.file(0))]);
        tokio::task::spawn_blocking(given_back).await.unwrap();
    };
    dies(0).await;
    assert!(bytes(&custody, &first, 1) == a, "the second file needs them");
    dies(1).await;
    assert!(room(&custody, &extent) < SMALL as u64 / 2, "nobody does");
}

#[tokio::test]
async fn a_twin_is_one_of_the_same_bytes_and_type_made_with_the_same() {
    let dir = TempDir::new().unwrap();
    let custody = Arc::new(open(&dir));
    let first = hand_in(&custody, "local", &[b"the same words"]).await;
    let (twin, own) = (first.header.batch.file(0), BatchId::new().file(0));
    let look = |sealed: &SealedFile, owner: &str, made_with| {
        let kin = custody.kin(own, owner, sealed).unwrap();
        custody.twin(&kin, owner, sealed, made_with).unwrap().map(|twin| (twin.file, twin.text))
    };
    let sealed = &first.files[0];
    assert_eq!(look(sealed, "local", MADE_WITH), Some((twin, b"a text".to_vec())));
    assert_eq!(look(sealed, "local", MADE_WITH + 1), None, "other settings");
    assert_eq!(look(sealed, "other", MADE_WITH), None, "somebody else's");
    let other_type = SealedFile { media_type: "text/html".into(), ..sealed.clone() };
    assert_eq!(look(&other_type, "local", MADE_WITH), None, "another type");
    let known = |owner| custody.known_files(owner, &[[0; 32], sealed.sha256]).unwrap();
    assert_eq!(known("local").iter().map(|file| file.id).collect::<Vec<_>>(), [twin]);
    assert!(known("other").is_empty());
    custody.remove(first.header.batch).await.unwrap();
    assert_eq!(look(sealed, "local", MADE_WITH), None, "it is gone");
    assert!(known("local").is_empty());
}
