//! Each file's size and digest, by several threads: the server is asked for digests before anything is sent.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::sources::Source;
use crate::client::Content;

/// Bytes that are read at a time.
const BLOCK_BYTES: usize = 256 << 10;
/// A disk is no faster for more.
const THREADS_MAX: usize = 8;

/// What a file is, as far as its bytes say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    pub size: u64,
    pub sha256: [u8; 32],
}

/// The digests of files, in their order; `on_file` hears of each that is done.
pub fn digests(sources: &[Source], on_file: &(dyn Fn() + Sync)) -> Vec<io::Result<Digest>> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(sources.len());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(sources.len()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut block = vec![0; BLOCK_BYTES];
                while let Some((index, source)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|index| Some((index, sources.get(index)?)))
                {
                    let digest = digest(&source.content, &mut block);
                    done.lock().expect("no thread panics while it adds").push((index, digest));
                    on_file();
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics while it adds");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, digest)| digest).collect()
}

fn digest(content: &Content, block: &mut [u8]) -> io::Result<Digest> {
    let file = content.open()?;
    let (mut hasher, mut size) = (Sha256::new(), 0);
    loop {
        match file.read_at(block, size) {
            Ok(0) => return Ok(Digest { size, sha256: hasher.finalize().into() }),
            Ok(count) => {
                hasher.update(&block[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
