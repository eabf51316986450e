//! Some neighbouring messages of a view, shared by all views in which they are the same.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use mail::{ModSeq, Uid};

use crate::Entry;
use crate::flag_table::FlagTable;
use crate::packed::Run;

/// Messages of a chunk, at most. Small enough to copy for one changed flag, large enough that a mailbox of 100,000
/// has only 200.
pub(crate) const CHUNK: usize = if cfg!(test) { 4 } else { 512 };

/// Neighbouring messages by UID; never empty.
#[derive(Debug)]
pub(crate) struct Chunk {
    entries: OnceLock<Vec<Entry>>,
    /// Where they are read from when somebody first wants them, in a chunk that came out of a file.
    packed: Option<Run>,
    pub(crate) summary: Summary,
}

/// What is known of a chunk without its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    pub(crate) len: u32,
    pub(crate) first: Uid,
    pub(crate) last: Uid,
    pub(crate) unseen: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// The greatest MODSEQ of its messages.
    pub(crate) newest: ModSeq,
}

impl Summary {
    /// Of no message yet; the first will be `first`.
    pub(crate) fn beginning(first: Uid) -> Self {
        Self { len: 0, first, last: first, unseen: 0, size: 0, newest: ModSeq(0) }
    }

    /// One more message, behind the others.
    pub(crate) fn add(&mut self, entry: &Entry, flags: &FlagTable) {
        self.len += 1;
        self.last = entry.uid;
        self.unseen += u32::from(flags.is_unseen(entry.flags));
        self.size += entry.size();
        self.newest = self.newest.max(entry.modseq);
    }
}

/// What became of UIDs: a message as it is now, or its end.
pub(crate) type Updates = BTreeMap<Uid, Option<Entry>>;

impl Chunk {
    fn new(entries: Vec<Entry>, flags: &FlagTable) -> Arc<Self> {
        debug_assert!(!entries.is_empty(), "chunks have messages");
        let mut summary = Summary::beginning(entries[0].uid);
        for entry in &entries {
            summary.add(entry, flags);
        }
        Arc::new(Self { entries: entries.into(), packed: None, summary })
    }

    /// Messages that are read when somebody wants them.
    pub(crate) fn packed(run: Run, summary: Summary) -> Arc<Self> {
        Arc::new(Self { entries: OnceLock::new(), packed: Some(run), summary })
    }

    /// The messages.
    pub(crate) fn entries(&self) -> &[Entry] {
        self.entries.get_or_init(|| self.packed.as_ref().map(Run::entries).unwrap_or_default())
    }

    pub(crate) fn first(&self) -> Uid {
        self.summary.first
    }

    pub(crate) fn last(&self) -> Uid {
        self.summary.last
    }

    fn is_touched(&self, updates: &Updates) -> bool {
        updates.range(self.first()..=self.last()).next().is_some()
    }

    fn updated(&self, updates: &Updates) -> Vec<Entry> {
        let now = |e: &Entry| updates.get(&e.uid).map_or(Some(*e), |update| *update);
        self.entries().iter().filter_map(now).collect()
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
    if let Some(last) = chunks.pop_if(|last| (last.summary.len as usize) < CHUNK) {
        arrived.splice(..0, last.entries().iter().copied());
    }
    chunks.extend(split(&arrived, flags));
}

fn is_scattered(chunks: &[Arc<Chunk>]) -> bool {
    let entries: usize = chunks.iter().map(|c| c.summary.len as usize).sum();
    chunks.len() > 8 + 2 * (entries / CHUNK)
}

fn all(chunks: &[Arc<Chunk>]) -> Vec<Entry> {
    chunks.iter().flat_map(|c| c.entries().iter().copied()).collect()
}
