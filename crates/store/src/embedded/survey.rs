//! What of a log segment is still needed: read before it is collected.

use std::collections::BTreeSet;

use super::Shared;
use super::record;
use super::recover::walk;
use super::segment::{self, failed};
use crate::body::{self, Place};
use crate::index::Change;
use crate::{BlobId, Error};

/// Bytes of records that one part of a segment keeps in memory with the changes that still hold.
const PART: usize = 4 << 20;

/// What a byte of changes counts beside one of bodies. Each small change has to be looked up, and those that hold are carried
/// along with every segment they come to lie in. Small segments are spared this: there should not be many of them.
const CHANGE_WEIGHT: u64 = 2;

/// A segment with no more bytes than these is small: few changes can be in it.
pub(super) const SMALL: u64 = 64 << 10;

/// A log segment that may be collected.
#[derive(Clone, Copy)]
pub(super) struct Sealed {
    pub(super) number: u64,
    /// Bytes written to it.
    pub(super) used: u64,
    /// Bytes of live bodies in it.
    pub(super) live: u64,
    /// Whether no older one is there.
    pub(super) oldest: bool,
    /// Whether it is to go however much of it is alive.
    pub(super) forced: bool,
}

/// Changes of some records of a segment that still hold.
#[derive(Default)]
pub(super) struct Part {
    pub(super) changes: Vec<Change>,
    /// Where the next record begins.
    pub(super) end: u64,
    /// Bytes of memory they take, about.
    held: usize,
}

/// What a segment has.
pub(super) struct Survey {
    /// The bodies that were written into it.
    pub(super) bodies: BTreeSet<BlobId>,
    /// Its changes that still hold, up to a point.
    pub(super) first: Part,
}

/// What came of reading a segment.
pub(super) enum Verdict {
    /// More than half of it is needed.
    Alive,
    /// Not every record can be read. Such a segment is never collected: what could not be read may still hold, and somebody may
    /// want to look at it.
    Damaged,
    Collectable(Survey),
}

impl Sealed {
    /// Reads it once, until it is clear that too much of it is alive.
    pub(super) fn survey(self, shared: &Shared) -> Result<Verdict, Error> {
        let mut survey =
            Survey { bodies: BTreeSet::new(), first: Part { end: segment::HEADER, ..Part::default() } };
        let (mut alive, mut whole, mut end, mut open) = (self.live, true, segment::HEADER, true);
        let weight = if self.used > SMALL { CHANGE_WEIGHT } else { 1 };
        let all = segment::HEADER..u64::MAX;
        walk(&shared.world, &shared.dir, self.number, all, shared.salt, |expected, found| {
            whole = expected == found.position;
            end = found.end();
            survey.bodies.extend(found.changes.iter().filter_map(|change| body::blob_of(&change.key)));
            let kept = self.holding(shared, found.changes)?;
            alive += kept.iter().map(|change| (bytes_of(change) + 20) * weight).sum::<u64>();
            if open {
                open = survey.first.take(kept, end, found.header);
            }
            Ok(whole && (self.forced || alive * 2 < self.used))
        })?;
        if whole && !self.forced && alive * 2 >= self.used {
            return Ok(Verdict::Alive);
        }
        let place = Place::Log(self.number);
        let io = |error: std::io::Error| failed(&error, &segment::path(&shared.dir, place));
        let written = shared.files.file(place).and_then(|file| record::written_end(file.as_ref()));
        Ok(if whole && written.map_err(io)? <= end { Verdict::Collectable(survey) } else { Verdict::Damaged })
    }

    /// Its changes that still hold, of the records from `from` on until they take [`PART`] in memory. `None` at the end.
    pub(super) fn part(self, shared: &Shared, from: u64) -> Result<Option<Part>, Error> {
        let mut part = None;
        walk(&shared.world, &shared.dir, self.number, from..u64::MAX, shared.salt, |_, found| {
            let (end, header) = (found.end(), found.header);
            let kept = self.holding(shared, found.changes)?;
            Ok(part.get_or_insert_with(Part::default).take(kept, end, header))
        })?;
        Ok(part)
    }

    fn holding(self, shared: &Shared, mut changes: Vec<Change>) -> Result<Vec<Change>, Error> {
        let mut result = Ok(());
        changes.retain(|change| {
            result.is_ok()
                && self.holds(shared, change).unwrap_or_else(|error| {
                    result = Err(error);
                    false
                })
        });
        result.map(|()| changes)
    }

    /// Whether a change is still the newest of its key.
    fn holds(self, shared: &Shared, change: &Change) -> Result<bool, Error> {
        let now = shared.index.get(&change.key, u64::MAX)?;
        Ok(match &change.value {
            Some(_) => now.is_some_and(|now| now.version == change.version),
            // A deletion keeps older segments from bringing the key back when the index is rebuilt.
            None => now.is_none() && !self.oldest,
        })
    }
}

impl Part {
    /// Takes the changes of a record that ends there. Whether there is room for more.
    fn take(&mut self, kept: Vec<Change>, end: u64, header: record::Header) -> bool {
        self.end = end;
        // One change keeps all of its record in memory.
        if !kept.is_empty() {
            self.held += (header.length - header.bodies) as usize;
            self.changes.extend(kept);
        }
        self.held < PART
    }
}

/// Bytes of a change's key and value.
pub(super) fn bytes_of(change: &Change) -> u64 {
    (change.key.len() + change.value.as_ref().map_or(0, bytes::Bytes::len)) as u64
}
