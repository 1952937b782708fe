//! The words between the server and a child: version, frames, messages.
//!
//! A frame is a `u32` length of the body (little endian), a `u8` kind, and the body: postcard, or a block's raw bytes.
//! The server sends [`Setup`] once and then jobs, each a [`Job`] followed by blocks of exactly `length` bytes. The child
//! sends [`Ready`] once and then, for every job in order, any number of progress messages and one answer, which it
//! begins only when it has read the whole job: [`ExtractedText`] followed by blocks of `text_bytes`, or [`FailedFile`].
//! Before its answer it may ask for the text in images, one after the other (the pages of a scan): [`Image`] and its
//! blocks one way, [`Recognised`] and its blocks the other. An answer names its file, so jobs may be sent ahead, unless
//! an image may be asked about. Every length is checked before memory is taken for it.

mod messages;

use std::io;

use derive_more::{Display, Error};
use serde::{Deserialize, Serialize};

pub use messages::{ExtractedText, FailedFile, Fault, Image, Job, Ready, Recognised, Setup};

/// Changes with every change of a message; both sides are one binary, so a difference is a mix-up and never bridged.
pub const VERSION: u16 = 2;

/// A frame's length and kind.
pub const HEADER_BYTES: usize = 5;

/// The longest body of a message. A block is raw bytes and has its own limit.
pub const MESSAGE_BYTES_MAX: usize = 32 << 10;

/// The longest block: a few times what a pipe holds.
pub const BLOCK_BYTES_MAX: usize = 256 << 10;

/// The longest log text of a failure.
pub const LOG_BYTES_MAX: usize = 1 << 10;

/// The longest title, author, warning or name of an engine.
pub const FIELD_CHARS_MAX: usize = 255;

/// The most warnings about one text.
pub const WARNINGS_MAX: usize = 16;

// A char takes at most four bytes and a text's length at most two: the fullest answer fits into a message.
const _: () = assert!((WARNINGS_MAX + 3) * (4 * FIELD_CHARS_MAX + 2) + 256 <= MESSAGE_BYTES_MAX);

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Setup = 0x01,
    Job = 0x02,
    Recognised = 0x03,
    Block = 0x10,
    Ready = 0x81,
    Progress = 0x82,
    Extracted = 0x83,
    Failed = 0x84,
    Image = 0x85,
}

impl Kind {
    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::Setup,
            0x02 => Self::Job,
            0x03 => Self::Recognised,
            0x10 => Self::Block,
            0x81 => Self::Ready,
            0x82 => Self::Progress,
            0x83 => Self::Extracted,
            0x84 => Self::Failed,
            0x85 => Self::Image,
            _ => return None,
        })
    }

    const fn body_bytes_max(self) -> usize {
        match self {
            Self::Block => BLOCK_BYTES_MAX,
            Self::Progress => 0,
            Self::Setup | Self::Job | Self::Recognised | Self::Ready | Self::Extracted | Self::Failed | Self::Image => {
                MESSAGE_BYTES_MAX
            }
        }
    }
}

