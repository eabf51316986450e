//! STORE (RFC 3501 §6.4.6).

use std::sync::Arc;

use imap::command::{Store, StoreHow};
use imap::{Code, Completion};
use mail::{Flags, ModSeq, Uid};
use mailbox::{Entry, FlagChange, View};
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::stop::{Done, Stop};
use super::sync::{Moment, write_flags};

/// Messages changed by one commit.
pub(super) const AT_ONCE: usize = 1000;

impl Connection<'_> {
    pub(super) async fn store(&mut self, store: Store) -> Done {
        // What others changed is told before, so that it is not taken for what this command did.
        self.sync(Moment::NumbersStay).await?;
        let uids = self.chosen(store.uid, &store.set)?;
        let how = match store.how {
            StoreHow::Replace => FlagChange::Replace,
            StoreHow::Add => FlagChange::Add,
            StoreHow::Remove => FlagChange::Remove,
        };
        let mut missing = false;
        for some in uids.chunks(AT_ONCE) {
            let stored = self.change_flags(some, how, &store.flags).await?;
            missing |= stored < some.len();
            if !store.silent {
                self.report_stored(some).await?;
            }
        }
        // RFC 2180 §4.2: the others were changed; the client hears that some are gone.
        if missing && !store.uid {
            return Ok(Completion::no(Code::ExpungeIssued, "Some of the messages no longer exist"));
        }
        Self::done("Flags stored")
    }

    /// Changes the flags of messages in one commit. How many were there.
    pub(super) async fn change_flags(
        &mut self,
        uids: &[Uid],
        how: FlagChange,
        flags: &Flags,
    ) -> Result<usize, Stop> {
        let mut attempts = Attempts::default();
        loop {
            let view: Arc<View> = self.latest().await?;
            let entries: Vec<Entry> =
                uids.iter().filter_map(|&uid| view.by_uid(uid)).map(|(_, e)| *e).collect();
            let mut batch = Batch::new();
            let stored = self.mailboxes().store_flags(&mut batch, &view, &entries, how, flags)?;
            let Some(modseq) = stored.modseq else { return Ok(entries.len()) };
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                let told = ModSeq(outcome?.number(modseq) as u64);
                // What others changed right before is part of these entries and news to the client.
                self.selected.iter_mut().filter(|s| s.knows(&entries)).for_each(|s| s.told.push(told));
                return Ok(entries.len());
            }
        }
    }

    async fn report_stored(&mut self, uids: &[Uid]) -> Result<(), Stop> {
        let latest = self.latest().await?;
        let Some(selected) = &self.selected else { return Ok(()) };
        let mut out = self.session.out();
        for &uid in uids {
            if let (Some((number, _)), Some((_, entry))) = (selected.view.by_uid(uid), latest.by_uid(uid)) {
                write_flags(&mut out, number, uid, latest.flags(entry.flags), selected.is_recent(uid));
            }
        }
        self.flush().await?;
        Ok(())
    }
}
