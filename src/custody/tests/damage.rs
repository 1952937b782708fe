//! Bytes that were damaged after they had been stored.

use super::*;

#[tokio::test]
async fn a_text_that_was_damaged_later_is_not_served() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 1, true).await;
    let file = files(&batch)[0];
    end(&custody, &[file]).await;
    let end = custody.file(file).unwrap().unwrap().end.unwrap();
    overwrite(&dir, "results", end.results.segment, end.text_at);
    assert_eq!(custody.text(&end).unwrap_err(), SpoolError::Damaged);
}

#[tokio::test]
async fn a_damaged_entry_of_a_seal_costs_its_file_only() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 3, true).await;
    // The last entry ends just before its checksum and the frame's own length.
    let last = batch.seal.frame + u64::from(batch.seal.length) - 8 - 4 - 1;
    overwrite(&dir, "spool", batch.seal.segment, last);
    let record = custody.joblog.batch(batch.header.batch).unwrap().unwrap();
    let statuses = custody.files(batch.header.batch, &record, 0, 3).unwrap();
    assert_eq!(statuses.iter().map(|file| file.is_readable).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(statuses[1].sealed, batch.files[1]);
}

#[tokio::test]
async fn a_refused_file_whose_entry_is_damaged_has_ended_all_the_same() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut batch = store(&custody, 3, false).await;
    batch.files[2].refused = Some(FileErrorCode::UnsupportedType.into());
    custody.enter(&batch).unwrap();
    let last = batch.seal.frame + u64::from(batch.seal.length) - 8 - 4 - 1;
    overwrite(&dir, "spool", batch.seal.segment, last);
    let record = || custody.joblog.batch(batch.header.batch).unwrap().unwrap();
    let state = || custody.file(files(&batch)[2]).unwrap().unwrap().state;
    assert_eq!(state(), FileState::Rejected);
    // Whoever takes it for a file that waits brings nothing about, least of all the end of its batch.
    end(&custody, &files(&batch)[2..]).await;
    end(&custody, &files(&batch)[..1]).await;
    assert_eq!((record().tally.succeeded, record().tally.rejected, record().tally.pending()), (1, 1, 1));
    assert_eq!((record().finished_ms, custody.joblog.open_count()), (None, 1));
    end(&custody, &files(&batch)[1..2]).await;
    assert_eq!((record().tally.succeeded, record().tally.rejected, record().tally.pending()), (2, 1, 0));
    assert_eq!((record().finished_ms.is_some(), custody.joblog.open_count()), (true, 0));
    assert_eq!(custody.joblog.moving_count(), 0, "nothing is on its way any more");
    assert_eq!((state(), custody.joblog.check().faults), (FileState::Rejected, Vec::new()));
}
