//! The forms of what is sent and answered, as the API's description has them.

#![expect(dead_code, reason = "they are types for the sake of what their derive says of them")]

use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::http::openapi::schemas::field_names;

/// A request with attachments.
pub enum AttachmentForm {}

impl PartialSchema for AttachmentForm {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let bytes = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).build();
        let files = ArrayBuilder::new().items(bytes).min_items(Some(1)).description(Some("The files."));
        let key = text().description(Some("A key, before or behind the files, where no header shows one."));
        ObjectBuilder::new()
            .description(Some("A request with attachments. Other fields are passed over."))
            .property("file", files)
            .required("file")
            .property("api_key", key)
            .property_names(Some(field_names()))
            .into()
    }
}

impl ToSchema for AttachmentForm {}

/// Records as server-sent events without a name. As of `/events`, the schema is that of each in turn.
pub enum RecordStream {}

impl PartialSchema for RecordStream {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let id = text().pattern(Some("^[0-9]+-[0-9]+$")).description(Some(
            "To go on behind it; what passes by has none, and neither have all but the last of a batch's.",
        ));
        let data = text()
            .content_media_type("application/json")
            .description(Some("JSON in a line; docs/docsgpt.md says what is in it."));
        ObjectBuilder::new()
            .description(Some("A record. Comments between them say that the stream begins or lives."))
            .property("id", id)
            .property("data", data)
            .required("data")
            .into()
    }
}

impl ToSchema for RecordStream {}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ApiKey {
    /// A key, where no header shows one.
    #[param(required = false)]
    api_key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TaskId {
    /// The `task_id` that the upload was answered with.
    #[param(min_length = 1, example = "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0001")]
    task_id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Cursor {
    /// The id of the last record that the client had; it goes on behind it. Any other begins with what happens from now
    /// on, and says so by `backlog.truncated`.
    #[param(required = false, example = "1718900000000-0")]
    last_event_id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct CursorInHeader {
    /// The same, as browsers send it; it wins.
    #[param(required = false, rename = "Last-Event-ID", example = "1718900000000-0")]
    last_event_id: String,
}
