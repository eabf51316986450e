//! CLOSE and UNSELECT (RFC 3501 §6.4.2, RFC 3691).

use imap::State;
use mail::Right;

use super::connection::Connection;
use super::stop::Done;

impl Connection<'_> {
    /// CLOSE expunges without telling, unless the mailbox is read-only or the right is missing (RFC 4314 §4); UNSELECT never does.
    pub(super) async fn close(&mut self, expunge: bool) -> Done {
        if expunge && self.selected.as_ref().is_some_and(|s| !s.read_only && s.rights.has(Right::Expunge)) {
            self.expunge_deleted(None).await?;
        }
        self.selected = None;
        self.session.set_state(State::Authenticated);
        Self::done("Mailbox closed")
    }
}
