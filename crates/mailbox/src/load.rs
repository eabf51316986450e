//! Bringing views up to date.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mail::{AccountId, MailboxId, ModSeq, Uid};
use store::{KeyRange, Snapshot};
use world::disk::cabinet::Place;

use crate::chunk::{self, Updates};
use crate::flag_table::FlagTable;
use crate::status::{Counted, floor, highest_modseq, read_record, uid_next};
use crate::{Entry, Error, Mailboxes, View, keys, record};

/// Keys read at a time.
const PAGE: usize = if cfg!(test) { 3 } else { 4096 };
/// Flag sets beyond the messages of a view before it is built afresh to forget those that nobody has any more.
const SPARE_FLAG_SETS: usize = 1024;

/// A view and up to which of the account's changes it is right.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) as_of: ModSeq,
    pub(crate) view: Arc<View>,
    /// How many of its messages its file does not have as they are, about.
    pub(crate) unkept: usize,
}

/// A view that was brought up to date, and what came in for that.
struct Brought {
    view: View,
    unkept: usize,
}

impl Mailboxes {
    /// The mailbox as of the last durable commit. Costs one key when nothing changed, the changes when something did,
    /// and its file or one scan in pages when it is not in memory.
    pub async fn view(&self, account: AccountId, mailbox: MailboxId) -> Result<Arc<View>, Error> {
        let cell = self.cache.cell(account, mailbox);
        let mut current = cell.lock().await;
        // The snapshot is taken under the lock, so a view never goes back behind one that was given out.
        let snapshot = self.store.snapshot();
        let as_of = ModSeq(snapshot.counter(&keys::modseq(account)).await?.max(0) as u64);
        if let Some(known) = current.as_ref().filter(|known| known.as_of == as_of) {
            return Ok(known.view.clone());
        }
        let brought = match self.bring(&snapshot, account, mailbox, current.as_ref()).await {
            Ok(brought) => brought,
            Err(error) => {
                *current = None;
                self.cache.forget(account, mailbox);
                return Err(error);
            }
        };
        let (view, mut unkept) = (Arc::new(brought.view), brought.unkept);
        let kept = self.kept.as_ref().filter(|kept| kept.is_worth_writing(&view, unkept));
        if kept.is_some_and(|kept| kept.save(Arc::clone(&view))) {
            unkept = 0;
        }
        *current = Some(Current { as_of, view: view.clone(), unkept });
        drop(current);
        self.cache.charge(account, mailbox, view.memory());
        Ok(view)
    }

    async fn bring(
        &self,
        snapshot: &Snapshot,
        account: AccountId,
        mailbox: MailboxId,
        known: Option<&Current>,
    ) -> Result<Brought, Error> {
        let mailbox_record = read_record(snapshot, account, mailbox).await?;
        let brought = match known {
            Some(known) if is_current(snapshot, &known.view, &mailbox_record).await? => {
                let Brought { view, unkept } = refresh(snapshot, &known.view, &mailbox_record).await?;
                Brought { view, unkept: unkept + known.unkept }
            }
            _ => match self.read_file(snapshot, Place { account, mailbox }, &mailbox_record).await? {
                Some(brought) => brought,
                None => build(snapshot, account, mailbox, &mailbox_record).await?,
            },
        };
        if brought.view.flag_sets().len() > brought.view.len() + SPARE_FLAG_SETS {
            return build(snapshot, account, mailbox, &mailbox_record).await;
        }
        Ok(brought)
    }

    /// From the mailbox's file and what changed since it was written. `None` where there is no file of these UIDs, or the
    /// counters say something else.
    async fn read_file(
        &self,
        snapshot: &Snapshot,
        place: Place,
        mailbox_record: &record::Mailbox,
    ) -> Result<Option<Brought>, Error> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let counted = Counted::read(snapshot, place.account, place.mailbox).await?;
        if !kept.has_file_for(counted.messages) {
            return Ok(None);
        }
        let Some(view) = kept.load(place, mailbox_record.uid_validity).await else { return Ok(None) };
        if !is_current(snapshot, &view, mailbox_record).await? {
            return Ok(None);
        }
        let brought = refresh(snapshot, &view, mailbox_record).await?;
        if counted == Counted::of(&brought.view) {
            return Ok(Some(brought));
        }
        let Place { account, mailbox } = place;
        tracing::warn!(%account, %mailbox, "a kept view is not what the store says; the mailbox is read instead");
        Ok(None)
    }

    /// UIDs expunged from the mailbox after `modseq`, ascending, as far as `view` shows it: for QRESYNC
    /// (RFC 7162 §3.2.5) and VANISHED. Where tombstones since then are gone, all UIDs that are not there, as the RFC asks.
    pub async fn vanished_since(&self, view: &View, modseq: ModSeq) -> Result<Vec<Uid>, Error> {
        let snapshot = self.store.snapshot();
        if floor(&snapshot, view.account(), view.mailbox()).await? > modseq {
            return Ok(absent(view));
        }
        let range = keys::tombstones_after(view.account(), view.mailbox(), modseq);
        let mut uids = Vec::new();
        scan(&snapshot, range, |at, uid, _| {
            if at <= view.highest_modseq() {
                uids.push(uid);
            }
            Ok(())
        })
        .await?;
        uids.sort_unstable();
        Ok(uids)
    }
}

