//! DELETE (RFC 3501 §6.3.4). Mailboxes below the deleted one stay; its name is then \NonExistent in LIST. Its messages
//! can be brought back for a while; the server sweeps them then.

use imap::command::Mailbox;
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::stop::Done;

impl Connection<'_> {
    pub(super) async fn delete(&mut self, mailbox: Mailbox) -> Done {
        let (id, name) = self.existing(mailbox).await?;
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            let now = self.world().clock.wall();
            self.mailboxes().delete(&mut batch, self.account(), &name, now).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                break;
            }
        }
        self.own_names_changed(&[&name]).await;
        if self.selected.as_ref().is_some_and(|s| s.mailbox() == id) {
            self.deselect();
        }
        self.tell_renamed(&name).await?;
        Self::done("Mailbox deleted")
    }
}
