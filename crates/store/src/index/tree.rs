//! The index on disk: crate `lsm-tree`, without a journal of its own.
//!
//! A value is stored behind the eight bytes of its version. The crate starts no threads; [`Index::flush`] is
//! called on one thread of ours.
//!
//! The crate numbers its own changes of files from a counter that is shared with commits in its author's use. A
//! change numbered higher than a later commit would hide that commit, so the counter is set back to the last
//! applied commit before each such change.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use lsm_tree::compaction::Leveled;
use lsm_tree::config::CompressionPolicy;
use lsm_tree::{
    AbstractTree, AnyTree, Cache, CompressionType, Config, DescriptorTable, Guard, InternalValue,
};
use lsm_tree::{SequenceNumberCounter, ValueType};

use super::{Change, Index, Pins};
use crate::{Error, Key, KeyRange, Version, Versioned};

/// Bytes of blocks kept in memory.
const CACHE: u64 = 64 << 20;
/// Bytes of a file. While one is written, what will find its keys is in memory: a fifth to half of this.
const TABLE: u64 = 16 << 20;
/// Files kept open. The server leaves 256 for all of the store (F21).
const OPEN_FILES: usize = 128;
/// The highest number the crate reads at.
const NEWEST: u64 = u64::MAX >> 1;

pub(crate) struct TreeIndex {
    tree: AnyTree,
    counter: SequenceNumberCounter,
    pins: Arc<Pins>,
    applied: AtomicU64,
    /// Bytes ever applied, sealed, and written out.
    inserted: AtomicU64,
    sealed: AtomicU64,
    written: AtomicU64,
    /// Something in its files failed its checksum.
    damaged: AtomicBool,
    flushing: Mutex<()>,
}

impl TreeIndex {
    /// Opens the tree in `dir`, or makes an empty one.
    pub(crate) fn open(dir: &Path, pins: Arc<Pins>) -> Result<Self, Error> {
        let counter = SequenceNumberCounter::default();
        let lz4 = CompressionPolicy::all(CompressionType::Lz4);
        let tree = Config::new(dir, counter.clone(), SequenceNumberCounter::default())
            .use_cache(Arc::new(Cache::with_capacity_bytes(CACHE)))
            .use_descriptor_table(Some(Arc::new(DescriptorTable::new(OPEN_FILES))))
            .data_block_compression_policy(lz4)
            .open()
            .map_err(failed)?;
        let applied = AtomicU64::new(tree.get_highest_seqno().unwrap_or(0));
        let [inserted, sealed, written] = [const { AtomicU64::new(0) }; 3];
        let (damaged, flushing) = (AtomicBool::new(false), Mutex::default());
        Ok(Self { tree, counter, pins, applied, inserted, sealed, written, damaged, flushing })
    }

    /// Whether nothing was ever written to it.
    pub(crate) fn is_new(&self) -> bool {
        self.applied.load(Ordering::Acquire) == 0
    }

    /// What is older than this, and replaced, nobody reads. The crate reads at the number behind the moment that is
    /// meant, as [`Index::get`] does, so what is written at the oldest moment counts as old already.
    fn forgettable(&self) -> u64 {
        self.pins.oldest().min(NEWEST - 1) + 1
    }

    /// What a failure means; takes note if it is damage.
    fn failed(&self, error: lsm_tree::Error) -> Error {
        if matches!(error, lsm_tree::Error::Io(_)) {
            return failed(error);
        }
        if !self.damaged.swap(true, Ordering::Relaxed) {
            tracing::error!("the index is damaged; the next start rebuilds it from the log: {error:?}");
        }
        Error::Damaged(format!("the index, which the next start rebuilds ({error:?})"))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn failed(error: lsm_tree::Error) -> Error {
    Error::Io(format!("the index: {error:?}"))
}

fn versioned(stored: &[u8]) -> Result<Versioned, Error> {
    let (version, value) =
        stored.split_first_chunk().ok_or_else(|| Error::Damaged("a value in the index".into()))?;
    Ok(Versioned { version: Version(u64::from_be_bytes(*version)), value: Bytes::copy_from_slice(value) })
}

impl Index for TreeIndex {
    fn get(&self, key: &[u8], at: u64) -> Result<Option<Versioned>, Error> {
        let found = self.tree.get(key, at.min(NEWEST - 1) + 1).map_err(|error| self.failed(error))?;
        found.as_deref().map(versioned).transpose()
    }

    fn range(
        &self,
        range: &KeyRange,
        limit: usize,
        back: bool,
        at: u64,
    ) -> Result<Vec<(Key, Versioned)>, Error> {
        if !range.end().is_empty() && range.start() >= range.end() {
            return Ok(Vec::new());
        }
        let at = at.min(NEWEST - 1) + 1;
        let mut entries = if range.end().is_empty() {
            self.tree.range(range.start().., at, None)
        } else {
            self.tree.range(range.start()..range.end(), at, None)
        };
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(entry) = (if back { entries.next_back() } else { entries.next() }) else { break };
            let (key, stored) = entry.into_inner().map_err(|error| self.failed(error))?;
            found.push((Key::from_bytes(key.to_vec()), versioned(&stored)?));
        }
        Ok(found)
    }

    fn apply(&self, sequence: u64, changes: &[Change]) {
        let memtable = self.tree.active_memtable();
        let mut bytes = 0;
        let mut stored = BytesMut::new();
        for change in changes {
            let item = if let Some(value) = &change.value {
                stored.clear();
                stored.extend_from_slice(&change.version.0.to_be_bytes());
                stored.extend_from_slice(value);
                InternalValue::from_components(&change.key[..], &stored[..], sequence, ValueType::Value)
            } else {
                InternalValue::new_tombstone(&change.key[..], sequence)
            };
            bytes += memtable.insert(item).0;
        }
        self.inserted.fetch_add(bytes, Ordering::Relaxed);
        self.applied.store(sequence, Ordering::Release);
    }

    fn unflushed(&self) -> u64 {
        let written = self.written.load(Ordering::Relaxed);
        self.inserted.load(Ordering::Relaxed).saturating_sub(written)
    }

    fn held(&self) -> u64 {
        self.tree.version_memtable_size_sum()
    }

    fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    fn seal(&self) {
        self.tree.rotate_memtable();
        self.sealed.store(self.inserted.load(Ordering::Relaxed), Ordering::Release);
    }

    fn flush(&self) -> Result<(), Error> {
        let _alone = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let sealed = self.sealed.load(Ordering::Acquire);
        self.counter.set(self.applied.load(Ordering::Acquire));
        self.tree
            .flush(&self.tree.get_flush_lock(), self.forgettable())
            .map_err(|error| self.failed(error))?;
        self.written.store(sealed, Ordering::Relaxed);
        // Compaction goes in steps; a few a flush keep the newest level short without ever falling behind. If one
        // fails, what was flushed is safe all the same: the log before it may go, which on a full disk is what
        // gives compaction its room again.
        for _ in 0..4 {
            self.counter.set(self.applied.load(Ordering::Acquire));
            if let Err(error) = self
                .tree
                .compact(Arc::new(Leveled::default().with_table_target_size(TABLE)), self.forgettable())
            {
                tracing::warn!("the index could not be tidied up: {}", self.failed(error));
                break;
            }
        }
        Ok(())
    }
}
