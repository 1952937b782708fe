//! The client of a Consign server: what the command line calls it by, and what another program could.
//!
//! Blocking, on the caller's threads. What may pass by itself is tried again for a while, and nothing that is sent twice
//! makes two batches. Knows of the server only what its API says, and of this program only the nouns of `batch`.
//! Reading order: `answers`, `error`, `patience`, `line`, `percent`, `multipart`, `sse`, `api`.

mod answers;
mod api;
mod error;
mod line;
mod multipart;
mod patience;
mod percent;
mod sse;

pub use self::answers::{Batch, BatchList, File, FileError, Held, Limits, RefusedFile, ResultLine, Summary};
pub use self::api::{Api, Uploaded};
pub use self::error::{ClientError, Problem};
pub use self::line::{ApiOptions, ServerUrl};
pub use self::multipart::{Content, Field, Form, Part};
pub use self::patience::pause;
pub use self::percent::percent_encoded;
pub use self::sse::{Event, EventReader};
