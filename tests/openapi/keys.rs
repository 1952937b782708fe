//! Visits to every route without a key, and with one that has made too many requests.

use super::server::known;
use crate::support::openapi::Description;
use crate::support::{DataDir, wait_for};

/// A batch and a file that nobody has, and what anybody may load.
const PLACES: [(&str, &str); 3] = [
    ("{batch}", "01a20d85-d8c2-7640-9224-c6095bbf0000"),
    ("{file}", "01a20d85-d8c2-7640-9224-c6095bbf0001"),
    ("{asset}", "page.js"),
];

pub fn missing_and_used_up(description: &Description) {
    let dir = DataDir::new();
    let poor = dir.new_key("poor", "requests_minute_max = 1");
    let server = dir.serve(&[]);
    let mut guarded = 0;
    for operation in description.operations() {
        let path = PLACES.iter().fold(operation.path.to_owned(), |path, (name, id)| path.replace(name, id));
        let method = operation.method.to_uppercase();
        let security = operation.value["security"].as_array().expect("it says which keys it takes");
        if security.is_empty() {
            assert_eq!(server.request(&method, &path, &[]).status, 200, "{path} is open");
            continue;
        }
        assert_eq!(*security, [serde_json::json!({"bearer": []}), serde_json::json!({"api_key": []})]);
        if operation.value["tags"][0] == "docsgpt" {
            // They ask for it themselves, and answer in a shape of their own.
            continue;
        }
        guarded += 1;
        known(description, operation.name, server.request(&method, &path, &[]), 401)
            .assert_problem(401, "unauthorized");
        // One request is let through now and then.
        let refused = wait_for("the end of the quota", || {
            let answer = server.request(&method, &path, &[poor.header()]);
            (answer.status == 429).then_some(answer)
        });
        known(description, operation.name, refused, 429).assert_problem(429, "quota_exceeded");
    }
    assert!(guarded > 10, "{guarded} routes take a key");
}
