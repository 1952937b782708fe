//! Bodies that no type of ours stands for: what is sent in parts, as bytes, or line by line.

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::openapi::{KnownFormat, ObjectBuilder, Ref, RefOr, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::webhooks::URL_CHARS_MAX;

/// A request with files.
pub enum UploadForm {}

impl PartialSchema for UploadForm {
    fn schema() -> RefOr<Schema> {
        let files = ArrayBuilder::new()
            .items(bytes())
            .min_items(Some(1))
            .description(Some("The files. Every part with a file name is one, whatever its field is called."));
        let metadata = ObjectBuilder::new()
            .description(Some("Anything that the batch's status is to give back, as a JSON object. At most once."));
        let webhook = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("uri".into())))
            .pattern(Some("^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+([/?][^#]*)?$"))
            .max_length(Some(URL_CHARS_MAX))
            .description(Some(
                "An http or https URL that is told when the batch is completed. At most once, and only where the operator \
                 has set a secret to sign with and lets its address be called.",
            ));
        ObjectBuilder::new()
            .description(Some("A request with files. Other fields are passed over."))
            .property("files", files)
            .required("files")
            .property("metadata", metadata)
            .property("webhook", webhook)
            .property_names(Some(field_names()))
            .into()
    }
}

impl ToSchema for UploadForm {}

/// The names of a form's fields. They stand in a line of a part's head, where the characters that are left out end them or
/// the request.
pub fn field_names() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[^\\x00-\\x1f\\x7f\"\\\\]*$")).into()
}

/// Bytes as they are.
pub enum Bytes {}

fn bytes() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
}

impl PartialSchema for Bytes {
    fn schema() -> RefOr<Schema> {
        bytes()
    }
}

impl ToSchema for Bytes {}

/// Newline-delimited JSON: each line is a `ResultLine`.
pub enum ResultLines {}

impl PartialSchema for ResultLines {
    fn schema() -> RefOr<Schema> {
        let line = Ref::from_schema_name("ResultLine");
        let line = serde_json::to_value(line).expect("a reference serializes");
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A `ResultLine` on each line, in the order of the files' indexes."))
            .extensions(Some(Extensions::from_iter([("x-line-schema", line)])))
            .into()
    }
}

impl ToSchema for ResultLines {}

/// Server-sent events (HTML standard, section 9.2). The schema is that of each event in turn, as `itemSchema` is in later
/// versions of `OpenAPI`.
pub enum EventStream {}

impl PartialSchema for EventStream {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let id = text().pattern(Some("^[0-9]+$")).description(Some("To go on behind it; what passes by has none."));
        let name = text().enum_values(Some(["file", "batch", "removed"]));
        let data = text()
            .content_media_type("application/json")
            .description(Some("JSON in a line; docs/events.md says what is in it."));
        ObjectBuilder::new()
            .description(Some("An event. Comments between them are heartbeats."))
            .property("id", id)
            .property("event", name)
            .required("event")
            .property("data", data)
            .required("data")
            .into()
    }
}

impl ToSchema for EventStream {}
