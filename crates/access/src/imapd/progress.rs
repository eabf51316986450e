//! Commands that take long say how far they are (RFC 9585).

use std::time::Duration;

use imap::Code;
use mail::Mono;

use super::connection::Connection;
use super::stop::Stop;

/// RFC 9585 §4 recommends 10 to 15 seconds.
const EVERY: Duration = Duration::from_secs(10);

/// A command that may take long.
pub(super) struct Progress {
    due: Mono,
    goal: u64,
    /// Of those, what was done in steps before this one.
    before: u64,
}

impl Progress {
    /// Something else was told just now.
    pub(super) fn put_off(&mut self, now: Mono) {
        self.due = now + EVERY;
    }

    /// A step with so many messages is over.
    pub(super) fn pass(&mut self, messages: usize) {
        self.before += messages as u64;
    }
}

impl Connection<'_> {
    /// Begins something that is done with so many messages.
    pub(super) fn begin_progress(&self, goal: usize) -> Progress {
        Progress { due: self.now() + EVERY, goal: goal as u64, before: 0 }
    }

    /// So many messages are done. Tells it if the client has heard nothing for long.
    pub(super) async fn tell_progress(&mut self, progress: &mut Progress, done: usize) -> Result<(), Stop> {
        let now = self.now();
        let done = progress.before + done as u64;
        // RFC 9585 §4: what has reached its goal is told by its end.
        if now < progress.due || done >= progress.goal {
            return Ok(());
        }
        progress.due = now + EVERY;
        let code = Code::InProgress { tag: self.session.tag().to_owned(), done, goal: progress.goal };
        self.session.out().untagged("OK", Some(&code), "Still on it");
        Ok(self.flush().await?)
    }
}