/// Whether a view can be brought up to date. What is known of other UIDs (a rename, a new epoch) says nothing of these;
/// nor does one that is older than the tombstones that are still there.
async fn is_current(
    snapshot: &Snapshot,
    known: &View,
    mailbox_record: &record::Mailbox,
) -> Result<bool, Error> {
    let floor = floor(snapshot, known.account(), known.mailbox()).await?;
    Ok(known.uid_validity == mailbox_record.uid_validity && floor <= known.highest_modseq())
}

/// Reads the whole mailbox.
async fn build(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
    mailbox_record: &record::Mailbox,
) -> Result<Brought, Error> {
    let mut table = Arc::new(FlagTable::default());
    let mut entries = Vec::new();
    scan(snapshot, keys::entries_after(account, mailbox, ModSeq(0)), |modseq, uid, value| {
        entries.push(read_entry(&mut table, modseq, uid, value)?);
        Ok(())
    })
    .await?;
    entries.sort_unstable_by_key(|entry| entry.uid);
    let chunks = chunk::split(&entries, &table);
    let mut view = View::assemble(account, mailbox, chunks, table);
    view.uid_validity = mailbox_record.uid_validity;
    view.object = mailbox_record.object;
    view.uid_next = uid_next(snapshot, account, mailbox).await?;
    view.highest_modseq = highest_modseq(snapshot, account, mailbox, mailbox_record).await?;
    Ok(Brought { view, unkept: entries.len() })
}

/// All UIDs given out that `view` does not show.
fn absent(view: &View) -> Vec<Uid> {
    let mut present = view.iter().map(|(_, entry)| entry.uid).peekable();
    let given_out = (1..view.uid_next().get()).filter_map(Uid::new);
    given_out.filter(|uid| present.next_if_eq(uid).is_none()).collect()
}

/// Reads what changed behind `known`.
async fn refresh(
    snapshot: &Snapshot,
    known: &View,
    mailbox_record: &record::Mailbox,
) -> Result<Brought, Error> {
    let (account, mailbox, after) = (known.account(), known.mailbox(), known.highest_modseq());
    let mut table = known.table.clone();
    let mut updates: Updates = BTreeMap::new();
    let mut highest = after;
    scan(snapshot, keys::tombstones_after(account, mailbox, after), |modseq, uid, _| {
        highest = highest.max(modseq);
        updates.insert(uid, None);
        Ok(())
    })
    .await?;
    scan(snapshot, keys::entries_after(account, mailbox, after), |modseq, uid, value| {
        highest = highest.max(modseq);
        updates.insert(uid, Some(read_entry(&mut table, modseq, uid, value)?));
        Ok(())
    })
    .await?;
    let chunks = chunk::update(&known.chunks, &updates, &table);
    let mut view = View::assemble(account, mailbox, chunks, table);
    view.uid_validity = mailbox_record.uid_validity;
    view.object = mailbox_record.object;
    view.uid_next = uid_next(snapshot, account, mailbox).await?;
    view.highest_modseq = highest;
    Ok(Brought { view, unkept: updates.len() })
}

/// Calls `each` with MODSEQ, UID and value of every key of `range`, page by page.
async fn scan(
    snapshot: &Snapshot,
    mut range: KeyRange,
    mut each: impl FnMut(ModSeq, Uid, &Bytes) -> Result<(), Error>,
) -> Result<(), Error> {
    loop {
        let page = snapshot.range(&range, PAGE).await?;
        for (key, found) in &page {
            let (modseq, uid) = keys::modseq_uid(key)
                .ok_or_else(|| store::Error::Damaged("a message's key cannot be read".into()))?;
            each(modseq, uid, &found.value)?;
        }
        match page.last() {
            Some((last, _)) if page.len() == PAGE => range = range.after(last),
            _ => return Ok(()),
        }
    }
}

fn read_entry(
    table: &mut Arc<FlagTable>,
    modseq: ModSeq,
    uid: Uid,
    value: &[u8],
) -> Result<Entry, store::Error> {
    let (mut entry, flags) = record::decode_entry(modseq, uid, value)?;
    entry.flags = match table.find(flags) {
        Some(set) => set,
        None => Arc::make_mut(table).add(flags)?,
    };
    Ok(entry)
}
