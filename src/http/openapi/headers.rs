//! The headers of answers: a route names those that it gives, and what each of them means stands here.

use serde_json::json;
use utoipa::Modify;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{ObjectBuilder, OpenApi, Ref, RefOr, Required, Response, Type};

use crate::http::front;

/// What every answer has.
const OF_EVERY_ANSWER: [&str; 6] = [
    "Cache-Control",
    "Content-Security-Policy",
    "Cross-Origin-Resource-Policy",
    "Referrer-Policy",
    "X-Content-Type-Options",
    "X-Request-Id",
];

/// What an address that has two forms says.
const VARY: &str = "Vary";

/// The parameter that every route takes.
const REQUEST_ID: &str = "X-Request-Id";

/// Every header of an answer that a client may want to read: its name, an example, and what it means.
const HEADERS: &[(&str, &str, &str)] = &[
    ("Accept-Ranges", "bytes", "Parts can be asked for with `Range`."),
    ("Allow", "GET, HEAD, POST", "The methods that the address takes."),
    (
        "Cache-Control",
        "no-store",
        "Whether a copy may be kept: `no-store` says no, `no-cache` that it has to be revalidated, which costs a 304.",
    ),
    ("Content-Disposition", "attachment; filename=\"report.pdf\"", "The name to save the file under, made harmless."),
    ("Content-Encoding", "gzip", "The body is compressed, which the request has said to accept."),
    ("Content-Range", "bytes 0-1023/146515", "Which bytes of how many (RFC 9110)."),
    (
        "Content-Security-Policy",
        "default-src 'none'; frame-ancestors 'none'",
        "What a browser may load and run for the answer.",
    ),
    ("Cross-Origin-Resource-Policy", "same-origin", "Pages of other origins may not embed the answer."),
    ("ETag", "\"193a5b04f1e-2bf-89abcdef\"", "The version, strong: other bytes have another (RFC 9110)."),
    ("Idempotency-Replayed", "true", "The request was sent before, and this is the batch that it made then."),
    ("Location", "/batches/0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000", "Where the batch is, as a path."),
    ("Referrer-Policy", "no-referrer", "Links out of the answer do not say where they were found."),
    (
        "Repr-Digest",
        "sha-256=:4REjxQ4yrqUVicfSKYNO/cF9zNj5ANbzgDZt3/h3Qxo=:",
        "The SHA-256 of the whole, also beside a part of it (RFC 9530).",
    ),
    ("Retry-After", "5", "Seconds after which it is worth trying again."),
    (VARY, "Accept", "The answer has another form for who accepts another."),
    ("WWW-Authenticate", "Bearer", "How a key is shown (RFC 9110, RFC 6750)."),
    ("X-Accel-Buffering", "no", "A proxy is to pass on at once what comes."),
    ("X-Content-Type-Options", "nosniff", "The content type is what it says."),
    (REQUEST_ID, "0193a5b04f1e7c2a8d116b0f2a9c77aa", "The request's id, as in the operator's log."),
];

/// Puts what is said of headers into the document.
pub struct Headers;

impl Modify for Headers {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        components.headers.extend(HEADERS.iter().map(|(name, example, text)| {
            let mut header = described(example, text);
            // An answer that refers to a header has it. The library knows no such member and writes this one where it
            // belongs.
            header.extensions = Some(Extensions::from_iter([("required", true)]));
            ((*name).to_owned(), RefOr::T(header))
        }));
        components.parameters.insert(REQUEST_ID.to_owned(), RefOr::T(request_id()));
        // Of all answers of the address, as the middleware does that says it.
        let negotiated = document.paths.paths.get_mut(front::NEGOTIATED).and_then(|item| item.get.as_mut());
        for response in negotiated.into_iter().flat_map(|operation| operation.responses.responses.values_mut()) {
            if let RefOr::T(response) = response {
                response.headers.insert(VARY.to_owned(), RefOr::T(Header::default()));
            }
        }
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            let id = Ref::new(format!("#/components/parameters/{REQUEST_ID}"));
            operation.parameters.get_or_insert_default().push(RefOr::Ref(id));
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response {
                    refer(status, response);
                }
            }
        }
    }
}

/// The operations of a path.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// Has the headers of an answer refer to what is said of them. Those that it may lack are described in place.
fn refer(status: &str, response: &mut Response) {
    let of_its_own: Vec<_> = response.headers.keys().cloned().collect();
    for name in of_its_own.into_iter().chain(OF_EVERY_ANSWER.map(str::to_owned)) {
        let at_times = HEADERS.iter().find(|(known, ..)| *known == name && is_optional(status, known));
        let header = match at_times {
            Some((_, example, text)) => RefOr::T(described(example, text)),
            None => RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))),
        };
        response.headers.insert(name, header);
    }
}

/// Whether answers with a status may lack a header that is described for it: not every request was sent before or accepts
/// what is compressed, and a quota of bytes is not worth trying again soon.
fn is_optional(status: &str, name: &str) -> bool {
    matches!((status, name), (_, "Content-Encoding" | "Idempotency-Replayed") | ("429", "Retry-After"))
}

fn described(example: &str, text: &str) -> Header {
    let (schema, example) = match example.parse::<u32>() {
        Ok(number) => (ObjectBuilder::new().schema_type(Type::Integer), json!(number)),
        Err(_) => (ObjectBuilder::new().schema_type(Type::String), json!(example)),
    };
    HeaderBuilder::new().schema(Some(schema)).description(Some(text)).example(Some(example)).build()
}

fn request_id() -> Parameter {
    // No pattern: an id of another form is no error.
    let schema = ObjectBuilder::new().schema_type(Type::String).examples([json!("upload-1")]);
    ParameterBuilder::new()
        .name(REQUEST_ID)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "An id for the request, which the answer repeats: up to 128 ASCII letters, digits, `-`, `_` and `.`. Any \
             other is replaced.",
        ))
        .schema(Some(schema))
        .build()
}
