//! The bars of a push, where a terminal watches.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{
    BinaryBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

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
        self.bar(files as u64, what, "{prefix:<10} {wide_bar} {pos}/{len} files{left}")
    }

    /// A bar that counts bytes.
    pub fn of_bytes(&self, what: &'static str, bytes: u64) -> ProgressBar {
        self.bar(bytes, what, "{prefix:<10} {wide_bar} {binary_bytes}/{binary_total_bytes}{pace}{left}")
    }

    /// Says something without tearing the bars.
    pub fn say(&self, text: &str) {
        self.0.suspend(|| eprintln!("consign: {text}"));
    }

    fn bar(&self, length: u64, what: &'static str, template: &'static str) -> ProgressBar {
        let bar = self.0.add(ProgressBar::new(length));
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        bar.set_style(style.with_key("pace", pace).with_key("left", left));
        bar.set_prefix(what);
        bar.enable_steady_tick(TICK);
        bar
    }
}

/// Whether a bar is on its way: before, nobody knows how fast it will be, and behind the end nobody asks.
fn is_under_way(state: &ProgressState) -> bool {
    state.pos() > 0 && state.len().is_some_and(|length| state.pos() < length)
}

/// How fast bytes go.
fn pace(state: &ProgressState, text: &mut dyn Write) {
    if is_under_way(state) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive, and shown in MiB"
        )]
        let rate = state.per_sec() as u64;
        // A line that cannot be drawn is missed by nobody.
        let _ = write!(text, ", {}/s", BinaryBytes(rate));
    }
}

/// How long it will take.
fn left(state: &ProgressState, text: &mut dyn Write) {
    if is_under_way(state) {
        let _ = write!(text, ", {:#} left", HumanDuration(state.eta()));
    }
}
