//! Who has what is asked for.

use memchr::memmem;

use crate::cut::{LONG, Phrase, Zones};
use crate::segment::Segment;

/// Whether a message has a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has.
    Yes,
    /// It has not.
    No,
    /// Its words do not say: its text has to be looked into.
    Maybe,
}

/// What a segment says of all its messages.
pub struct Hits {
    yes: Bits,
    maybe: Bits,
}

impl Hits {
    /// Of the message at this place.
    pub fn of(&self, place: usize) -> Verdict {
        if self.yes.has(place) {
            Verdict::Yes
        } else if self.maybe.has(place) {
            Verdict::Maybe
        } else {
            Verdict::No
        }
    }
}

/// One bit a message.
struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize, value: bool) -> Self {
        Self(vec![if value { u64::MAX } else { 0 }; len.div_ceil(64)])
    }

    fn set(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn and(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    fn or(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }
}

impl Segment {
    /// Who has a text in one of these zones.
    pub fn find(&self, phrase: &Phrase, zones: Zones) -> Hits {
        let long = self.having(&format!("\n{LONG}\n"), zones);
        let none = || Bits::new(self.len(), false);
        if phrase.long {
            return Hits { yes: none(), maybe: long };
        }
        let mut having = phrase.patterns.iter().map(|pattern| self.having(pattern, zones));
        let mut found = having.next().unwrap_or_else(|| Bits::new(self.len(), true));
        having.for_each(|more| found.and(&more));
        if phrase.decides {
            return Hits { yes: found, maybe: long };
        }
        found.or(&long);
        Hits { yes: none(), maybe: found }
    }

    /// Who has a word with this pattern in it.
    fn having(&self, pattern: &str, zones: Zones) -> Bits {
        let mut found = Bits::new(self.len(), false);
        let (list, finder) = (self.list(), memmem::Finder::new(pattern));
        // Where the pattern begins with a line feed, the word begins behind it.
        let into = usize::from(pattern.starts_with('\n'));
        let mut from = 0;
        while let Some(at) = list.get(from..).and_then(|rest| finder.find(rest)) {
            let word = self.word_at(from + at + into);
            read(self.postings(word), |place, has| {
                if has.meets(zones) {
                    found.set(place as usize);
                }
            });
            if word + 1 >= self.words() {
                break;
            }
            // Once for each word; the line feed before the next one may begin the pattern.
            // A file that was made wrong may have words where there are none: it goes on all the same.
            from = (self.word_start(word + 1) - 1).max(from + at + 1);
        }
        found
    }

    /// The word that has this place of the list.
    fn word_at(&self, place: usize) -> usize {
        let (mut low, mut high) = (0, self.words());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.word_start(middle) <= place { low = middle + 1 } else { high = middle }
        }
        low.saturating_sub(1)
    }
}

/// Reads postings; see [`PostingsWriter`](crate::builder::PostingsWriter).
pub(crate) fn read(postings: &[u8], mut take: impl FnMut(u32, Zones)) {
    let mut next = 0_u32;
    let mut bytes = postings.iter();
    while let Some(mut byte) = bytes.next() {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 || shift > 35 {
                break;
            }
            let Some(more) = bytes.next() else { return };
            byte = more;
        }
        let zones = if number & 1 == 0 { Zones::BODY } else { Zones(bytes.next().copied().unwrap_or(0)) };
        let place = next.saturating_add((number >> 1) as u32);
        take(place, zones);
        next = place.saturating_add(1);
    }
}
