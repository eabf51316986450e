//! How often somebody may do something, in a table that does not grow: whoever was quiet longest is forgotten first.

use std::collections::BTreeMap;
use std::time::Duration;

use mail::Mono;

/// So many events in such a time, all at once if need be; then one more each time a part of it has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub events: u32,
    /// In how long.
    pub per: Duration,
}

impl Rate {
    /// So many a minute.
    pub const fn per_minute(events: u32) -> Self {
        Self { events, per: Duration::from_mins(1) }
    }

    /// How long one event counts by itself.
    fn cost(self) -> Duration {
        (self.per / self.events.max(1)).max(Duration::from_nanos(1))
    }
}

/// Counts the events of each key.
///
/// Each key has one point in time: when everything it did will be forgotten. An event moves it by its share of the
/// rate's time (the generic cell rate algorithm), so a rate may change while the table is in use.
#[derive(Debug)]
pub struct Table<K> {
    capacity: usize,
    /// When a key is even again, and the turn at which it was last seen.
    even: BTreeMap<K, (Mono, u64)>,
    turns: BTreeMap<u64, K>,
    turn: u64,
}

impl<K: Ord + Clone> Table<K> {
    /// For so many keys at most.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, even: BTreeMap::new(), turns: BTreeMap::new(), turn: 0 }
    }

    /// Takes one event from what `key` may do. `false`, and nothing is taken, if there is nothing left.
    pub fn spend(&mut self, key: &K, rate: Rate, now: Mono) -> bool {
        let allowed = !self.is_spent(key, rate, now);
        if allowed {
            self.count(key, rate, now);
        }
        allowed
    }

    /// Whether `key` has done as much as it may.
    pub fn is_spent(&self, key: &K, rate: Rate, now: Mono) -> bool {
        self.used(key, rate, now) >= rate.events
    }

    /// How many events of `key` count now; a part of one counts as one.
    pub fn used(&self, key: &K, rate: Rate, now: Mono) -> u32 {
        let ahead = self.even.get(key).map_or(Duration::ZERO, |(even, _)| even.since(now));
        u32::try_from(ahead.as_nanos().div_ceil(rate.cost().as_nanos())).unwrap_or(u32::MAX)
    }

    /// Counts an event whatever the rate says. What is over it counts up to twice the rate, so that nobody is locked out
    /// for longer than the rate's time.
    pub fn count(&mut self, key: &K, rate: Rate, now: Mono) {
        let even = self.even.get(key).map_or(now, |(even, _)| (*even).max(now));
        let even = (even + rate.cost()).min(now + rate.per * 2);
        self.put(key, even);
    }

    /// Forgets what `key` did.
    pub fn forget(&mut self, key: &K) {
        if let Some((_, turn)) = self.even.remove(key) {
            self.turns.remove(&turn);
        }
    }

    /// Keys that are remembered.
    pub fn len(&self) -> usize {
        self.even.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.even.is_empty()
    }

    fn put(&mut self, key: &K, even: Mono) {
        self.turn += 1;
        if let Some((_, before)) = self.even.insert(key.clone(), (even, self.turn)) {
            self.turns.remove(&before);
        }
        self.turns.insert(self.turn, key.clone());
        if self.even.len() > self.capacity
            && let Some((_, oldest)) = self.turns.pop_first()
        {
            self.even.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_rate_holds_and_recovers() {
        let rate = Rate::per_minute(6);
        let mut table = Table::new(10);
        let taken = |table: &mut Table<u8>, now| (0..20).filter(|_| table.spend(&1, rate, at(now))).count();
        for (now, expected) in [(0, 6), (0, 0), (9, 0), (10, 1), (15, 0), (30, 2), (1000, 6), (1001, 0)] {
            assert_eq!(taken(&mut table, now), expected, "after {now} s");
        }
        assert!(table.spend(&2, rate, at(1001)), "others have their own");
    }

    #[test]
    fn what_is_counted_over_the_rate_is_forgotten_in_bounded_time() {
        let rate = Rate::per_minute(5);
        let mut table = Table::new(10);
        (0..1000).for_each(|_| table.count(&1, rate, at(0)));
        assert_eq!(table.used(&1, rate, at(0)), 10);
        assert!(table.is_spent(&1, rate, at(59)));
        assert!(!table.is_spent(&1, rate, at(73)));
        assert_eq!(table.used(&1, rate, at(120)), 0);
        table.count(&1, rate, at(200));
        table.forget(&1);
        assert!(table.is_empty());
    }

    #[test]
    fn the_table_forgets_who_was_quiet_longest() {
        let rate = Rate::per_minute(1);
        let mut table = Table::new(3);
        for key in [1, 2, 3, 1, 4] {
            table.count(&key, rate, at(0));
            assert!(table.len() <= 3);
        }
        let known: Vec<_> = (1..=4).filter(|key| table.is_spent(key, rate, at(0))).collect();
        assert_eq!(known, [1, 3, 4]);
    }
}
