//! The keys of this crate. Short, because the index pays per byte and per key.

use mail::{AccountId, MailboxId, MailboxName, ModSeq, Uid};
use store::{Key, KeyBuilder, KeyRange, Patch, Slot, Space, Template};

/// Mailbox numbers and UIDVALIDITY values begin behind this. Fixed, because neither may come from a clock (F28).
pub(crate) const NUMBER_BASE: u32 = 1_000_000;
/// INBOX's number: the first an account gives out.
pub(crate) const FIRST_MAILBOX: u32 = NUMBER_BASE + 1;

/// Kinds of keys: the second byte.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    /// Counter: the account's MODSEQ.
    ModSeq = 1,
    /// Counter: mailbox numbers and UIDVALIDITY values given out.
    Number = 2,
    /// A mailbox's record.
    Mailbox = 3,
    /// A mailbox's number by its name.
    Name = 4,
    /// A subscribed name.
    Subscription = 5,
    /// Counter: the last UID given out.
    Uid = 6,
    /// Counter: messages in the upper half, unseen ones in the lower.
    Tally = 7,
    /// Counter: bytes.
    Size = 8,
    /// A message under the MODSEQ of its last change.
    Entry = 9,
    /// An expunged UID under the MODSEQ of its end.
    Tombstone = 10,
    /// A message's trace headers and summary under its UID.
    Text = 11,
    /// A deleted mailbox that must be swept.
    Remains = 12,
    /// A new epoch that has begun and is not in all accounts yet.
    Epoch = 13,
}

fn account(kind: Kind, account: AccountId) -> KeyBuilder {
    Key::build(Space::Mailbox).u8(kind as u8).u32(account.0)
}

fn mailbox(kind: Kind, a: AccountId, mailbox: MailboxId) -> KeyBuilder {
    account(kind, a).u32(mailbox.0)
}

pub(crate) fn modseq(a: AccountId) -> Key {
    account(Kind::ModSeq, a).key()
}

pub(crate) fn number(a: AccountId) -> Key {
    account(Kind::Number, a).key()
}

/// The counters of mailbox numbers of all accounts behind `after`: one for each account.
pub(crate) fn numbers(after: Option<AccountId>) -> KeyRange {
    let all = Key::build(Space::Mailbox).u8(Kind::Number as u8).key().prefix_range();
    after.map_or(all.clone(), |after| all.after(&number(after)))
}

/// The account of a key that begins with one.
pub(crate) fn account_of(key: &Key) -> Option<AccountId> {
    let number = key.as_bytes().get(2..6)?.try_into().ok().map(u32::from_be_bytes);
    number.map(AccountId)
}

pub(crate) fn epoch() -> Key {
    Key::build(Space::Mailbox).u8(Kind::Epoch as u8).key()
}

pub(crate) fn record(a: AccountId, m: MailboxId) -> Key {
    mailbox(Kind::Mailbox, a, m).key()
}

pub(crate) fn records(a: AccountId) -> KeyRange {
    account(Kind::Mailbox, a).key().prefix_range()
}

pub(crate) fn name(a: AccountId, name: &MailboxName) -> Key {
    account(Kind::Name, a).text(name.as_str()).key()
}

pub(crate) fn subscription(a: AccountId, name: &MailboxName) -> Key {
    account(Kind::Subscription, a).text(name.as_str()).key()
}

pub(crate) fn subscriptions(a: AccountId) -> KeyRange {
    account(Kind::Subscription, a).key().prefix_range()
}

/// The name in a key of [`subscriptions`].
pub(crate) fn subscribed_name(key: &Key) -> Option<MailboxName> {
    let text = key.as_bytes().get(6..)?.strip_suffix(&[0])?;
    MailboxName::new(std::str::from_utf8(text).ok()?).ok()
}

pub(crate) fn uid(a: AccountId, m: MailboxId) -> Key {
    mailbox(Kind::Uid, a, m).key()
}

pub(crate) fn tally(a: AccountId, m: MailboxId) -> Key {
    mailbox(Kind::Tally, a, m).key()
}

pub(crate) fn size(a: AccountId, m: MailboxId) -> Key {
    mailbox(Kind::Size, a, m).key()
}

pub(crate) fn remains(a: AccountId, m: MailboxId) -> Key {
    mailbox(Kind::Remains, a, m).key()
}

