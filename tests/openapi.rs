//! The API's description: it holds every route and no other, its examples are what it says they are, and every answer
//! that it knows was given by a running server, just as it is described.

#![cfg(feature = "test-hooks")]

mod support;

mod openapi {
    pub mod attachments;
    pub mod batches;
    pub mod followers;
    pub mod keys;
    pub mod server;
    pub mod uploads;
}

use std::collections::BTreeSet;

use consign::http::{ErrorCode, ROUTES};
use openapi::batches::PATIENT;
use openapi::{attachments, batches, followers, keys, server, uploads};
use serde_json::Value;
use support::openapi::{Description, members};
use support::{Server, wire};

#[test]
fn every_route_is_described_and_no_other() {
    let description = Description::of(&Server::start(&[]));
    let described: BTreeSet<_> = description
        .operations()
        .map(|operation| (operation.method.to_uppercase(), operation.path.to_owned(), operation.name.to_owned()))
        .collect();
    let routes: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned(), route.name.to_owned())).collect();
    assert_eq!(described, routes, "described (left), and in the table of routes (right)");
}

#[test]
fn every_operation_says_what_it_is_and_every_tag_is_told() {
    let description = Description::of(&Server::start(&[]));
    let tags: Vec<_> = description.document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    for operation in description.operations() {
        let said = |what: &Value| what.as_str().is_some_and(|text| text.ends_with('.'));
        assert!(said(&operation.value["summary"]), "{}", operation.name);
        assert!(tags.contains(&&operation.value["tags"][0]), "{}", operation.name);
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let parameter = description.resolved(parameter);
            assert!(said(&parameter["description"]), "{}: {parameter}", operation.name);
        }
        let in_path = operation.path.matches('{').count();
        let in_path_described = operation.value["parameters"].as_array().into_iter().flatten();
        assert_eq!(in_path_described.filter(|parameter| parameter["in"] == "path").count(), in_path);
    }
}

#[test]
fn examples_fit_their_schemas() {
    let description = Description::of(&Server::start(&[]));
    let mut count = 0;
    let mut fits = |schema: &Value, example: &Value, what: &str| {
        description.assert_fits(schema, example, what);
        count += 1;
    };
    for operation in description.operations() {
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let parameter = description.resolved(parameter);
            if let Some(example) = parameter.get("example") {
                fits(&parameter["schema"], example, operation.name);
            }
        }
        for (_, response) in members(&operation.value["responses"]) {
            for (_, body) in members(&response["content"]) {
                let named = members(&body["examples"]).map(|(_, example)| &example["value"]);
                named.chain(body.get("example")).for_each(|example| fits(&body["schema"], example, operation.name));
            }
        }
    }
    for (name, schema) in members(&description.document["components"]["schemas"]) {
        schema["examples"].as_array().into_iter().flatten().for_each(|example| fits(schema, example, name));
    }
    for (name, header) in members(&description.document["components"]["headers"]) {
        fits(&header["schema"], &header["example"], name);
    }
    assert!(count > 80, "{count} examples");
}

#[test]
fn every_code_of_a_failure_is_described() {
    let description = Description::of(&Server::start(&[]));
    let described: BTreeSet<_> = description.kinds().into_iter().filter_map(|(_, _, code)| code).collect();
    // It is told of all paths at once.
    let introduction = description.document["info"]["description"].as_str().expect("an introduction");
    for code in ErrorCode::ALL.iter().map(ErrorCode::to_string) {
        assert!(described.contains(&code) || introduction.contains(&format!("`{code}`")), "{code}");
    }
}

#[test]
fn every_answer_is_as_described_and_every_described_answer_is_given() {
    let server = Server::start(&PATIENT);
    let description = Description::of(&server);
    uploads::taken_and_refused(&server, &description);
    uploads::sent_again(&server, &description);
    uploads::too_large(&description);
    uploads::turned_away(&description);
    batches::as_they_are(&server, &description);
    batches::files(&server, &description);
    batches::retried(&description);
    batches::digests(&server, &description);
    batches::swept(&server, &description);
    followers::of_a_batch(&server, &description);
    followers::of_all(&description);
    server::pages(&server, &description);
    server::what_cannot_be_asked_for(&server, &description);
    keys::missing_and_used_up(&description);
    attachments::stored_and_told(&server, &description);
    attachments::turned_away(&server, &description);
    let missing: Vec<_> = description.kinds().difference(&description.seen()).cloned().collect();
    assert!(missing.is_empty(), "described, but not tried here; try them: {missing:#?}");
}

#[test]
fn a_method_that_is_not_routed_is_answered_with_those_that_are() {
    let server = Server::start(&[]);
    let description = Description::of(&server);
    for routes in ROUTES.chunk_by(|a, b| a.path == b.path) {
        let answer = wire::exchange(server.addr, "PATCH", routes[0].path, &[], b"");
        if routes[0].path.starts_with("/api/") {
            // In the shape of DocsGPT.
            assert_eq!(answer.status, 405, "{}", routes[0].path);
        } else {
            let problem = answer.assert_problem(405, "method_not_allowed");
            let schema = &description.document["components"]["schemas"]["Problem"];
            description.assert_fits(schema, &problem, routes[0].path);
        }
        let described = &description.document["paths"][routes[0].path];
        let mut methods: BTreeSet<_> = members(described).map(|(method, _)| method.to_uppercase()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".into());
        }
        let allowed: BTreeSet<_> = answer.header("allow").split(", ").map(str::to_owned).collect();
        assert_eq!(allowed, methods, "{}", routes[0].path);
    }
}

#[test]
fn the_page_asks_nobody_else_and_has_nothing_inline() {
    let server = Server::start(&[]);
    let page = server.ok("/docs");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let parts = ["/docs", "/docs/docs.css", "/docs/docs.js"].map(|path| server.ok(path).text());
    assert!(parts.iter().all(|part| !part.contains("://") && !part.contains("innerHTML")));
    assert!(!parts[0].contains("style=") && !parts[0].contains("<style") && !parts[0].contains("onclick"));
    assert!(parts[0].matches("<script").count() == 1 && parts[0].contains("<script src=\"/docs/docs.js\""));
}
