//! Looking at everything: what a verification and the scrub ask a store for, whatever keeps it.
//!
//! Each function here reads a bounded part and says where to go on, so that whoever asks sets the pace.

use std::ops::Range;

use crate::body::{CHUNK, Entry, Place, blob_key, blob_of, blob_prefix, is_of_index};
use crate::{BlobId, Error, Key, KeyRange, Snapshot, Versioned};

/// A body as the store has it in its books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Which.
    pub id: BlobId,
    /// How many references keep it.
    pub references: u32,
    /// Bytes.
    pub length: u64,
    /// The files it lies in, relative to the store's directory; mostly one.
    pub files: Vec<String>,
    /// Whether all of it lies in the log, so that [`Store::check_file`](crate::Store::check_file) reads it.
    pub in_log: bool,
}

/// Bytes of a body that cannot be read, or that fail their checksum (promise P4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBytes {
    /// Which bytes of the body.
    pub bytes: Range<u64>,
    /// The file they lie in, relative to the store's directory.
    pub file: String,
    /// Where in that file they begin.
    pub at: u64,
    /// What is wrong with them.
    pub what: String,
}

/// A file of the store that is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreFile {
    /// Its name, relative to the store's directory.
    pub name: String,
    /// Its length in bytes; 0 if it is missing.
    pub bytes: u64,
    /// Whether the store needs it and does not find it.
    pub missing: bool,
}

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// The file, relative to the store's directory.
    pub file: String,
    /// Which bytes of it.
    pub bytes: Range<u64>,
    /// What is wrong.
    pub what: String,
    /// Numbers of the commits that cannot be read: behind the first and before the second of these.
    pub commits: Option<(u64, u64)>,
    /// The body whose bytes these are, if they are one's.
    pub body: Option<BlobId>,
}

/// What a look at a part of a file came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileCheck {
    /// Where to go on; `None` at its end.
    pub next: Option<u64>,
    /// Bytes that were read.
    pub read: u64,
    /// What was wrong.
    pub bad: Vec<BadFile>,
}

/// Keys read at a time by [`Snapshot::each`].
const PAGE: usize = 2048;

impl Snapshot {
    /// Gives every entry of `range` to `visit`, in ascending order, however many there are.
    pub async fn each(
        &self,
        mut range: KeyRange,
        mut visit: impl FnMut(&Key, &Versioned) -> Result<(), Error>,
    ) -> Result<(), Error> {
        loop {
            let page = self.range(&range, PAGE).await?;
            for (key, found) in &page {
                visit(key, found)?;
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => range = range.after(last),
                _ => return Ok(()),
            }
        }
    }

    /// Gives every entry that the log holds to `visit`: all but those that only the index has.
    pub async fn each_in_log(&self, mut visit: impl FnMut(&Key, &Versioned)) -> Result<(), Error> {
        let all = Key::from_bytes(Vec::new()).prefix_range();
        self.each(all, |key, found| {
            if !is_of_index(key.as_bytes()) {
                visit(key, found);
            }
            Ok(())
        })
        .await
    }

    /// Bodies behind `after` in ascending order, at most `limit`. Of one whose entry cannot be read only the number
    /// is known.
    pub async fn bodies(
        &self,
        after: Option<BlobId>,
        limit: usize,
    ) -> Result<Vec<(BlobId, Option<Body>)>, Error> {
        let mut range = blob_prefix().prefix_range();
        if let Some(after) = after {
            range = range.after(&Key::from_bytes(blob_key(after).to_vec()));
        }
        let found = self.range(&range, limit).await?;
        let body = |(key, found): (Key, Versioned)| {
            let id = blob_of(key.as_bytes())?;
            Some((id, Entry::decode(&found.value).ok().map(|entry| body(id, &entry))))
        };
        Ok(found.into_iter().filter_map(body).collect())
    }

    /// One body; `None` if there is none of that number.
    pub async fn body(&self, id: BlobId) -> Result<Option<Body>, Error> {
        let key = Key::from_bytes(blob_key(id).to_vec());
        let Some(found) = self.get(&key).await? else { return Ok(None) };
        Ok(Some(body(id, &Entry::decode(&found.value)?)))
    }
}

fn body(id: BlobId, entry: &Entry) -> Body {
    let files = entry.extents.iter().map(|extent| extent.place.name()).collect();
    let in_log = entry.extents.iter().all(|extent| matches!(extent.place, Place::Log(_)));
    Body { id, references: entry.references, length: entry.length(), files, in_log }
}

/// For a store that can do no better: reads piece by piece and notes those that are refused.
pub(crate) async fn check_by_reading<F>(
    read: impl Fn(u64, usize) -> F,
    length: u64,
) -> Result<Vec<BadBytes>, Error>
where
    F: Future<Output = Result<bytes::Bytes, Error>>,
{
    let (mut at, mut bad) = (0, Vec::new());
    while at < length {
        let piece = (length - at).min(CHUNK as u64);
        match read(at, piece as usize).await {
            Ok(bytes) if bytes.len() as u64 == piece => {}
            Ok(_) => bad.push((at..at + piece, "it is too short".to_owned())),
            Err(Error::Damaged(what)) => bad.push((at..at + piece, what)),
            Err(error) => return Err(error),
        }
        at += piece;
    }
    let part = |(bytes, what)| BadBytes { bytes, file: String::new(), at: 0, what };
    Ok(bad.into_iter().map(part).collect())
}
