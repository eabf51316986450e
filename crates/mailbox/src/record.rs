//! How records look in the store. The first byte is the format's version.

use mail::{Flags, Id, Keyword, MailboxName, ModSeq, SpecialUse, Uid, UidValidity};
use store::codec::{Reader, Writer};
use store::{Error, Patch, Slot, Template};

use crate::{Entry, FlagSet, NewEmail, SaveDate};

/// A mailbox: UIDVALIDITY (4), MODSEQ of its creation (8), special use (1), object (4), name (the rest).
///
/// The first version knew no object: it is the UIDVALIDITY then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) uid_validity: UidValidity,
    pub(crate) created: ModSeq,
    pub(crate) special_use: Option<SpecialUse>,
    /// Names it as long as its UIDs hold, also when it is renamed (RFC 8474 §4). Given out with the UIDVALIDITY values.
    pub(crate) object: u32,
    pub(crate) name: MailboxName,
}

impl Mailbox {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(2);
        w.u32(self.uid_validity.0.get()).raw(&self.created.0.to_be_bytes());
        w.u8(self.special_use.map_or(0, |s| s as u8)).u32(self.object).raw(self.name.as_str().as_bytes());
        w.finish()
    }

    /// With the MODSEQ of its creation to come from `modseq`.
    pub(crate) fn template(&self, modseq: Slot) -> Template {
        Template { bytes: self.encode(), patches: vec![Patch::u64(modseq, 5)] }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let (mut r, version) = Reader::new(bytes, 2, "a mailbox's record")?;
        let uid_validity: UidValidity = r.u32()?.try_into().map(UidValidity).map_err(|_| r.damaged())?;
        let created = ModSeq(u64::from_be_bytes(r.raw(8)?.try_into().map_err(|_| r.damaged())?));
        let special = r.u8()?;
        let special_use = SpecialUse::ALL.into_iter().find(|&s| s as u8 == special);
        let object = if version == 1 { uid_validity.0.get() } else { r.u32()? };
        let name = std::str::from_utf8(r.rest()).map_err(|_| r.damaged())?;
        let name = MailboxName::new(name).map_err(|_| r.damaged())?;
        Ok(Self { uid_validity, created, special_use, object, name })
    }
}

/// An entry's value: everything but MODSEQ and UID, which are in its key; the flags last.
///
/// The first version knew no save date, and no content: a message's id names that then.
pub(crate) fn encode_entry(entry: &Entry, flags: &Flags) -> Vec<u8> {
    let mut w = Writer::new(2);
    w.wall(entry.internal_date).id(entry.id).blob(entry.blob).varint(entry.blob_length);
    w.varint(entry.prefix_length.into()).varint(entry.saved.seconds().into());
    // Near each other, or the same.
    w.varint(entry.content.0 ^ entry.id.0).raw(&encode_flags(flags));
    w.finish()
}

/// The entry that a new message gets.
pub(crate) fn encode_new(email: &NewEmail) -> Vec<u8> {
    let entry = Entry {
        uid: Uid::new(1).expect("not zero"),
        flags: FlagSet(0),
        modseq: ModSeq(0),
        internal_date: email.internal_date,
        saved: SaveDate::at(email.saved),
        id: email.id,
        content: email.content,
        blob: email.blob,
        blob_length: email.blob_length,
        prefix_length: email.prefix.len() as u32,
    };
    encode_entry(&entry, &email.flags)
}

/// Reads an entry; its flags are left as bytes, to be interned.
pub(crate) fn decode_entry(modseq: ModSeq, uid: Uid, bytes: &[u8]) -> Result<(Entry, &[u8]), Error> {
    let (mut r, version) = Reader::new(bytes, 2, "a message's entry")?;
    let mut entry = Entry {
        uid,
        modseq,
        flags: FlagSet(0),
        internal_date: r.wall()?,
        saved: SaveDate::default(),
        id: r.id()?,
        content: Id(0),
        blob: r.blob()?,
        blob_length: r.varint()?,
        prefix_length: r.number()?,
    };
    entry.content = entry.id;
    if version > 1 {
        entry.saved = SaveDate::from_seconds(r.number()?);
        entry.content = Id(entry.id.0 ^ r.varint()?);
    }
    Ok((entry, r.rest()))
}

