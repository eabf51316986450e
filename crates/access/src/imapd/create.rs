//! CREATE (RFC 3501 §6.3.3). Missing mailboxes above the new one are created too, so that there are no names without
//! a mailbox after it.

use imap::command::Mailbox;
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::select::valid;
use super::stop::Done;

impl Connection<'_> {
    pub(super) async fn create(&mut self, mailbox: Mailbox) -> Done {
        let name = valid(mailbox)?;
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            self.mailboxes().create(&mut batch, self.account(), &name, None).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                self.own_names_changed(&[&name]).await;
                return Self::done("Mailbox created");
            }
        }
    }
}
