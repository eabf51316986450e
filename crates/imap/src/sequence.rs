//! Sets of message numbers: as clients write them, and as plain sorted ranges.

use std::fmt;

/// A number or `*`, the largest in use (RFC 3501 §9 `seq-number`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// A number, not zero.
    Value(u32),
    /// `*`.
    Largest,
}

/// RFC 3501 §9 `sequence-set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequenceSet {
    /// As written: pairs in any order, possibly overlapping.
    Written(Vec<(Number, Number)>),
    /// `$`: the messages that the last SEARCH with RETURN (SAVE) found (RFC 5182 §2.1).
    Saved,
}

impl SequenceSet {
    /// The numbers meant when the largest in use is `largest` (0 if none is in use) and `saved` those of the saved result.
    /// Costs no more than the text: `1:4294967295` is one range. `*` stands for nothing where nothing is in use.
    pub fn resolve(&self, largest: u32, saved: &Numbers) -> Numbers {
        let Self::Written(pairs) = self else { return saved.clone() };
        let value = |n| match n {
            Number::Value(n) => n,
            Number::Largest => largest,
        };
        let ranges = pairs.iter().map(|&(a, b)| (value(a), value(b)));
        // RFC 3501 §9: "2:4" and "4:2" mean the same.
        Numbers::normalised(ranges.map(|(a, b)| (a.min(b), a.max(b))).filter(|&(_, high)| high > 0).collect())
    }

    /// The greatest number that is written out, for checking message sequence numbers (RFC 3501 §9:
    /// numbers above the largest are an error). 0 if only `*` or `$` occurs.
    pub fn largest_written(&self) -> u32 {
        let Self::Written(pairs) = self else { return 0 };
        let value = |n| if let Number::Value(n) = n { n } else { 0 };
        pairs.iter().map(|&(a, b)| value(a).max(value(b))).max().unwrap_or(0)
    }
}

/// Ascending ranges of numbers, both ends included, that neither overlap nor touch.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Numbers(Vec<(u32, u32)>);

impl Numbers {
    fn normalised(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self(merged)
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `number` is in it; a binary search.
    pub fn contains(&self, number: u32) -> bool {
        let at = self.0.partition_point(|&(_, high)| high < number);
        self.0.get(at).is_some_and(|&(low, _)| low <= number)
    }

    /// Adds a number behind all others.
    fn push(&mut self, number: u32) {
        match self.0.last_mut() {
            Some(last) if last.1.checked_add(1) == Some(number) => last.1 = number,
            _ => self.0.push((number, number)),
        }
    }
}

impl FromIterator<u32> for Numbers {
    /// Keeps the order given, which COPYUID needs; pass ascending numbers for a set.
    fn from_iter<T: IntoIterator<Item = u32>>(numbers: T) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|n| set.push(n));
        set
    }
}

impl fmt::Display for Numbers {
    /// RFC 4315 §4 `uid-set`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (low, high)) in self.0.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else {
                write!(f, "{comma}{low}:{high}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_resolved_and_merged() {
        use Number::{Largest, Value};
        for (set, largest, meant) in [
            (vec![(Value(4), Value(2))], 9, "2:4"),
            (vec![(Value(5), Value(5)), (Value(1), Value(3)), (Value(4), Value(4))], 9, "1:5"),
            (vec![(Value(20), Largest)], 9, "9:20"),
            (vec![(Largest, Largest)], 9, "9"),
            (vec![(Largest, Largest)], 0, ""),
            (vec![(Value(4_294_967_295), Largest), (Value(1), Value(4_294_967_295))], 9, "1:4294967295"),
        ] {
            assert_eq!(SequenceSet::Written(set).resolve(largest, &Numbers::default()).to_string(), meant);
        }
        let saved: Numbers = [2, 3, 7].into_iter().collect();
        assert_eq!(SequenceSet::Saved.resolve(9, &saved), saved);
    }

    proptest::proptest! {
        #[test]
        fn resolving_agrees_with_counting(pairs in proptest::collection::vec((1u32..40, 1u32..40), 0..8), probe in 1u32..40) {
            let set = SequenceSet::Written(pairs.iter().map(|&(a, b)| (Number::Value(a), Number::Value(b))).collect());
            let expected = pairs.iter().any(|&(a, b)| (a.min(b)..=a.max(b)).contains(&probe));
            proptest::prop_assert_eq!(set.resolve(40, &Numbers::default()).contains(probe), expected);
        }
    }
}
