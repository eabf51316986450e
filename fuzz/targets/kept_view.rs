//! Files of kept views: damaged ones are none, and ones that were made wrong give a view that is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{AccountId, MailboxId, Uid};
use mailbox::View;
use world::disk::cabinet::Place;

/// Name and format, before the checksum of what follows.
const BEGINNING: &[u8; 8] = b"PHVIEW\x01\0";

/// The same bytes behind a checksum that holds, as a file has them that was made wrong.
fn sealed(body: &[u8]) -> Vec<u8> {
    [&BEGINNING[..], &crc32fast::hash(body).to_le_bytes(), body].concat()
}

fn check(file: Vec<u8>) {
    let place = Place { account: AccountId(1), mailbox: MailboxId(2) };
    let Some(view) = View::from_file(place, file) else { return };
    assert_eq!(view.iter().count(), view.len());
    let mut last: Option<Uid> = None;
    let (mut size, mut unseen) = (0, 0);
    for (sequence, entry) in view.iter() {
        assert!(last.is_none_or(|last| last < entry.uid));
        last = Some(entry.uid);
        assert_eq!(view.by_uid(entry.uid), Some((sequence, entry)));
        assert_eq!(view.get(sequence), Some(entry));
        size += entry.size();
        unseen += usize::from(!view.flags(entry.flags).contains(mail::Flag::Seen));
    }
    assert_eq!((view.size(), view.unseen()), (size, unseen));
    assert!(view.changes_since(&view).is_empty());
}

fuzz_target!(|data: &[u8]| {
    check(data.to_vec());
    check(sealed(data));
});
