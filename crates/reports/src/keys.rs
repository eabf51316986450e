//! The keys of this crate.

use mail::Id;
use store::{Key, KeyBuilder, KeyRange, Space};

use crate::{Day, Group, Kind, ReceivedId};

#[derive(Clone, Copy)]
#[repr(u8)]
enum What {
    /// Day, kind, domain, name of a sample: the sample, and how often it was seen.
    Collected = 1,
    /// A message that may bring a report, and its body.
    Announced = 2,
    /// Day and id: what a report from elsewhere says in short.
    Received = 3,
    /// Id: that report.
    File = 4,
}

/// Which part of a sample.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Part {
    Sample = 0,
    Count = 1,
}

fn start(what: What) -> KeyBuilder {
    Key::build(Space::Reports).u8(what as u8)
}

fn of_group(group: &Group) -> KeyBuilder {
    start(What::Collected).u32(group.day.0).u8(group.kind as u8).text(&group.domain)
}

pub(crate) fn collected(group: &Group, name: [u8; 16], part: Part) -> Key {
    let (one, other) = name.split_at(8);
    let number = |half: &[u8]| half.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
    of_group(group).u64(number(one)).u64(number(other)).u8(part as u8).key()
}

pub(crate) fn all_collected() -> KeyRange {
    start(What::Collected).key().prefix_range()
}

pub(crate) fn collected_of(group: &Group) -> KeyRange {
    of_group(group).key().prefix_range()
}

/// Bytes of a key before its day: space and what it is.
const HEAD: usize = 2;

/// The group that a collected key is in; `None` for a key that none of ours can be.
pub(crate) fn group(key: &Key) -> Option<Group> {
    let (day, rest) = key.as_bytes().get(HEAD..)?.split_first_chunk()?;
    let (&kind, rest) = rest.split_first()?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    let domain = std::str::from_utf8(rest.get(..end)?).ok()?.to_owned();
    Some(Group { day: Day(u32::from_be_bytes(*day)), kind: Kind::of(kind)?, domain })
}

/// Which part a collected key has.
pub(crate) fn part(key: &Key) -> Option<Part> {
    match key.as_bytes().last()? {
        0 => Some(Part::Sample),
        1 => Some(Part::Count),
        _ => None,
    }
}

pub(crate) fn announced(message: Id) -> Key {
    start(What::Announced).u64(message.0).key()
}

pub(crate) fn all_announced() -> KeyRange {
    start(What::Announced).key().prefix_range()
}

pub(crate) fn received(day: Day, id: ReceivedId) -> Key {
    start(What::Received).u32(day.0).u64(id.0).key()
}

pub(crate) fn all_received() -> KeyRange {
    start(What::Received).key().prefix_range()
}

/// Those of days before one.
pub(crate) fn received_before(day: Day) -> KeyRange {
    KeyRange::between(&start(What::Received).key(), &start(What::Received).u32(day.0).key())
}

pub(crate) fn file(id: ReceivedId) -> Key {
    start(What::File).u64(id.0).key()
}
