//! Keys: bytes in order, the first of which says whose they are.

use mail::limits;

/// Whose keys these are. Each state crate owns one space and no crate reads another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// The store's own: blob locations and reference counts.
    Store = 1,
    /// Crate `directory`.
    Directory = 2,
    /// Crate `mailbox`.
    Mailbox = 3,
    /// Crate `queue`.
    Queue = 4,
    /// Crate `journey`.
    Journey = 5,
    /// Crate `mta`: what its gate remembers of clients.
    Gate = 6,
    /// Crate `reports`.
    Reports = 7,
}

/// A key, compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(crate) Vec<u8>);

impl Key {
    /// Starts a key in `space`.
    pub fn build(space: Space) -> KeyBuilder {
        KeyBuilder(vec![space as u8])
    }

    /// All bytes, the space's first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From all its bytes, as a backend read them.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// All keys that begin with this one, itself included.
    pub fn prefix_range(&self) -> KeyRange {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if last < 0xff {
                end.push(last + 1);
                break;
            }
        }
        KeyRange { start: self.0.clone(), end }
    }
}

/// Puts a key together from parts that keep their order: numbers big-endian, text ended by a zero byte.
#[derive(Clone, Debug)]
pub struct KeyBuilder(Vec<u8>);

impl KeyBuilder {
    /// One byte, to tell kinds of keys apart.
    #[must_use]
    pub fn u8(mut self, n: u8) -> Self {
        self.0.push(n);
        self
    }

    /// Four bytes.
    #[must_use]
    pub fn u32(mut self, n: u32) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// Eight bytes.
    #[must_use]
    pub fn u64(mut self, n: u64) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// Text without zero bytes, and an end mark. Zero bytes in `text` become 0x01, so keep them out before.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.0.extend(text.bytes().map(|b| b.max(1)));
        self.0.push(0);
        self
    }

    /// Text without an end mark, to begin a prefix range.
    #[must_use]
    pub fn text_prefix(mut self, text: &str) -> Self {
        self.0.extend(text.bytes().map(|b| b.max(1)));
        self
    }

    /// Bytes so far: the offset of the part that comes next, for a [`Patch`](crate::Patch).
    pub fn offset(&self) -> usize {
        self.0.len()
    }

    /// The key. Keys over [`limits::STORE_KEY_LENGTH`] are refused at commit.
    pub fn key(self) -> Key {
        debug_assert!(self.0.len() <= limits::STORE_KEY_LENGTH, "keys are bounded by their owners");
        Key(self.0)
    }
}

/// Keys from `start` up to but not including `end`; an empty `end` is no bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl KeyRange {
    /// From `start` (included) to `end` (not included).
    pub fn between(start: &Key, end: &Key) -> Self {
        Self { start: start.0.clone(), end: end.0.clone() }
    }

    /// The rest of this range behind `last`, to read the next page.
    #[must_use]
    pub fn after(&self, last: &Key) -> Self {
        let mut start = last.0.clone();
        start.push(0);
        Self { start, end: self.end.clone() }
    }

    /// The rest of this range before `first`, to read the next page backwards.
    #[must_use]
    pub fn before(&self, first: &Key) -> Self {
        Self { start: self.start.clone(), end: first.0.clone() }
    }

    /// First key, included.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// Bound, not included; empty for none.
    pub fn end(&self) -> &[u8] {
        &self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ranges_end_right_after_the_prefix() {
        let key = Key::build(Space::Queue).u8(0xff).key();
        assert_eq!(key.prefix_range(), KeyRange { start: vec![4, 0xff], end: vec![5] });
        let all = Key(vec![0xff]).prefix_range();
        assert_eq!(all.end, Vec::<u8>::new());
    }
}