/// Bytes that are no message of this protocol.
#[derive(Debug, Display, Error, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    #[display("no message is of kind {_0:#04x}")]
    UnknownKind(#[error(not(source))] u8),
    #[display("a body of {bytes} bytes is too long for {kind:?}")]
    TooLong { kind: Kind, bytes: u32 },
    #[display("the body is not that of {_0:?}")]
    Malformed(#[error(not(source))] Kind),
    #[display("{_0:?} is not said in this direction")]
    WrongSide(#[error(not(source))] Kind),
}

impl From<ProtocolError> for io::Error {
    fn from(error: ProtocolError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// A frame's first bytes, understood: what follows and how much of it, within the kind's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub body_bytes: usize,
}

impl Header {
    /// # Errors
    /// An unknown kind, or a length beyond what that kind may have.
    pub fn decode(bytes: [u8; HEADER_BYTES]) -> Result<Self, ProtocolError> {
        let [a, b, c, d, kind] = bytes;
        let length = u32::from_le_bytes([a, b, c, d]);
        let kind = Kind::of(kind).ok_or(ProtocolError::UnknownKind(kind))?;
        match usize::try_from(length) {
            Ok(body_bytes) if body_bytes <= kind.body_bytes_max() => Ok(Self { kind, body_bytes }),
            _ => Err(ProtocolError::TooLong { kind, bytes: length }),
        }
    }

    /// # Panics
    /// When the body has 4 GiB or more, which no kind may have.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let length = u32::try_from(self.body_bytes).expect("a body is far shorter than 4 GiB");
        let [a, b, c, d] = length.to_le_bytes();
        [a, b, c, d, self.kind as u8]
    }

    /// The header of a block of this many bytes, which must be at most [`BLOCK_BYTES_MAX`].
    #[must_use]
    pub fn block(body_bytes: usize) -> Self {
        debug_assert!(body_bytes <= BLOCK_BYTES_MAX, "a block is cut to its limit before it is sent");
        Self { kind: Kind::Block, body_bytes }
    }
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub enum Order<'a> {
    Setup(Setup),
    Job(Job),
    Recognised(Recognised),
    Block(&'a [u8]),
}

impl<'a> Order<'a> {
    /// Appends the whole frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Setup(setup) => encode_message(Kind::Setup, setup, out),
            Self::Job(job) => encode_message(Kind::Job, job, out),
            Self::Recognised(recognised) => encode_message(Kind::Recognised, recognised, out),
            Self::Block(bytes) => encode_block(bytes, out),
        }
    }

    /// # Errors
    /// A kind that the server does not say, or a body that is not of the kind.
    pub fn decode(kind: Kind, body: &'a [u8]) -> Result<Self, ProtocolError> {
        match kind {
            Kind::Setup => decode_message(kind, body).map(Self::Setup),
            Kind::Job => decode_message(kind, body).map(Self::Job),
            Kind::Recognised => decode_message(kind, body).map(Self::Recognised),
            Kind::Block => Ok(Self::Block(body)),
            Kind::Ready | Kind::Progress | Kind::Extracted | Kind::Failed | Kind::Image => {
                Err(ProtocolError::WrongSide(kind))
            }
        }
    }
}

/// What the child says.
#[derive(Debug, PartialEq, Eq)]
pub enum Report<'a> {
    Ready(Ready),
    /// The child is alive and getting on.
    Progress,
    Extracted(ExtractedText),
    Failed(FailedFile),
    Image(Image),
    Block(&'a [u8]),
}

impl<'a> Report<'a> {
    /// What is said, without its words.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Ready(_) => Kind::Ready,
            Self::Progress => Kind::Progress,
            Self::Extracted(_) => Kind::Extracted,
            Self::Failed(_) => Kind::Failed,
            Self::Image(_) => Kind::Image,
            Self::Block(_) => Kind::Block,
        }
    }

    /// Appends the whole frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ready(ready) => encode_message(Kind::Ready, ready, out),
            Self::Progress => out.extend(Header { kind: Kind::Progress, body_bytes: 0 }.encode()),
            Self::Extracted(extracted) => encode_message(Kind::Extracted, extracted, out),
            Self::Failed(failed) => encode_message(Kind::Failed, failed, out),
            Self::Image(image) => encode_message(Kind::Image, image, out),
            Self::Block(bytes) => encode_block(bytes, out),
        }
    }

    /// # Errors
    /// A kind that the child does not say, or a body that is not of the kind.
    pub fn decode(kind: Kind, body: &'a [u8]) -> Result<Self, ProtocolError> {
        match kind {
            Kind::Ready => decode_message(kind, body).map(Self::Ready),
            Kind::Progress => Ok(Self::Progress),
            Kind::Extracted => decode_message(kind, body).map(Self::Extracted),
            Kind::Failed => match decode_message::<FailedFile>(kind, body)? {
                failed if failed.log.len() <= LOG_BYTES_MAX => Ok(Self::Failed(failed)),
                _ => Err(ProtocolError::Malformed(kind)),
            },
            Kind::Block => Ok(Self::Block(body)),
            Kind::Image => decode_message(kind, body).map(Self::Image),
            Kind::Setup | Kind::Job | Kind::Recognised => Err(ProtocolError::WrongSide(kind)),
        }
    }
}

fn encode_message<T: Serialize>(kind: Kind, message: &T, out: &mut Vec<u8>) {
    let body = postcard::to_allocvec(message).expect("numbers and texts in memory always serialize");
    out.extend(Header { kind, body_bytes: body.len() }.encode());
    out.extend(body);
}

fn encode_block(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(Header::block(bytes.len()).encode());
    out.extend(bytes);
}

