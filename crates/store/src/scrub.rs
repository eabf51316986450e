//! What the scrub remembers in the store itself: how far it is, and what it found damaged.

use bytes::Bytes;
use mail::Wall;

use crate::body::{KIND_QUARANTINE, KIND_SCRUB};
use crate::codec::{Reader, Writer};
use crate::{Batch, BlobId, Error, Key, Snapshot, Space};

/// How far the scrub is: a restart goes on there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubState {
    /// When the pass under way began; `None` between passes.
    pub began: Option<Wall>,
    /// When the last whole pass ended.
    pub ended: Option<Wall>,
    /// The file that is next; empty at the beginning of a pass. In ascending order of names.
    pub file: String,
    /// Where in that file.
    pub at: u64,
    /// Once all files were read: the last body that was read.
    pub body: Option<BlobId>,
    /// Bytes read in this pass.
    pub read: u64,
}

/// What is damaged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A body: the messages that have it.
    Body(BlobId),
    /// Bytes of a file, from this one on.
    File(String, u64),
}

/// What [`Quarantined::what`] says where a reader came upon damage: the scrub has not told of it yet.
pub const FOUND_BY_READER: &str = "found by a reader";

/// Something that was found damaged and is kept apart: everything else goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// What.
    pub part: Part,
    /// Since when that is known.
    pub since: Wall,
    /// What is wrong with it, for people.
    pub what: String,
}

fn state_key() -> Key {
    Key::build(Space::Store).u8(KIND_SCRUB).key()
}

fn quarantine_prefix() -> Key {
    Key::build(Space::Store).u8(KIND_QUARANTINE).key()
}

fn quarantine_key(part: &Part) -> Key {
    let key = Key::build(Space::Store).u8(KIND_QUARANTINE);
    match part {
        Part::Body(id) => key.u8(1).u64(id.0).key(),
        Part::File(name, at) => key.u8(2).text(name).u64(*at).key(),
    }
}

fn part_of(key: &Key) -> Option<Part> {
    let (kind, rest) = key.as_bytes().get(2..)?.split_first()?;
    let (text, number) = rest.split_last_chunk::<8>()?;
    let number = u64::from_be_bytes(*number);
    match kind {
        1 if text.is_empty() => Some(Part::Body(BlobId(number))),
        2 => Some(Part::File(String::from_utf8(text.strip_suffix(&[0])?.to_vec()).ok()?, number)),
        _ => None,
    }
}

fn quarantined(part: Part, value: &[u8]) -> Option<Quarantined> {
    let (mut r, _) = Reader::new(value, 1, "a quarantine").ok()?;
    Some(Quarantined { part, since: r.wall().ok()?, what: r.text().ok()?.to_owned() })
}

impl ScrubState {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(1);
        for time in [self.began, self.ended] {
            w.option(time, |w, at| {
                w.wall(at);
            });
        }
        w.text(&self.file).varint(self.at);
        w.option(self.body, |w, id| {
            w.blob(id);
        });
        w.varint(self.read).finish()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Error> {
        let (mut r, _) = Reader::new(bytes, 1, "the state of the scrub")?;
        Ok(Self {
            began: r.option(Reader::wall)?,
            ended: r.option(Reader::wall)?,
            file: r.text()?.to_owned(),
            at: r.varint()?,
            body: r.option(Reader::blob)?,
            read: r.varint()?,
        })
    }
}

impl Snapshot {
    /// How far the scrub is. What cannot be read begins a new pass.
    pub async fn scrub_state(&self) -> Result<ScrubState, Error> {
        let found = self.get(&state_key()).await?;
        Ok(found.and_then(|found| ScrubState::decode(&found.value).ok()).unwrap_or_default())
    }

    /// What is known to be damaged, at most `limit`.
    pub async fn quarantined(&self, limit: usize) -> Result<Vec<Quarantined>, Error> {
        let found = self.range(&quarantine_prefix().prefix_range(), limit).await?;
        let one = |(key, found): &(Key, crate::Versioned)| quarantined(part_of(key)?, &found.value);
        Ok(found.iter().filter_map(one).collect())
    }

    /// Whether that is known to be damaged.
    pub async fn is_quarantined(&self, part: &Part) -> Result<bool, Error> {
        Ok(self.get(&quarantine_key(part)).await?.is_some())
    }

    /// What is known of that damage.
    pub async fn quarantine_of(&self, part: &Part) -> Result<Option<Quarantined>, Error> {
        let found = self.get(&quarantine_key(part)).await?;
        Ok(found.and_then(|found| quarantined(part.clone(), &found.value)))
    }
}

impl Batch {
    /// Remembers how far the scrub is.
    pub fn keep_scrub_state(&mut self, state: &ScrubState) {
        self.put(state_key(), state.encode());
    }

    /// Remembers that something is damaged.
    pub fn quarantine(&mut self, found: &Quarantined) {
        let value = Writer::new(1).wall(found.since).text(&found.what).finish();
        self.put(quarantine_key(&found.part), value);
    }

    /// It is gone, or good again.
    pub fn release(&mut self, part: &Part) {
        self.delete(quarantine_key(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_states_come_back() {
        for part in [Part::Body(BlobId(7)), Part::File("log/0000000000000001".into(), 99)] {
            assert_eq!(part_of(&quarantine_key(&part)), Some(part));
        }
        let state = ScrubState {
            began: Some(Wall::from_secs(5)),
            ended: None,
            file: "log/1".into(),
            at: 300,
            body: Some(BlobId(1 << 40)),
            read: 12,
        };
        assert_eq!(ScrubState::decode(&state.encode().into()), Ok(state));
    }
}
