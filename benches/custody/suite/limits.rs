//! What the machine itself can do: the plainest code that moves the same bytes.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::texts::NamedFile;
use crate::support::DataDir;

/// What is read from a socket, and written to a file, at once.
const BLOCK_BYTES: usize = 256 << 10;

/// Where limits are measured: a directory on the disk of the server's data, with a new one in it for each run.
pub struct Ground {
    data: DataDir,
    made: usize,
}

impl Ground {
    /// A directory of its own beside those of the servers.
    pub fn new() -> Self {
        Self { data: DataDir::new(), made: 0 }
    }

    /// A directory that nothing has been in: one in which thousands of files were removed is slower.
    pub fn fresh(&mut self) -> PathBuf {
        self.made += 1;
        let dir = self.data.scratch().join(self.made.to_string());
        fs::create_dir(&dir).expect("a directory can be made");
        dir
    }
}

/// Makes each file durable by itself: create, write, sync, rename, sync the directory.
pub fn files_one_by_one(dir: &Path, files: &[NamedFile], threads: usize) -> Duration {
    let store = |(name, bytes): &NamedFile| {
        let (part, whole) = (dir.join(format!("{name}.part")), dir.join(name));
        let mut file = File::create(&part).expect("a file can be made");
        file.write_all(bytes).expect("a file can be written");
        file.sync_all().expect("a file can be synced");
        #[expect(clippy::disallowed_methods, reason = "this is what others do, and what the spool is measured by")]
        fs::rename(&part, &whole).expect("a file can be renamed");
        File::open(dir).and_then(|dir| dir.sync_all()).expect("a directory can be synced");
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for share in files.chunks(files.len().div_ceil(threads)) {
            scope.spawn(move || share.iter().for_each(store));
        }
    });
    begun.elapsed()
}

/// Appends all the bytes to one file and syncs it.
pub fn one_append(dir: &Path, files: &[NamedFile]) -> Duration {
    let bytes: Vec<u8> = files.iter().flat_map(|(_, bytes)| bytes).copied().collect();
    write_and_sync(dir, &bytes)
}

/// Writes a file block by block and syncs it.
pub fn write_and_sync(dir: &Path, bytes: &[u8]) -> Duration {
    let path = dir.join("bytes");
    let mut file = File::create(&path).expect("a file can be made");
    let begun = Instant::now();
    for block in bytes.chunks(BLOCK_BYTES) {
        file.write_all(block).expect("a file can be written");
    }
    file.sync_data().expect("a file can be synced");
    let took = begun.elapsed();
    fs::remove_file(&path).expect("a file can be removed");
    took
}

/// Receives the bytes from a socket, hashes them and drops them.
pub fn receive_and_hash(bytes: &[u8]) -> Duration {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let addr = listener.local_addr().expect("a listener has an address");
    std::thread::scope(|scope| {
        scope.spawn(move || TcpStream::connect(addr).and_then(|mut stream| stream.write_all(bytes)));
        let (mut stream, _) = listener.accept().expect("a connection comes");
        let begun = Instant::now();
        let (mut block, mut hasher) = (vec![0; BLOCK_BYTES], Sha256::new());
        loop {
            let length = stream.read(&mut block).expect("a socket can be read");
            if length == 0 {
                break;
            }
            hasher.update(&block[..length]);
        }
        std::hint::black_box(hasher.finalize());
        begun.elapsed()
    })
}
