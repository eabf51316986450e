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
}

impl Connection<'_> {
    /// Begins something that is done with so many messages.
    pub(super) fn begin_progress(&self, goal: usize) -> Progress {
        Progress { due: self.now() + EVERY, goal: goal as u64 }
    }

    /// So many messages are done. Tells it if the client has heard nothing for long.
    pub(super) async fn tell_progress(&mut self, progress: &mut Progress, done: usize) -> Result<(), Stop> {
        let now = self.now();
        let done = done as u64;
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
