//! Change notices: who watches a topic hears of each durable commit that names it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

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
    /// What an account may do in mailboxes of others changed, or under which names it sees them; account 0: what any may.
    Sharing(mail::AccountId),
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

    /// Takes the notice that waits, if one does: before one looks at everything anyway.
    pub fn catch_up(&mut self) {
        self.receiver.mark_unchanged();
    }

    /// Whether a notice waits.
    pub fn has_changed(&self) -> bool {
        self.receiver.has_changed().unwrap_or(false)
    }
}

/// Who watches what.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    topics: Mutex<Topics>,
}

#[derive(Debug, Default)]
struct Topics {
    senders: BTreeMap<Topic, watch::Sender<i64>>,
    /// How many there were when those without watchers were last taken out.
    swept: usize,
}

/// Topics without watchers are taken out when there are this many more than twice those that had some.
const SPARE_TOPICS: usize = 64;

impl Hub {
    /// Notices of `topic` from now on.
    pub(crate) fn watch(&self, topic: Topic) -> Watch {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.senders.len() >= 2 * topics.swept + SPARE_TOPICS {
            topics.senders.retain(|_, sender| sender.receiver_count() > 0);
            topics.swept = topics.senders.len();
        }
        let sender = topics.senders.entry(topic).or_insert_with(|| watch::Sender::new(0));
        Watch { receiver: sender.subscribe() }
    }

    /// Tells those who watch, and forgets topics that nobody watches any more.
    pub(crate) fn tell(&self, notices: &[Notice]) {
        if notices.is_empty() {
            return;
        }
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        for notice in notices {
            let Some(sender) = topics.senders.get(&notice.topic) else { continue };
            if sender.receiver_count() == 0 {
                topics.senders.remove(&notice.topic);
            } else {
                sender.send_replace(notice.value);
            }
        }
    }

    /// Tells nobody any more.
    pub(crate) fn close(&self) {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner).senders.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_nobody_watches_any_more_are_forgotten() {
        let hub = Hub::default();
        let mut kept = hub.watch(Topic::Queue);
        for account in 0..10_000 {
            drop(hub.watch(Topic::Account(mail::AccountId(account))));
        }
        let topics = hub.topics.lock().expect("no holder panics").senders.len();
        assert!(topics <= 2 * SPARE_TOPICS, "{topics}");
        hub.tell(&[Notice { topic: Topic::Queue, slot: None, value: 7 }]);
        assert!(kept.has_changed());
        kept.catch_up();
        assert!(!kept.has_changed());
    }
}
