//! The bars of a push, where a terminal watches.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the time that is left is told anew.
const TICK: Duration = Duration::from_millis(200);

/// The bars of a push.
#[derive(Debug, Clone)]
pub struct Bars(MultiProgress);

impl Bars {
    /// Bars on standard error; none for who wants none.
    pub fn new(is_quiet: bool) -> Self {
        let target = if is_quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self(MultiProgress::with_draw_target(target))
    }

    /// A bar that counts files.
    pub fn of_files(&self, what: &'static str, files: usize) -> ProgressBar {
        self.bar(files as u64, what, "{prefix:<10} {wide_bar} {pos}/{len} files, {eta} left")
    }

    /// A bar that counts bytes.
    pub fn of_bytes(&self, what: &'static str, bytes: u64) -> ProgressBar {
        self.bar(
            bytes,
            what,
            "{prefix:<10} {wide_bar} {binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
        )
    }

    /// Says something without tearing the bars.
    pub fn say(&self, text: &str) {
        self.0.suspend(|| eprintln!("consign: {text}"));
    }

    fn bar(&self, length: u64, what: &'static str, template: &'static str) -> ProgressBar {
        let bar = self.0.add(ProgressBar::new(length));
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well-formed"));
        bar.set_prefix(what);
        bar.enable_steady_tick(TICK);
        bar
    }
}
