//! A group of records: what it is made of, and working commits out on top of what is not applied yet.

use std::any::Any;
use std::collections::HashMap;

use bytes::Bytes;

use super::collected::Collected;
use super::stage::{Guard, OnDisk};
use super::{Reply, Shared, record};
use crate::batch::Op;
use crate::body::{self, Entry, Extent, Place as Lies};
use crate::index::Change;
use crate::resolve::{Keep, Latest};
use crate::{Batch, Error, Notice, Place, Receipt, Staged, Version, Versioned};

/// A run of records that is written and synced together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) bytes: Vec<u8>,
    pub(super) records: Vec<Applied>,
    pub(super) overlay: HashMap<Bytes, Option<Versioned>>,
    pub(super) guards: Vec<Guard>,
    /// Commits that came too late for what this group changes. They hear of it once they can see what they lost to:
    /// told before, they would read the old state again and lose again, as often as they try.
    pub(super) late: Vec<Reply>,
    /// Number of its last record.
    pub(super) last: u64,
    /// Where it stands, once it was handed over.
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) end: u64,
}

/// One record of a group, to be applied and answered.
pub(super) struct Applied {
    pub(super) sequence: u64,
    /// Where its bodies begin.
    pub(super) bodies: u64,
    pub(super) changes: Vec<Change>,
    /// Moved changes are in the index already.
    pub(super) apply: bool,
    pub(super) receipt: Receipt,
    pub(super) notices: Vec<Notice>,
    pub(super) reply: Reply,
}

/// One key that a collector carries along.
pub(super) enum Moved {
    /// The body lies elsewhere now; if its entry still has the old extents.
    Body(Bytes, Vec<Extent>, Vec<Extent>),
    /// The change still holds; if no later one came.
    Change(Change),
    /// Nobody needs this segment any more: its number may be missing from now on.
    Collected(u64),
}

/// The newest state: groups that are not applied yet, then the index.
pub(super) struct Newest<'a> {
    pub(super) groups: [Option<&'a HashMap<Bytes, Option<Versioned>>>; 2],
    pub(super) shared: &'a Shared,
}

impl Latest for Newest<'_> {
    fn latest(&self, key: &[u8]) -> Result<Option<Versioned>, Error> {
        for overlay in self.groups.iter().flatten() {
            if let Some(found) = overlay.get(key) {
                return Ok(found.clone());
            }
        }
        self.shared.index.get(key, u64::MAX)
    }
}

/// Puts bodies into the group's record.
pub(super) struct Bodies<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    pub(super) guards: &'a mut Vec<Guard>,
    pub(super) segment: u64,
    /// Where `bytes` will begin in the segment.
    pub(super) base: u64,
}

impl Bodies<'_> {
    fn append(&mut self, parts: [&[u8]; 2]) -> Extent {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        Extent::of(Lies::Log(self.segment), self.base + start as u64, &self.bytes[start..])
    }
}

impl Keep for Bodies<'_> {
    fn keep(&mut self, body: Staged) -> Vec<Extent> {
        match body.place {
            Place::Memory(main, _) => vec![self.append([&body.prefix, &main])],
            Place::Disk(staged) => {
                let staged: Box<dyn Any> = staged;
                let Ok(mut staged) = staged.downcast::<OnDisk>() else { return Vec::new() };
                staged.guard.entrust();
                self.guards.push(staged.guard);
                if body.prefix.is_empty() {
                    return vec![staged.extent];
                }
                vec![self.append([&body.prefix, &[]]), staged.extent]
            }
        }
    }
}

/// Bytes a batch will take in the log, about.
pub(super) fn estimate(batch: &Batch) -> u64 {
    let op = |op: &Op| match op {
        Op::Put(key, value) => key.bytes.len() + value.bytes.len() + 16,
        Op::Delete(key) => key.bytes.len() + 16,
    };
    let ops: usize = batch.ops.iter().map(op).sum();
    let counters: usize = batch.counters.iter().map(|counter| counter.key.as_bytes().len() + 24).sum();
    let body = |body: &Staged| match &body.place {
        Place::Memory(main, _) => body.prefix.len() + main.len(),
        Place::Disk(_) => body.prefix.len(),
    };
    let bodies: usize = batch.blobs.iter().map(body).sum();
    (record::HEADER + ops + counters + bodies + (batch.references.len() + batch.blobs.len()) * 96) as u64
}

pub(super) fn moved_size(moved: &Moved) -> u64 {
    let size = match moved {
        Moved::Body(_, _, new) => 64 + new.iter().map(|extent| 32 + extent.crcs.len() * 4).sum::<usize>(),
        Moved::Change(change) => change.key.len() + change.value.as_ref().map_or(0, Bytes::len) + 32,
        // The list has a run for each gap; a longer one only makes its segment longer.
        Moved::Collected(_) => 4096,
    };
    size as u64
}

/// What is left of a moved change after those that came meanwhile.
pub(super) fn still_holds(
    moved: Moved,
    newest: &Newest<'_>,
    version: Version,
) -> Result<Option<Change>, Error> {
    match moved {
        Moved::Body(key, old, new) => {
            let Some(found) = newest.latest(&key)? else { return Ok(None) };
            let mut entry = Entry::decode(&found.value)?;
            if entry.extents != old {
                return Ok(None);
            }
            entry.extents = new;
            Ok(Some(Change { key, value: Some(entry.encode()), version }))
        }
        Moved::Collected(number) => {
            let key = body::collected_key();
            let found = newest.latest(&key)?;
            let mut all = found.map_or(Ok(Collected::default()), |found| Collected::decode(&found.value))?;
            all.insert(number);
            Ok(Some(Change { key, value: Some(all.encode()), version }))
        }
        Moved::Change(change) => {
            let found = newest.latest(&change.key)?;
            let holds = match &change.value {
                Some(_) => found.is_some_and(|found| found.version == change.version),
                None => found.is_none(),
            };
            Ok(holds.then_some(change))
        }
    }
}
