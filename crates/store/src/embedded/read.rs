//! Reading bodies: open files are kept in a bounded number, and no byte leaves unchecked.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use world::Disk;
use world::disk::{File, Open};

use super::segment;
use crate::Error;
use crate::body::{CHUNK, Entry, Extent, Place};

/// Files kept open for reading.
const OPEN_FILES: usize = 64;

/// Files open for reading.
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    open: Mutex<Opened>,
}

#[derive(Default)]
struct Opened {
    files: BTreeMap<Place, (Arc<dyn File>, u64)>,
    uses: u64,
}

impl Files {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { disk, dir, open: Mutex::default() }
    }

    /// The file, from those that are open or newly opened.
    pub(super) fn file(&self, place: Place) -> io::Result<Arc<dyn File>> {
        let mut opened = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        opened.uses += 1;
        let now = opened.uses;
        if let Some((file, used)) = opened.files.get_mut(&place) {
            *used = now;
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&segment::path(&self.dir, place), Open::Read)?;
        if opened.files.len() >= OPEN_FILES {
            let oldest = opened.files.iter().min_by_key(|(_, (_, used))| *used).map(|(place, _)| *place);
            oldest.and_then(|place| opened.files.remove(&place));
        }
        opened.files.insert(place, (Arc::clone(&file), now));
        Ok(file)
    }

    /// Closes a file that is about to be removed.
    pub(super) fn forget(&self, place: Place) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).files.remove(&place);
    }

    /// Reads of a body what lies in `offset..offset + length`. `NotFound` inside `Io` never happens: a file that
    /// is gone is `Ok(None)`, because its bodies have moved.
    pub(super) fn read(&self, entry: &Entry, offset: u64, length: usize) -> Result<Option<Bytes>, Error> {
        let end = offset.saturating_add(length as u64).min(entry.length());
        let mut out = BytesMut::with_capacity(end.saturating_sub(offset) as usize);
        let mut start = 0;
        for extent in &entry.extents {
            let (from, to) = (offset.max(start), end.min(start + extent.length));
            if from < to && !self.read_extent(extent, from - start, to - start, &mut out)? {
                return Ok(None);
            }
            start += extent.length;
        }
        Ok(Some(out.freeze()))
    }

    fn read_extent(&self, extent: &Extent, from: u64, to: u64, out: &mut BytesMut) -> Result<bool, Error> {
        let file = match self.file(extent.place) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.failed(&error, extent.place)),
        };
        let chunk = CHUNK as u64;
        let first = from / chunk;
        let mut buffer = vec![0; (to.next_multiple_of(chunk).min(extent.length) - first * chunk) as usize];
        file.read_exact_at(&mut buffer, extent.offset + first * chunk).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                damaged(extent)
            } else {
                self.failed(&error, extent.place)
            }
        })?;
        let crcs = extent.crcs.get(first as usize..).unwrap_or_default();
        let good =
            buffer.chunks(CHUNK).zip(crcs).filter(|(bytes, crc)| crc32fast::hash(bytes) == **crc).count();
        if good != buffer.len().div_ceil(CHUNK) {
            return Err(damaged(extent));
        }
        out.extend_from_slice(&buffer[(from - first * chunk) as usize..(to - first * chunk) as usize]);
        Ok(true)
    }

    fn failed(&self, error: &io::Error, place: Place) -> Error {
        segment::failed(error, &segment::path(&self.dir, place))
    }
}

fn damaged(extent: &Extent) -> Error {
    Error::Damaged(format!("{} bytes of a body at {} of {:?}", extent.length, extent.offset, extent.place))
}
