//! What a start does when it listens already: the work that the last run left.

use std::sync::Arc;

use actix::Addr;

use crate::actors::panics::deliver;
use crate::actors::verifier::{StoredBatch, Verifier};
use crate::custody::{Custody, Recovered};

/// Sends the batches that are not completed into the pipeline, as uploads do, and does what a crash has kept those from
/// doing after their answer.
pub async fn resume(custody: Arc<Custody>, verifier: Addr<Verifier>, recovered: Recovered) {
    for batch in recovered.open {
        match custody.joblog.batch(batch) {
            Ok(Some(record)) => {
                let files = record.seal.entries as usize;
                if !deliver(&verifier, StoredBatch { batch, files }).await {
                    log::error!("batch {batch}: the verifier does not take it; it waits for the next start");
                }
            }
            Ok(None) => {}
            Err(error) => log::error!("batch {batch}: not resumed: {error}"),
        }
    }
    for batch in &recovered.untold {
        let (custody, batch) = (Arc::clone(&custody), *batch);
        let noted = actix_rt::task::spawn_blocking(move || custody.note_lost_digests(batch)).await;
        if let Ok(Err(error)) = noted {
            log::error!("batch {batch}: which bytes its files have is not noted: {error}");
        }
    }
    if let Err(error) = custody.tell(&recovered.untold).await {
        log::error!("batches that were accepted before the start are not told of: {error}");
    }
}
