//! CLOSE and UNSELECT (RFC 3501 §6.4.2, RFC 3691).

use imap::State;

use super::connection::Connection;
use super::stop::Done;

impl Connection<'_> {
    /// CLOSE expunges without telling, unless the mailbox is read-only; UNSELECT never does.
    pub(super) async fn close(&mut self, expunge: bool) -> Done {
        if expunge && self.selected.as_ref().is_some_and(|s| !s.read_only) {
            self.expunge_deleted(None).await?;
        }
        self.selected = None;
        self.session.set_state(State::Authenticated);
        Self::done("Mailbox closed")
    }
}
