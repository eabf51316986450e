//! Expunged messages that can be brought back.
//!
//! A grave is the message's entry, under the MODSEQ of its end. Its text and its reference to the body stay as they were,
//! so an expunge that keeps the message touches one key less than one that does not: neither the text's nor the body's.

use mail::{Flags, ModSeq, Uid, Wall};
use store::codec::{Reader, Writer};

use crate::{Entry, Error, record};

/// What a grave holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grave {
    /// When it was expunged.
    pub(crate) at: Wall,
    pub(crate) entry: Entry,
    pub(crate) flags: Flags,
}

/// When, and the entry as it was.
pub(crate) fn encode(at: Wall, entry: &Entry, flags: &Flags) -> Vec<u8> {
    Writer::new(1).wall(at).raw(&record::encode_entry(entry, flags)).finish()
}

pub(crate) fn decode(modseq: ModSeq, uid: Uid, bytes: &[u8]) -> Result<Grave, Error> {
    let (mut r, _) = Reader::new(bytes, 1, "an expunged message's entry")?;
    let at = r.wall()?;
    let (entry, flags) = record::decode_entry(modseq, uid, r.rest())?;
    Ok(Grave { at, entry, flags: record::decode_flags(flags)? })
}
