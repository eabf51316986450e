//! Some neighbouring messages of a view, shared by all views in which they are the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::{ModSeq, Uid};

use crate::Entry;
use crate::flag_table::FlagTable;

/// Messages of a chunk, at most. Small enough to copy for one changed flag, large enough that a mailbox of 100,000
/// has only 200.
pub(crate) const CHUNK: usize = if cfg!(test) { 4 } else { 512 };

/// Neighbouring messages by UID; never empty.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) entries: Vec<Entry>,
    pub(crate) unseen: u32,
    pub(crate) size: u64,
    /// The greatest MODSEQ of its messages.
    pub(crate) newest: ModSeq,
}

/// What became of UIDs: a message as it is now, or its end.
pub(crate) type Updates = BTreeMap<Uid, Option<Entry>>;

impl Chunk {
    pub(crate) fn new(entries: Vec<Entry>, flags: &FlagTable) -> Arc<Self> {
        debug_assert!(!entries.is_empty(), "chunks have messages");
        let unseen = entries.iter().filter(|e| flags.is_unseen(e.flags)).count() as u32;
        let size = entries.iter().map(Entry::size).sum();
        let newest = entries.iter().map(|entry| entry.modseq).max().unwrap_or(ModSeq(0));
        Arc::new(Self { entries, unseen, size, newest })
    }

    pub(crate) fn first(&self) -> Uid {
        self.entries[0].uid
    }

    pub(crate) fn last(&self) -> Uid {
        self.entries[self.entries.len() - 1].uid
    }

    fn is_touched(&self, updates: &Updates) -> bool {
        updates.range(self.first()..=self.last()).next().is_some()
    }

    fn updated(&self, updates: &Updates) -> Vec<Entry> {
        let now = |e: &Entry| updates.get(&e.uid).map_or(Some(*e), |update| *update);
        self.entries.iter().filter_map(now).collect()
    }
}

/// Splits messages in order of UID.
pub(crate) fn split(entries: &[Entry], flags: &FlagTable) -> Vec<Arc<Chunk>> {
    entries.chunks(CHUNK).map(|some| Chunk::new(some.to_vec(), flags)).collect()
}

/// The chunks after `updates`; those without any are shared. New messages have UIDs above all others, because
/// UIDs and MODSEQs grow together.
pub(crate) fn update(chunks: &[Arc<Chunk>], updates: &Updates, flags: &FlagTable) -> Vec<Arc<Chunk>> {
    let mut updated = Vec::with_capacity(chunks.len() + 1);
    for chunk in chunks {
        if chunk.is_touched(updates) {
            let entries = chunk.updated(updates);
            if !entries.is_empty() {
                updated.push(Chunk::new(entries, flags));
            }
        } else {
            updated.push(chunk.clone());
        }
    }
    let known = chunks.last().map_or(0, |chunk| chunk.last().get());
    let arrived = updates.iter().filter(|(uid, _)| uid.get() > known).filter_map(|(_, update)| *update);
    append(&mut updated, arrived.collect(), flags);
    if is_scattered(&updated) { split(&all(&updated), flags) } else { updated }
}

fn append(chunks: &mut Vec<Arc<Chunk>>, mut arrived: Vec<Entry>, flags: &FlagTable) {
    if arrived.is_empty() {
        return;
    }
    if let Some(last) = chunks.pop_if(|last| last.entries.len() < CHUNK) {
        arrived.splice(..0, last.entries.iter().copied());
    }
    chunks.extend(split(&arrived, flags));
}

fn is_scattered(chunks: &[Arc<Chunk>]) -> bool {
    let entries: usize = chunks.iter().map(|c| c.entries.len()).sum();
    chunks.len() > 8 + 2 * (entries / CHUNK)
}

fn all(chunks: &[Arc<Chunk>]) -> Vec<Entry> {
    chunks.iter().flat_map(|c| c.entries.iter().copied()).collect()
}
