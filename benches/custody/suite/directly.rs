//! Texts and tokens of files without a server: the engines called in a plain loop on all cores, and nothing stored.

use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use consign::batch::Tokenizer;
use consign::extract::media::{self, Judged};
use consign::extract::{Limits, extract};
use consign::worker::tokens;

use super::texts::NamedFile;

/// As a child has it: documents nest deeper than a thread's usual stack allows.
const STACK_BYTES: usize = 8 << 20;

/// The cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How long it takes to read all the files, the vocabulary loaded.
pub fn read_all(files: &[NamedFile]) -> Duration {
    tokens::load(Tokenizer::Cl100kBase);
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let work = || {
                while let Some((name, bytes)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    std::hint::black_box(read(name, bytes));
                }
            };
            thread.spawn_scoped(scope, work).expect("a thread can be started");
        }
    });
    begun.elapsed()
}

/// The tokens of a file, and none where it has no text.
fn read(name: &str, bytes: &[u8]) -> u64 {
    let judged = media::judge(name, Cursor::new(bytes)).expect("bytes in memory can be read");
    let (Judged::Agreed(media_type) | Judged::Differs { media_type, .. }) = judged else { return 0 };
    let extracted = extract(bytes, &media_type, &Limits::default(), &mut || ());
    extracted.map_or(0, |extracted| tokens::count(&extracted.text, Tokenizer::Cl100kBase, &mut || ()))
}
