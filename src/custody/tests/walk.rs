//! Walks over batches: every wanted one exactly once, however the pages fall.

use super::*;

/// The batches of all pages of a walk over those with files that have ended, and the number of pages.
fn walked(custody: &Custody, mut walk: BatchWalk) -> (Vec<BatchId>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let page = custody.batches("local", &walk, |record| record.tally.done() > 0).unwrap();
        assert!(page.batches.len() <= walk.page_max);
        found.extend(page.batches.into_iter().map(|status| status.id));
        pages += 1;
        match page.last {
            Some(last) => walk.before = Some(last),
            None => return (found, pages),
        }
    }
}

#[tokio::test]
async fn a_walk_finds_every_wanted_batch_once_and_no_page_looks_at_more_than_it_may() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut wanted = Vec::new();
    for index in 0..9 {
        let batch = store(&custody, 2, true).await;
        if index % 4 == 0 {
            end(&custody, &files(&batch)[..1]).await;
            wanted.push(batch.header.batch);
        }
    }
    wanted.reverse();
    for (page_max, looks_max, pages) in [(100, 100, 1), (100, 9, 2), (100, 4, 3), (100, 2, 5), (1, 100, 4), (2, 3, 4)] {
        let walk = BatchWalk { among: Among::Owned, before: None, created_after_ms: None, page_max, looks_max };
        assert_eq!(walked(&custody, walk), (wanted.clone(), pages), "pages of {page_max}, {looks_max} looks");
    }
}

#[tokio::test]
async fn a_walk_is_over_with_the_first_batch_that_is_too_old() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut batches = Vec::new();
    for index in 0..4 {
        let batch = store(&custody, 1, true).await;
        end(&custody, &files(&batch)).await;
        batches.insert(0, batch.header.batch);
        while index == 1 && BatchId::new().created_ms() == batch.header.batch.created_ms() {
            std::thread::yield_now();
        }
    }
    let walk = |created_after_ms| {
        let created_after_ms = Some(created_after_ms);
        let walk = BatchWalk { among: Among::Owned, before: None, created_after_ms, page_max: 100, looks_max: 100 };
        walked(&custody, walk).0
    };
    assert_eq!(walk(batches[3].created_ms() - 1), batches);
    assert_eq!(walk(batches[2].created_ms()), batches[..2]);
    assert_eq!(walk(batches[0].created_ms()), []);
}

#[tokio::test]
async fn a_walk_among_open_batches_looks_at_no_completed_one() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut is_open = Vec::new();
    for index in 0..12 {
        let batch = store(&custody, 2, true).await;
        let completes = index % 4 != 0;
        end(&custody, &files(&batch)[..=usize::from(completes)]).await;
        if !completes {
            is_open.insert(0, batch.header.batch);
        }
    }
    for (page_max, looks_max, pages) in [(100, 4, 1), (100, 2, 2), (1, 100, 4)] {
        let walk = BatchWalk { among: Among::Open, before: None, created_after_ms: None, page_max, looks_max };
        assert_eq!(walked(&custody, walk), (is_open.clone(), pages), "pages of {page_max}, {looks_max} looks");
    }
    let walk = BatchWalk { among: Among::Open, before: None, created_after_ms: None, page_max: 100, looks_max: 100 };
    let of_others = custody.batches("ann", &walk, |_| true).unwrap();
    assert_eq!((of_others.batches.len(), of_others.last), (0, None), "what is open is not everybody's");
}

#[tokio::test]
async fn a_walk_by_name_finds_whose_file_has_it_and_no_page_reads_more_names_than_it_may() {
    let dir = TempDir::new().unwrap();
    let custody = open(&dir);
    let mut wanted = Vec::new();
    for count in [3, 1, 2, 3, 1] {
        // Their files are called 0.txt, 1.txt and 2.txt.
        let batch = store(&custody, count, true).await;
        if count == 3 {
            wanted.insert(0, batch.header.batch);
        }
    }
    for (names_max, pages) in [(100, 1), (4, 3), (1, 6)] {
        let search = NameSearch { part: "2.t".into(), names_max };
        let mut walk =
            BatchWalk { among: Among::Owned, before: None, created_after_ms: None, page_max: 100, looks_max: 100 };
        let (mut found, mut looks) = (Vec::new(), 0);
        loop {
            let page = custody.batches_named("local", &walk, &search, |_| true).unwrap();
            found.extend(page.batches.into_iter().map(|status| status.id));
            looks += 1;
            walk.before = page.last;
            if page.last.is_none() {
                break;
            }
        }
        assert_eq!((found, looks), (wanted.clone(), pages), "{names_max} names");
    }
}
