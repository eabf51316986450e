//! RENAME (RFC 3501 §6.3.5).

use imap::command::Mailbox;
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::select::valid;
use super::stop::Done;

impl Connection<'_> {
    /// INBOX is not renamed: its messages move to the new mailbox and it stays, empty.
    pub(super) async fn rename(&mut self, from: Mailbox, to: Mailbox) -> Done {
        let (_, from) = self.existing(from).await?;
        let to = valid(to)?;
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            if from.is_inbox() {
                self.mailboxes().rename_inbox(&mut batch, self.account(), &to).await?;
            } else {
                self.mailboxes().rename(&mut batch, self.account(), &from, &to).await?;
            }
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                return Self::done("Mailbox renamed");
            }
        }
    }
}
