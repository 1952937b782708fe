//! How the failures of a route are described: from their codes alone.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::{
    AllOfBuilder, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
};

use super::examples;
use crate::http::ErrorCode;
use crate::http::problem::{PROBLEM_JSON, Problem};

/// Says what a route may fail with, beside its handler: `problems!(CancelProblems: NotFound, StorageFailed);`
macro_rules! problems {
    ($name:ident: $($code:ident),+ $(,)?) => {
        /// What the route may fail with.
        enum $name {}

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::http::openapi::problem_responses(&[$($crate::http::ErrorCode::$code),+])
            }
        }
    };
}
pub(in crate::http) use problems;

/// An answer for each status that these codes have.
pub fn problem_responses(codes: &[ErrorCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut of_status = BTreeMap::<u16, Vec<ErrorCode>>::new();
    for code in codes {
        let of_status = of_status.entry(code.status().as_u16()).or_default();
        if !of_status.contains(code) {
            of_status.push(*code);
        }
    }
    of_status.into_iter().map(|(status, codes)| (status.to_string(), response(status, &codes).into())).collect()
}

/// Adds codes to what a route may fail with.
pub fn add_problems(responses: &mut BTreeMap<String, RefOr<Response>>, codes: &[ErrorCode]) {
    let described: Vec<_> = ErrorCode::ALL.iter().copied().filter(|code| has_example(responses, *code)).collect();
    responses.extend(problem_responses(&[&described, codes].concat()));
}

/// Whether a code is described: each has an example under its name.
fn has_example(responses: &BTreeMap<String, RefOr<Response>>, code: ErrorCode) -> bool {
    let Some(RefOr::T(response)) = responses.get(code.status().as_str()) else { return false };
    let Some(RefOr::T(body)) = response.content.get(PROBLEM_JSON) else { return false };
    body.examples.contains_key(&code.to_string())
}

/// The answer with a status, whichever of these codes it has.
fn response(status: u16, codes: &[ErrorCode]) -> Response {
    let said: Vec<_> = codes.iter().map(|code| format!("`{code}`: {}", code.meaning())).collect();
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(
        ObjectBuilder::new()
            .property("status", ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status])))
            .property(
                "code",
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some(codes.iter().map(ErrorCode::to_string))),
            ),
    );
    let examples = codes.iter().map(|code| (code.to_string(), example(*code)));
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build();
    let response = ResponseBuilder::new().description(said.join("\n\n")).content(PROBLEM_JSON, content);
    headers(codes).iter().fold(response, |response, name| response.header(*name, HeaderBuilder::new().build())).build()
}

fn example(code: ErrorCode) -> Example {
    let mut problem = json!(Problem::new(code, code.meaning(), "0193a5b04f1e7c2a8d116b0f2a9c77aa"));
    if code == ErrorCode::AllFilesRejected {
        problem["files"] = examples::refused_files();
    }
    ExampleBuilder::new().summary(code.meaning()).value(Some(problem)).build()
}

/// What these failures say in headers of their own, too.
fn headers(codes: &[ErrorCode]) -> Vec<&'static str> {
    let mut names = Vec::new();
    if codes.iter().any(|code| code.retry_after_seconds().is_some() || *code == ErrorCode::QuotaExceeded) {
        names.push("Retry-After");
    }
    if codes.contains(&ErrorCode::Unauthorized) {
        names.push("WWW-Authenticate");
    }
    if codes.contains(&ErrorCode::RangeNotSatisfiable) {
        names.push("Content-Range");
    }
    if codes.contains(&ErrorCode::MethodNotAllowed) {
        names.push("Allow");
    }
    names
}
