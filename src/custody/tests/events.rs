//! Events: each change is told once, ids grow whatever becomes of the log, and pages of any size hold each event once.

use super::*;
use crate::joblog::{BatchChange, Event, News, NumberedEvent};

fn all(custody: &Custody) -> Vec<NumberedEvent> {
    custody.joblog.events(None, (0, custody.joblog.last_event()), usize::MAX).unwrap()
}

fn changes(events: &[NumberedEvent]) -> Vec<Option<BatchChange>> {
    let change =
        |event: &NumberedEvent| if let Event::Batch { change, .. } = event.event { Some(change) } else { None };
    events.iter().map(change).collect()
}

fn assert_ids_grow(events: &[NumberedEvent]) {
    assert!(events.iter().zip(&events[1..]).all(|(before, after)| before.id < after.id), "{events:?}");
}

#[tokio::test]
async fn each_change_is_told_once_in_its_order_and_asking_again_tells_nothing() {
    use BatchChange::{Accepted, Cancelling, Completed};
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut news = custody.joblog.subscribe();
    let batch = store(&custody, 3, true).await;
    let id = batch.header.batch;
    for _ in 0..2 {
        custody.joblog.commit(vec![Change::Tell { batch: id }]).await.unwrap();
    }
    end(&custody, &files(&batch)[..2]).await;
    for _ in 0..2 {
        custody.cancel(id).await.unwrap();
    }
    end(&custody, &files(&batch)[1..]).await;

    let events = all(&custody);

    assert_eq!(changes(&events), [Some(Accepted), None, None, Some(Cancelling), None, Some(Completed)]);
    assert_ids_grow(&events);
    assert_eq!(custody.joblog.last_event_of(id).unwrap(), Some(events[5].id));
    assert_eq!(custody.joblog.last_event(), events[5].id);
    let ended =
        events.iter().filter_map(|event| if let Event::Ended { index, .. } = event.event { Some(index) } else { None });
    assert_eq!(ended.collect::<Vec<_>>(), [0, 1, 2]);
    let mut told = Vec::new();
    while let Some(Ok(heard)) = news.at_hand() {
        match heard {
            News::Durable { last, .. } => told.push(last),
            News::Moved { file, .. } => assert_eq!(file.batch(), id),
            News::Removed { .. } => panic!("nothing is removed"),
        }
    }
    assert_eq!(told, [events[0].id, events[2].id, events[3].id, events[5].id]);
    assert_eq!(custody.joblog.check().faults, []);
}

#[tokio::test]
async fn a_file_whose_end_comes_before_its_batch_was_told_is_told_behind_it() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 2, true).await;
    end(&custody, &files(&batch)).await;
    let events = all(&custody);
    assert_eq!(changes(&events), [Some(BatchChange::Accepted), None, None, Some(BatchChange::Completed)]);
}

#[tokio::test]
async fn acceptance_is_told_at_once_where_somebody_listens_and_with_the_first_claim_where_nobody_does() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let [first, second] =
        [store(&custody, 1, true).await, store(&custody, 1, true).await].map(|batch| batch.header.batch);
    custody.joblog.tell_if_heard(first).await.unwrap();
    assert_eq!(all(&custody), []);
    let listener = custody.joblog.subscribe();
    custody.joblog.tell_if_heard(first).await.unwrap();
    assert_eq!(all(&custody).iter().map(|event| event.batch).collect::<Vec<_>>(), [first]);
    drop(listener);
    let file = |batch: BatchId| ClaimedFile { file: batch.file(0), retries: 0, attempt: 1 };
    for window in 0..2 {
        let claim = Claim { files: vec![file(first), file(second)], is_alone: false };
        custody.joblog.commit(vec![Change::Claim { window, claim }]).await.unwrap();
    }
    assert_eq!(all(&custody).iter().map(|event| event.batch).collect::<Vec<_>>(), [first, second]);
}

#[tokio::test]
async fn events_go_with_their_batch_and_no_id_comes_again() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let [first, second] = [store(&custody, 2, true).await, store(&custody, 2, true).await];
    end(&custody, &files(&first)).await;
    end(&custody, &files(&second)).await;
    let before = all(&custody);
    let mut news = custody.joblog.subscribe();

    custody.remove(second.header.batch).await.unwrap();

    assert!(matches!(news.at_hand(), Some(Ok(News::Removed { batch, .. })) if batch == second.header.batch));
    let left = all(&custody);
    assert_eq!(left, before[..4]);
    assert_eq!(custody.joblog.last_event_of(second.header.batch).unwrap(), None);
    drop(custody);
    let custody = open(&dir);
    custody.recover().await.unwrap();
    assert_eq!((all(&custody), custody.joblog.last_event()), (left, before[7].id));
    let third = store(&custody, 1, true).await;
    end(&custody, &files(&third)).await;
    assert!(all(&custody)[4].id > before[7].id);
}

#[tokio::test]
async fn a_batch_that_was_not_told_before_a_crash_is_told_by_the_start_and_once() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let told = store(&custody, 1, true).await.header.batch;
    custody.joblog.commit(vec![Change::Tell { batch: told }]).await.unwrap();
    let entered = store(&custody, 1, true).await.header.batch;
    let sealed = store(&custody, 1, false).await.header.batch;
    drop(custody);
    for _ in 0..2 {
        let custody = open(&dir);
        let untold = custody.recover().await.unwrap().untold;
        custody.tell(&untold).await.unwrap();
        let events = all(&custody);
        assert_eq!(changes(&events), [Some(BatchChange::Accepted); 3]);
        assert_eq!(events.iter().map(|event| event.batch).collect::<Vec<_>>(), [told, entered, sealed]);
    }
}

#[tokio::test]
async fn a_log_that_is_made_anew_goes_on_behind_the_ids_of_the_one_before() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batch = store(&custody, 2, true).await;
    end(&custody, &files(&batch)).await;
    let before = all(&custody);
    drop(custody);
    std::fs::remove_dir_all(dir.path().join(JOB_LOG)).unwrap();

    let custody = open(&dir);
    assert!(custody.joblog.last_event() >= before[3].id, "who was told of these may go on");
    custody.recover().await.unwrap();

    let after = all(&custody);
    assert_eq!(changes(&after), changes(&before));
    assert!(after[0].id > before[3].id);
}

#[tokio::test]
async fn pages_of_any_size_and_from_any_id_hold_each_event_once() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let batches = [store(&custody, 255, true).await, store(&custody, 255, true).await];
    for at in [0..1, 1..40, 40..255] {
        for batch in &batches {
            end(&custody, &files(batch)[at.clone()]).await;
        }
    }
    let events = all(&custody);
    assert_eq!(events.len(), 2 * 257);
    assert_ids_grow(&events);
    let head = custody.joblog.last_event();
    let scopes = [None, Some(batches[0].header.batch), Some(batches[1].header.batch)];
    for (of, size) in scopes.into_iter().flat_map(|of| [1, 7, 64, 1_000].map(|size| (of, size))) {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = custody.joblog.events(of, (after, head), size).unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= size);
            after = last.id;
            found.extend(page);
        }
        let expected = events.iter().copied().filter(|event| of.is_none_or(|of| event.batch == of));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{of:?} {size}");
    }
    for event in &events {
        let (before, upto) = (event.id - 1, event.id);
        assert_eq!(custody.joblog.events(None, (before, upto), 9).unwrap(), [*event]);
        assert_eq!(custody.joblog.events(Some(event.batch), (before, upto), 9).unwrap(), [*event]);
        assert_eq!(custody.joblog.events(None, (upto, before), 9).unwrap(), []);
    }
}
