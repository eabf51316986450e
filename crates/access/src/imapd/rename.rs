//! RENAME (RFC 3501 §6.3.5).

use imap::Code;
use imap::command::Mailbox;
use mail::{MailboxName, Right};
use mailbox::{INBOX, Mailboxes, Renamed};
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::stop::{Done, Stop};

impl Connection<'_> {
    /// INBOX is not renamed: its messages move to the new mailbox and it stays.
    pub(super) async fn rename(&mut self, from: Mailbox, to: Mailbox) -> Done {
        let from = self.existing(from).await?;
        from.demand(Right::DeleteMailbox)?;
        let to = self.to_create(to).await?;
        if from.owner != to.owner {
            return Err(Stop::no(Code::Cannot, "A mailbox stays with its owner"));
        }
        if from.name.is_inbox() {
            if from.owner != self.account() {
                return Err(Stop::no(Code::Cannot, "The INBOX of others is not renamed"));
            }
            let done = self.rename_inbox(&to.name).await;
            self.own_names_changed(&[&to.shown]).await;
            return done;
        }
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            self.mailboxes().rename(&mut batch, from.owner, &from.name, &to.name).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                self.own_names_changed(&[&from.shown, &to.shown]).await;
                self.tell_renamed(&to.shown).await?;
                return Self::done("Mailbox renamed");
            }
        }
    }

    /// Commit after commit, because INBOX may be large. Mail that comes meanwhile stays in it.
    async fn rename_inbox(&mut self, to: &MailboxName) -> Done {
        let messages = self.mailboxes().status(self.account(), INBOX).await?.messages as usize;
        let mut progress = self.begin_progress(messages);
        let mut attempts = Attempts::default();
        let renamed = loop {
            let mut batch = Batch::new();
            let now = self.world().clock.wall();
            let renamed = self.mailboxes().rename_inbox(&mut batch, self.account(), to, now).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                break renamed;
            }
        };
        let mut moved = Mailboxes::MOVED_AT_ONCE;
        while self.rename_inbox_on(&renamed).await? {
            moved += Mailboxes::MOVED_AT_ONCE;
            self.tell_progress(&mut progress, moved).await?;
        }
        self.tell_renamed(to).await?;
        Self::done("Mailbox renamed")
    }

    async fn rename_inbox_on(&self, renamed: &Renamed) -> Result<bool, Stop> {
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            let now = self.world().clock.wall();
            let more = self.mailboxes().rename_inbox_on(&mut batch, self.account(), renamed, now).await?;
            if !more {
                return Ok(false);
            }
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                return Ok(true);
            }
        }
    }
}
