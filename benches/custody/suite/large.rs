//! b. A large file in one part: from its first byte to the head of the durable 202, and the memory that it takes.
//!
//! The limit is the slower of two things that must be done with the bytes: receive and hash them, write and sync them.

use std::time::Duration;

use super::directly::cores;
use super::limits::{Ground, receive_and_hash, write_and_sync};
use super::load::{Request, upload, wait_for_end};
use super::memory::{self, mib};
use super::report::Target;
use super::spread::Spread;
use super::texts::Random;
use super::{Row, Scale};
use crate::support::{DataDir, process};

const UNIT: &str = "GB/s";

pub fn measure(scale: &Scale) -> Vec<Row> {
    let cores = cores().to_string();
    // Files as large as these are usually refused.
    let server = DataDir::new().serve(&[("LIMITS_FILE_BYTES_MAX", "4GiB"), ("WORKER_PROCESSES", &cores)]);
    let mut ground = Ground::new();
    let mut random = Random(0);
    let mut bytes: Vec<u8> = (0..scale.large_bytes / 8).flat_map(|_| letters(&mut random)).collect();
    let (mut ours, mut received, mut written, mut rises) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    memory::wait_until_ready(&server);
    for _ in 0..scale.runs {
        received.push(rate(bytes.len(), receive_and_hash(&bytes)));
        written.push(rate(bytes.len(), write_and_sync(&ground.fresh(), &bytes)));
        // Another file each time.
        bytes[..8].copy_from_slice(&letters(&mut random));
        let request = Request::upload_large("large.txt", &bytes);
        let before = process::memory_bytes(server.pid(), "VmRSS");
        memory::forget_peak(server.pid());
        let (took, batch) = upload(server.addr, &request);
        rises.push(mib(process::memory_bytes(server.pid(), "VmHWM").saturating_sub(before)));
        ours.push(rate(bytes.len(), took));
        wait_for_end(&server, std::slice::from_ref(&batch));
        // Its room on the disk is the next one's.
        assert_eq!(server.delete(&format!("/batches/{batch}")).status, 204);
    }
    let slower = received.iter().zip(&written).map(|(received, written)| f64::min(*received, *written)).collect();
    let what = format!("{} MiB in one part", bytes.len() >> 20);
    let ours = || Row::alone(&what, UNIT, Spread::of(ours.clone()));
    vec![
        ours().beside("the slower of both", &Spread::of(slower)).target(Target::RatioAtLeast(0.85)),
        ours().beside("receive and SHA-256", &Spread::of(received)),
        ours().beside("write and sync", &Spread::of(written)),
        Row::alone("rise of the server's resident memory meanwhile", "MiB", Spread::of(rises))
            .target(Target::OursAtMost(64.0)),
    ]
}

/// Eight bytes of text.
fn letters(random: &mut Random) -> [u8; 8] {
    random.next().to_le_bytes().map(|byte| b'a' + byte % 16)
}

fn rate(bytes: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(bytes >> 10).expect("a measurement has fewer bytes")) * 1.024e-6 / took.as_secs_f64()
}
