//! A view as a file has it.
//!
//! `PHVIEW`, format (1), zero (1), CRC-32 of what follows (4, little-endian), then in the varints of [`store::codec`]: UIDVALIDITY, MODSEQ, the
//! flag sets with keywords as entries have them, the number of messages, and each message: what it differs in from the
//! one before it, because neighbours are alike.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use mail::{Id, ModSeq, Uid, UidValidity, Wall};
use store::codec::{Reader, Writer, take_difference, take_varint};
use store::{BlobId, Error};
use world::disk::cabinet::Place;

use crate::chunk::{CHUNK, Chunk, Summary};
use crate::flag_table::FlagTable;
use crate::{Entry, FlagSet, SaveDate, View, record};

const MAGIC: &[u8; 6] = b"PHVIEW";
/// Another one is no error: the view is read from the store.
const FORMAT: u8 = 1;
const HEADER: usize = 12;
/// Bytes of the smallest message there can be in a file.
const LEAST: usize = 10;

/// Bytes that no message has, so that sums of those in a file stay within 64 bits.
const LONGEST: u64 = 1 << 36;

/// The file of a view.
pub(crate) fn pack(view: &View) -> Vec<u8> {
    let mut w = Writer::new(FORMAT);
    w.varint(view.uid_validity.0.get().into()).varint(view.highest_modseq().0);
    w.list(view.table.with_keywords(), |w, flags| {
        w.bytes(&record::encode_flags(flags));
    });
    w.varint(view.len() as u64);
    let mut before = nothing();
    for (_, entry) in view.iter() {
        write_entry(&mut w, &before, entry);
        before = *entry;
    }
    let body = w.finish();
    let crc = crc32fast::hash(&body).to_le_bytes();
    [&MAGIC[..], &[FORMAT, 0], &crc, &body].concat()
}

impl View {
    /// The view in a file that [`Mailboxes::keeping_views`](crate::Mailboxes::keeping_views) wrote for that mailbox, as it was
    /// then; UIDNEXT and the object are not in it. `None` if the file is not whole, or of another format.
    pub fn from_file(place: Place, file: Vec<u8>) -> Option<Self> {
        let mut header = Bytes::from(file);
        if header.len() < HEADER {
            return None;
        }
        let body = header.split_off(HEADER);
        let crc = crc32fast::hash(&body).to_le_bytes();
        let expected = [&MAGIC[..], &[FORMAT, 0], &crc].concat();
        if *header == expected { read(place, &body).ok() } else { None }
    }
}

fn read(place: Place, body: &Bytes) -> Result<View, Error> {
    let (mut r, _) = Reader::new(body, FORMAT, "a kept view")?;
    let uid_validity = UidValidity(r.number::<u32>()?.try_into().map_err(|_| r.damaged())?);
    let highest_modseq = ModSeq(r.varint()?);
    let mut table = FlagTable::default();
    for stored in r.list(Reader::bytes)? {
        table.add(stored)?;
    }
    let count: usize = r.number()?;
    let messages = body.slice(body.len() - r.remaining()..);
    let chunks = read_chunks(&messages, count, &table).ok_or_else(|| r.damaged())?;
    let mut view = View::assemble(place.account, place.mailbox, chunks, Arc::new(table));
    (view.uid_validity, view.highest_modseq) = (uid_validity, highest_modseq);
    Ok(view)
}

/// Messages of a chunk as the file has them: it was looked through, and each can be read.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    bytes: Bytes,
    /// The message in front of the first.
    before: Entry,
    count: u32,
}

impl Run {
    /// Reads them.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let (mut bytes, mut before) = (&*self.bytes, self.before);
        let next = |_| {
            before = read_entry(&mut bytes, &before)?;
            Some(before)
        };
        (0..self.count).map_while(next).collect()
    }
}

/// Looks through all messages, and leaves it to the chunks to keep them: a large mailbox's first look waits for this.
fn read_chunks(bytes: &Bytes, mut count: usize, table: &FlagTable) -> Option<Vec<Arc<Chunk>>> {
    let (mut rest, mut last) = (&**bytes, None);
    let mut chunks = Vec::with_capacity(count.min(rest.len() / LEAST).div_ceil(CHUNK));
    while count > 0 {
        let (begin, before) = (bytes.len() - rest.len(), last.unwrap_or_else(nothing));
        let mut summary = None;
        for _ in 0..count.min(CHUNK) {
            let entry = read_entry(&mut rest, &last.unwrap_or_else(nothing))?;
            let follows = last.is_none_or(|last| entry.uid > last.uid);
            if !follows || entry.flags.0 as usize >= table.sets.len() {
                return None;
            }
            summary.get_or_insert_with(|| Summary::beginning(entry.uid)).add(&entry, table);
            last = Some(entry);
        }
        let (summary, end) = (summary?, bytes.len() - rest.len());
        count -= summary.len as usize;
        let run = Run { bytes: bytes.slice(begin..end), before, count: summary.len };
        chunks.push(Chunk::packed(run, summary));
    }
    Some(chunks)
}

/// What stands before the first message.
fn nothing() -> Entry {
    Entry {
        uid: Uid(NonZeroU32::MIN),
        flags: FlagSet(0),
        modseq: ModSeq(0),
        internal_date: Wall::from_millis(0),
        saved: SaveDate::default(),
        id: Id(0),
        content: Id(0),
        blob: BlobId(0),
        blob_length: 0,
        prefix_length: 0,
    }
}

fn write_entry(w: &mut Writer, before: &Entry, entry: &Entry) {
    let seconds = |entry: &Entry| u64::from(entry.saved.seconds());
    let millis = |entry: &Entry| entry.internal_date.millis() as u64;
    w.varint((entry.uid.get() - before.uid.get()).into());
    w.varint(entry.flags.0.into());
    w.difference(before.modseq.0, entry.modseq.0);
    w.difference(millis(before), millis(entry));
    w.difference(seconds(before), seconds(entry));
    w.difference(before.id.0, entry.id.0);
    w.difference(entry.id.0, entry.content.0);
    w.difference(before.blob.0, entry.blob.0);
    w.varint(entry.blob_length).varint(entry.prefix_length.into());
}

#[inline]
fn read_entry(bytes: &mut &[u8], before: &Entry) -> Option<Entry> {
    let small = |bytes: &mut &[u8]| u32::try_from(take_varint(bytes)?).ok();
    let millis = |entry: &Entry| entry.internal_date.millis() as u64;
    let id = |bytes: &mut &[u8], from: Id| take_difference(bytes, from.0).map(Id);
    let uid = Uid::new(before.uid.get().checked_add(small(bytes)?)?)?;
    let flags = FlagSet(small(bytes)?);
    let modseq = ModSeq(take_difference(bytes, before.modseq.0)?);
    let internal_date = Wall::from_millis(take_difference(bytes, millis(before))? as i64);
    let seconds = take_difference(bytes, before.saved.seconds().into())?;
    let saved = SaveDate::from_seconds(u32::try_from(seconds).ok()?);
    let message = id(bytes, before.id)?;
    let content = id(bytes, message)?;
    let blob = BlobId(take_difference(bytes, before.blob.0)?);
    let blob_length = take_varint(bytes).filter(|&length| length < LONGEST)?;
    let prefix_length = small(bytes)?;
    Some(Entry {
        uid,
        flags,
        modseq,
        internal_date,
        saved,
        id: message,
        content,
        blob,
        blob_length,
        prefix_length,
    })
}
