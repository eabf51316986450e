//! Reading everything, to see whether it is as it was written: the store's side of verification and scrub.
//!
//! A segment of the log is read record by record with the bodies inside; archives and files of bodies are checked
//! body by body, because the checksums of those are in their entries.

use std::io;
use std::ops::Range;

use world::disk::{File, Open};

use super::Shared;
use super::collected::Collected;
use super::record::{self, Record};
use super::recover::walk;
use super::segment::{self, failed};
use crate::body::{self, CHUNK, Entry, Extent, Place, blob_key};
use crate::{BadBytes, BadFile, BlobId, Error, FileCheck, StoreFile};

/// Missing segments that are named one by one.
const MISSING_MAX: usize = 10_000;
/// Bytes in front of each body in an archive.
const ARCHIVE_ENTRY: u64 = 16;

/// Segments up to number `last` that are not there although no collector took them.
pub(super) fn missing_segments(shared: &Shared, present: &[u64], last: u64) -> Result<Vec<u64>, Error> {
    let found = shared.index.get(&body::collected_key(), u64::MAX)?;
    let collected = found.map_or(Ok(Collected::default()), |found| Collected::decode(&found.value))?;
    Ok(collected.missing(present, last, MISSING_MAX))
}

/// All files that hold something durable.
pub(super) fn files(shared: &Shared) -> Result<Vec<StoreFile>, Error> {
    let (disk, dir) = (shared.world.disk.as_ref(), &shared.dir);
    let (last, _) = shared.usage().durable_to;
    let mut logs = segment::numbers(disk, dir, Place::Log(0))?;
    logs.retain(|number| *number <= last);
    let missing = missing_segments(shared, &logs, last)?;
    let archives = segment::numbers(disk, dir, Place::Archive(0))?;
    let bodies = segment::numbers(disk, dir, Place::Body(0))?;
    let places = std::iter::once(Place::Memory)
        .chain(logs.into_iter().map(Place::Log))
        .chain(archives.into_iter().map(Place::Archive))
        .chain(bodies.into_iter().map(Place::Body));
    let mut files = Vec::new();
    for place in places {
        let path = segment::path(dir, place);
        match disk.open(&path, Open::Read).and_then(|file| file.len()) {
            Ok(bytes) => files.push(StoreFile { name: place.name(), bytes, missing: false }),
            // Collected meanwhile; or `store` is gone, which a look at it tells.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if place == Place::Memory {
                    files.push(StoreFile { name: place.name(), bytes: 0, missing: true });
                }
            }
            Err(error) => return Err(failed(&error, &path)),
        }
    }
    let gone = missing.into_iter().map(Place::Log);
    files.extend(gone.map(|place| StoreFile { name: place.name(), bytes: 0, missing: true }));
    Ok(files)
}

/// Looks at a part of a file.
pub(super) fn file(shared: &Shared, file: &StoreFile, from: u64, length: u64) -> Result<FileCheck, Error> {
    let bad = |bytes: Range<u64>, what: &str| BadFile {
        file: file.name.clone(),
        bytes,
        what: what.into(),
        commits: None,
        body: None,
    };
    let Some(place) = Place::of_name(&file.name) else {
        return Err(Error::Missing(format!("file {}", file.name)));
    };
    if file.missing {
        let what = "the file is missing, and nothing says that it was collected";
        return Ok(FileCheck { bad: vec![bad(0..0, what)], ..FileCheck::default() });
    }
    let path = segment::path(&shared.dir, place);
    let opened = match shared.world.disk.open(&path, Open::Read) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileCheck::default()),
        Err(error) => return Err(failed(&error, &path)),
    };
    let mut check = FileCheck::default();
    if from == 0 {
        check.read += segment::HEADER;
        let header = segment::read_header(shared.world.disk.as_ref(), &shared.dir, place)?;
        let fits = |header: &segment::Header| header.place == place && header.salt == shared.salt;
        if !header.as_ref().is_some_and(fits) {
            check.bad.push(bad(0..segment::HEADER, "the header of the file is damaged"));
        }
    }
    match place {
        Place::Log(number) => {
            let part = from.max(segment::HEADER);
            LogCheck { shared, number, file: opened.as_ref(), check }.run(part, length)
        }
        Place::Archive(_) | Place::Body(_) | Place::Memory => Ok(check),
    }
    .or_else(|error| unreadable(error, file, from))
}

