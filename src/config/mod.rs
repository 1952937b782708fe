//! Every setting: what it bounds, its default and what it can be; read and checked once, when the program starts.
//!
//! The keys of `consign.toml` are the fields below, so that a name stands in one place. `layers` lays file,
//! environment and flags over the defaults, `check` refuses what no server can work with. A setting of bytes takes a
//! whole number or a text like `"256 MiB"` and has `bytes` in its name; one of time has `ms`, thousandths of a second.

mod address;
mod bytes;
mod check;
mod cors;
mod dedup;
mod effective;
mod events;
mod keys;
mod layers;
mod limits;
mod log;
mod retention;
mod scan;
mod shutdown;
mod text;
mod tls;
mod variables;
mod webhook;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use bytesize::{GIB, MIB};
use serde::{Deserialize, Serialize};

use crate::batch::Tokenizer;
pub use cors::CorsSettings;
pub use dedup::DedupSettings;
pub use effective::{Effective, Origin, Setting};
pub use events::EventsSettings;
pub use keys::{KeyDigest, KeySettings, is_key_name};
pub use layers::{ConfigError, Flag, Sources, file_in_force};
pub use limits::Limits;
pub use log::{LogFormat, LogSettings};
pub use retention::RetentionSettings;
pub use scan::ScanSettings;
pub use shutdown::ShutdownSettings;
pub use tls::TlsSettings;
pub use webhook::WebhookSettings;

/// All settings of one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address and port that take requests; port 0 takes any free one. Loopback, so that nobody else's machine
    /// gets in before the operator says so.
    #[serde(deserialize_with = "address::deserialize")]
    pub listen: SocketAddr,
    /// Whether to serve everybody who reaches `listen`, though there are no keys and it is not loopback. Not, so that
    /// nobody opens a server to a network without meaning to.
    pub insecure_no_keys: bool,
    /// The directory of everything that the server keeps, relative to the working directory. Beside the program, so
    /// that a first run needs no rights and leaves nothing elsewhere.
    pub data_dir: PathBuf,
    pub limits: Limits,
    pub spool: SpoolSettings,
    pub attempts: AttemptsSettings,
    pub verify: VerifySettings,
    pub scan: ScanSettings,
    pub dedup: DedupSettings,
    pub extract: ExtractSettings,
    pub worker: WorkerSettings,
    pub events: EventsSettings,
    pub retention: RetentionSettings,
    pub webhook: WebhookSettings,
    pub shutdown: ShutdownSettings,
    pub log: LogSettings,
    pub tls: TlsSettings,
    pub cors: CorsSettings,
    /// Who may call, by name. Nobody but this machine where it is empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, KeySettings>,
}

/// `[spool]`: how bytes are written to the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoolSettings {
    /// Bytes up to which a batch is held in memory and shares a segment and a sync with others; a larger one streams
    /// into a segment of its own. At 8 MiB the writing takes longer than the sync that sharing saves.
    #[serde(with = "bytes")]
    pub small_batch_bytes_max: u64,
    /// Bytes of all small batches in memory together; a batch that finds no room streams like a large one. 32 MiB are
    /// half of what the server's memory may grow by under uploads.
    #[serde(with = "bytes")]
    pub memory_bytes_max: u64,
    /// Bytes that a segment is preallocated with, and after which the shared one is changed for a new one. At 64 MiB a
    /// dead batch holds back little disk, and a segment still takes many batches.
    #[serde(with = "bytes")]
    pub segment_bytes: u64,
    /// Segments that are made ready ahead of need. Two let one be used up while the next is made.
    pub stock_segments: usize,
}

/// `[attempts]`: how often the text of a file is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptsSettings {
    /// Attempts before a file fails for good, the first one counted. What passes by itself has passed after three
    /// more.
    pub max: u32,
    /// Milliseconds before the second attempt, doubled before each one after it: 0.5, 1 and 2 s.
    pub retry_ms_base: u64,
    /// Files that one durable record names as being tried. 64 share a flush, and after a crash so many at most are
    /// tried singly.
    pub claim_window: usize,
}

/// `[verify]`: how long the disk may take to show what was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifySettings {
    /// Looks at a stored file before it counts as missing or unreadable. Six are 3.1 s in all.
    pub tries_max: u32,
    /// Milliseconds before the second look, doubled before each one after it.
    pub backoff_ms_base: u64,
}

