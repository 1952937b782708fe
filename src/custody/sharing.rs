//! Bytes that files of one owner have in common, stored once: a file that arrives with bytes that are there already has
//! them on loan, and gives its own back before its seal is written.
//!
//! The bytes that are there are read and compared first, since a client that was told 202 has let go of its own. A loan is
//! part of the seal. Bytes stay until neither the file that they came with nor any borrower needs them. Until a borrower's
//! batch is entered nobody sees its loans, so that nothing is given back meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::OwnedRwLockReadGuard;

use super::{Custody, CustodyError, FileStatus};
use crate::batch::{BatchId, FileErrorCode, FileId, FileState};
use crate::joblog::{BatchRecord, JobLogError};
use crate::spool::{BLOCK_BYTES, Extent, Loan, Place, SealedFile, Sha256Digest, SpoolError};

/// A file up to this size keeps its own bytes: a block is the least that a filesystem gives back.
const OWN_BYTES_MAX: u64 = BLOCK_BYTES;

/// As long as this is there, nobody gives bytes back.
pub type Borrowing = OwnedRwLockReadGuard<()>;

/// Bytes that a file does not need any more, and the file with which they came: itself, or their lender.
pub type GivenBack = (Extent, FileId);

impl Custody {
    /// Notes in those of a batch's files whose bytes are there already from whom they have them, and says for how long
    /// that holds; none when nobody borrows from another batch. `blocking` has threads for what reads from the disk.
    pub async fn borrow(
        self: &Arc<Self>,
        owner: &str,
        batch: BatchId,
        files: &mut [SealedFile],
        blocking: &Handle,
    ) -> Option<Borrowing> {
        let firsts = firsts(files);
        if firsts.is_empty() {
            return None;
        }
        let arrived = firsts.iter().map(|(sha256, index)| Arrived { index: *index, sha256: *sha256 }).collect();
        let (custody, owner): (_, Arc<str>) = (Arc::clone(self), owner.into());
        let look = {
            let owner = Arc::clone(&owner);
            move || custody.alike(&owner, arrived)
        };
        let alike = blocking.spawn_blocking(look).await.unwrap_or_default();
        let mut borrowing = None;
        if !alike.is_empty() {
            borrowing = Some(Arc::clone(&self.sharing).read_owned().await);
            let custody = Arc::clone(self);
            let ask = blocking.spawn_blocking(move || custody.loans_for(&alike, &owner));
            for (index, loan) in ask.await.unwrap_or_default() {
                files[index].loan = Some(loan);
            }
        }
        for index in 0..files.len() {
            let first = firsts.get(&files[index].sha256).copied().filter(|first| *first < index);
            if let Some(first) = first.filter(|_| may_borrow(&files[index])) {
                let within = Loan { lender: batch.file(first), place: None };
                files[index].loan = Some(files[first].loan.unwrap_or(within));
            }
        }
        borrowing
    }

    /// Those that have arrived with bytes that other files of the owner may have, and which files these are.
    fn alike(&self, owner: &str, arrived: Vec<Arrived>) -> Vec<Alike> {
        let others = |arrived: Arrived| match self.joblog.files_with(owner, &arrived.sha256, None) {
            Ok(others) => (!others.is_empty()).then_some((arrived, others)),
            Err(error) => {
                log::error!("other files with the same bytes are not looked for: {error}");
                None
            }
        };
        arrived.into_iter().filter_map(others).collect()
    }

    /// For each that has arrived the loan from the first of the others that can lend its bytes, by index.
    fn loans_for(&self, alike: &[Alike], owner: &str) -> Vec<(usize, Loan)> {
        let ask = |other: &FileId, sha256: &Sha256Digest| {
            let loan = self.loan_from(*other, owner, sha256);
            loan.inspect_err(|error| log::warn!("file {other}: its bytes are not lent: {error}")).ok().flatten()
        };
        let loan = |(arrived, others): &Alike| {
            Some((arrived.index, others.iter().find_map(|other| ask(other, &arrived.sha256))?))
        };
        alike.iter().filter_map(loan).collect()
    }

    /// The loan that a file with the bytes of another one can have from it, if those are there, whole.
    fn loan_from(&self, other: FileId, owner: &str, sha256: &Sha256Digest) -> Result<Option<Loan>, CustodyError> {
        let Some((record, sealed)) = self.same_bytes(other, owner, sha256)? else { return Ok(None) };
        let end = self.joblog.file(other)?.end;
        let are_lost = end.as_ref().and_then(|end| end.outcome.error()).is_some_and(|error| {
            matches!(error.code, FileErrorCode::Damaged | FileErrorCode::Missing | FileErrorCode::MalwareFound)
        });
        if are_lost || end.is_some_and(|end| end.are_bytes_dead) {
            return Ok(None);
        }
        let extent = sealed.extent(&record.seal);
        if self.spool.store().content(&extent)?.sha256().is_ok_and(|found| found == *sha256) {
            let lender = sealed.loan.map_or(other, |loan| loan.lender);
            return Ok(Some(Loan { lender, place: Some(Place { segment: extent.segment, start: extent.start }) }));
        }
        Ok(None)
    }

