//! Reading what the server has: the list and its filters, results as they come, ranges and conditional requests.

mod support;

use futures_util::future::join_all;
use support::custody;
use support::{DataDir, Form, Server};

/// Makes a file of 3,000 bytes fail.
const SMALL_EXTRACT: (&str, &str) = ("LIMITS_EXTRACT_BYTES_MAX", "2000");

fn good() -> Form {
    Form::new().file("good.txt", "some words")
}

fn bad() -> Form {
    Form::new().file("large.txt", [b'a'; 3000])
}

/// The ids on all pages of the list, and how many pages there were.
fn walked(server: &Server, query: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut next) = (Vec::new(), 0, Some(query.to_owned()));
    while let Some(query) = next {
        let page = server.list(&query);
        ids.extend(page.batches.into_iter().map(|batch| batch.id));
        pages += 1;
        next = page.links.next.map(|link| server.path_of(&link).trim_start_matches("/batches").to_owned());
    }
    (ids, pages)
}

#[test]
fn the_list_is_filtered_by_state_outcome_and_time() {
    let server = Server::start(&[SMALL_EXTRACT, ("WORKER_PROCESSES", "1")]);
    let forms = [good(), bad(), good().file("large.txt", [b'a'; 3000]), good()];
    let ids: Vec<String> = forms.into_iter().map(|form| server.process(form).id).collect();
    let created = server.batch(&ids[1]).created_at;
    let created_elsewhere = created.replace('Z', "%2B00:00");
    let cases: [(&str, &[usize]); 11] = [
        ("", &[3, 2, 1, 0]),
        ("?outcome=succeeded", &[3, 0]),
        ("?outcome=partial", &[2]),
        ("?outcome=failed", &[1]),
        ("?outcome=cancelled", &[]),
        ("?state=completed&outcome=failed", &[1]),
        ("?state=processing&outcome=failed", &[]),
        ("?created_after=2026-01-01T00:00:00Z", &[3, 2, 1, 0]),
        ("?created_after=9000-01-01T00:00:00Z", &[]),
        (&format!("?created_after={created}"), &[3, 2]),
        (&format!("?outcome=succeeded&created_after={created_elsewhere}"), &[3]),
    ];
    for (query, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|index| ids[*index].clone()).collect();
        for limit in ["", "limit=1", "limit=2"] {
            let joined = format!("?{}&{limit}", query.trim_start_matches('?'));
            assert_eq!(walked(&server, joined.trim_end_matches('&')).0, expected, "{query} {limit}");
        }
    }
    for query in ["outcome=nonsense", "outcome=", "created_after=yesterday", "created_after=2026-01-01T00:00:00+00:00"]
    {
        server.get(&format!("/batches?{query}")).assert_problem(400, "invalid_parameter");
    }
}

#[test]
fn a_list_in_which_few_match_comes_in_bounded_steps() {
    let data = DataDir::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let oldest = runtime.block_on(async {
        let custody = custody::open(&data.path()).expect("an empty directory opens");
        let oldest = custody::store(&custody, 1, 10).await;
        custody::end(&custody, &[oldest.file(0)]).await;
        for _ in 0..105 {
            let ids = join_all((0..100).map(|_| custody::store(&custody, 1, 10))).await;
            let files: Vec<_> = ids.iter().map(|id| [id.file(0)]).collect();
            join_all(files.iter().map(|files| custody::end(&custody, files))).await;
        }
        oldest
    });
    let server = data.serve(&[]);

    assert_eq!(walked(&server, "?outcome=failed"), (vec![], 2));
    let before = server.list("?limit=1&outcome=succeeded");
    assert_eq!(before.batches.len(), 1, "{before:?}");
    let (ids, pages) = walked(&server, "");
    assert_eq!((ids.len(), pages), (10_501, 106));
    assert_eq!(ids.last(), Some(&oldest.to_string()));
    assert!(ids.is_sorted_by(|newer, older| newer > older));
}
