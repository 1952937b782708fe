//! Where a reader stands, and what comes next for it.
//!
//! News says which events there are; what they tell is read from log and seal, piece by piece when the reader has room,
//! so that a reader of any speed costs a place in the log, the news that wait, and one piece.

use std::collections::VecDeque;

use super::wording::Wording;
use crate::batch::{BatchId, FileId, FileState};
use crate::custody::FileStatus;
use crate::http::ApiError;
use crate::http::door::{OwnBatch, OwnEvents, there};
use crate::http::view::BatchView;
use crate::joblog::{BatchChange, Event, Moving, News, NumberedEvent};

/// Bytes that a piece has at least, while there is more.
const PIECE_BYTES: usize = 32 << 10;

/// Events that are read from the log at one time.
const PAGE_EVENTS: usize = 64;

/// Events that one piece looks at, so that those of others do not keep a thread for long.
const LOOKS_MAX: usize = 4_096;

/// What a reader wants to hear of.
#[derive(Debug, Clone)]
pub enum Scope {
    Batch(BatchId),
    /// All batches of the caller's.
    All,
}

/// What waits to be told.
#[derive(Debug)]
enum Due {
    /// The events in the log up to this one.
    Upto(u64),
    Moved(FileId, Moving),
    Removed(BatchId),
}

/// The batch that was looked up last while a piece is made: events come a batch at a time, and its record may be long.
type Known = Option<(BatchId, Option<OwnBatch>)>;

/// A reader's place.
pub struct Follower {
    own: OwnEvents,
    scope: Scope,
    /// The last event that was told or passed over; none before the reader begins to listen.
    after: Option<u64>,
    /// Files of the event behind that one that were told already, where a batch is told file by file.
    told: usize,
    due: VecDeque<Due>,
    wording: Box<dyn Wording>,
}

/// What a reader is sent at one time.
#[derive(Debug, Default)]
pub struct Piece {
    pub frames: Vec<u8>,
    /// Nothing comes after it.
    pub is_last: bool,
}

/// How much of an event has been told.
enum Told {
    Whole,
    /// The files before this one.
    Upto(usize),
}

impl Follower {
    /// A reader that goes on behind `after`, or begins with what happens from now on.
    pub const fn new(own: OwnEvents, scope: Scope, after: Option<u64>, wording: Box<dyn Wording>) -> Self {
        Self { own, scope, after, told: 0, due: VecDeque::new(), wording }
    }

    /// How it is told what happens.
    pub fn wording(&self) -> &dyn Wording {
        self.wording.as_ref()
    }

    /// Where it hears from.
    pub fn events(&self) -> OwnEvents {
        self.own.clone()
    }

    /// Begins to listen, anew if news was missed: what is durable up to `head` is read, and what waited is in it. The
    /// answer is the place of a reader that began here.
    pub fn listen(&mut self, head: u64) -> Option<u64> {
        self.due.clear();
        let begins = self.after.is_none().then_some(head);
        self.after.get_or_insert(head);
        self.due.push_back(Due::Upto(head));
        begins
    }

    /// Takes news in, if the reader wants to hear of it.
    pub fn hear(&mut self, news: News) {
        match news {
            News::Durable { batch, owner, last } if self.wants(batch, &owner) => self.due.push_back(Due::Upto(last)),
            // What others do is passed over, and need not be read when something comes.
            News::Durable { last, .. } if self.due.is_empty() => self.after = self.after.max(Some(last)),
            News::Moved { file, moving } if self.may_want(file.batch()) => {
                self.due.push_back(Due::Moved(file, moving));
            }
            News::Removed { batch, owner } if self.wants(batch, &owner) => self.due.push_back(Due::Removed(batch)),
            News::Durable { .. } | News::Moved { .. } | News::Removed { .. } => {}
        }
    }

    /// How much waits to be told.
    pub fn due(&self) -> usize {
        self.due.len()
    }

    /// The batch that it wants to hear of, where it is one.
    pub const fn batch(&self) -> Option<BatchId> {
        if let Scope::Batch(batch) = self.scope { Some(batch) } else { None }
    }

    fn may_want(&self, batch: BatchId) -> bool {
        self.batch().is_none_or(|wanted| wanted == batch)
    }

    fn wants(&self, batch: BatchId, owner: &str) -> bool {
        self.may_want(batch) && self.own.is_own(owner)
    }

    /// What comes next. It may be nothing, and more come after it. Reads from the disk.
    ///
    /// # Errors
    /// When log or seal cannot be read.
    pub fn piece(&mut self) -> Result<Piece, ApiError> {
        let (mut piece, mut known) = (Piece::default(), None);
        let mut looks = 0;
        while piece.frames.len() < PIECE_BYTES && !piece.is_last && looks < LOOKS_MAX {
            match self.due.front() {
                None => break,
                Some(Due::Upto(upto)) => {
                    let upto = *upto;
                    looks += self.tell_page(upto, &mut known, &mut piece)?;
                }
                Some(Due::Moved(file, moving)) => {
                    let (file, moving) = (*file, *moving);
                    self.due.pop_front();
                    looks += 1;
                    self.tell_moved((file, moving), &mut known, &mut piece)?;
                }
                Some(Due::Removed(batch)) => {
                    let batch = *batch;
                    self.due.pop_front();
                    self.tell_removed(batch, &mut piece);
                }
            }
        }
        Ok(piece)
    }

