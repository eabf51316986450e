//! What an office's store holds: read through the product's own state crates, from a store that was just reopened or runs.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Display;
use std::sync::Arc;

use directory::Directory;
use journey::{Journey, Journeys, Query};
use mail::Id;
use mailbox::Mailboxes;
use queue::{Filter, Item, Queue};
use store::{BlobId, Store};
use world::World;

/// Rows read at once.
const PAGE: usize = 1000;
/// Bytes of a body read at once.
const CHUNK: usize = 1 << 20;

/// A message in a mailbox.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Whose, by address.
    pub account: String,
    /// In which mailbox.
    pub mailbox: String,
    /// Its number there.
    pub uid: u32,
    /// The name under which it was taken.
    pub id: Id,
    /// All of it, or nothing if it cannot be read.
    pub bytes: Vec<u8>,
    /// Why it cannot.
    pub unreadable: Option<String>,
}

/// An item of the queue with its body.
#[derive(Clone, Debug)]
pub struct Queued {
    /// The item.
    pub item: Item,
    /// The message without the item's own prefix, or nothing if it cannot be read.
    pub bytes: Vec<u8>,
    /// Why it cannot.
    pub unreadable: Option<String>,
}

/// Everything that one office holds.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The office's name.
    pub office: String,
    /// All mailboxes of all accounts.
    pub mail: Vec<Kept>,
    /// The queue.
    pub queue: Vec<Queued>,
    /// What is told of each message.
    pub journeys: BTreeMap<Id, Journey>,
    /// What else could not be read.
    pub unreadable: Vec<String>,
}

/// Reads everything. An error is one of the store as a whole.
pub async fn read(world: &World, store: &Arc<dyn Store>, office: &str) -> Result<Facts, String> {
    let mut facts = Facts { office: office.to_owned(), ..Facts::default() };
    read_mail(world, store, &mut facts).await?;
    read_queue(store, &mut facts).await?;
    let journeys = Journeys::new(Arc::clone(store));
    let all = Query { limit: Journeys::SEARCHED, ..Query::default() };
    for journey in journeys.search(&all).await.map_err(|e| trouble("the journeys", e))? {
        if journey.damaged > 0 {
            facts.unreadable.push(format!("the journey of {}", journey.id));
        }
        facts.journeys.insert(journey.id, journey);
    }
    Ok(facts)
}

fn trouble(what: &str, error: impl Display) -> String {
    format!("{what} cannot be read: {error}")
}

async fn read_mail(world: &World, store: &Arc<dyn Store>, facts: &mut Facts) -> Result<(), String> {
    let directory = Directory::new(Arc::clone(store), world.clone());
    let mailboxes = Mailboxes::new(Arc::clone(store));
    let accounts = directory.accounts(None, None, PAGE).await.map_err(|e| trouble("the accounts", e))?;
    for account in accounts {
        let address = account.address.to_string();
        let list = mailboxes.list(account.id).await.map_err(|e| trouble(&address, e))?;
        for info in list {
            let name = format!("{} of {address}", info.name);
            let view = mailboxes.view(account.id, info.id).await.map_err(|e| trouble(&name, e))?;
            for (_, entry) in view.iter() {
                let mut bytes = Vec::with_capacity(entry.size() as usize);
                let mut unreadable = None;
                while (bytes.len() as u64) < entry.size() {
                    let at = bytes.len() as u64;
                    match mailboxes.read(account.id, info.id, entry, at, CHUNK).await {
                        Ok(more) if !more.is_empty() => bytes.extend_from_slice(&more),
                        Ok(_) => break,
                        Err(error) => {
                            unreadable = Some(trouble(&format!("uid {} in {name}", entry.uid), error));
                            bytes.clear();
                            break;
                        }
                    }
                }
                facts.mail.push(Kept {
                    account: address.clone(),
                    mailbox: info.name.to_string(),
                    uid: entry.uid.0.get(),
                    id: entry.id,
                    bytes,
                    unreadable,
                });
            }
        }
    }
    Ok(())
}

/// Which messages have which body.
pub async fn holders(
    world: &World,
    store: &Arc<dyn Store>,
) -> Result<BTreeMap<BlobId, BTreeSet<Id>>, Box<dyn Error + Send + Sync>> {
    let mut holders: BTreeMap<BlobId, BTreeSet<Id>> = BTreeMap::new();
    let directory = Directory::new(Arc::clone(store), world.clone());
    let mailboxes = Mailboxes::new(Arc::clone(store));
    for account in directory.accounts(None, None, PAGE).await? {
        for info in mailboxes.list(account.id).await? {
            for (_, entry) in mailboxes.view(account.id, info.id).await?.iter() {
                holders.entry(entry.blob).or_default().insert(entry.id);
            }
        }
    }
    let (queue, mut after) = (Queue::new(Arc::clone(store)), None);
    loop {
        let page = queue.list(&Filter::default(), after, PAGE).await?;
        for item in page.items {
            holders.entry(item.blob).or_default().insert(item.message);
        }
        after = page.next;
        if after.is_none() {
            return Ok(holders);
        }
    }
}

async fn read_queue(store: &Arc<dyn Store>, facts: &mut Facts) -> Result<(), String> {
    let queue = Queue::new(Arc::clone(store));
    let mut after = None;
    loop {
        let page = queue.list(&Filter::default(), after, PAGE).await.map_err(|e| trouble("the queue", e))?;
        for item in page.items {
            let read = read_blob(store, item.blob, item.size).await;
            let error = |error| trouble(&format!("the body of item {}", item.id), error);
            let (bytes, unreadable) =
                read.map_or_else(|e| (Vec::new(), Some(error(e))), |bytes| (bytes, None));
            facts.queue.push(Queued { item, bytes, unreadable });
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn read_blob(store: &Arc<dyn Store>, blob: BlobId, size: u64) -> Result<Vec<u8>, store::Error> {
    let mut bytes = Vec::with_capacity(size as usize);
    while (bytes.len() as u64) < size {
        let more = store.read_blob(blob, bytes.len() as u64, CHUNK.min(size as usize - bytes.len())).await?;
        if more.is_empty() {
            break;
        }
        bytes.extend_from_slice(&more);
    }
    Ok(bytes)
}
