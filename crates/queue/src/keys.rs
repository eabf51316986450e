//! The keys of this crate: items by id, and the two indexes of what is due.

use mail::{AccountId, Domain, Id, Wall};
use store::{Key, KeyBuilder, KeyRange, Space};

use crate::Destination;

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    /// An item.
    Item = 1,
    /// Due time and id.
    Due = 2,
    /// Destination, due time and id.
    Destination = 3,
    /// Since when nothing at all can be delivered.
    Outage = 4,
    /// How many items there are.
    Items = 5,
    /// How many of them are held.
    Held = 6,
    /// Time of release and id of an item that waits for it.
    Release = 7,
    /// Destination, due time and id of items with a priority above the usual.
    Urgent = 8,
    /// Domain: its MTA-STS policy.
    Sts = 16,
    /// A remote address that does not exist: domain, then local-part in lower case.
    Suppressed = 20,
    /// Counter: recipients of what an account sent in an hour.
    Sent = 21,
    /// An account that may not send for now.
    Suspended = 22,
}

fn start(kind: Kind) -> KeyBuilder {
    Key::build(Space::Queue).u8(kind as u8)
}

/// Times before 1970 are as good as 1970.
fn millis(at: Wall) -> u64 {
    u64::try_from(at.millis()).unwrap_or(0)
}

pub(crate) fn item(id: Id) -> Key {
    start(Kind::Item).u64(id.0).key()
}

pub(crate) fn items() -> KeyRange {
    start(Kind::Item).key().prefix_range()
}

pub(crate) fn due(due: Wall, id: Id) -> Key {
    start(Kind::Due).u64(millis(due)).u64(id.0).key()
}

pub(crate) fn items_count() -> Key {
    start(Kind::Items).key()
}

pub(crate) fn held_count() -> Key {
    start(Kind::Held).key()
}

pub(crate) fn outage() -> Key {
    start(Kind::Outage).key()
}

pub(crate) fn sts(domain: &Domain) -> Key {
    start(Kind::Sts).text(domain.as_str()).key()
}

/// All policies.
pub(crate) fn all_sts() -> KeyRange {
    start(Kind::Sts).key().prefix_range()
}

/// Everything with a time.
pub(crate) fn all_due() -> KeyRange {
    start(Kind::Due).key().prefix_range()
}

/// What is due by `now`.
pub(crate) fn due_by(now: Wall) -> KeyRange {
    let end = start(Kind::Due).u64(millis(now).saturating_add(1)).key();
    KeyRange::between(&start(Kind::Due).key(), &end)
}

/// What is due later than `when`.
pub(crate) fn due_after(when: Wall) -> KeyRange {
    let start_key = start(Kind::Due).u64(millis(when).saturating_add(1)).key();
    let all = all_due();
    KeyRange::between(&start_key, &Key::from_bytes(all.end().to_vec()))
}

fn of(destination: &Destination) -> KeyBuilder {
    start(Kind::Destination).text(&destination.to_string())
}

pub(crate) fn destination(destination: &Destination, due: Wall, id: Id) -> Key {
    of(destination).u64(millis(due)).u64(id.0).key()
}

/// Everything with a time for one destination.
pub(crate) fn of_destination(destination: &Destination) -> KeyRange {
    of(destination).key().prefix_range()
}

/// What is due by `now` for one destination.
pub(crate) fn destination_by(destination: &Destination, now: Wall) -> KeyRange {
    let end = of(destination).u64(millis(now).saturating_add(1)).key();
    KeyRange::between(&of(destination).key(), &end)
}

/// All destinations behind `after`.
pub(crate) fn destinations(after: Option<&Destination>) -> KeyRange {
    let all = start(Kind::Destination).key().prefix_range();
    match after {
        Some(after) => {
            let behind = of(after).key().prefix_range();
            let key = |bytes: &[u8]| Key::from_bytes(bytes.to_vec());
            KeyRange::between(&key(behind.end()), &key(all.end()))
        }
        None => all,
    }
}

