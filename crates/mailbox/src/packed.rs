//! A view as a file has it.
//!
//! `PHVIEW`, format (1), zero (1), CRC-32 of what follows (4, little-endian), then in the varints of [`store::codec`]: UIDVALIDITY, MODSEQ, the
//! flag sets with keywords as entries have them, the number of messages, and each message: what it differs in from the
//! one before it, because neighbours are alike.

use std::num::NonZeroU32;
use std::sync::Arc;

use mail::{Id, ModSeq, Uid, UidValidity, Wall};
use store::codec::{Reader, Writer};
use store::{BlobId, Error};
use world::disk::cabinet::Place;

use crate::flag_table::FlagTable;
use crate::{Entry, FlagSet, SaveDate, View, chunk, record};

const MAGIC: &[u8; 6] = b"PHVIEW";
/// Another one is no error: the view is read from the store.
const FORMAT: u8 = 1;
const HEADER: usize = 12;
/// Bytes of the smallest message there can be in a file.
const LEAST: usize = 10;

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

/// The view of a file, without what is not of its messages; `None` if it is not whole, or of another format.
pub(crate) fn unpack(place: Place, bytes: &[u8]) -> Option<View> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let crc = crc32fast::hash(body).to_le_bytes();
    let expected = [&MAGIC[..], &[FORMAT, 0], &crc].concat();
    if header == expected { read(place, body).ok() } else { None }
}

fn read(place: Place, body: &[u8]) -> Result<View, Error> {
    let (mut r, _) = Reader::new(body, FORMAT, "a kept view")?;
    let uid_validity = UidValidity(r.number::<u32>()?.try_into().map_err(|_| r.damaged())?);
    let highest_modseq = ModSeq(r.varint()?);
    let mut table = FlagTable::default();
    for stored in r.list(Reader::bytes)? {
        table.add(stored)?;
    }
    let count: usize = r.number()?;
    if count > r.remaining() / LEAST {
        return Err(r.damaged());
    }
    let mut before = nothing();
    let mut entries = Vec::with_capacity(count);
    for number in 0..count {
        let entry = read_entry(&mut r, &before)?;
        let follows = number == 0 || entry.uid > before.uid;
        if !follows || entry.flags.0 as usize >= table.sets.len() {
            return Err(r.damaged());
        }
        entries.push(entry);
        before = entry;
    }
    let chunks = chunk::split(&entries, &table);
    let mut view = View::assemble(place.account, place.mailbox, chunks, Arc::new(table));
    (view.uid_validity, view.highest_modseq) = (uid_validity, highest_modseq);
    Ok(view)
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

fn read_entry(r: &mut Reader<'_>, before: &Entry) -> Result<Entry, Error> {
    let uid = before.uid.get().checked_add(r.number()?).and_then(Uid::new).ok_or_else(|| r.damaged())?;
    let flags = FlagSet(r.number()?);
    let modseq = ModSeq(r.difference(before.modseq.0)?);
    let internal_date = Wall::from_millis(r.difference(before.internal_date.millis() as u64)? as i64);
    let seconds = r.difference(before.saved.seconds().into())?;
    let saved = SaveDate::from_seconds(u32::try_from(seconds).map_err(|_| r.damaged())?);
    let id = Id(r.difference(before.id.0)?);
    let content = Id(r.difference(id.0)?);
    let blob = BlobId(r.difference(before.blob.0)?);
    let (blob_length, prefix_length) = (r.varint()?, r.number()?);
    Ok(Entry { uid, flags, modseq, internal_date, saved, id, content, blob, blob_length, prefix_length })
}
