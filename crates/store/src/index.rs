//! The ordered index over the log: keys to values, with the versions that snapshots still need.
//!
//! An index is a cache of the log. It is never synced per commit; it remembers how far it has applied the log, and
//! recovery replays the rest.

mod map;
mod tree;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

pub(crate) use map::MapIndex;
pub(crate) use tree::TreeIndex;

use crate::{Error, Key, KeyRange, Version, Versioned};

/// One key's new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: Bytes,
    /// `None` takes the value away.
    pub(crate) value: Option<Bytes>,
    /// The commit that wrote it; older than the record that carries it where a collector moved it.
    pub(crate) version: Version,
}

/// Keys in order, readable as of any sequence number that is pinned or newer than all pins.
pub(crate) trait Index: Send + Sync {
    /// The value of `key` as of sequence number `at`.
    fn get(&self, key: &[u8], at: u64) -> Result<Option<Versioned>, Error>;

    /// Entries of `range` as of `at`, at most `limit`, descending if `back`.
    fn range(
        &self,
        range: &KeyRange,
        limit: usize,
        back: bool,
        at: u64,
    ) -> Result<Vec<(Key, Versioned)>, Error>;

    /// Applies changes of the commit `sequence`, which is higher than all before. No key comes twice in one call
    /// or in two calls with the same sequence number.
    fn apply(&self, sequence: u64, changes: &[Change]);

    /// Bytes applied that are not yet in files.
    fn unflushed(&self) -> u64;

    /// Bytes of keys and values in memory: those not yet in files, and those that are but that a snapshot may need.
    fn held(&self) -> u64;

    /// Whether something in its files failed its checksum, so that it has to be rebuilt.
    fn is_damaged(&self) -> bool;

    /// Begins to write out what has been applied, so that the next start replays only what comes later. Only called
    /// between commits, when all that was applied is durable in the log.
    fn seal(&self);

    /// Writes out what was sealed and tidies up. Blocks; called on one thread only.
    fn flush(&self) -> Result<(), Error>;
}

/// Moments that snapshots still look at, and what is visible now.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    state: Mutex<PinState>,
}

#[derive(Debug, Default)]
struct PinState {
    visible: u64,
    pinned: BTreeMap<u64, u32>,
}

impl Pins {
    fn with<T>(&self, work: impl FnOnce(&mut PinState) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows everything up to `sequence`.
    pub(crate) fn show(&self, sequence: u64) {
        self.with(|state| state.visible = sequence);
    }

    /// The oldest moment anybody may still look at.
    pub(crate) fn oldest(&self) -> u64 {
        self.with(|state| state.pinned.keys().next().copied().unwrap_or(state.visible))
    }

    fn pin(&self) -> u64 {
        self.with(|state| {
            *state.pinned.entry(state.visible).or_insert(0) += 1;
            state.visible
        })
    }

    fn unpin(&self, at: u64) {
        self.with(|state| {
            if let Some(count) = state.pinned.get_mut(&at) {
                *count -= 1;
                if *count == 0 {
                    state.pinned.remove(&at);
                }
            }
        });
    }
}

/// A pinned moment of an index.
pub(crate) struct View {
    index: Arc<dyn Index>,
    pins: Arc<Pins>,
    at: u64,
}

impl View {
    /// As of now.
    pub(crate) fn new(index: Arc<dyn Index>, pins: Arc<Pins>) -> Self {
        let at = pins.pin();
        Self { index, pins, at }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.pins.unpin(self.at);
    }
}

impl crate::Read for View {
    fn get<'a>(&'a self, key: &'a Key) -> world::BoxFuture<'a, Result<Option<Versioned>, Error>> {
        Box::pin(std::future::ready(self.index.get(key.as_bytes(), self.at)))
    }

    fn range<'a>(
        &'a self,
        range: &'a KeyRange,
        limit: usize,
        back: bool,
    ) -> world::BoxFuture<'a, Result<Vec<(Key, Versioned)>, Error>> {
        Box::pin(std::future::ready(self.index.range(range, limit, back, self.at)))
    }

    fn version(&self) -> Version {
        Version(self.at)
    }
}

#[cfg(test)]
mod tests;
