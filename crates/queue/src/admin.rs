//! What operators do with the queue.

use mail::{Domain, Id, Wall};
use store::Batch;

use crate::{Error, Item, Queue};

/// Which items; all that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this destination, or with a recipient in this domain.
    pub domain: Option<Domain>,
    /// From this reverse-path, compared without regard to case; empty text is the null path.
    pub sender: Option<String>,
    /// Of this message.
    pub message: Option<Id>,
    /// Held or not.
    pub held: Option<bool>,
}

/// Some items of a longer list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// By id, which is by age.
    pub items: Vec<Item>,
    /// Pass it as `after` for what follows; `None` at the end. A page may be short or empty and still have a next.
    pub next: Option<Id>,
}

impl Queue {
    /// Items that match, behind `after`, at most `limit`.
    pub async fn list(&self, filter: &Filter, after: Option<Id>, limit: usize) -> Result<Page, Error> {
        let _ = (filter, after, limit);
        todo!()
    }

    /// Keeps an item from being tried until it is released.
    pub fn hold(&self, batch: &mut Batch, item: &Item) {
        let _ = (batch, item);
        todo!()
    }

    /// Lets a held item go on, due at once.
    pub fn release(&self, batch: &mut Batch, item: &Item, now: Wall) {
        let _ = (batch, item, now);
        todo!()
    }

    /// Makes an item due at once; a held one stays held.
    pub fn retry(&self, batch: &mut Batch, item: &Item, now: Wall) {
        let _ = (batch, item, now);
        todo!()
    }

    /// Removes an item with all its recipients and gives its body back. The caller records it in the journey (P3).
    pub fn cancel(&self, batch: &mut Batch, item: &Item) {
        let _ = (batch, item);
        todo!()
    }
}
