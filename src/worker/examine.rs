//! What the child does with one file: its text, also out of an image, and its tokens.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use super::protocol::{
    FIELD_CHARS_MAX, Fault, Image, Job, LOG_BYTES_MAX, Order, Recognised, Report, Setup, WARNINGS_MAX,
};
use super::stream::{OrderReader, ReportWriter};
use super::tokens;
use crate::batch::TextInfo;
use crate::extract::{self, ExtractError, Extracted, media};

/// Signs of life are no closer together than this, however often a parser reports progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The warning about a text that an engine made out of a picture.
const RECOGNISED: &str = "ocr: the text was recognised from an image.";

/// The warning about a picture in which there is none.
const NOTHING_RECOGNISED: &str = "no_text: No text was recognised in the image.";

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

/// Where the child's orders come from and its reports go to.
pub struct Desk<'a> {
    pub orders: &'a mut OrderReader<File>,
    pub pulse: &'a mut Pulse,
}

/// What was got out of a file, and by which engine in the end.
struct Found {
    extracted: Extracted,
    engine: String,
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
pub fn examine(bytes: Vec<u8>, job: &Job, setup: &Setup, desk: &mut Desk<'_>) -> Answer {
    let pulse = &mut *desk.pulse;
    pulse.beat();
    #[cfg(feature = "test-hooks")]
    let bytes = match super::hooks::images(&bytes) {
        Some(count) => recognise_all(count, job, desk),
        None => bytes,
    };
    let pulse = &mut *desk.pulse;
    #[cfg(feature = "test-hooks")]
    let bytes = super::hooks::obey(&bytes, pulse).unwrap_or(bytes);
    let extracted = extract::extract(&bytes, &job.media_type, &setup.limits, &mut || pulse.beat());
    let extracted = extracted.map_err(|error| Failure::of(&error))?;
    let Found { extracted, engine } = match &setup.ocr {
        Some(engine) if extracted.text.is_empty() && media::IMAGES.contains(&job.media_type.as_str()) => {
            Found { extracted: with_recognised(extracted, job, &bytes, desk)?, engine: clip(engine) }
        }
        _ => Found { engine: clip(extracted.engine), extracted },
    };
    drop(bytes);
    let Extracted { text, pages, title, author, created, language, warnings, truncated, engine: _ } = extracted;
    let pulse = &mut *desk.pulse;
    if text.len() > setup.limits.text_bytes_max {
        return Err(Failure::new(Fault::TextTooLarge, ""));
    }
    pulse.beat();
    let info = TextInfo {
        chars: text.chars().count() as u64,
        tokens: tokens::count(&text, setup.tokenizer, &mut || pulse.beat()),
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

/// What was got out of an image, with the text that the server has had recognised in it.
fn with_recognised(extracted: Extracted, job: &Job, image: &[u8], desk: &mut Desk<'_>) -> Result<Extracted, Failure> {
    let recognised = recognise(job, image, desk);
    // Without a server there is nobody left to answer to: the next order is the end.
    let text = recognised.map_err(|error| Failure::new(Fault::ParseError, &error.to_string()))?;
    let text = text.map_err(|log| Failure::new(Fault::ParseError, &log))?;
    // The engine ends each page of an image that has many with a form feed.
    let pages: Vec<&str> = text.strip_suffix('\x0c').unwrap_or(&text).split('\x0c').map(str::trim).collect();
    let mut warnings = extracted.warnings;
    warnings.retain(|warning| !warning.starts_with("no_text: "));
    let text = pages.iter().filter(|page| !page.is_empty()).copied().collect::<Vec<_>>().join("\n\n");
    warnings.push(if text.is_empty() { NOTHING_RECOGNISED } else { RECOGNISED }.to_owned());
    Ok(Extracted { text, pages: u32::try_from(pages.len()).ok(), warnings, ..extracted })
}

/// Asks the server for the text in an image; why it cannot be read if that is so.
fn recognise(job: &Job, image: &[u8], desk: &mut Desk<'_>) -> io::Result<Result<String, String>> {
    let asked = Report::Image(Image { file: job.file, length: image.len() as u64 });
    desk.pulse.reports.send_with(&asked, image)?;
    let mut missing = match desk.orders.next()? {
        Some(Order::Recognised(Recognised::Text(length))) => length,
        Some(Order::Recognised(Recognised::Unreadable(log))) => return Ok(Err(log)),
        _ => return Err(io::Error::other("a recognised text was expected")),
    };
    let mut text = Vec::new();
    while missing > 0 {
        let Some(Order::Block(block)) = desk.orders.next()? else {
            return Err(io::Error::other("the rest of a recognised text was expected"));
        };
        missing = missing.checked_sub(block.len() as u64).ok_or_else(|| io::Error::other("the text is too long"))?;
        text.extend_from_slice(block);
        desk.pulse.beat();
    }
    Ok(Ok(String::from_utf8_lossy(&text).into_owned()))
}

/// What comes of so many images in a row, as a document of scanned pages has them.
#[cfg(feature = "test-hooks")]
fn recognise_all(count: usize, job: &Job, desk: &mut Desk<'_>) -> Vec<u8> {
    let image = |at: usize| format!("image {at}\n").into_bytes();
    let texts = (0..count).map(|at| recognise(job, &image(at), desk));
    texts.map(|text| text.expect("the server answers").expect("the engine reads it")).collect::<String>().into_bytes()
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
