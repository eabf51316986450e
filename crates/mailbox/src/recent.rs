//! \Recent (RFC 3501 §2.3.2): messages that no session has been told of yet.

use std::collections::BTreeMap;
use std::sync::Mutex;

use mail::{AccountId, MailboxId, Uid};

use crate::{Mailboxes, View};

/// Mailboxes remembered; beyond, the first are forgotten.
const REMEMBERED: usize = 100_000;

/// Per mailbox, the highest UID told to a session. Kept in memory, because losing it loses nothing that matters: where
/// it is not known, messages count as recent (RFC 3501 §2.3.2), and RFC 9051 dropped the flag.
#[derive(Default)]
pub(crate) struct Recent(Mutex<BTreeMap<(AccountId, MailboxId), u32>>);

impl Recent {
    fn told(&self, account: AccountId, mailbox: MailboxId) -> u32 {
        self.0.lock().expect("no holder panics").get(&(account, mailbox)).copied().unwrap_or(0)
    }

    fn tell(&self, account: AccountId, mailbox: MailboxId, last: u32) -> u32 {
        let mut told = self.0.lock().expect("no holder panics");
        if told.len() >= REMEMBERED && !told.contains_key(&(account, mailbox)) {
            told.pop_first();
        }
        let entry = told.entry((account, mailbox)).or_insert(0);
        let before = *entry;
        *entry = before.max(last);
        before
    }

    /// UIDs given out that nobody was told of; some of them may be gone.
    pub(crate) fn count(&self, account: AccountId, mailbox: MailboxId, uid_next: Uid) -> u32 {
        (uid_next.get() - 1).saturating_sub(self.told(account, mailbox))
    }
}

impl Mailboxes {
    /// The messages of `view` with a UID above the one returned (all, if `None`) are recent. With `claim` they are so
    /// for this session and for no later one; EXAMINE passes `false` and takes nothing from others.
    pub fn recent(&self, view: &View, claim: bool) -> Option<Uid> {
        let last = view.uid_next().get() - 1;
        let told = if claim {
            self.recent.tell(view.account(), view.mailbox(), last)
        } else {
            self.recent.told(view.account(), view.mailbox())
        };
        Uid::new(told)
    }
}