/// All mailboxes of all accounts.
pub(crate) fn all_records() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Mailbox as u8).key().prefix_range()
}

/// All messages of all mailboxes, also of deleted ones that are still to be swept.
pub(crate) fn all_entries() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Entry as u8).key().prefix_range()
}

/// All texts of one mailbox.
pub(crate) fn texts(a: AccountId, m: MailboxId) -> KeyRange {
    mailbox(Kind::Text, a, m).key().prefix_range()
}

/// The UID of a key of [`texts`].
pub(crate) fn text_uid(key: &Key) -> Option<Uid> {
    Uid::new(u32::from_be_bytes(key.as_bytes().get(10..)?.try_into().ok()?))
}

/// All deleted mailboxes that must be swept.
pub(crate) fn all_remains() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Remains as u8).key().prefix_range()
}

/// Account and mailbox of a key that begins with both.
pub(crate) fn parts(key: &Key) -> Option<(AccountId, MailboxId)> {
    let number = |at: usize| key.as_bytes().get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some((AccountId(number(2)?), MailboxId(number(6)?)))
}

pub(crate) fn entry(a: AccountId, m: MailboxId, modseq: ModSeq, uid: Uid) -> Key {
    mailbox(Kind::Entry, a, m).u64(modseq.0).u32(uid.get()).key()
}

/// Entries changed after `modseq`, by MODSEQ.
pub(crate) fn entries_after(a: AccountId, m: MailboxId, modseq: ModSeq) -> KeyRange {
    after(Kind::Entry, a, m, modseq)
}

/// Tombstones made after `modseq`, by MODSEQ.
pub(crate) fn tombstones_after(a: AccountId, m: MailboxId, modseq: ModSeq) -> KeyRange {
    after(Kind::Tombstone, a, m, modseq)
}

fn after(kind: Kind, a: AccountId, m: MailboxId, modseq: ModSeq) -> KeyRange {
    let all = mailbox(kind, a, m).key().prefix_range();
    all.after(&mailbox(kind, a, m).u64(modseq.0).u32(u32::MAX).key())
}

/// MODSEQ and UID of an entry's or tombstone's key.
pub(crate) fn modseq_uid(key: &Key) -> Option<(ModSeq, Uid)> {
    let bytes = key.as_bytes();
    let modseq = u64::from_be_bytes(bytes.get(10..18)?.try_into().ok()?);
    let uid = u32::from_be_bytes(bytes.get(18..)?.try_into().ok()?);
    Some((ModSeq(modseq), Uid::new(uid)?))
}

/// A UID that is known, or that the commit gives out.
#[derive(Clone, Copy)]
pub(crate) enum UidPart {
    Known(Uid),
    Given(Slot),
}

/// An entry's key under a MODSEQ that the commit gives out.
pub(crate) fn new_entry(a: AccountId, m: MailboxId, modseq: Slot, uid: UidPart) -> Template {
    changed(Kind::Entry, a, m, modseq, uid)
}

/// A tombstone's key under a MODSEQ that the commit gives out.
pub(crate) fn new_tombstone(a: AccountId, m: MailboxId, modseq: Slot, uid: Uid) -> Template {
    changed(Kind::Tombstone, a, m, modseq, UidPart::Known(uid))
}

fn changed(kind: Kind, a: AccountId, m: MailboxId, modseq: Slot, uid: UidPart) -> Template {
    let key = mailbox(kind, a, m);
    let at = key.offset();
    let mut patches = vec![Patch::u64(modseq, at)];
    let number = match uid {
        UidPart::Known(uid) => uid.get(),
        UidPart::Given(slot) => {
            patches.push(Patch::u32(slot, at + 8));
            0
        }
    };
    Template { bytes: key.u64(0).u32(number).key().as_bytes().to_vec(), patches }
}

pub(crate) fn text(a: AccountId, m: MailboxId, uid: Uid) -> Key {
    mailbox(Kind::Text, a, m).u32(uid.get()).key()
}

/// A text's key under a UID that the commit gives out.
pub(crate) fn new_text(a: AccountId, m: MailboxId, uid: Slot) -> Template {
    let key = mailbox(Kind::Text, a, m);
    let patches = vec![Patch::u32(uid, key.offset())];
    Template { bytes: key.u32(0).key().as_bytes().to_vec(), patches }
}
