//! DELETE (RFC 3501 §6.3.4). Mailboxes below the deleted one stay; its name is then \NonExistent in LIST. Its messages
//! can be brought back for a while; the server sweeps them then.

use imap::command::Mailbox;
use mail::Right;
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::stop::Done;

impl Connection<'_> {
    pub(super) async fn delete(&mut self, mailbox: Mailbox) -> Done {
        let place = self.existing(mailbox).await?;
        place.demand(Right::DeleteMailbox)?;
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            let now = self.world().clock.wall();
            self.mailboxes().delete(&mut batch, place.owner, &place.name, now).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                break;
            }
        }
        self.own_names_changed(&[&place.shown]).await;
        if self.selected.as_ref().is_some_and(|s| s.at() == place.at()) {
            self.deselect();
        }
        self.tell_renamed(&place.shown).await?;
        Self::done("Mailbox deleted")
    }
}