    /// Tells some of the events up to `upto`, and says how many it looked at.
    fn tell_page(&mut self, upto: u64, known: &mut Known, piece: &mut Piece) -> Result<usize, ApiError> {
        let of = self.batch();
        let after = self.after.unwrap_or(upto);
        let page = self.own.page(of, (after, upto), PAGE_EVENTS)?;
        if page.is_empty() {
            self.after = Some(after.max(upto));
            self.due.pop_front();
            // Events go with their batch, and nothing else says that it is gone when its removal was missed.
            if let Some(batch) = of.filter(|_| self.due.is_empty())
                && self.own.batch(batch)?.is_none()
            {
                self.tell_removed(batch, piece);
            }
        }
        for (looks, event) in page.iter().enumerate() {
            if piece.frames.len() >= PIECE_BYTES || piece.is_last {
                return Ok(looks);
            }
            if let Some(own) = self.living(event.batch, known)? {
                match self.tell(event, own, piece)? {
                    Told::Whole => {}
                    Told::Upto(index) => {
                        self.told = index;
                        return Ok(looks + 1);
                    }
                }
            }
            (self.after, self.told) = (Some(event.id), 0);
        }
        Ok(page.len())
    }

    /// Tells one event of a batch, unless a later one has taken its place.
    fn tell(&self, event: &NumberedEvent, own: &OwnBatch, piece: &mut Piece) -> Result<Told, ApiError> {
        let (id, batch) = (Some(event.id), event.batch);
        match event.event {
            Event::Batch { change: BatchChange::Accepted, .. } if self.wording.is_file_by_file() => {
                return self.tell_each(event.id, own, piece);
            }
            Event::Batch { change, tally, finished_ms } => {
                let Some(mut status) = there(own.status())? else { return Ok(Told::Whole) };
                (status.record.tally, status.record.finished_ms) = (tally, finished_ms);
                let view = BatchView::new(status, None, None);
                piece.add(&self.wording.batch(id, change, view));
                let is_end = self.batch().is_some() && change == BatchChange::Completed;
                piece.is_last = is_end && own.last_event()? == id;
            }
            Event::Ended { index, ended_ms } => {
                let file = file_of(own, batch.file(index.into()))?;
                let is_it = |file: &FileStatus| file.end.as_ref().is_some_and(|end| end.ended_ms == ended_ms);
                if let Some(file) = file.filter(is_it) {
                    self.tell_file(id, file, piece);
                }
            }
            Event::Retried { index } => {
                // Its end is told with an id of its own, if it has come.
                if let Some(file) = file_of(own, batch.file(index.into()))? {
                    let state = FileState::Stored;
                    let file = FileStatus { state, attempts: 0, is_read: false, end: None, ..file };
                    self.tell_file(id, file, piece);
                }
            }
            Event::Refused { index } => {
                if let Some(file) = file_of(own, batch.file(index.into()))? {
                    self.tell_file(id, file, piece);
                }
            }
        }
        Ok(Told::Whole)
    }

    /// Tells of a batch that was accepted by telling of each of its files, some at a time. The last has the event's id.
    fn tell_each(&self, id: u64, own: &OwnBatch, piece: &mut Piece) -> Result<Told, ApiError> {
        let (to, count) = (self.told + PAGE_EVENTS, own.files_count());
        let files = own.files(self.told, to);
        if there(own.check_alive())?.is_none() {
            return Ok(Told::Whole);
        }
        for file in files?.into_iter().filter(|file| file.sealed.refused.is_none()) {
            let id = (file.id.index() + 1 == count).then_some(id);
            self.tell_file(id, FileStatus { state: FileState::Stored, attempts: 0, end: None, ..file }, piece);
        }
        Ok(if to < count { Told::Upto(to) } else { Told::Whole })
    }

    fn tell_moved(
        &self,
        (file, moving): (FileId, Moving),
        known: &mut Known,
        piece: &mut Piece,
    ) -> Result<(), ApiError> {
        let Some(own) = self.living(file.batch(), known)? else { return Ok(()) };
        let Some(file) = file_of(own, file)? else { return Ok(()) };
        // It may have ended by now; that is told with an id of its own.
        let Moving { state, retries, attempts, is_read } = moving;
        self.tell_file(None, FileStatus { state, retries, attempts, is_read, end: None, ..file }, piece);
        Ok(())
    }

    /// Tells that a batch is gone, which ends a stream of its own.
    fn tell_removed(&self, batch: BatchId, piece: &mut Piece) {
        piece.add(&self.wording.removed(batch));
        piece.is_last = self.batch().is_some();
    }

    fn tell_file(&self, id: Option<u64>, file: FileStatus, piece: &mut Piece) {
        piece.add(&self.wording.file(id, file));
    }

    /// A batch that the reader may hear of and that was not being removed a moment ago.
    fn living<'a>(&self, batch: BatchId, known: &'a mut Known) -> Result<Option<&'a OwnBatch>, ApiError> {
        if known.as_ref().is_none_or(|(last, _)| *last != batch) {
            *known = Some((batch, if self.may_want(batch) { self.own.batch(batch)? } else { None }));
        }
        Ok(known.as_ref().and_then(|(_, own)| own.as_ref()))
    }
}

impl Piece {
    fn add(&mut self, frame: &[u8]) {
        self.frames.extend_from_slice(frame);
    }
}

/// A file; none when its batch is being removed. The batch's record goes last, so what was read is whole if it is there
/// even now.
fn file_of(own: &OwnBatch, file: FileId) -> Result<Option<FileStatus>, ApiError> {
    let read = own.files(file.index(), file.index() + 1);
    if there(own.check_alive())?.is_none() {
        return Ok(None);
    }
    Ok(read?.pop())
}
