//! Looking at everything: which bodies items keep, whether all items can be read, and whether the indexes of what is
//! due hold each of them.

use mail::Id;
use store::{BlobId, Error, Key, Snapshot};

use crate::enqueue::index;
use crate::{Item, Queue, keys, record};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// With which item; `None` if only a key is known.
    pub item: Option<Id>,
    /// What is wrong, for people.
    pub what: String,
}

/// Items read at a time.
const PAGE: usize = 500;

impl Queue {
    /// Gives every item to `visit`; of one that cannot be read, what is wrong.
    pub async fn each_item(
        snapshot: &Snapshot,
        mut visit: impl FnMut(Result<Item, Trouble>),
    ) -> Result<(), Error> {
        snapshot
            .each(keys::items(), |key, found| {
                visit(item(key, found));
                Ok(())
            })
            .await
    }

    /// Gives the body of every item that can be read to `visit`.
    pub async fn each_body(snapshot: &Snapshot, mut visit: impl FnMut(BlobId)) -> Result<(), Error> {
        Self::each_item(snapshot, |item| visit_body(item, &mut visit)).await
    }

    /// Checks all items and the indexes of what is due against each other.
    pub async fn audit(snapshot: &Snapshot, mut tell: impl FnMut(Trouble)) -> Result<(), Error> {
        let mut counted = Counted::default();
        let mut range = keys::items();
        loop {
            let page = snapshot.range(&range, PAGE).await?;
            for (key, found) in &page {
                match item(key, found) {
                    Ok(item) if item.held => {}
                    Ok(item) => {
                        counted.add(&item);
                        indexed(snapshot, &item, &mut tell).await?;
                    }
                    Err(trouble) => tell(trouble),
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => range = range.after(last),
                _ => break,
            }
        }
        for (name, range, items) in [
            ("due times", keys::all_due(), counted.due),
            ("destinations", keys::destinations(None), counted.due),
            ("releases", keys::releases(), counted.waiting),
            ("priorities", keys::all_urgent(), counted.urgent),
        ] {
            let mut entries = 0_u64;
            snapshot
                .each(range, |_, _| {
                    entries += 1;
                    Ok(())
                })
                .await?;
            if entries > items {
                let what = format!("the index of {name} has {entries} entries for {items} items");
                tell(Trouble { item: None, what });
            }
        }
        Ok(())
    }
}

/// How many items ought to stand in each index.
#[derive(Default)]
struct Counted {
    due: u64,
    waiting: u64,
    urgent: u64,
}

impl Counted {
    fn add(&mut self, item: &Item) {
        if item.release.is_some() {
            self.waiting += 1;
        } else {
            self.due += 1;
            self.urgent += u64::from(item.priority > 0);
        }
    }
}

fn visit_body(item: Result<Item, Trouble>, visit: &mut impl FnMut(BlobId)) {
    if let Ok(item) = item {
        visit(item.blob);
    }
}

fn item(key: &Key, found: &store::Versioned) -> Result<Item, Trouble> {
    let id = keys::item_of(key);
    let trouble = |what: &str| Trouble { item: id, what: what.into() };
    let known = id.ok_or_else(|| trouble("the key of an item cannot be read"))?;
    record::decode(known, found.version, &found.value).map_err(|_| trouble("the item cannot be read"))
}

/// Whether an item that waits would be found when it is due.
async fn indexed(snapshot: &Snapshot, item: &Item, tell: &mut impl FnMut(Trouble)) -> Result<(), Error> {
    for (key, _) in index(item) {
        if snapshot.get(&key).await?.is_none() {
            let name = keys::index_name(&key);
            let what = format!("the item is missing in the index of {name}, so it would never be tried");
            tell(Trouble { item: Some(item.id), what });
        }
    }
    Ok(())
}