fn decode_message<'a, T: Deserialize<'a>>(kind: Kind, body: &'a [u8]) -> Result<T, ProtocolError> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(ProtocolError::Malformed(kind)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[cfg(feature = "test-hooks")]
    use super::super::room::WALLS;
    use super::*;
    use crate::batch::{BatchId, TextInfo, Tokenizer};
    use crate::extract::Limits;

    fn fullest_info() -> TextInfo {
        let field = "\u{10ffff}".repeat(FIELD_CHARS_MAX);
        TextInfo {
            chars: u64::MAX,
            tokens: u64::MAX,
            tokenizer: Tokenizer::O200kBase,
            pages: Some(u32::MAX),
            title: Some(field.clone()),
            author: Some(field.clone()),
            created: Some(field.clone()),
            language: Some(field.clone()),
            truncated: true,
            warnings: vec![field.clone(); WARNINGS_MAX],
            engine: field,
        }
    }

    fn split(frame: &[u8]) -> (Header, &[u8]) {
        let (header, body) = frame.split_first_chunk::<HEADER_BYTES>().unwrap();
        (Header::decode(*header).unwrap(), body)
    }

    #[test]
    fn orders_come_back_as_they_were() {
        let file = BatchId::new().file(7);
        let orders = [
            Order::Setup(Setup {
                memory_bytes: 1 << 30,
                limits: Limits { text_bytes_max: 64 << 20, ..Limits::default() },
                tokenizer: Tokenizer::Cl100kBase,
                wall_ms: 120_000,
                ocr: Some("tesseract 5.3.0".into()),
                #[cfg(feature = "test-hooks")]
                walls: WALLS.to_vec(),
            }),
            Order::Job(Job { file, media_type: "application/pdf".into(), length: u64::MAX }),
            Order::Recognised(Recognised::Text(9)),
            Order::Recognised(Recognised::Unreadable("why".into())),
            Order::Block(b"bytes"),
            Order::Block(b""),
        ];
        for order in orders {
            let mut frame = Vec::new();
            order.encode(&mut frame);
            let (header, body) = split(&frame);
            assert_eq!(header.body_bytes, body.len());
            assert_eq!(Order::decode(header.kind, body), Ok(order));
        }
    }

    #[test]
    fn reports_come_back_as_they_were_and_the_fullest_fits() {
        let file = BatchId::new().file(0);
        let log = "x".repeat(LOG_BYTES_MAX);
        let block = vec![7; BLOCK_BYTES_MAX];
        let reports = [
            Report::Ready(Ready { version: VERSION, gaps: vec!["the kernel has no landlock".into()] }),
            Report::Progress,
            Report::Extracted(ExtractedText { file, info: fullest_info(), text_bytes: u64::MAX }),
            Report::Failed(FailedFile { file, fault: Fault::ParseError, log }),
            Report::Image(Image { file, length: 1 << 20, is_file: true }),
            Report::Block(&block),
        ];
        for report in reports {
            let mut frame = Vec::new();
            report.encode(&mut frame);
            let (header, body) = split(&frame);
            assert_eq!((header.kind, header.body_bytes), (report.kind(), body.len()));
            assert_eq!(Report::decode(header.kind, body), Ok(report));
        }
    }

    #[test]
    fn a_length_above_its_limit_is_refused_by_the_header_alone() {
        let header = |length: u32, kind: Kind| {
            let [a, b, c, d] = length.to_le_bytes();
            Header::decode([a, b, c, d, kind as u8])
        };
        for (kind, most) in
            [(Kind::Block, 256 << 10), (Kind::Job, 32 << 10), (Kind::Failed, 32 << 10), (Kind::Progress, 0)]
        {
            assert!(header(most, kind).is_ok());
            assert_eq!(header(most + 1, kind), Err(ProtocolError::TooLong { kind, bytes: most + 1 }));
            assert_eq!(header(u32::MAX, kind), Err(ProtocolError::TooLong { kind, bytes: u32::MAX }));
        }
        assert_eq!(Header::decode([0, 0, 0, 0, 0x42]), Err(ProtocolError::UnknownKind(0x42)));
    }

    #[test]
    fn a_body_with_too_little_or_too_much_is_refused() {
        let mut frame = Vec::new();
        Report::Ready(Ready { version: 300, gaps: Vec::new() }).encode(&mut frame);
        let (header, body) = split(&frame);
        let longer = [body, b"x"].concat();
        for wrong in [&body[..body.len() - 1], &longer, b"".as_slice()] {
            assert_eq!(Report::decode(header.kind, wrong), Err(ProtocolError::Malformed(Kind::Ready)));
        }
    }

    #[test]
    fn a_log_above_its_limit_is_refused() {
        let file = BatchId::new().file(0);
        let log = "x".repeat(LOG_BYTES_MAX + 1);
        let mut frame = Vec::new();
        Report::Failed(FailedFile { file, fault: Fault::Panicked, log }).encode(&mut frame);
        let (header, body) = split(&frame);
        assert_eq!(Report::decode(header.kind, body), Err(ProtocolError::Malformed(Kind::Failed)));
    }

    #[test]
    fn each_side_says_only_its_own() {
        for kind in [Kind::Ready, Kind::Progress, Kind::Extracted, Kind::Failed, Kind::Image] {
            assert_eq!(Order::decode(kind, b""), Err(ProtocolError::WrongSide(kind)));
        }
        for kind in [Kind::Setup, Kind::Job, Kind::Recognised] {
            assert_eq!(Report::decode(kind, b""), Err(ProtocolError::WrongSide(kind)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_make_decoding_panic(head in any::<[u8; HEADER_BYTES]>(), body in any::<Vec<u8>>()) {
            for kind in (0..=u8::MAX).filter_map(Kind::of).chain(Header::decode(head).map(|header| header.kind)) {
                let _ = Order::decode(kind, &body);
                let _ = Report::decode(kind, &body);
            }
        }
    }
}
