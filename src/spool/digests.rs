//! The digests of the files of a batch that is held in memory, made when all are there: on one thread more if it pays.

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

use sha2::{Digest, Sha256};

use super::seal::Sha256Digest;

/// What one thread hashes before another one would have begun to.
const SHARE_BYTES_MIN: usize = 256 << 10;

/// The digests of files that lie one behind the other in `bytes`.
pub fn digests(bytes: &[u8], files: &[Range<usize>]) -> Vec<Sha256Digest> {
    let (Some(first), Some(last)) = (files.first(), files.last()) else { return Vec::new() };
    let middle = first.start.midpoint(last.end);
    let (ours, theirs) = files.split_at(files.partition_point(|file| file.start <= middle));
    if theirs.first().is_none_or(|first| last.end - first.start < SHARE_BYTES_MIN) {
        return of_share(bytes, files);
    }
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, || of_share(bytes, theirs));
        let mut digests = of_share(bytes, ours);
        match other {
            Ok(other) => digests.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic))),
            // Where no thread is to be had.
            Err(_) => digests.extend(of_share(bytes, theirs)),
        }
        digests
    })
}

fn of_share(bytes: &[u8], files: &[Range<usize>]) -> Vec<Sha256Digest> {
    files.iter().map(|file| Sha256::digest(&bytes[file.clone()]).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_digest_however_they_are_shared_out() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(3 << 20).collect();
        for ends in [vec![], vec![0], vec![10], vec![0, 10, 10, 3 << 20], (0..=768).map(|at| at << 12).collect()] {
            let starts = [0].into_iter().chain(ends.iter().copied());
            let files: Vec<Range<usize>> = starts.zip(&ends).map(|(start, end)| start..*end).collect();
            let expected: Vec<Sha256Digest> =
                files.iter().map(|file| Sha256::digest(&bytes[file.clone()]).into()).collect();
            assert!(digests(&bytes, &files) == expected, "{} files", files.len());
        }
    }
}
