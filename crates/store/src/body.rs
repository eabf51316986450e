//! Where a body lies and how many references keep it: the entry behind a blob's key.
//!
//! A body has one or two extents (a prefix in the log in front of a body that was staged on disk). Each extent
//! carries a CRC per 64 KiB, so that any part can be checked without reading the rest.

use bytes::{Buf, BufMut, Bytes};

use crate::{BlobId, Error, Key, Space};

/// Bytes of a body under one checksum.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Which file an extent lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// A segment of the commit log.
    Log(u64),
    /// A file of bodies that a collector moved together.
    Archive(u64),
    /// A file with one staged body; its number is the blob's.
    Body(u64),
    /// The process's memory.
    Memory,
}

impl Place {
    /// The name of the file, relative to the store's directory.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Log(number) => format!("log/{number:016x}"),
            Self::Archive(number) => format!("archive/{number:016x}"),
            Self::Body(number) => format!("bodies/{number:016x}"),
            Self::Memory => "store".into(),
        }
    }

    /// The file of that name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let number = |digits: &str| u64::from_str_radix(digits, 16).ok();
        match name.split_once('/') {
            None if name == "store" => Some(Self::Memory),
            Some(("log", digits)) => number(digits).map(Self::Log),
            Some(("archive", digits)) => number(digits).map(Self::Archive),
            Some(("bodies", digits)) => number(digits).map(Self::Body),
            _ => None,
        }
    }
}

/// A run of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) place: Place,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// One for each [`CHUNK`] bytes, the last one for the rest. None in memory.
    pub(crate) crcs: Vec<u32>,
}

impl Extent {
    /// Of bytes that will stand at `offset` of `place`.
    pub(crate) fn of(place: Place, offset: u64, bytes: &[u8]) -> Self {
        let crcs = bytes.chunks(CHUNK).map(crc32fast::hash).collect();
        Self { place, offset, length: bytes.len() as u64, crcs }
    }
}

/// What the store knows of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) references: u32,
    pub(crate) extents: Vec<Extent>,
}

impl Entry {
    pub(crate) fn length(&self) -> u64 {
        self.extents.iter().map(|extent| extent.length).sum()
    }

    pub(crate) fn encode(&self) -> Bytes {
        let crcs: usize = self.extents.iter().map(|extent| extent.crcs.len()).sum();
        let mut out = Vec::with_capacity(5 + self.extents.len() * 27 + crcs * 4);
        out.put_u32(self.references);
        out.put_u8(self.extents.len() as u8);
        for extent in &self.extents {
            let (kind, number) = match extent.place {
                Place::Log(number) => (1, number),
                Place::Archive(number) => (2, number),
                Place::Body(number) => (3, number),
                Place::Memory => (4, 0),
            };
            out.put_u8(kind);
            out.put_u64(number);
            out.put_u64(extent.offset);
            out.put_u64(extent.length);
            out.put_u16(extent.crcs.len() as u16);
            extent.crcs.iter().for_each(|crc| out.put_u32(*crc));
        }
        out.into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode(bytes).ok_or_else(|| Error::Damaged("the entry of a body".into()))
    }
}

fn decode(mut from: &[u8]) -> Option<Entry> {
    let references = from.try_get_u32().ok()?;
    let count = from.try_get_u8().ok()?;
    let mut extents = Vec::with_capacity(usize::from(count.min(2)));
    for _ in 0..count {
        let kind = from.try_get_u8().ok()?;
        let number = from.try_get_u64().ok()?;
        let place = match kind {
            1 => Place::Log(number),
            2 => Place::Archive(number),
            3 => Place::Body(number),
            4 => Place::Memory,
            _ => return None,
        };
        let offset = from.try_get_u64().ok()?;
        let length = from.try_get_u64().ok()?;
        let crcs = from.try_get_u16().ok()?;
        let crcs = (0..crcs).map(|_| from.try_get_u32().ok()).collect::<Option<Vec<u32>>>()?;
        extents.push(Extent { place, offset, length, crcs });
    }
    from.is_empty().then_some(Entry { references, extents })
}

/// Kinds of keys in the store's own space.
const KIND_BLOB: u8 = 1;
const KIND_WATERMARK: u8 = 2;
const KIND_LIVE: u8 = 3;
const KIND_BOOT: u8 = 4;
const KIND_COLLECTED: u8 = 5;
/// See [`crate::ScrubState`].
pub(crate) const KIND_SCRUB: u8 = 6;
/// See [`crate::Quarantined`].
pub(crate) const KIND_QUARANTINE: u8 = 7;

/// The key of a body's [`Entry`].
pub(crate) fn blob_key(id: BlobId) -> Bytes {
    Key::build(Space::Store).u8(KIND_BLOB).u64(id.0).key().0.into()
}

/// Whether only the index has this key.
pub(crate) fn is_of_index(key: &[u8]) -> bool {
    matches!(key, [space, KIND_WATERMARK | KIND_LIVE, ..] if *space == Space::Store as u8)
}

/// What the keys of all entries begin with.
pub(crate) fn blob_prefix() -> Key {
    Key::build(Space::Store).u8(KIND_BLOB).key()
}

/// The blob that a key is the entry of, if it is one.
pub(crate) fn blob_of(key: &[u8]) -> Option<BlobId> {
    let number = key.strip_prefix(&[Space::Store as u8, KIND_BLOB])?;
    Some(BlobId(u64::from_be_bytes(number.try_into().ok()?)))
}

/// How far the index has applied the log. Only in the index.
pub(crate) fn watermark_key() -> Bytes {
    Key::build(Space::Store).u8(KIND_WATERMARK).key().0.into()
}

/// Live bytes of bodies in a file. Only in the index.
pub(crate) fn live_key(place: Place) -> Option<Bytes> {
    let (kind, number) = match place {
        Place::Log(number) => (1, number),
        Place::Archive(number) => (2, number),
        Place::Body(_) | Place::Memory => return None,
    };
    Some(Key::build(Space::Store).u8(KIND_LIVE).u8(kind).u64(number).key().0.into())
}

/// All live keys.
pub(crate) fn live_prefix() -> Key {
    Key::build(Space::Store).u8(KIND_LIVE).key()
}

/// The file that a live key is about.
pub(crate) fn live_place(key: &[u8]) -> Option<Place> {
    let rest = key.strip_prefix(&[Space::Store as u8, KIND_LIVE])?;
    let (kind, number) = rest.split_first()?;
    let number = u64::from_be_bytes(number.try_into().ok()?);
    match kind {
        1 => Some(Place::Log(number)),
        2 => Some(Place::Archive(number)),
        _ => None,
    }
}

/// Which segments of the log were collected: see [`Ranges`](crate::embedded).
pub(crate) fn collected_key() -> Bytes {
    Key::build(Space::Store).u8(KIND_COLLECTED).key().0.into()
}

/// How often the store was opened.
pub(crate) fn boot_key() -> Bytes {
    Key::build(Space::Store).u8(KIND_BOOT).key().0.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_damaged_ones_are_refused() {
        let bytes = vec![9; CHUNK + 1];
        let extents = vec![
            Extent::of(Place::Log(3), 70, b"prefix"),
            Extent { offset: 0, ..Extent::of(Place::Body(8), 0, &bytes) },
        ];
        let entry = Entry { references: 2, extents };
        let encoded = entry.encode();
        assert_eq!(Entry::decode(&encoded), Ok(entry));
        for cut in 0..encoded.len() {
            assert!(Entry::decode(&encoded[..cut]).is_err());
        }
    }
}
