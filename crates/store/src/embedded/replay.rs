//! Replay: the records that the index has not seen yet are applied to it, and damage is told from a torn tail.

use std::sync::atomic::Ordering;

use world::disk::Open;

use super::Shared;
use super::record::Record;
use super::recover::{Ends, Loss, Recovery, Watermark, walk};
use super::segment::{self, failed};
use crate::Error;
use crate::body::{self, CHUNK, Entry, Place};

/// Bytes applied before the index is flushed in the middle of a long replay: what is in memory takes twice that, and
/// recovery is to stay under 100 MB.
const REPLAY_FLUSH: u64 = 16 << 20;

/// The replay of the log behind a watermark, and what it has found.
pub(super) struct Replay<'a> {
    shared: &'a Shared,
    /// Everything up to here was durable before the crash.
    durable: u64,
    start: Option<Watermark>,
    pub(super) last: Option<u64>,
    /// Segment and position behind the last record kept.
    pub(super) end: Option<(u64, u64)>,
    /// Where in the last file the first record kept begins of which nobody knows whether it is durable.
    pub(super) unsure: Option<u64>,
    /// The file before the one that is read.
    before: Option<u64>,
    pub(super) recovery: Recovery,
    pub(super) gone: Vec<Place>,
}

impl<'a> Replay<'a> {
    pub(super) fn new(shared: &'a Shared, newest: Option<(u64, u64)>, start: Option<Watermark>) -> Self {
        Self {
            shared,
            durable: newest.map_or(0, |(_, synced)| synced).max(start.map_or(0, |mark| mark.sequence)),
            start,
            last: start.map(|mark| mark.sequence),
            end: start.map(|mark| (mark.segment, mark.position)),
            unsure: None,
            before: None,
            recovery: Recovery::default(),
            gone: Vec::new(),
        }
    }

    /// Replays everything behind the watermark that can be read.
    pub(super) fn run(&mut self, ends: &Ends) -> Result<(), Error> {
        let (first, from) = self.start.map_or((0, segment::HEADER), |mark| (mark.segment, mark.position));
        let (world, dir, salt) = (&self.shared.world, &self.shared.dir, self.shared.salt);
        for (number, end) in ends.range(first..).map(|(number, end)| (*number, *end)) {
            let from = if number == first { from } else { segment::HEADER };
            let mut go_on = true;
            walk(world, dir, number, from..end, salt, |expected, found| {
                go_on = self.take(number, expected, &found)?;
                Ok(go_on)
            })?;
            if !go_on {
                break;
            }
            self.before = Some(number);
        }
        self.shared.pins.show(self.last.unwrap_or(0));
        Ok(())
    }

    /// The index has applied more than the log can tell any more: the end of the log is damaged.
    pub(super) fn compare(&mut self, newest: u64, present: &[u64]) {
        let Some(mark) = self.start.filter(|mark| mark.sequence > newest) else { return };
        // A segment that is missing as a whole is told of elsewhere.
        if present.contains(&mark.segment) {
            let file = segment::path(&self.shared.dir, Place::Log(mark.segment)).display().to_string();
            let (after, before) = (newest, mark.sequence + 1);
            self.recovery.lost.push(Loss { after, before, file, from: segment::HEADER, to: mark.position });
        }
    }

    /// Replays one record; `false` if it and all behind it belong to a torn tail.
    fn take(&mut self, number: u64, expected: u64, found: &Record) -> Result<bool, Error> {
        let header = found.header;
        if self.last.is_some_and(|last| header.sequence <= last) {
            return Ok(true);
        }
        let is_durable = header.sequence <= self.durable;
        if self.last.is_none() && expected != found.position {
            // Nothing before it can be read: that is damage too, in the first file that there is.
            if header.previous > self.durable {
                return Ok(false);
            }
            let file = segment::path(&self.shared.dir, Place::Log(number)).display().to_string();
            let loss = Loss { after: 0, before: header.sequence, file, from: expected, to: found.position };
            self.recovery.lost.push(loss);
        }
        if let Some(after) = self.last.filter(|last| *last != header.previous) {
            // What is missing ends with the record before this one.
            if header.previous > self.durable {
                return Ok(false);
            }
            // Between files, commits may be missing because their segment was collected.
            let neighbours = self.before.is_none_or(|before| before + 1 == number);
            if neighbours || expected != segment::HEADER {
                let file = segment::path(&self.shared.dir, Place::Log(number)).display().to_string();
                let loss = Loss { after, before: header.sequence, file, from: expected, to: found.position };
                self.recovery.lost.push(loss);
            }
        }
        if !is_durable && !self.bodies_are_whole(number, found)? {
            return Ok(false);
        }
        // The index has seen nothing of this record, so what points into it is new.
        let own = Some((number, found.position));
        self.gone.extend(self.shared.apply(header.sequence, &found.changes, own));
        self.shared.replayed_bytes.fetch_add(u64::from(header.length), Ordering::Relaxed);
        if !is_durable && self.unsure.is_none() {
            // They are one group, so they lie in one file.
            self.unsure = Some(found.position);
        }
        self.last = Some(header.sequence);
        self.end = Some((number, found.end()));
        self.recovery.replayed += 1;
        if self.shared.index.unflushed() >= REPLAY_FLUSH {
            // Nobody looks at an older moment yet. Shown only at the end, the index would keep them all, in memory.
            self.shared.pins.show(header.sequence);
            Watermark { sequence: header.sequence, segment: number, position: found.end() }.note(self.shared);
            self.shared.index.seal();
            self.note_memory();
            self.shared.index.flush()?;
            self.note_memory();
            self.shared.replayed_bytes.store(0, Ordering::Relaxed);
        }
        Ok(true)
    }

    /// How much the index holds in memory. It is the most just before and just after it is written out.
    fn note_memory(&mut self) {
        self.recovery.index_bytes = self.recovery.index_bytes.max(self.shared.index.held());
    }

    /// Whether the bodies inside a record are all there. Only asked of what may be torn.
    fn bodies_are_whole(&self, number: u64, found: &Record) -> Result<bool, Error> {
        let path = segment::path(&self.shared.dir, Place::Log(number));
        let file = self.shared.world.disk.open(&path, Open::Read).map_err(|error| failed(&error, &path))?;
        for change in &found.changes {
            let (Some(_), Some(value)) = (body::blob_of(&change.key), &change.value) else { continue };
            for extent in Entry::decode(value)?.extents {
                let own = extent.offset >= found.position && extent.offset < found.end();
                if extent.place != Place::Log(number) || !own {
                    continue;
                }
                let mut bytes = vec![0; extent.length as usize];
                file.read_exact_at(&mut bytes, extent.offset).map_err(|error| failed(&error, &path))?;
                if !bytes.chunks(CHUNK).map(crc32fast::hash).eq(extent.crcs.iter().copied()) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
