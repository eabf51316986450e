//! The keys of this crate: events by message, and messages by the names people search for.

use mail::Id;
use store::{Key, KeyBuilder, KeyRange, Space};

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    /// Events of one commit: message, and a number that grows.
    Events = 1,
    /// A message that has a name: hash of the name, message.
    Name = 2,
}

/// What a name is to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Role {
    Sender = 1,
    Recipient = 2,
    MessageId = 3,
}

fn start(kind: Kind) -> KeyBuilder {
    Key::build(Space::Journey).u8(kind as u8)
}

pub(crate) fn events(message: Id, number: Id) -> Key {
    start(Kind::Events).u64(message.0).u64(number.0).key()
}

pub(crate) fn events_of(message: Id) -> KeyRange {
    start(Kind::Events).u64(message.0).key().prefix_range()
}

pub(crate) fn all_events() -> KeyRange {
    start(Kind::Events).key().prefix_range()
}

/// The message of a key of [`all_events`].
pub(crate) fn message_of_events(key: &Key) -> Option<Id> {
    Some(Id(u64::from_be_bytes(key.as_bytes().get(2..10)?.try_into().ok()?)))
}

pub(crate) fn name(role: Role, name: &str, message: Id) -> Key {
    start(Kind::Name).u64(hash(role, name)).u64(message.0).key()
}

/// Messages that have a name of this hash.
pub(crate) fn named(role: Role, name: &str) -> KeyRange {
    start(Kind::Name).u64(hash(role, name)).key().prefix_range()
}

/// The message of a key of [`named`].
pub(crate) fn message_of_name(key: &Key) -> Option<Id> {
    Some(Id(u64::from_be_bytes(key.as_bytes().get(10..)?.try_into().ok()?)))
}

/// FNV-1a. Part of the stored format. Names that collide are told apart when the journeys are read.
fn hash(role: Role, name: &str) -> u64 {
    let bytes = [role as u8].into_iter().chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
