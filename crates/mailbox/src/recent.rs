//! \Recent (RFC 3501 §2.3.2): messages that no session has been told of yet.

use mail::{AccountId, MailboxId, Uid};

use crate::{Mailboxes, View};

/// Per mailbox, the highest UID told to a session. Kept in memory, because losing it loses nothing that matters:
/// RFC 9051 dropped the flag.
#[derive(Default)]
pub(crate) struct Recent {}

impl Mailboxes {
    /// Claims the messages of `view` as told to this session: those with a UID above the one returned are recent
    /// in it, and in no later one. EXAMINE passes `claim: false` and takes nothing from others.
    pub fn recent(&self, view: &View, claim: bool) -> Option<Uid> {
        let _ = (view, claim, &self.recent);
        let _: Option<(AccountId, MailboxId)> = None;
        todo!()
    }
}