pub(crate) fn encode_flags(flags: &Flags) -> Vec<u8> {
    let mut w = Writer::new(flags.bits());
    for keyword in flags.keywords() {
        w.text(keyword.as_str());
    }
    w.finish()
}

pub(crate) fn decode_flags(bytes: &[u8]) -> Result<Flags, Error> {
    let damaged = || Error::Damaged("a message's flags cannot be read".into());
    let (&bits, rest) = bytes.split_first().ok_or_else(damaged)?;
    let framed = [&[1], rest].concat();
    let (mut r, _) = Reader::new(&framed, 1, "a message's flags")?;
    let mut keywords = Vec::new();
    while r.remaining() > 0 {
        keywords.push(Keyword::new(r.text()?).ok_or_else(damaged)?);
    }
    Ok(Flags::from_parts(bits, keywords))
}

/// A message's trace headers and summary.
pub(crate) fn encode_text(prefix: &[u8], summary: &[u8]) -> Vec<u8> {
    Writer::new(1).bytes(prefix).raw(summary).finish()
}

/// Prefix and summary.
pub(crate) fn decode_text(bytes: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let (mut r, _) = Reader::new(bytes, 1, "a message's headers")?;
    let prefix = r.bytes()?;
    Ok((prefix, r.rest()))
}

/// One message in a tally, and one unseen message: see [`keys::tally`](crate::keys::tally).
pub(crate) const TALLY_MESSAGE: i64 = 1 << 32;
pub(crate) const TALLY_UNSEEN: i64 = 1;

/// Messages and unseen ones of a tally.
pub(crate) fn tally(counter: i64) -> (u32, u32) {
    ((counter >> 32) as u32, counter as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::{Flag, Wall};
    use proptest::prelude::*;
    use store::BlobId;

    #[test]
    fn entries_and_mailboxes_come_back() {
        let mut flags: Flags = [Flag::Seen, Flag::Deleted].into_iter().collect();
        flags.insert_keyword(Keyword::new("$Forwarded").expect("an atom"));
        flags.insert_keyword(Keyword::new("work").expect("an atom"));
        let entry = Entry {
            uid: Uid::new(7).expect("not zero"),
            modseq: ModSeq(9),
            flags: FlagSet(0),
            internal_date: Wall::from_millis(-12),
            saved: SaveDate::at(Wall::from_secs(1_800_000_000)),
            id: Id(u64::MAX),
            content: Id(5),
            blob: BlobId(3),
            blob_length: 5_000_000_000,
            prefix_length: 120,
        };
        let bytes = encode_entry(&entry, &flags);
        let (read, raw) = decode_entry(ModSeq(9), entry.uid, &bytes).expect("an entry");
        assert_eq!((read, decode_flags(raw)), (entry, Ok(flags)));
        let mailbox = Mailbox {
            uid_validity: UidValidity(5.try_into().expect("not zero")),
            created: ModSeq(4),
            special_use: Some(SpecialUse::Junk),
            object: 6,
            name: MailboxName::new("Spam/älter").expect("a name"),
        };
        assert_eq!(Mailbox::decode(&mailbox.encode()), Ok(mailbox));
    }

    /// What the first version wrote, to the byte.
    #[test]
    fn the_first_version_is_still_read() {
        let old = [1, 0x80, 0x10, 9, 3, 5, 2, 8];
        let (entry, flags) = decode_entry(ModSeq(9), Uid::new(7).expect("not zero"), &old).expect("an entry");
        assert_eq!((entry.id, entry.content, entry.blob, entry.size()), (Id(9), Id(9), BlobId(3), 7));
        assert_eq!((entry.internal_date, entry.saved.wall()), (Wall::from_millis(1024), None));
        assert_eq!(decode_flags(flags).map(|flags| flags.bits()), Ok(8));
        let old = [&[1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 4, 3], "Spam".as_bytes()].concat();
        let mailbox = Mailbox::decode(&old).expect("a mailbox");
        assert_eq!((mailbox.object, mailbox.special_use), (5, Some(SpecialUse::Junk)));
        assert_eq!((mailbox.created, mailbox.name.as_str()), (ModSeq(4), "Spam"));
    }

    proptest! {
        #[test]
        fn damaged_records_are_errors(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            drop(Mailbox::decode(&bytes));
            drop(decode_text(&bytes));
            drop(decode_entry(ModSeq(1), Uid::new(1).expect("not zero"), &bytes).map(|(_, f)| decode_flags(f)));
        }
    }
}
