//! What the child does with one file: its text, also out of an image, and its tokens.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use super::protocol::{
    FIELD_CHARS_MAX, Fault, Image, Job, LOG_BYTES_MAX, Order, Recognised, Report, Setup, WARNINGS_MAX,
};
use super::room::limit_processor_time;
use super::stream::{OrderReader, ReportWriter};
use super::tokens;
use crate::batch::TextInfo;
use crate::extract::{self, ExtractError, Extracted, Host, NO_ENGINE, Recognition};

/// Signs of life are no closer together than this, however often a parser reports progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What became of a file.
pub type Answer = Result<(TextInfo, String), Failure>;

pub struct Failure {
    pub fault: Fault,
    pub log: String,
}

impl Failure {
    pub fn new(fault: Fault, log: &str) -> Self {
        Self { fault, log: log[..log.floor_char_boundary(LOG_BYTES_MAX)].to_owned() }
    }

    fn of(error: &ExtractError) -> Self {
        use ExtractError as E;
        let fault = match error {
            E::UnsupportedType => Fault::UnsupportedType,
            E::PasswordProtected => Fault::PasswordProtected,
            E::Parse(reason) => return Self::new(Fault::ParseError, reason),
            E::TextTooLarge => Fault::TextTooLarge,
            E::ExpandsTooFar => Fault::ExpandsTooFar,
            E::TooManyEntries => Fault::TooManyEntries,
            E::NestedTooDeep => Fault::NestedTooDeep,
            E::TooManyCells => Fault::TooManyCells,
            E::TooManyElements => Fault::TooManyElements,
            E::TooManyPages => Fault::TooManyPages,
            E::ImageTooLarge => Fault::ImageTooLarge,
        };
        Self::new(fault, "")
    }
}

/// Where the child's orders come from and its reports go to, while it has this file.
pub struct Desk<'a> {
    pub job: &'a Job,
    pub setup: &'a Setup,
    pub orders: &'a mut OrderReader<File>,
    pub pulse: &'a mut Pulse,
    /// Whether the server's engine has recognised text in a picture of the file.
    pub has_recognised: bool,
}

impl Host for Desk<'_> {
    fn progress(&mut self) {
        self.pulse.beat();
    }

    fn recognises(&self) -> bool {
        self.setup.ocr.is_some()
    }

    fn recognise(&mut self, picture: &[u8], is_file: bool) -> Recognition {
        if !self.recognises() {
            return Recognition::Unavailable;
        }
        match self.ask(picture, is_file) {
            Ok(Ok(text)) => {
                self.has_recognised = true;
                // The engine ends each page of an image that has many with a form feed.
                let pages = text.strip_suffix('\x0c').unwrap_or(&text).split('\x0c');
                Recognition::Pages(pages.map(str::to_owned).collect())
            }
            Ok(Err(log)) => Recognition::Unreadable(log),
            // Without a server there is nobody left to answer to: the next order is the end.
            Err(error) => Recognition::Unreadable(error.to_string()),
        }
    }
}

impl Desk<'_> {
    /// Asks the server for the text in an image; why it cannot be read if that is so.
    fn ask(&mut self, image: &[u8], is_file: bool) -> io::Result<Result<String, String>> {
        let asked = Report::Image(Image { file: self.job.file, length: image.len() as u64, is_file });
        self.pulse.reports.send_with(&asked, image)?;
        let mut missing = match self.orders.next()? {
            Some(Order::Recognised(Recognised::Text(length))) => length,
            Some(Order::Recognised(Recognised::Unreadable(log))) => return Ok(Err(log)),
            _ => return Err(io::Error::other("a recognised text was expected")),
        };
        let mut text = Vec::new();
        while missing > 0 {
            let Some(Order::Block(block)) = self.orders.next()? else {
                return Err(io::Error::other("the rest of a recognised text was expected"));
            };
            missing =
                missing.checked_sub(block.len() as u64).ok_or_else(|| io::Error::other("the text is too long"))?;
            text.extend_from_slice(block);
            self.pulse.beat();
        }
        // As the server's, the time that one file may take begins anew with each image.
        limit_processor_time(Duration::from_millis(self.setup.wall_ms))?;
        Ok(Ok(String::from_utf8_lossy(&text).into_owned()))
    }

    /// The engine that got the text: the file's own, the server's, or both.
    fn engine(&self, own: &str) -> String {
        match self.setup.ocr.as_deref().filter(|_| self.has_recognised) {
            Some(ocr) if own == NO_ENGINE => clip(ocr),
            Some(ocr) => clip(&format!("{own} + {ocr}")),
            None => clip(own),
        }
    }
}

/// Says that the child is alive, often enough and not too often.
pub struct Pulse {
    pub reports: ReportWriter<File>,
    last: Instant,
}

impl Pulse {
    pub fn new(reports: ReportWriter<File>) -> Self {
        Self { reports, last: Instant::now() }
    }

    pub fn beat(&mut self) {
        if self.last.elapsed() >= PROGRESS_INTERVAL {
            self.last = Instant::now();
            // A server that no longer listens is noticed at the answer.
            let _ = self.reports.send(&Report::Progress);
        }
    }
}

/// Gets the text out of a file and counts it.
pub fn examine(bytes: Vec<u8>, desk: &mut Desk<'_>) -> Answer {
    desk.progress();
    #[cfg(feature = "test-hooks")]
    let bytes = match super::hooks::images(&bytes) {
        Some(count) => recognise_all(count, desk),
        None => super::hooks::obey(&bytes, desk.pulse).unwrap_or(bytes),
    };
    let (job, setup) = (desk.job, desk.setup);
    let extracted = extract::extract(&bytes, &job.media_type, &setup.limits, desk);
    let Extracted { text, pages, title, author, created, language, warnings, truncated, engine } =
        extracted.map_err(|error| Failure::of(&error))?;
    drop(bytes);
    let engine = desk.engine(engine);
    desk.progress();
    let info = TextInfo {
        chars: text.chars().count() as u64,
        tokens: tokens::count(&text, setup.tokenizer, &mut || desk.progress()),
        tokenizer: setup.tokenizer,
        pages,
        title: title.as_deref().map(clip),
        author: author.as_deref().map(clip),
        created: created.as_deref().map(clip),
        language: language.as_deref().map(clip),
        truncated,
        warnings: warnings.iter().take(WARNINGS_MAX).map(|warning| clip(warning)).collect(),
        engine,
    };
    Ok((info, text))
}

fn clip(text: &str) -> String {
    text.chars().take(FIELD_CHARS_MAX).collect()
}

/// What comes of so many images in a row, as a document of scanned pages has them.
#[cfg(feature = "test-hooks")]
fn recognise_all(count: usize, desk: &mut Desk<'_>) -> Vec<u8> {
    let image = |at: usize| format!("image {at}\n").into_bytes();
    let texts = (0..count).map(|at| desk.ask(&image(at), false).expect("the server answers"));
    texts.map(|text| text.unwrap_or_else(|log| format!("unreadable: {log}\n"))).collect::<String>().into_bytes()
}

#[cfg(feature = "test-hooks")]
impl super::hooks::Host for Pulse {
    fn progress(&mut self) {
        self.beat();
    }

    fn noise(&mut self, bytes: &[u8]) {
        // Whether anybody heard it is what the test finds out.
        let _ = self.reports.noise(bytes);
    }
}