/// A disk that cannot read a file damages that file, not the look at all others.
fn unreadable(error: Error, file: &StoreFile, from: u64) -> Result<FileCheck, Error> {
    let Error::Io(what) = error else { return Err(error) };
    let bytes = from..file.bytes;
    let bad = BadFile { file: file.name.clone(), bytes, what, commits: None, body: None };
    Ok(FileCheck { bad: vec![bad], ..FileCheck::default() })
}

/// A look at a part of a segment of the log.
struct LogCheck<'a> {
    shared: &'a Shared,
    number: u64,
    file: &'a dyn File,
    check: FileCheck,
}

impl LogCheck<'_> {
    fn run(mut self, from: u64, length: u64) -> Result<FileCheck, Error> {
        let path = segment::path(&self.shared.dir, Place::Log(self.number));
        let io = |error: io::Error| failed(&error, &path);
        let len = self.file.len().map_err(io)?;
        let (active, durable) = self.shared.usage().durable_to;
        let is_active = active == self.number;
        let until = if is_active { durable.min(len) } else { len };
        if is_active && len < durable {
            self.bad(len..durable, "the end of the file is missing", None);
        }
        let (mut position, mut last) = (from, None);
        while position < until && position - from < length {
            let found = record::read(self.file, position, len, self.shared.salt).map_err(io)?;
            if let Some(found) = found {
                self.chain(position..position, last, &found);
                self.bodies(&found).map_err(io)?;
                (position, last) = (found.end(), Some(found.header.sequence));
                continue;
            }
            let next = record::find(self.file, position + 1, until, len, self.shared.salt).map_err(io)?;
            if let Some(next) = next {
                let commits = last.map(|last| (last, next.header.sequence));
                self.bad(position..next.position, "records of the log cannot be read", commits);
                position = next.position;
                last = None;
                continue;
            }
            let written = record::written_end(self.file).map_err(io)?;
            if is_active || written > position {
                self.bad(
                    position..until.min(written.max(position)),
                    "records of the log cannot be read",
                    None,
                );
            }
            position = until;
        }
        self.check.read += position - from;
        if position < until {
            self.check.next = Some(position);
        } else if !is_active {
            self.end(last, until)?;
        }
        Ok(self.check)
    }

    fn bad(&mut self, bytes: Range<u64>, what: &str, commits: Option<(u64, u64)>) {
        let file = Place::Log(self.number).name();
        self.check.bad.push(BadFile { file, bytes, what: what.into(), commits, body: None });
    }

    /// Whether a record follows the one before it.
    fn chain(&mut self, at: Range<u64>, last: Option<u64>, found: &Record) {
        if let Some(last) = last.filter(|last| *last != found.header.previous) {
            self.bad(at, "records of the log are missing", Some((last, found.header.sequence)));
        }
    }

    /// The bodies inside a record.
    fn bodies(&mut self, found: &Record) -> io::Result<()> {
        for change in &found.changes {
            let (Some(id), Some(value)) = (body::blob_of(&change.key), &change.value) else { continue };
            let Ok(entry) = Entry::decode(value) else { continue };
            for extent in &entry.extents {
                let own = extent.place == Place::Log(self.number)
                    && extent.offset >= found.position
                    && extent.offset < found.end();
                if !own {
                    continue;
                }
                let bad = bad_chunks(self.file, extent)?;
                self.check.bad.extend(bad.into_iter().map(|bytes| BadFile {
                    file: extent.place.name(),
                    bytes: extent.offset + bytes.start..extent.offset + bytes.end,
                    what: "a body fails its checksum".into(),
                    commits: None,
                    body: Some(id),
                }));
            }
        }
        Ok(())
    }

    /// The next segment says which record came last in this one.
    fn end(&mut self, last: Option<u64>, until: u64) -> Result<(), Error> {
        let Some(previous) = self.first_of_next()? else { return Ok(()) };
        let last = match last {
            Some(last) => Some(last),
            None => self.last()?,
        };
        if last.is_some_and(|last| last < previous) {
            let commits = last.map(|last| (last, previous + 1));
            self.bad(until..until, "records at the end of the file are missing", commits);
        }
        Ok(())
    }

    /// What the next segment's first record names as the one before it.
    fn first_of_next(&self) -> Result<Option<u64>, Error> {
        let shared = self.shared;
        let number = self.number + 1;
        let path = segment::path(&shared.dir, Place::Log(number));
        if number > shared.usage().durable_to.0 || !shared.world.disk.exists(&path) {
            return Ok(None);
        }
        let mut first = None;
        let start = segment::HEADER..segment::HEADER + 1;
        walk(&shared.world, &shared.dir, number, start, shared.salt, |_, found| {
            first = Some(found.header.previous);
            Ok(false)
        })?;
        Ok(first)
    }

    fn last(&self) -> Result<Option<u64>, Error> {
        let shared = self.shared;
        let mut last = None;
        walk(&shared.world, &shared.dir, self.number, segment::HEADER..u64::MAX, shared.salt, |_, found| {
            last = Some(found.header.sequence);
            Ok(true)
        })?;
        Ok(last)
    }
}

