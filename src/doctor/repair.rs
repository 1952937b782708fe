//! A repair: what a start does, and beyond it what takes room in segments and belongs to nobody.

use super::living::{Gap, Living};
use super::report::Repaired;
use super::{DoctorError, is_damaged_log, lock, options};
use crate::config::Config;
use crate::custody::Custody;
use crate::joblog::{NamedGroups, StoreName};
use crate::spool::{ExaminedSegment, FrameRef, SegmentStore};

/// Mends what can be mended without a new job log; none when the log is what has to be mended first.
///
/// # Errors
/// When something could not be read or written; another repair goes on from there.
pub async fn repair(config: &Config) -> Result<Option<Repaired>, DoctorError> {
    let dir = &config.data_dir;
    let recovered = match Custody::open_as_it_is(lock(dir)?, dir, &options(config)) {
        Ok(custody) => custody.recover().await.map(|recovered| (custody, recovered)),
        Err(error) => Err(error),
    };
    let (custody, recovered) = match recovered {
        Ok(recovered) => recovered,
        Err(error) if is_damaged_log(error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut repaired = Repaired {
        batches_entered: recovered.entered,
        outcomes_entered: recovered.outcomes,
        segments_swept: recovered.swept,
        bytes_freed: 0,
    };
    // A start looks only where it may have to; here everything is looked at.
    let frames = |segments: Vec<ExaminedSegment>| -> Vec<FrameRef> {
        segments.into_iter().flat_map(|segment| segment.frames).collect()
    };
    repaired.batches_entered += custody.enter_batches(&frames(custody.spool.store().examine()?))?;
    repaired.outcomes_entered +=
        custody.enter_outcomes(&frames(custody.results.examine()?), &NamedGroups::default()).await?;
    // What was entered has to be durable before anything is taken that it does not name.
    custody.joblog.commit(Vec::new()).await?;
    let living = Living::of(&custody)?;
    repaired.bytes_freed += free_gaps(&custody, &living, StoreName::Spool, custody.spool.store())?;
    repaired.bytes_freed += free_gaps(&custody, &living, StoreName::Results, &custody.results)?;
    Ok(Some(repaired))
}

/// Gives back what lies between the living parts of a store's segments, but for those that are kept.
fn free_gaps(custody: &Custody, living: &Living, name: StoreName, store: &SegmentStore) -> Result<u64, DoctorError> {
    let kept = custody.joblog.kept(name)?;
    let mut freed = 0;
    for segment in store.examine()?.iter().filter(|segment| !kept.contains(&segment.id)) {
        for Gap { extent, bytes } in living.gaps(name, store, segment)? {
            store.punch(&extent)?;
            freed += bytes - store.data_bytes(&extent)?;
        }
    }
    Ok(freed)
}
