//! Change notices: who watches a topic hears of each durable commit that names it.

use crate::Slot;

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Something changed in an account's mailboxes. Value: the new MODSEQ.
    Account(mail::AccountId),
    /// The queue has new or changed items.
    Queue,
    /// Events were added to the journey.
    Journey,
    /// Domains, accounts or aliases changed.
    Directory,
}

/// One notice of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who is told.
    pub topic: Topic,
    pub(crate) slot: Option<Slot>,
    /// The number told along; of `slot` if there was one.
    pub value: i64,
}

/// Hears notices of one topic. Notices that come faster than they are read melt into one:
/// only the latest value is kept.
pub struct Watch {
    pub(crate) receiver: tokio::sync::watch::Receiver<i64>,
}

impl Watch {
    /// Waits for the next notice since the last call and gives its value. Cancel-safe. Never returns again once the
    /// store is closed.
    pub async fn changed(&mut self) -> i64 {
        if self.receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.receiver.borrow_and_update()
    }

    /// Whether a notice waits.
    pub fn has_changed(&self) -> bool {
        self.receiver.has_changed().unwrap_or(false)
    }
}
