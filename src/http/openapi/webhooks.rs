//! What is sent to webhooks, as the description has it.

use serde_json::json;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, OpenApi, PathsBuilder, Ref, Required, ResponseBuilder, Type};
use utoipa::{Modify, ToSchema};

use super::examples;
use crate::http::view::CompletedEvent;

/// The headers of every delivery, an example of each, and what it says.
const HEADERS: [(&str, &str, &str); 3] = [
    ("webhook-id", "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000-1", "The same for each try, by which a second one is known."),
    ("webhook-timestamp", "1764077470", "When this try was made, in seconds since 1970-01-01T00:00:00Z."),
    (
        "webhook-signature",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "`v1,` and the HMAC-SHA256 of id, timestamp and body, with dots between them, in Base64 (Standard Webhooks).",
    ),
];

/// Puts the webhooks into the document.
pub struct Webhooks;

impl Modify for Webhooks {
    fn modify(&self, document: &mut OpenApi) {
        let body = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(CompletedEvent::name())))
            .example(Some(examples::completed_event()))
            .build();
        let taken = ResponseBuilder::new().description(
            "Any 2xx says that the news was taken, and 410 that it is never wanted. It is tried again after everything else.",
        );
        let operation = OperationBuilder::new()
            .operation_id(Some("batch_completed"))
            .tag("batches")
            .summary(Some("A batch is completed."))
            .description(Some(
                "Sent to the URL that the batch was handed in with as `webhook`, and to that of the setting \
                 `webhook.url`, at least once; docs/webhooks.md says how to check it and when it is tried again.",
            ))
            .parameters(Some(HEADERS.map(|(name, example, text)| header(name, example, text))))
            .request_body(Some(
                RequestBodyBuilder::new().content("application/json", body).required(Some(Required::True)).build(),
            ))
            .response("2XX", taken);
        let item = PathItem::new(HttpMethod::Post, operation);
        document.webhooks = Some(PathsBuilder::new().path("batchCompleted", item).build());
    }
}

fn header(name: &str, example: &str, text: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(text))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(json!(example)))
        .build()
}
