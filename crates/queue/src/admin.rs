//! What operators do with the queue.

use mail::{Domain, Id, Wall};
use store::Batch;

use crate::enqueue::{remove, unplace};
use crate::{Destination, Error, Item, Queue, Via, keys, record};

/// Items that one page looks at, at most.
const SCANNED: usize = 1000;

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
        let mut range = keys::items();
        if let Some(after) = after {
            range = range.after(&keys::item(after));
        }
        let found = self.store.snapshot().range(&range, SCANNED).await?;
        let mut page = Page { items: Vec::new(), next: None };
        for (key, value) in &found {
            let id = keys::item_of(key).ok_or_else(keys::damaged)?;
            let item = record::decode(id, value.version, &value.value)?;
            if filter.matches(&item) {
                page.items.push(item);
            }
            if page.items.len() == limit {
                page.next = Some(id);
                return Ok(page);
            }
        }
        let last = found.last().filter(|_| found.len() == SCANNED);
        page.next = last.and_then(|(key, _)| keys::item_of(key));
        Ok(page)
    }

    /// Keeps an item from being tried until it is released.
    pub fn hold(&self, batch: &mut Batch, item: &Item) {
        self.change(batch, item, |item| item.held = true);
    }

    /// Lets a held item go on, due at once. Its lifetime goes on from now: nobody tried it meanwhile. What its sender
    /// wants held until later goes on waiting for that.
    pub fn release(&self, batch: &mut Batch, item: &Item, now: Wall) {
        self.change(batch, item, |item| {
            let was_held = std::mem::replace(&mut item.held, false);
            if item.release.is_some() {
                return;
            }
            if was_held {
                item.age.skip_to(now);
            }
            item.due = now;
        });
    }

    /// Makes an item due at once; a held one stays held, and one that its sender wants held until later waits for
    /// that (RFC 4865 §4.2).
    pub fn retry(&self, batch: &mut Batch, item: &Item, now: Wall) {
        self.change(batch, item, |item| {
            if item.release.is_none() {
                item.due = item.due.min(now);
            }
        });
    }

    /// Sends an item by this host from now on, or by its route again, and at once; a held one stays held, and one that its
    /// sender wants held until later waits for that.
    pub fn route(&self, batch: &mut Batch, item: &Item, via: Option<Via>, now: Wall) {
        self.change(batch, item, |item| {
            item.via = via;
            if item.release.is_none() {
                item.due = item.due.min(now);
            }
        });
    }

    /// Makes an item due at once whose times lie in the future of a clock that has gone back; it is not older than now.
    pub fn bring_forward(&self, batch: &mut Batch, item: &Item, now: Wall) {
        self.change(batch, item, |item| {
            item.due = now;
            item.created = item.created.min(now);
            item.age.skip_to(now);
        });
    }

    /// Removes an item with all its recipients and gives its body back. The caller records it in the journey (P3).
    pub fn cancel(&self, batch: &mut Batch, item: &Item) {
        remove(batch, item);
    }
}

impl Queue {
    fn change(&self, batch: &mut Batch, item: &Item, how: impl FnOnce(&mut Item)) {
        let mut changed = item.clone();
        how(&mut changed);
        if changed.held != item.held {
            batch.count(keys::held_count(), if changed.held { 1 } else { -1 });
        }
        unplace(batch, item);
        self.place(batch, &changed);
    }
}

impl Filter {
    /// Whether an item is asked for.
    pub fn matches(&self, item: &Item) -> bool {
        self.domain.as_ref().is_none_or(|domain| is_to(item, domain))
            && self.sender.as_ref().is_none_or(|sender| is_from(item, sender))
            && self.message.is_none_or(|message| message == item.message)
            && self.held.is_none_or(|held| held == item.held)
    }
}

fn is_to(item: &Item, domain: &Domain) -> bool {
    item.destination == Destination::Domain(domain.clone())
        || item.recipients.iter().any(|r| r.recipient.address.domain() == Some(domain))
}

fn is_from(item: &Item, sender: &str) -> bool {
    item.reverse_path.to_string().to_lowercase() == sender.to_lowercase()
}
