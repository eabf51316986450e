//! CREATE (RFC 3501 §6.3.3). Missing mailboxes above the new one are created too, so that there are no names without
//! a mailbox after it.

use imap::command::Mailbox;
use imap::{Code, Completion};
use mail::MailboxId;
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::object::mailbox_id;
use super::select::valid;
use super::stop::Done;

impl Connection<'_> {
    pub(super) async fn create(&mut self, mailbox: Mailbox) -> Done {
        let name = valid(mailbox)?;
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            let created = self.mailboxes().create(&mut batch, self.account(), &name, None).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                return self.created(created).await;
            }
        }
    }

    /// RFC 8474 §4.1.
    async fn created(&self, mailbox: MailboxId) -> Done {
        match self.mailboxes().info(self.account(), mailbox).await {
            Ok(Some(info)) => {
                let code = Code::MailboxId(mailbox_id(self.account(), info.object));
                Ok(Completion::ok_with(code, "Mailbox created"))
            }
            // Deleted right after: there is nothing to name.
            _ => Self::done("Mailbox created"),
        }
    }
}
