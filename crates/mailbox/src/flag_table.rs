//! The flag sets in use in a view, each kept once.

use std::collections::BTreeMap;

use mail::{Flag, Flags, Keyword};
use store::Error;

use crate::{FlagSet, record};

/// Sets without keywords: one for each combination of the five system flags.
const SYSTEM_SETS: u8 = 32;

/// Flag sets by number. Numbers below 32 are the bits of the system flags; the others have keywords and are given in the
/// order in which they are met. Sets are only added, so numbers hold for all views that grow from one another.
#[derive(Clone, Debug)]
pub(crate) struct FlagTable {
    pub(crate) sets: Vec<Flags>,
    /// Numbers of the sets with keywords, by their stored form.
    numbers: BTreeMap<Box<[u8]>, FlagSet>,
}

impl Default for FlagTable {
    fn default() -> Self {
        let sets = (0..SYSTEM_SETS).map(|bits| Flags::from_parts(bits, [])).collect();
        Self { sets, numbers: BTreeMap::new() }
    }
}

impl FlagTable {
    /// The number of a stored set, if it has one.
    pub(crate) fn find(&self, stored: &[u8]) -> Option<FlagSet> {
        match stored {
            [bits] if *bits < SYSTEM_SETS => Some(FlagSet((*bits).into())),
            _ => self.numbers.get(stored).copied(),
        }
    }

    /// Gives a set a number.
    pub(crate) fn add(&mut self, stored: &[u8]) -> Result<FlagSet, Error> {
        let number = FlagSet(self.sets.len() as u32);
        self.sets.push(record::decode_flags(stored)?);
        self.numbers.insert(stored.into(), number);
        Ok(number)
    }

    /// The sets that have keywords, in the order of their numbers.
    pub(crate) fn with_keywords(&self) -> &[Flags] {
        &self.sets[usize::from(SYSTEM_SETS)..]
    }

    pub(crate) fn get(&self, set: FlagSet) -> &Flags {
        &self.sets[set.0 as usize]
    }

    pub(crate) fn is_unseen(&self, set: FlagSet) -> bool {
        !self.get(set).contains(Flag::Seen)
    }

    /// All keywords of all sets, ascending.
    pub(crate) fn keywords(&self) -> Vec<Keyword> {
        let mut keywords: Vec<Keyword> =
            self.sets.iter().flat_map(|set| set.keywords().iter().cloned()).collect();
        keywords.sort();
        keywords.dedup();
        keywords
    }
}
