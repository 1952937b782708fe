//! Several small files in one go: what a pipe and two processes that wait for each other cost is paid once for all of them.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::super::protocol::{BLOCK_BYTES_MAX, Job, Order};
use super::super::settings::AttemptFailure;
use super::super::talk::{Extraction, Heard, SilenceClock, listen};
use super::super::verdict::{is_fit_after, of_answer};
use super::Child;

/// How long all of the files may take. They are read within milliseconds; one that is not is better off by itself, and the
/// others without it.
const TOGETHER_MAX: Duration = Duration::from_secs(1);

/// Bytes of texts that may have come before the last file is read: each may be long, and all are held until then.
const TEXTS_BYTES_MAX: usize = 4 << 20;

/// What became of a file.
type Answer = Result<Extraction, AttemptFailure>;

impl Child {
    /// Gives the child several small files at once and waits for their texts.
    ///
    /// The answers are those to the first of the files, in their order. Nothing is said of the others when the child dies,
    /// takes too long, says too much or speaks out of turn: answers may be lost with it, so that it cannot be told which file
    /// it was. Each is to be tried by itself. The child is gone then.
    pub async fn attempt_together(&mut self, files: &[(Job, Bytes)]) -> Vec<Answer> {
        self.is_idle = false;
        self.files = self.files.saturating_add(u32::try_from(files.len()).unwrap_or(u32::MAX));
        self.stderr.forget();
        let mut answers = Vec::with_capacity(files.len());
        match timeout(TOGETHER_MAX, self.hear_all(files, &mut answers)).await {
            Ok(true) => self.is_idle = true,
            Ok(false) | Err(_) => self.end().await,
        }
        answers
    }

    /// Feeds and listens until the child has answered all; whether it is fit for the next file.
    async fn hear_all(&mut self, files: &[(Job, Bytes)], answers: &mut Vec<Answer>) -> bool {
        let orders = orders(files);
        let clock = SilenceClock::start(TOGETHER_MAX);
        let text_bytes_max = self.settings.limits.text_bytes_max;
        let listening = async {
            let mut texts_bytes = 0;
            for (job, _) in files {
                if texts_bytes > TEXTS_BYTES_MAX {
                    return false;
                }
                match listen(&mut self.reports, job, text_bytes_max, &clock).await {
                    Heard::Extracted(extraction) => {
                        texts_bytes += extraction.text.len();
                        answers.push(Ok(extraction));
                    }
                    Heard::Failed(failed) => {
                        answers.push(Err(of_answer(&failed)));
                        if !is_fit_after(&failed) {
                            return false;
                        }
                    }
                    _ => return false,
                }
            }
            true
        };
        tokio::select! {
            // A child that takes no more is noticed by whoever listens to it.
            (_, is_fit) = async { tokio::join!(self.stdin.write_all(&orders), listening) } => is_fit,
            never = self.stderr.watch() => match never {},
        }
    }
}

fn orders(files: &[(Job, Bytes)]) -> Vec<u8> {
    let mut frames = Vec::new();
    for (job, bytes) in files {
        Order::Job(job.clone()).encode(&mut frames);
        bytes.chunks(BLOCK_BYTES_MAX).for_each(|block| Order::Block(block).encode(&mut frames));
    }
    frames
}