pub(crate) fn release(at: Wall, id: Id) -> Key {
    start(Kind::Release).u64(millis(at)).u64(id.0).key()
}

/// Everything that waits for its release.
pub(crate) fn releases() -> KeyRange {
    start(Kind::Release).key().prefix_range()
}

/// What is to be let go by `now`.
pub(crate) fn release_by(now: Wall) -> KeyRange {
    let end = start(Kind::Release).u64(millis(now).saturating_add(1)).key();
    KeyRange::between(&start(Kind::Release).key(), &end)
}

pub(crate) fn urgent(destination: &Destination, due: Wall, id: Id) -> Key {
    start(Kind::Urgent).text(&destination.to_string()).u64(millis(due)).u64(id.0).key()
}

/// What is urgent and due by `now` for one destination.
pub(crate) fn urgent_by(destination: &Destination, now: Wall) -> KeyRange {
    let of = || start(Kind::Urgent).text(&destination.to_string());
    KeyRange::between(&of().key(), &of().u64(millis(now).saturating_add(1)).key())
}

/// All that is urgent.
pub(crate) fn all_urgent() -> KeyRange {
    start(Kind::Urgent).key().prefix_range()
}

/// Which index a key belongs to, for people.
pub(crate) fn index_name(key: &Key) -> &'static str {
    let is = |kind: Kind| key.as_bytes().get(1) == Some(&(kind as u8));
    match () {
        () if is(Kind::Due) => "due times",
        () if is(Kind::Destination) => "destinations",
        () if is(Kind::Release) => "releases",
        () => "priorities",
    }
}

/// Time and id at the end of an index key.
pub(crate) fn time_and_id(key: &Key) -> Option<(Wall, Id)> {
    let (rest, id) = key.as_bytes().split_last_chunk::<8>()?;
    let (_, due) = rest.split_last_chunk::<8>()?;
    let due = i64::try_from(u64::from_be_bytes(*due)).unwrap_or(i64::MAX);
    Some((Wall::from_millis(due), Id(u64::from_be_bytes(*id))))
}

/// The destination in a key of [`destinations`].
pub(crate) fn destination_of(key: &Key) -> Option<Destination> {
    let bytes = key.as_bytes();
    let text = bytes.get(2..bytes.len().checked_sub(17)?)?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The id of an item's key.
pub(crate) fn item_of(key: &Key) -> Option<Id> {
    Some(Id(u64::from_be_bytes(key.as_bytes().get(2..)?.try_into().ok()?)))
}

/// `local` is in lower case.
pub(crate) fn suppressed(domain: &Domain, local: &str) -> Key {
    start(Kind::Suppressed).text(domain.as_str()).text(local).key()
}

/// All suppressed addresses, or those of a domain.
pub(crate) fn all_suppressed(domain: Option<&Domain>) -> KeyRange {
    match domain {
        Some(domain) => start(Kind::Suppressed).text(domain.as_str()).key().prefix_range(),
        None => start(Kind::Suppressed).key().prefix_range(),
    }
}

/// `hour` is counted from 1970.
pub(crate) fn sent(account: AccountId, hour: u64) -> Key {
    start(Kind::Sent).u32(account.0).u64(hour).key()
}

pub(crate) fn all_sent(account: AccountId) -> KeyRange {
    start(Kind::Sent).u32(account.0).key().prefix_range()
}

/// The hour in a key of [`all_sent`].
pub(crate) fn hour_of(key: &Key) -> Option<u64> {
    key.as_bytes().split_last_chunk::<8>().map(|(_, hour)| u64::from_be_bytes(*hour))
}

pub(crate) fn suspended(account: AccountId) -> Key {
    start(Kind::Suspended).u32(account.0).key()
}

pub(crate) fn damaged() -> store::Error {
    store::Error::Damaged("a key of the queue cannot be read".into())
}