    /// A file that a hint names, if it is there, is the owner's, and its seal says that it has these bytes. A hint that
    /// leads nowhere is taken back.
    pub(super) fn same_bytes(
        &self,
        file: FileId,
        owner: &str,
        sha256: &Sha256Digest,
    ) -> Result<Option<(BatchRecord, SealedFile)>, CustodyError> {
        let Some(record) = self.joblog.batch(file.batch())? else {
            self.joblog.forget_digest(owner, sha256, file)?;
            return Ok(None);
        };
        if record.is_doomed || record.owner != owner {
            return Ok(None);
        }
        let sealed = self.sealed_files(&record, file.index(), file.index() + 1)?.pop().flatten();
        Ok(sealed.filter(|sealed| sealed.sha256 == *sha256 && sealed.refused.is_none()).map(|sealed| (record, sealed)))
    }

    /// Notes which bytes a batch's files have, for those that come with the same.
    ///
    /// # Errors
    /// When the job log takes no more changes.
    pub fn note_digests(
        &self,
        owner: &str,
        batch: BatchId,
        files: &[(usize, Sha256Digest)],
    ) -> Result<(), JobLogError> {
        self.joblog.note_digests(owner, files.iter().map(|(index, sha256)| (batch.file(*index), sha256)))
    }

    /// Of each digest that an owner's files have, the file that has come furthest: one that has succeeded, or that may yet.
    ///
    /// # Errors
    /// When the job log or a seal cannot be read.
    pub fn known_files(&self, owner: &str, digests: &[Sha256Digest]) -> Result<Vec<FileStatus>, CustodyError> {
        let mut known = Vec::new();
        for sha256 in digests {
            let mut best: Option<FileStatus> = None;
            for file in self.joblog.files_with(owner, sha256, None)? {
                let Some((record, _)) = self.same_bytes(file, owner, sha256)? else { continue };
                let status = self.files(file.batch(), &record, file.index(), file.index() + 1)?.pop();
                let Some(status) = status else { continue };
                if best.as_ref().is_none_or(|best| rank(status.state) < rank(best.state)) {
                    best = Some(status);
                }
            }
            known.extend(best);
        }
        Ok(known)
    }

    /// Gives the bytes back of files whose end says that they are dead, as far as nobody else needs them. Blocking.
    pub fn give_back(&self, dead: Vec<GivenBack>) {
        let count = dead.len();
        let _nobody_borrows = self.sharing.blocking_write();
        if let Err(error) = self.free(dead) {
            log::warn!("the bytes of {count} dead files are kept until their batches go: {error}");
        }
    }

    /// Frees bytes as far as neither their lender nor a borrower needs them.
    pub(super) fn free(&self, mut given_back: Vec<GivenBack>) -> Result<(), CustodyError> {
        given_back.sort_unstable();
        given_back.dedup();
        for (extent, lender) in given_back {
            if self.joblog.needs_bytes(lender)? {
                continue;
            }
            // Beside them lie other files of the lender's batch, or nothing.
            let whole = if self.joblog.is_living(lender.batch())? { extent } else { extent.outward() };
            for part in whole.without(&self.joblog.lent(&whole)?) {
                match self.spool.store().punch(&part) {
                    Err(SpoolError::Missing) | Ok(()) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// A file that has arrived, the first of its batch with these bytes.
struct Arrived {
    index: usize,
    sha256: Sha256Digest,
}

/// It, and files that may have the same bytes.
type Alike = (Arrived, Vec<FileId>);

/// The digests of a batch's files, by index, but for those that were refused and those of which nothing is known.
pub fn digests_of<'a>(files: impl IntoIterator<Item = Option<&'a SealedFile>>) -> Vec<(usize, Sha256Digest)> {
    let files = files.into_iter().enumerate();
    let digest = |(index, file): (usize, Option<&SealedFile>)| {
        file.filter(|file| file.refused.is_none()).map(|file| (index, file.sha256))
    };
    files.filter_map(digest).collect()
}

/// How far a file has come, the furthest first.
const fn rank(state: FileState) -> u8 {
    match state {
        FileState::Succeeded => 0,
        FileState::Stored | FileState::Verified | FileState::Processing | FileState::Retrying => 1,
        FileState::Failed | FileState::Rejected | FileState::Cancelled => 2,
    }
}

/// The first file with each digest, of those that may borrow.
fn firsts(files: &[SealedFile]) -> HashMap<Sha256Digest, usize> {
    let mut firsts = HashMap::new();
    for (index, file) in files.iter().enumerate().filter(|(_, file)| may_borrow(file)) {
        firsts.entry(file.sha256).or_insert(index);
    }
    firsts
}

fn may_borrow(file: &SealedFile) -> bool {
    file.refused.is_none() && file.length > OWN_BYTES_MAX
}
