//! Bringing views up to date.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mail::{AccountId, MailboxId, ModSeq, Uid};
use store::{KeyRange, Snapshot};

use crate::chunk::{self, Updates};
use crate::flag_table::FlagTable;
use crate::status::{floor, highest_modseq, read_record, uid_next};
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
}

impl Mailboxes {
    /// The mailbox as of the last durable commit. Costs one key when nothing changed, the changes when something did,
    /// and one scan in pages when it is not in memory.
    pub async fn view(&self, account: AccountId, mailbox: MailboxId) -> Result<Arc<View>, Error> {
        let cell = self.cache.cell(account, mailbox);
        let mut current = cell.lock().await;
        // The snapshot is taken under the lock, so a view never goes back behind one that was given out.
        let snapshot = self.store.snapshot();
        let as_of = ModSeq(snapshot.counter(&keys::modseq(account)).await?.max(0) as u64);
        if let Some(known) = current.as_ref().filter(|known| known.as_of == as_of) {
            return Ok(known.view.clone());
        }
        let brought = bring(&snapshot, account, mailbox, current.as_ref()).await;
        let Ok(view) = brought else {
            *current = None;
            self.cache.forget(account, mailbox);
            return brought;
        };
        *current = Some(Current { as_of, view: view.clone() });
        drop(current);
        self.cache.charge(account, mailbox, view.memory());
        Ok(view)
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

async fn bring(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
    known: Option<&Current>,
) -> Result<Arc<View>, Error> {
    let mailbox_record = read_record(snapshot, account, mailbox).await?;
    let view = match known {
        Some(known) if is_current(snapshot, &known.view, &mailbox_record).await? => {
            refresh(snapshot, &known.view, &mailbox_record).await?
        }
        _ => build(snapshot, account, mailbox, &mailbox_record).await?,
    };
    if view.flag_sets().len() > view.len() + SPARE_FLAG_SETS {
        return Ok(Arc::new(build(snapshot, account, mailbox, &mailbox_record).await?));
    }
    Ok(Arc::new(view))
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
) -> Result<View, Error> {
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
    Ok(view)
}

/// All UIDs given out that `view` does not show.
fn absent(view: &View) -> Vec<Uid> {
    let mut present = view.iter().map(|(_, entry)| entry.uid).peekable();
    let given_out = (1..view.uid_next().get()).filter_map(Uid::new);
    given_out.filter(|uid| present.next_if_eq(uid).is_none()).collect()
}

/// Reads what changed behind `known`.
async fn refresh(snapshot: &Snapshot, known: &View, mailbox_record: &record::Mailbox) -> Result<View, Error> {
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
    Ok(view)
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
