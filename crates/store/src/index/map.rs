//! An index in memory: for tests, the simulator, and to keep the trait honest.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use super::{Change, Index, Pins};
use crate::{Error, Key, KeyRange, Versioned};

/// A `BTreeMap` that keeps older values while a snapshot may look at them.
pub(crate) struct MapIndex {
    pins: Arc<Pins>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<Bytes, Chain>,
    /// Keys with something to forget, once nobody looks at a moment before the sequence number.
    garbage: VecDeque<(u64, Bytes)>,
}

/// What a key held from which sequence number on; ascending.
type Chain = Vec<(u64, Option<Versioned>)>;

impl MapIndex {
    pub(crate) fn new(pins: Arc<Pins>) -> Self {
        Self { pins, state: RwLock::default() }
    }
}

fn as_of(chain: &Chain, at: u64) -> Option<&Versioned> {
    chain.iter().rev().find(|(sequence, _)| *sequence <= at).and_then(|(_, value)| value.as_ref())
}

impl State {
    /// Forgets what nobody can see any more.
    fn collect(&mut self, oldest: u64) {
        while self.garbage.front().is_some_and(|(sequence, _)| *sequence <= oldest) {
            let Some((_, key)) = self.garbage.pop_front() else { return };
            let Some(chain) = self.keys.get_mut(&key) else { continue };
            let needed = chain.iter().rposition(|(sequence, _)| *sequence <= oldest).unwrap_or(0);
            chain.drain(..needed);
            if matches!(chain.as_slice(), [(sequence, None)] if *sequence <= oldest) {
                self.keys.remove(&key);
            }
        }
    }
}

impl Index for MapIndex {
    fn get(&self, key: &[u8], at: u64) -> Result<Option<Versioned>, Error> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Ok(state.keys.get(key).and_then(|chain| as_of(chain, at)).cloned())
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
        let end = if range.end().is_empty() { Bound::Unbounded } else { Bound::Excluded(range.end()) };
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let entries = state
            .keys
            .range::<[u8], _>((Bound::Included(range.start()), end))
            .filter_map(|(key, chain)| Some((key, as_of(chain, at)?)));
        let own = |(key, value): (&Bytes, &Versioned)| (Key::from_bytes(key.to_vec()), value.clone());
        Ok(if back {
            // `filter_map` over a map's range runs from both ends.
            entries.rev().take(limit).map(own).collect()
        } else {
            entries.take(limit).map(own).collect()
        })
    }

    fn apply(&self, sequence: u64, changes: &[Change]) {
        let oldest = self.pins.oldest();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let value = change.value.clone().map(|value| Versioned { version: change.version, value });
            let absent = value.is_none();
            let chain = state.keys.entry(change.key.clone()).or_default();
            chain.push((sequence, value));
            if chain.len() > 1 || absent {
                state.garbage.push_back((sequence, change.key.clone()));
            }
        }
        state.collect(oldest);
    }

    fn unflushed(&self) -> u64 {
        0
    }

    fn held(&self) -> u64 {
        0
    }

    fn is_damaged(&self) -> bool {
        false
    }

    fn seal(&self) {}

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}
