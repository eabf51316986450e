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
    /// A deleted mailbox, whose messages are kept for a while.
    Remains = 12,
    /// A new epoch that has begun and is not in all accounts yet.
    Epoch = 13,
    /// An expunged message that can be brought back, under the MODSEQ of its end.
    Grave = 14,
    /// What is to be removed when it is old enough, by its age.
    Due = 15,
    /// Counter: the store's age in seconds.
    Age = 16,
    /// When the age was counted last, by the wall clock.
    Aged = 17,
    /// The MODSEQ up to which a mailbox's tombstones are gone.
    Floor = 18,
    /// A removed account, whose mailboxes are kept for a while.
    Retired = 19,
    /// Counter: bytes of all messages of an account.
    UsedBytes = 30,
    /// Counter: messages of an account.
    UsedMessages = 31,
    /// What an account may have, where it is not what all may.
    Quota = 32,
    /// That the counters of what accounts have were begun.
    UsageKnown = 33,
    /// An annotation of a mailbox, or of an account (under mailbox 0), under its name.
    Annotation = 34,
    /// The MODSEQ of the last change of an account's annotations.
    Annotated = 35,
    /// A mailbox's access control list.
    Acl = 36,
    /// That a mailbox's list says something of an account: of that account (0 for all), its owner, the mailbox.
    Shared = 37,
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

/// All messages of all mailboxes, also of deleted ones that are kept for a while.
pub(crate) fn all_entries() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Entry as u8).key().prefix_range()
}

/// All expunged messages that can be brought back.
pub(crate) fn all_graves() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Grave as u8).key().prefix_range()
}

/// All texts of one mailbox.
pub(crate) fn texts(a: AccountId, m: MailboxId) -> KeyRange {
    mailbox(Kind::Text, a, m).key().prefix_range()
}

/// The UID of a key of [`texts`].
pub(crate) fn text_uid(key: &Key) -> Option<Uid> {
    Uid::new(u32::from_be_bytes(key.as_bytes().get(10..)?.try_into().ok()?))
}

/// Deleted mailboxes of an account.
pub(crate) fn remains_of(a: AccountId) -> KeyRange {
    account(Kind::Remains, a).key().prefix_range()
}

/// Deleted mailboxes of all accounts.
pub(crate) fn all_remains() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Remains as u8).key().prefix_range()
}

pub(crate) fn retired(a: AccountId) -> Key {
    account(Kind::Retired, a).key()
}

pub(crate) fn used_bytes(a: AccountId) -> Key {
    account(Kind::UsedBytes, a).key()
}

pub(crate) fn used_messages(a: AccountId) -> Key {
    account(Kind::UsedMessages, a).key()
}

pub(crate) fn quota(a: AccountId) -> Key {
    account(Kind::Quota, a).key()
}

/// Annotations of a mailbox, or of the account as a whole.
pub(crate) fn annotations(a: AccountId, of: Option<MailboxId>) -> KeyRange {
    mailbox(Kind::Annotation, a, of.unwrap_or(MailboxId(0))).key().prefix_range()
}

/// All annotations of an account.
pub(crate) fn annotations_of(a: AccountId) -> KeyRange {
    account(Kind::Annotation, a).key().prefix_range()
}

/// All annotations there are.
pub(crate) fn all_annotations() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Annotation as u8).key().prefix_range()
}

pub(crate) fn annotation(a: AccountId, of: Option<MailboxId>, name: &str) -> Key {
    mailbox(Kind::Annotation, a, of.unwrap_or(MailboxId(0))).text(name).key()
}

/// Whose annotation it is, and its name.
pub(crate) fn annotated_by(key: &Key) -> Option<(Option<MailboxId>, String)> {
    let (_, mailbox) = parts(key)?;
    let name = key.as_bytes().get(10..)?.strip_suffix(&[0])?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    Some((Some(mailbox).filter(|mailbox| mailbox.0 != 0), name))
}

pub(crate) fn annotated(a: AccountId) -> Key {
    account(Kind::Annotated, a).key()
}

pub(crate) fn acl(a: AccountId, m: MailboxId) -> Key {
    mailbox(Kind::Acl, a, m).key()
}

/// All access control lists there are.
pub(crate) fn all_acls() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Acl as u8).key().prefix_range()
}

/// `with` is 0 for all accounts.
pub(crate) fn shared(with: AccountId, owner: AccountId, m: MailboxId) -> Key {
    account(Kind::Shared, with).u32(owner.0).u32(m.0).key()
}

/// What is shared with an account, or (0) with all.
pub(crate) fn shared_with(with: AccountId) -> KeyRange {
    account(Kind::Shared, with).key().prefix_range()
}