/// Parts of an extent, from its first byte, that fail their checksum or are not there.
fn bad_chunks(file: &dyn File, extent: &Extent) -> io::Result<Vec<Range<u64>>> {
    let mut bad: Vec<Range<u64>> = Vec::new();
    let mut buffer = vec![0; CHUNK.min(extent.length as usize)];
    let mut at = 0;
    let mut crcs = extent.crcs.iter();
    while at < extent.length {
        let piece = &mut buffer[..(extent.length - at).min(CHUNK as u64) as usize];
        let good = match file.read_exact_at(piece, extent.offset + at) {
            Ok(()) => crcs.next() == Some(&crc32fast::hash(piece)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error),
        };
        let part = at..at + piece.len() as u64;
        at = part.end;
        match bad.last_mut() {
            _ if good => {}
            Some(last) if last.end == part.start => last.end = part.end,
            _ => bad.push(part),
        }
    }
    Ok(bad)
}

/// Reads a whole body, wherever it lies.
pub(super) fn body(shared: &Shared, id: BlobId) -> Result<Vec<BadBytes>, Error> {
    // Again while a collector moves it.
    for _ in 0..3 {
        let found = shared.index.get(&blob_key(id), u64::MAX)?;
        let found = found.ok_or_else(|| Error::Missing(format!("body {}", id.0)))?;
        let entry = Entry::decode(&found.value)?;
        if let Some(bad) = extents(shared, id, &entry) {
            return Ok(bad);
        }
        let now = shared.index.get(&blob_key(id), u64::MAX)?;
        if now.is_some_and(|now| now.value == found.value) {
            return Ok(lost(&entry));
        }
    }
    Err(Error::Missing(format!("body {}", id.0)))
}

/// What is wrong with the extents of a body; `None` if a file of them is not there.
fn extents(shared: &Shared, id: BlobId, entry: &Entry) -> Option<Vec<BadBytes>> {
    let (mut bad, mut start) = (Vec::new(), 0);
    for extent in &entry.extents {
        let part = |bytes: Range<u64>, what: &str| BadBytes {
            at: extent.offset + bytes.start,
            bytes: start + bytes.start..start + bytes.end,
            file: extent.place.name(),
            what: what.into(),
        };
        let file = match shared.files.file(extent.place) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                bad.push(part(0..extent.length, &format!("the file cannot be opened: {error}")));
                continue;
            }
        };
        match bad_chunks(file.as_ref(), extent) {
            Ok(chunks) => bad.extend(chunks.into_iter().map(|bytes| part(bytes, "fails its checksum"))),
            Err(error) => bad.push(part(0..extent.length, &format!("cannot be read: {error}"))),
        }
        if matches!(extent.place, Place::Archive(_)) && !is_listed(file.as_ref(), id, extent) {
            bad.push(part(0..0, "the archive does not list it"));
        }
        start += extent.length;
    }
    Some(bad)
}

/// Whether an archive's own list names the body. A collector goes by that.
fn is_listed(file: &dyn File, id: BlobId, extent: &Extent) -> bool {
    let mut head = [0; ARCHIVE_ENTRY as usize];
    let Some(at) = extent.offset.checked_sub(ARCHIVE_ENTRY) else { return false };
    let read = file.read_exact_at(&mut head, at).is_ok();
    read && head[..8] == id.0.to_le_bytes() && head[8..] == extent.length.to_le_bytes()
}

/// A body of which a file is gone.
fn lost(entry: &Entry) -> Vec<BadBytes> {
    let mut start = 0;
    let part = |extent: &Extent| {
        let bytes = start..start + extent.length;
        start = bytes.end;
        BadBytes { bytes, file: extent.place.name(), at: extent.offset, what: "the file is gone".into() }
    };
    entry.extents.iter().map(part).collect()
}
