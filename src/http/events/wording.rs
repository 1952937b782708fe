//! In which words a stream tells what happens. Ours are here; other clients know others.

use super::frame::{self, BatchEvent, FileEvent, RemovedEvent};
use crate::batch::BatchId;
use crate::custody::FileStatus;
use crate::http::view::{BatchView, FileView};
use crate::joblog::BatchChange;

/// What happens as frames of a stream, whole, one after the other; an empty one tells nothing. What has an id is durable.
pub trait Wording: Send + Sync {
    /// What a stream begins with; `begins` is the id behind which one without a place goes on.
    fn opening(&self, begins: Option<u64>) -> Vec<u8>;

    /// What says that the stream lives.
    fn heartbeat(&self) -> &'static [u8];

    /// What has become of a batch.
    fn batch(&self, id: Option<u64>, change: BatchChange, batch: BatchView) -> Vec<u8>;

    /// Whether a batch that was accepted is told of by telling of each of its files.
    fn is_file_by_file(&self) -> bool;

    /// What has become of a file.
    fn file(&self, id: Option<u64>, file: FileStatus) -> Vec<u8>;

    /// That a batch is gone.
    fn removed(&self, batch: BatchId) -> Vec<u8>;
}

/// The words of `/events`.
pub struct Ours;

impl Wording for Ours {
    fn opening(&self, begins: Option<u64>) -> Vec<u8> {
        frame::opening(begins)
    }

    fn heartbeat(&self) -> &'static [u8] {
        frame::HEARTBEAT
    }

    fn batch(&self, id: Option<u64>, change: BatchChange, batch: BatchView) -> Vec<u8> {
        frame::event(id, "batch", &BatchEvent { change, batch })
    }

    fn is_file_by_file(&self) -> bool {
        false
    }

    fn file(&self, id: Option<u64>, file: FileStatus) -> Vec<u8> {
        // Its state is the one that was told when it began.
        if file.is_read {
            return Vec::new();
        }
        frame::event(id, "file", &FileEvent { batch: file.id.batch(), file: FileView::from(file) })
    }

    fn removed(&self, batch: BatchId) -> Vec<u8> {
        frame::event(None, "removed", &RemovedEvent { batch })
    }
}