pub(crate) fn all_shared() -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Shared as u8).key().prefix_range()
}

/// Owner and mailbox of a key of [`shared`]; the account it is shared with is [`account_of`].
pub(crate) fn shared_place(key: &Key) -> Option<(AccountId, MailboxId)> {
    let number = |at: usize| key.as_bytes().get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some((AccountId(number(6)?), MailboxId(number(10)?)))
}

pub(crate) fn usage_known() -> Key {
    Key::build(Space::Mailbox).u8(Kind::UsageKnown as u8).key()
}

pub(crate) fn floor(a: AccountId, m: MailboxId) -> Key {
    mailbox(Kind::Floor, a, m).key()
}

pub(crate) fn age() -> Key {
    Key::build(Space::Mailbox).u8(Kind::Age as u8).key()
}

pub(crate) fn aged() -> Key {
    Key::build(Space::Mailbox).u8(Kind::Aged as u8).key()
}

/// What a key of [`due`] asks to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Due {
    /// A mailbox's graves up to a MODSEQ.
    Graves = 1,
    /// A mailbox's tombstones up to a MODSEQ.
    Tombstones = 2,
    /// A deleted mailbox with all that is left of it.
    Mailbox = 3,
    /// A removed account with all that is left of it.
    Account = 4,
    /// The same, however old it is.
    Now = 5,
}

impl Due {
    pub(crate) const ALL: [Self; 5] =
        [Self::Now, Self::Mailbox, Self::Graves, Self::Tombstones, Self::Account];
}

/// What is of one kind to remove, oldest first.
pub(crate) fn all_due(what: Due) -> KeyRange {
    Key::build(Space::Mailbox).u8(Kind::Due as u8).u8(what as u8).key().prefix_range()
}

/// Whole accounts are under mailbox 0.
pub(crate) fn due(what: Due, age: u64, a: AccountId, m: MailboxId) -> Key {
    Key::build(Space::Mailbox).u8(Kind::Due as u8).u8(what as u8).u64(age).u32(a.0).u32(m.0).key()
}

/// A key of what is to be removed, as old as the store is at the commit.
pub(crate) fn new_due(what: Due, age: Slot, a: AccountId, m: MailboxId) -> Template {
    let at = Key::build(Space::Mailbox).u8(Kind::Due as u8).u8(what as u8).offset();
    Template { bytes: due(what, 0, a, m).as_bytes().to_vec(), patches: vec![Patch::u64(age, at)] }
}

/// Age, account and mailbox of a key of what is to be removed.
pub(crate) fn due_parts(key: &Key) -> Option<(u64, AccountId, MailboxId)> {
    let bytes = key.as_bytes();
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let age = u64::from_be_bytes(bytes.get(3..11)?.try_into().ok()?);
    Some((age, AccountId(number(11)?), MailboxId(number(15)?)))
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

/// Graves of all of an account's mailboxes, by mailbox and MODSEQ.
pub(crate) fn graves_of(a: AccountId) -> KeyRange {
    account(Kind::Grave, a).key().prefix_range()
}

/// Graves made up to `modseq`, by MODSEQ.
pub(crate) fn graves_until(a: AccountId, m: MailboxId, modseq: ModSeq) -> KeyRange {
    until(Kind::Grave, a, m, modseq)
}

/// Tombstones made up to `modseq`, by MODSEQ.
pub(crate) fn tombstones_until(a: AccountId, m: MailboxId, modseq: ModSeq) -> KeyRange {
    until(Kind::Tombstone, a, m, modseq)
}

fn until(kind: Kind, a: AccountId, m: MailboxId, modseq: ModSeq) -> KeyRange {
    let start = mailbox(kind, a, m).key();
    match modseq.0.checked_add(1) {
        Some(end) => KeyRange::between(&start, &mailbox(kind, a, m).u64(end).key()),
        None => start.prefix_range(),
    }
}

fn after(kind: Kind, a: AccountId, m: MailboxId, modseq: ModSeq) -> KeyRange {
    let all = mailbox(kind, a, m).key().prefix_range();
    all.after(&mailbox(kind, a, m).u64(modseq.0).u32(u32::MAX).key())
}

pub(crate) fn grave(a: AccountId, m: MailboxId, modseq: ModSeq, uid: Uid) -> Key {
    mailbox(Kind::Grave, a, m).u64(modseq.0).u32(uid.get()).key()
}

/// A grave's key under a MODSEQ that the commit gives out.
pub(crate) fn new_grave(a: AccountId, m: MailboxId, modseq: Slot, uid: Uid) -> Template {
    changed(Kind::Grave, a, m, modseq, UidPart::Known(uid))
}

/// MODSEQ and UID of an entry's, tombstone's or grave's key.
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
