//! Addresses elsewhere that do not exist, as their own servers have said: senders who go on writing to them look like
//! spammers to those servers.
//!
//! An address is suppressed once its server has said so on several days: one answer may be a mistake of theirs. It is
//! forgotten when it has been quiet for a while, and at once when a message is taken for it.

use mail::{Address, Domain, Reply, Wall};
use store::codec::{Reader, Writer};
use store::{Batch, Versioned};

use crate::{Error, Queue, keys};

const DAY: i64 = 24 * 60 * 60;
/// Days on which the remote has said that there is no such address, before it is believed.
const BELIEVED: u32 = 3;
/// Days after which an address is forgotten that was not heard of again.
const FORGOTTEN: i64 = 30;
/// Characters kept of what the remote said.
const WORDS: usize = 300;

/// What is known of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// Which, in lower case.
    pub address: Address,
    /// Messages that were refused.
    pub bounces: u32,
    /// Days on which that happened.
    pub days: u32,
    /// When it was heard first, or when an operator added it.
    pub first: Wall,
    /// When last.
    pub last: Wall,
    /// What the remote said last; `None` if an operator added it.
    pub reply: Option<Reply>,
}

/// Some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuppressedPage {
    /// By domain and local-part.
    pub rows: Vec<Suppressed>,
    /// Pass it as `after` for what follows; `None` at the end.
    pub next: Option<Address>,
}

impl Suppressed {
    fn new(address: &Address, now: Wall) -> Self {
        Self { address: address.clone(), bounces: 0, days: 0, first: now, last: now, reply: None }
    }

    /// Whether mail to it is refused.
    pub fn is_refused(&self) -> bool {
        self.is_by_hand() || self.days >= BELIEVED
    }

    /// Whether an operator added it: that needs no proof and has no end.
    fn is_by_hand(&self) -> bool {
        self.reply.is_none() && self.days > 0
    }

    fn is_forgotten(&self, now: Wall) -> bool {
        !self.is_by_hand() && now.secs() - self.last.secs() > FORGOTTEN * DAY
    }
}

impl Queue {
    /// What is known of an address; `None` if nothing speaks against it.
    pub async fn suppressed(&self, address: &Address, now: Wall) -> Result<Option<Suppressed>, Error> {
        let Some(key) = key(address) else { return Ok(None) };
        let found = self.store.snapshot().get(&key).await?;
        let known = found.map(|found| decode(address, &found)).transpose()?;
        Ok(known.filter(|known| !known.is_forgotten(now)))
    }

    /// Notes that a remote said there is no such address. `known` is what was known of it. Two that are written at the
    /// same time are one.
    pub fn note_bounce(
        &self,
        batch: &mut Batch,
        address: &Address,
        known: Option<Suppressed>,
        reply: &Reply,
        now: Wall,
    ) {
        let mut next = known.unwrap_or_else(|| Suppressed::new(address, now));
        if next.is_by_hand() {
            return;
        }
        if next.days == 0 || next.last.secs().div_euclid(DAY) != now.secs().div_euclid(DAY) {
            next.days = next.days.saturating_add(1);
        }
        next.bounces = next.bounces.saturating_add(1);
        next.last = now;
        let text: String = reply.text.chars().take(WORDS).collect();
        next.reply = Some(Reply { text, ..reply.clone() });
        put(batch, address, &next);
    }

    /// Refuses mail to an address until it is [freed](Self::free_suppressed).
    pub fn suppress(&self, batch: &mut Batch, address: &Address, now: Wall) {
        let next = Suppressed { days: 1, ..Suppressed::new(address, now) };
        put(batch, address, &next);
    }

    /// Forgets what speaks against an address.
    pub fn free_suppressed(&self, batch: &mut Batch, address: &Address) {
        if let Some(key) = key(address) {
            batch.delete(key);
        }
    }

    /// All that are known, or those of a domain, behind `after`, at most `limit`.
    pub async fn list_suppressed(
        &self,
        domain: Option<&Domain>,
        after: Option<&Address>,
        limit: usize,
        now: Wall,
    ) -> Result<SuppressedPage, Error> {
        let mut range = keys::all_suppressed(domain);
        if let Some(key) = after.and_then(key) {
            range = range.after(&key);
        }
        let found = self.store.snapshot().range(&range, limit).await?;
        let mut page = SuppressedPage::default();
        for (_, value) in &found {
            let known = decode_own(value)?;
            page.next = (found.len() == limit).then(|| known.address.clone());
            if !known.is_forgotten(now) {
                page.rows.push(known);
            }
        }
        Ok(page)
    }

    /// Takes away up to `limit` of those behind `after` that are to be forgotten; gives where to go on.
    pub async fn prune_suppressed(
        &self,
        batch: &mut Batch,
        after: Option<&Address>,
        limit: usize,
        now: Wall,
    ) -> Result<Option<Address>, Error> {
        let mut range = keys::all_suppressed(None);
        if let Some(key) = after.and_then(key) {
            range = range.after(&key);
        }
        let found = self.store.snapshot().range(&range, limit).await?;
        let mut last = None;
        for (key, value) in &found {
            let known = decode_own(value)?;
            if known.is_forgotten(now) {
                batch.delete(key.clone());
            }
            last = Some(known.address);
        }
        Ok(last.filter(|_| found.len() == limit))
    }
}

/// Local-parts of elsewhere are compared without case: hosts that tell them apart are not met.
fn key(address: &Address) -> Option<store::Key> {
    address.domain().map(|domain| keys::suppressed(domain, &address.local().to_lowercase()))
}

fn put(batch: &mut Batch, address: &Address, known: &Suppressed) {
    let Some(key) = key(address) else { return };
    let mut w = Writer::new(1);
    w.address(address).varint(known.bounces.into()).varint(known.days.into());
    w.wall(known.first).wall(known.last).option(known.reply.as_ref(), |w, reply| {
        w.reply(reply);
    });
    batch.put(key, w.finish());
}

fn decode(address: &Address, found: &Versioned) -> Result<Suppressed, Error> {
    decode_own(found).map(|known| Suppressed { address: address.clone(), ..known })
}

fn decode_own(found: &Versioned) -> Result<Suppressed, Error> {
    let (mut r, _) = Reader::new(&found.value, 1, "a suppressed address")?;
    Ok(Suppressed {
        address: r.address()?,
        bounces: r.number()?,
        days: r.number()?,
        first: r.wall()?,
        last: r.wall()?,
        reply: r.option(Reader::reply)?,
    })
}
