//! Server-sent events: what is told, in which order, and that a reader that comes again misses nothing and hears nothing
//! twice, whoever was killed in between.

#![cfg(all(feature = "fault", feature = "test-hooks"))]

mod support;

use support::events::{Event, Events, Reader, Told};
use support::fault::Faults;
use support::server::Setting;
use support::{DataDir, Form, Server, form, wait_until};

/// A server that speaks up often, so that no reader waits for long.
const LIVELY: [Setting<'_>; 2] = [("EVENTS_HEARTBEAT_MS", "100"), ("ATTEMPTS_MAX", "10")];

fn texts(count: usize) -> Form {
    Form::new().files((0..count).map(|index| (format!("{index}.txt"), format!("words of {index}"))))
}

fn stream_of(id: &str) -> String {
    format!("/batches/{id}/events")
}

/// What has an id, in short.
fn kept(events: &[Event]) -> Vec<String> {
    events.iter().filter(|event| event.id.is_some()).map(Event::short).collect()
}

#[test]
fn a_batch_is_told_from_its_acceptance_to_its_end_and_then_the_stream_ends() {
    let server = Server::start(&LIVELY);
    let form = Form::new().field("metadata", "{\n\"a\":\r\n1}").file("a.txt", "words").file("b.exe", "MZ");
    let id = server.upload(form.file("c.pdf", "%PDF-1.7 and no more")).id;

    let mut stream = server.events(&stream_of(&id), None);
    let events = stream.rest();

    assert_eq!(stream.retry_ms, Some(2_000));
    let mut short = kept(&events);
    short[2..4].sort();
    assert_eq!(short, ["accepted", "1 rejected", "0 succeeded", "2 failed", "completed"]);
    let ids: Vec<u64> = events.iter().filter_map(|event| event.id).collect();
    assert!(ids.is_sorted_by(|before, after| before < after) && ids[4] < 1 << 53, "{ids:?}");
    let status = server.get(&format!("/batches/{id}")).json();
    for event in events.iter().filter(|event| event.name == "file" && event.id.is_some()) {
        let index = event.data["file"]["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        assert_eq!(event.data["file"], status["files"][index.expect("a file has an index")]);
        assert_eq!(event.text("/batch"), id);
    }
    let told: Vec<&Event> = events.iter().filter(|event| event.id.is_some()).collect();
    let (first, last) = (&told[0].data, &told[4].data);
    assert_eq!((first["state"].as_str(), first["summary"]["rejected"].as_u64()), (Some("processing"), Some(1)));
    assert_eq!(first["metadata"]["a"], 1);
    let mut listed = server.get("/batches").json()["batches"][0].clone();
    listed["change"] = "completed".into();
    assert_eq!(last, &listed);
}

#[test]
fn a_reader_goes_on_behind_any_event_and_is_told_when_there_is_nothing_more() {
    let server = Server::start(&LIVELY);
    let id = server.process(texts(70).file("z.exe", "")).id;
    let all = server.events(&stream_of(&id), None).rest();
    assert_eq!(all.len(), 73, "what is over is not told again: {all:?}");
    assert_eq!(server.events("/events", Some(0)).until(|event| *event == all[72]), all);

    for (at, event) in all[..72].iter().enumerate() {
        assert_eq!(server.events(&stream_of(&id), event.id).rest(), all[at + 1..]);
        let query = format!("?last_event_id={}", event.id.unwrap());
        assert_eq!(server.events(&(stream_of(&id) + &query), None).event().as_ref(), Some(&all[at + 1]));
        assert_eq!(server.events(&format!("/events{query}"), None).event().as_ref(), Some(&all[at + 1]));
    }
    // A browser's header is newer than the address that it keeps.
    let path = format!("{}?last_event_id={}", stream_of(&id), all[0].id.unwrap());
    assert_eq!(server.events(&path, all[70].id).rest(), all[71..]);
    let over = server.try_events(&stream_of(&id), all[72].id).err().expect("there is nothing more to come");
    assert_eq!((over.status, over.body.len()), (204, 0));
}

#[test]
fn without_an_id_a_reader_of_all_batches_hears_what_happens_from_now_on() {
    let server = Server::start(&LIVELY);
    let before = server.process(texts(3)).id;
    let mut stream = server.events("/events", None);
    assert_eq!(stream.next(), Some(Told::Heartbeat));
    let begins = stream.last_id.expect("it knows where it begins");
    drop(stream);

    let after = server.process(texts(3)).id;

    let events = server.events("/events", Some(begins)).until(|event| event.short() == "completed");
    assert_eq!(kept(&events).len(), 5, "{events:?}");
    assert!(events.iter().all(|event| event.data.to_string().contains(&after)), "{before} was over: {events:?}");
}

#[test]
fn what_moves_is_told_without_an_id() {
    let server = Server::start(&[&LIVELY[..], &[("ATTEMPTS_RETRY_MS_BASE", "10"), ("ATTEMPTS_MAX", "2")]].concat());
    let mut stream = server.events("/events", None);
    assert_eq!(stream.next(), Some(Told::Heartbeat));

    let id = server.upload(Form::new().file("crash.txt", "consign-test-hook: segv\n")).id;

    let events = stream.until(|event| event.short() == "completed");
    let moved: Vec<_> = events.iter().filter(|event| event.name == "file").collect();
    let states: Vec<_> = moved.iter().map(|event| (event.state(), event.data["file"]["attempts"].as_u64())).collect();
    let expected = [("verified", 0), ("processing", 1), ("retrying", 1), ("processing", 2), ("failed", 2)];
    assert_eq!(states, expected.map(|(state, attempts)| (state, Some(attempts))));
    assert!(moved[..4].iter().all(|event| event.id.is_none() && event.data["file"]["error"].is_null()));
    assert_eq!(kept(&events), ["accepted", "0 failed", "completed"]);
    assert!(events.iter().all(|event| event.text(if event.name == "file" { "/batch" } else { "/id" }) == id));
}

#[test]
fn a_reader_that_waits_hears_what_comes_and_heartbeats_in_between() {
    let server = Server::start(&LIVELY);
    let mut streams: Vec<Events> = (0..5).map(|_| server.events("/events", None)).collect();
    for stream in &mut streams {
        assert_eq!((stream.next(), stream.next()), (Some(Told::Heartbeat), Some(Told::Heartbeat)));
    }
    let id = server.upload(texts(2)).id;
    for stream in &mut streams {
        let events = stream.until(|event| event.short() == "completed");
        assert_eq!(kept(&events)[0], "accepted");
        assert_eq!(events.last().unwrap().text("/id"), id);
        assert_eq!(stream.next(), Some(Told::Heartbeat));
    }
}

#[test]
fn a_cancelled_batch_is_told_of_and_ends() {
    let server =
        Server::start(&[&LIVELY[..], &[("WORKER_PROCESSES", "1"), ("WORKER_SILENCE_MS_MAX", "3600000")]].concat());
    let id = server.upload(Form::new().file("hung.txt", "consign-test-hook: hang\n").file("b.txt", "words")).id;
    let mut stream = server.events(&stream_of(&id), None);
    wait_until("the file to be read", || server.batch(&id).files[0].state == "processing");

    for _ in 0..2 {
        server.post_to(&format!("/batches/{id}/cancel?wait=60"));
    }

    let events = stream.rest();
    let mut short = kept(&events);
    short.retain(|what| !what.starts_with("1 "));
    assert_eq!(short, ["accepted", "cancelling", "0 cancelled", "completed"]);
    assert_eq!(kept(&server.events(&stream_of(&id), None).rest()).len(), 5);
}

#[test]
fn a_removal_is_told_live_and_takes_the_events_with_it() {
    let data = DataDir::new();
    let server = data.serve(&LIVELY);
    let kept_id = server.process(texts(2)).id;
    let id = server.upload(Form::new().file("hung.txt", "consign-test-hook: hang\n")).id;
    let mut own = server.events(&stream_of(&id), None);
    let mut all = server.events("/events", None);
    wait_until("the file to be read", || server.batch(&id).files[0].state == "processing");

    assert_eq!(server.delete(&format!("/batches/{id}")).status, 204);

    let events = own.rest();
    let is_told = |event: &Event| event.name == "removed" && event.id.is_none() && event.text("/batch") == id;
    let is_end = |event: &Event| event.short() == "completed" || is_told(event);
    assert!(events.last().is_some_and(is_end), "{events:?}");
    assert!(all.until(is_told).last().is_some_and(is_told));
    server.get(&stream_of(&id)).assert_problem(404, "not_found");
    let is_last = |event: &Event| event.short() == "completed";
    let left = server.events("/events", Some(0)).until(is_last);
    assert!(left.iter().all(|event| event.data.to_string().contains(&kept_id)), "{left:?}");
    drop(server);
    let told = data.doctor(&[]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
    let server = data.serve(&LIVELY);
    assert_eq!(server.events("/events", Some(0)).until(is_last), left);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let server = Server::start(&[("EVENTS_STREAMS_OPEN_MAX", "2")]);
    let id = server.process(texts(1)).id;
    let unknown = stream_of("01a20ee6-bbbe-75ef-b023-21a4bcf40000");
    for path in [&unknown, "/batches/nothing/events", &format!("{unknown}?last_event_id=1")] {
        server.get(path).assert_problem(404, "not_found");
    }
    let future = (1_u64 << 62).to_string();
    for sent in ["-1", "+1", "1-0", "1.5", "0x1", "one", "99999999999999999999999", &future] {
        for path in [stream_of(&id), "/events".into()] {
            server.request("GET", &path, &[("last-event-id", sent)]).assert_problem(400, "invalid_parameter");
            let sent = form::percent_encoded(sent.as_bytes());
            server.get(&format!("{path}?last_event_id={sent}")).assert_problem(400, "invalid_parameter");
        }
    }
    for path in [stream_of(&id), "/events".into()] {
        assert_eq!(server.request("POST", &path, &[]).assert_problem(405, "method_not_allowed")["status"], 405);
        let head = server.request("HEAD", &path, &[]);
        assert_eq!((head.status, head.header("content-type"), head.body.len()), (200, "text/event-stream", 0));
        assert_eq!((head.header("cache-control"), head.header("x-accel-buffering")), ("no-store", "no"));
    }
    assert_eq!(server.events(&(stream_of(&id) + "?last_event_id="), None).rest().len(), 3);
    let open = [server.events("/events", None), server.events("/events", None)];
    let full = server.try_events("/events", None).err().expect("there are places for two");
    full.assert_problem(429, "too_many_streams");
    assert!(!full.header("retry-after").is_empty());
    drop(open);
}

#[test]
fn a_drain_ends_streams_and_waits_for_none() {
    let data = DataDir::new();
    // A stream that kept the server from ending would do so for ever.
    let settings = [&LIVELY[..], &[("SHUTDOWN_DRAIN_MS_MAX", "3600000")]].concat();
    let mut server = data.serve(&settings);
    let before = server.process(texts(3)).id;
    let mut streams = [server.events("/events", None), server.events("/events", Some(0))];
    assert_eq!(streams[0].next(), Some(Told::Heartbeat));
    let heard = streams[1].until(|event| event.short() == "completed");

    assert_eq!(server.terminate().code(), Some(0));

    assert_eq!(streams.each_mut().map(Events::event), [None, None]);
    let server = data.serve(&settings);
    let after = server.process(texts(2)).id;
    let heard_later = server.events("/events", heard.last().unwrap().id).until(|event| event.short() == "completed");
    assert!(kept(&heard).len() == 5 && kept(&heard_later).len() == 4, "{before} {after} {heard:?} {heard_later:?}");
}

#[test]
fn a_log_that_is_made_anew_goes_on_with_greater_ids() {
    let data = DataDir::new();
    let server = data.serve(&LIVELY);
    let id = server.process(texts(5)).id;
    let before = server.events(&stream_of(&id), None).rest();
    let data = server.kill();
    assert!(data.doctor(&["--rebuild"]).status.success());

    let server = data.serve(&LIVELY);

    let after = server.events(&stream_of(&id), before.last().unwrap().id).rest();
    let sorted = |events: &[Event]| {
        let mut short = kept(events);
        short.sort();
        short
    };
    assert_eq!(sorted(&after), sorted(&before), "they are told again, under other ids");
    assert!(after[0].id > before.last().unwrap().id);
}

/// Goes on until the reader has heard of the end of these batches, and of nothing else after it.
fn finish(server: &Server, reader: &mut Reader, batches: &[String]) {
    let mut stream = server.events("/events", reader.last_id);
    let mut is_over = false;
    while !is_over {
        match stream.next().expect("the stream stays open") {
            Told::Event(event) => reader.take(&event),
            Told::Heartbeat => is_over = batches.iter().all(|batch| reader.has_completed(batch)),
        }
    }
}

#[test]
fn a_crash_at_any_step_between_a_change_and_its_telling_repeats_nothing_and_skips_nothing() {
    let data = DataDir::new();
    let faults = Faults::of(&data);
    // The same texts go up again and again, and each is to be read.
    let settings = [&LIVELY[..], &[faults.setting(), ("DEDUP_ENABLED", "false")]].concat();
    let mut reader = Reader::from_the_beginning();
    let mut batches = Vec::new();
    let steps = ["outcome_append", "batch_close", "log_flush", "log_sync", "log_enter", "claim_append"];
    let points = steps.iter().flat_map(|step| [("before", 1), ("after", 1), ("after", 2)].map(|side| (step, side)));
    for (step, (side, time)) in points.filter(|(step, (_, time))| **step != "batch_close" || *time == 1) {
        let mut server = data.serve(&settings);
        let mut stream = server.events("/events", reader.last_id);
        faults.arm(&format!("{step}/{side}#{time}=crash"));
        // One that is never answered may exist all the same.
        let taken = server.try_post(texts(30).file("z.exe", "MZ"));
        batches.extend(taken.ok().map(|answer| answer.accepted().id));
        // A step that has passed for several changes at once passes again for the next batch's.
        while time == 2 && server.try_post(texts(1)).is_ok() {
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
        while let Some(event) = stream.event() {
            reader.take(&event);
        }
        server.ended();
        assert!(!faults.is_armed(), "{step}/{side} was reached");
    }
    let server = data.serve(&LIVELY);
    let ids: Vec<String> = server.list("?limit=100").batches.into_iter().map(|batch| batch.id).collect();
    assert!(batches.iter().all(|id| ids.contains(id)));
    let completed: Vec<_> = ids.iter().map(|id| server.completed(id)).collect();
    finish(&server, &mut reader, &ids);
    for batch in &completed {
        reader.assert_heard(batch);
    }
    wait_until("all streams to be closed", || server.metrics().sum("consign_event_streams_open", &[]) < 0.5);
}

#[test]
fn a_retry_goes_on_behind_the_end_that_was_told() {
    let server = Server::start(&[&LIVELY[..], &[("ATTEMPTS_MAX", "1")]].concat());
    let id = server.process(texts(2).file("crash.txt", "consign-test-hook: segv\n")).id;
    let before = server.events(&stream_of(&id), None).rest();
    let last = before.last().expect("it was told of").id;
    assert_eq!(server.try_events(&stream_of(&id), last).err().expect("nothing more is to come").status, 204);

    let answer = server.post_to(&format!("/batches/{id}/retry"));
    assert_eq!(answer.status, 202, "{}", answer.lossy());

    let after = server.events(&stream_of(&id), last).rest();
    assert_eq!(kept(&after), ["retrying", "2 stored", "2 failed", "completed"]);
    assert!(after[0].id > last);
    // Who begins anew is told the last end of each file.
    let all = kept(&server.events(&stream_of(&id), None).rest());
    assert_eq!((all.len(), all.iter().filter(|what| *what == "2 failed").count()), (8, 1), "{all:?}");
}
