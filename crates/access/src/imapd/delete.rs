//! DELETE (RFC 3501 §6.3.4). Mailboxes below the deleted one stay; its name is then \NonExistent in LIST.

use imap::command::Mailbox;
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::stop::Done;

/// Messages removed by one commit of the sweep.
const SWEEP: usize = 1000;

impl Connection<'_> {
    pub(super) async fn delete(&mut self, mailbox: Mailbox) -> Done {
        let (id, name) = self.existing(mailbox).await?;
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            self.mailboxes().delete(&mut batch, self.account(), &name).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                break;
            }
        }
        if self.selected.as_ref().is_some_and(|s| s.mailbox() == id) {
            self.deselect();
        }
        self.sweep_later();
        Self::done("Mailbox deleted")
    }

    /// Removes the messages beside the session; what a crash leaves is swept at the next start.
    fn sweep_later(&self) {
        let (mailboxes, store) = (self.parts().mailboxes.clone(), self.parts().store.clone());
        self.world().tasks.spawn(Box::pin(async move {
            loop {
                let mut batch = Batch::new();
                match mailboxes.sweep(&mut batch, SWEEP).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => return tracing::warn!(%error, "could not sweep a deleted mailbox"),
                }
                if let Err(error) = store.commit(batch).await {
                    return tracing::warn!(%error, "could not sweep a deleted mailbox");
                }
            }
        }));
    }
}
