//! A progress bar on a terminal: bytes, rate, time to go.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use store::embedded::backup::Progress;
use world::{Either, World, race};

/// How often it is drawn.
const GLANCE: Duration = Duration::from_millis(100);

/// Waits for `work`, showing how far it is where standard error is a terminal.
pub(super) async fn with_bar<F: Future>(
    world: &World,
    progress: &Progress,
    word: &'static str,
    work: F,
) -> F::Output {
    let mut work = std::pin::pin!(work);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let bar = bytes(word);
    loop {
        match race(work.as_mut(), world.clock.sleep(GLANCE)).await {
            Either::Left(output) => {
                bar.finish_and_clear();
                return output;
            }
            Either::Right(()) => {
                bar.set_length(progress.total.load(Ordering::Relaxed));
                bar.set_position(progress.done.load(Ordering::Relaxed));
            }
        }
    }
}

/// What a command shares with its bar.
pub(super) fn progress() -> Arc<Progress> {
    Arc::default()
}

/// A bar that counts messages; hidden where standard error is no terminal.
pub(super) fn count(word: &'static str) -> ProgressBar {
    bar(word, "{prefix:>9} [{bar:30}] {pos} of {len} messages, {per_sec}, {eta} to go")
}

/// A bar that counts bytes; hidden where standard error is no terminal.
pub(super) fn bytes(word: &'static str) -> ProgressBar {
    bar(word, "{prefix:>9} [{bar:30}] {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} to go")
}

fn bar(word: &'static str, style: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(style).expect("the template is right").progress_chars("=> "));
    bar.set_prefix(word);
    bar
}
