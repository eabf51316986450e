//! Which segments of the log were collected, as the log itself says: another number that is missing is damage.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes};

use crate::Error;

/// Numbers of segments, as runs: few, because collected segments lie side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Collected {
    /// First and last number of each run.
    runs: BTreeMap<u64, u64>,
}

impl Collected {
    pub(super) fn insert(&mut self, number: u64) {
        self.insert_run(number, number);
    }

    /// Adds the numbers from `first` to `last`.
    pub(super) fn insert_run(&mut self, mut first: u64, mut last: u64) {
        // Runs that touch become one.
        let touching = |(_, end): &(&u64, &u64)| end.saturating_add(1) >= first;
        let near: Vec<u64> =
            self.runs.range(..=last.saturating_add(1)).filter(touching).map(|(start, _)| *start).collect();
        for start in near {
            first = first.min(start);
            last = last.max(self.runs.remove(&start).unwrap_or(last));
        }
        self.runs.insert(first, last);
    }

    /// Numbers from 1 to `last` that are neither here nor in `present`, which ascends; at most `limit`.
    pub(super) fn missing(&self, present: &[u64], last: u64, limit: usize) -> Vec<u64> {
        let mut missing = Vec::new();
        let mut number = 1;
        while number <= last && missing.len() < limit {
            if let Some((_, end)) = self.runs.range(..=number).next_back().filter(|(_, end)| **end >= number)
            {
                number = end.saturating_add(1);
                continue;
            }
            if present.binary_search(&number).is_err() {
                missing.push(number);
            }
            number += 1;
        }
        missing
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.runs.len() * 16);
        for (first, last) in &self.runs {
            out.put_u64(*first);
            out.put_u64(*last);
        }
        out.into()
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self, Error> {
        let mut runs = BTreeMap::new();
        while !bytes.is_empty() {
            let run = bytes.try_get_u64().and_then(|first| Ok((first, bytes.try_get_u64()?)));
            match run {
                Ok((first, last)) if first <= last => drop(runs.insert(first, last)),
                _ => return Err(Error::Damaged("the list of collected segments".into())),
            }
        }
        Ok(Self { runs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_grow_together_and_come_back() {
        let mut collected = Collected::default();
        for number in [1, 3, 5, 2, 9, 4, 9] {
            collected.insert(number);
        }
        assert_eq!(collected.runs, BTreeMap::from([(1, 5), (9, 9)]));
        assert_eq!(collected.missing(&[6, 8, 11], 12, 10), [7, 10, 12]);
        assert_eq!(collected.missing(&[6, 8, 11], 12, 2), [7, 10]);
        assert_eq!(collected.missing(&[], 0, 10), []);
        let mut joined = collected.clone();
        joined.insert_run(4, 8);
        assert_eq!(joined.runs, BTreeMap::from([(1, 9)]));
        let bytes = collected.encode();
        assert_eq!(Collected::decode(&bytes), Ok(collected));
        for cut in 1..bytes.len() {
            assert_eq!(Collected::decode(&bytes[..cut]).is_err(), cut % 16 != 0);
        }
    }
}