/// `[extract]`: how much of one file is read. What meets one of these limits ends with its code, or keeps the text so far
/// and says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "limits end in max, as everywhere")]
pub struct ExtractSettings {
    /// Bytes that all packages and archives of a file unpack to together. A child holds what it unpacks, so a quarter of
    /// its memory.
    #[serde(with = "bytes")]
    pub unpacked_bytes_max: u64,
    /// How many times larger than the package its parts may be, once they are more than 16 MiB. Text packs to a tenth,
    /// and a sheet of zeros to a hundredth; a bomb to a thousandth.
    pub unpacked_ratio_max: usize,
    /// Files in all archives and messages of a file together; as many as in a batch.
    pub entries_max: usize,
    /// How many files may stand inside one another. A mail with an archive with a document is three.
    pub nesting_max: usize,
    /// Cells of a workbook. 5 million are five full columns of the largest sheet.
    pub cells_max: usize,
    /// Pages, slides or sheets. 20,000 are forty thick books.
    pub pages_max: usize,
    /// Pixels of one picture. 100 million are a poster at 300 dots an inch.
    pub image_pixels_max: u64,
    /// Pictures and scanned pages of one file in which text is recognised, a few seconds each; the rest is left out,
    /// and the result says so. 0 turns OCR off.
    pub recognised_max: usize,
}

/// `[worker]`: the children that read the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// Children at the same time; 0 is one for each core, since reading a file keeps one core busy.
    pub processes: usize,
    /// Milliseconds that one attempt may take, up to its answer or the next picture for OCR, which may take as long.
    /// Real documents take seconds; two minutes leave room for a slow or busy machine.
    pub wall_ms_max: u64,
    /// Milliseconds that a child may show no progress. Slow files speak up page by page; a hang does not.
    pub silence_ms_max: u64,
    /// Bytes of address space of one child. 1 GiB reads all but bombs, and a small machine has it for each core.
    #[serde(with = "bytes")]
    pub memory_bytes_max: u64,
    /// Files that one child reads before a fresh one takes its place, so that a leak stays small.
    pub files_max: usize,
    /// The vocabulary that tokens are counted with: `cl100k_base` or `o200k_base`. The first is the one that DocsGPT
    /// counts with.
    pub tokenizer: Tokenizer,
    /// The languages that text in images is taken for, by tesseract's names, as in `eng+deu`. Their data must be
    /// installed. English comes with tesseract.
    pub ocr_languages: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            insecure_no_keys: false,
            data_dir: PathBuf::from("data"),
            limits: Limits::default(),
            spool: SpoolSettings::default(),
            attempts: AttemptsSettings::default(),
            verify: VerifySettings::default(),
            scan: ScanSettings::default(),
            dedup: DedupSettings::default(),
            extract: ExtractSettings::default(),
            worker: WorkerSettings::default(),
            events: EventsSettings::default(),
            retention: RetentionSettings::default(),
            webhook: WebhookSettings::default(),
            shutdown: ShutdownSettings::default(),
            log: LogSettings::default(),
            tls: TlsSettings::default(),
            cors: CorsSettings::default(),
            keys: BTreeMap::new(),
        }
    }
}

impl Default for SpoolSettings {
    fn default() -> Self {
        Self { small_batch_bytes_max: 8 * MIB, memory_bytes_max: 32 * MIB, segment_bytes: 64 * MIB, stock_segments: 2 }
    }
}

impl Default for AttemptsSettings {
    fn default() -> Self {
        Self { max: 4, retry_ms_base: 500, claim_window: 64 }
    }
}

impl Default for VerifySettings {
    fn default() -> Self {
        Self { tries_max: 6, backoff_ms_base: 100 }
    }
}

impl Default for ExtractSettings {
    fn default() -> Self {
        Self {
            unpacked_bytes_max: 256 * MIB,
            unpacked_ratio_max: 250,
            entries_max: 10_000,
            nesting_max: 8,
            cells_max: 5_000_000,
            pages_max: 20_000,
            image_pixels_max: 100_000_000,
            recognised_max: 1_000,
        }
    }
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            processes: 0,
            wall_ms_max: 120_000,
            silence_ms_max: 30_000,
            memory_bytes_max: GIB,
            files_max: 5_000,
            tokenizer: Tokenizer::Cl100kBase,
            ocr_languages: "eng".to_owned(),
        }
    }
}
