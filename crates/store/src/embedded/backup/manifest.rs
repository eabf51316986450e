//! The manifest of one checkpoint: text, one thing a line, its own checksum last.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mail::Wall;

use super::sum::{self, Sum};
use super::{FORMAT, place_of};
use crate::Error;
use crate::body::Place;

const FIRST_WORD: &str = "posthouse-checkpoint";

/// One file of a checkpoint: its first `bytes` bytes belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How many bytes of the file belong to the checkpoint; the file may have become longer since.
    pub bytes: u64,
    /// SHA-256 of these bytes.
    pub sha256: [u8; 32],
}

/// One moment that a backup holds: everything acknowledged before it is in it, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its number in the backup; never given twice.
    pub number: u64,
    /// Version of the program that wrote it.
    pub program: String,
    /// Host name of the server.
    pub host: String,
    /// When, by the clock of that machine.
    pub time: Wall,
    /// The store's secret salt.
    pub(crate) salt: u64,
    /// The run of the store.
    pub run: u64,
    /// The last commit in it.
    pub sequence: u64,
    /// The segment of the log that was being written.
    pub segment: u64,
    /// Where in that segment the commit ends.
    pub position: u64,
    /// Bytes that were copied for it: what no earlier checkpoint had.
    pub new_bytes: u64,
    /// Its files, by their names within a store.
    pub files: BTreeMap<String, Kept>,
}

impl Checkpoint {
    /// Bytes of all its files: what a restore writes.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|kept| kept.bytes).sum()
    }

    /// Its segments of the log: number and length.
    pub(super) fn log(&self) -> BTreeMap<u64, u64> {
        let log = |(name, kept): (&String, &Kept)| match place_of(name)? {
            Place::Log(number) => Some((number, kept.bytes)),
            _ => None,
        };
        self.files.iter().filter_map(log).collect()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut text = format!(
            "{FIRST_WORD} {FORMAT}\nnumber {}\nprogram {}\nhost {}\ntime {}\nsalt {:016x}\nrun {}\nsequence {}\n\
             end {:016x} {}\nnew {}\n",
            self.number,
            one_line(&self.program),
            one_line(&self.host),
            self.time.millis(),
            self.salt,
            self.run,
            self.sequence,
            self.segment,
            self.position,
            self.new_bytes,
        );
        for (name, kept) in &self.files {
            let _ = writeln!(text, "file {name} {} {}", kept.bytes, sum::hex(&kept.sha256));
        }
        let own = sum::of(text.as_bytes());
        let _ = writeln!(text, "sha256 {}", sum::hex(&own));
        text.into_bytes()
    }

    /// Reads a manifest; `name` is what errors call it.
    pub(super) fn decode(bytes: &[u8], name: &str) -> Result<Self, Error> {
        let damaged = || Error::Damaged(format!("{name}: it is not what was written"));
        let text = std::str::from_utf8(bytes).map_err(|_| damaged())?;
        let format = text.strip_prefix(FIRST_WORD).and_then(|rest| rest.lines().next()?.trim().parse().ok());
        if format.is_some_and(|format: u32| format > FORMAT) {
            return Err(Error::NewerFormat(name.to_owned()));
        }
        let (body, own) = text.trim_end().rsplit_once('\n').ok_or_else(damaged)?;
        let body = &text[..=body.len()];
        let own: Option<Sum> = own.strip_prefix("sha256 ").and_then(sum::parse);
        if own != Some(sum::of(body.as_bytes())) {
            return Err(damaged());
        }
        parse(body).ok_or_else(damaged)
    }
}

/// What may stand in one line of the manifest.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn parse(body: &str) -> Option<Checkpoint> {
    let mut lines = body.lines().skip(1);
    let mut next = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let mut checkpoint = Checkpoint {
        number: next("number")?.parse().ok()?,
        program: next("program")?.to_owned(),
        host: next("host")?.to_owned(),
        time: Wall::from_millis(next("time")?.parse().ok()?),
        salt: u64::from_str_radix(next("salt")?, 16).ok()?,
        run: next("run")?.parse().ok()?,
        sequence: next("sequence")?.parse().ok()?,
        segment: 0,
        position: 0,
        new_bytes: 0,
        files: BTreeMap::new(),
    };
    let (segment, position) = next("end")?.split_once(' ')?;
    checkpoint.segment = u64::from_str_radix(segment, 16).ok()?;
    checkpoint.position = position.parse().ok()?;
    checkpoint.new_bytes = next("new")?.parse().ok()?;
    for line in lines {
        let mut words = line.strip_prefix("file ")?.split(' ');
        let name = words.next()?;
        place_of(name)?;
        let kept = Kept { bytes: words.next()?.parse().ok()?, sha256: sum::parse(words.next()?)? };
        checkpoint.files.insert(name.to_owned(), kept);
    }
    Some(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Checkpoint {
        let kept = Kept { bytes: 70, sha256: sum::of(b"x") };
        Checkpoint {
            number: 3,
            program: "0.1.0".into(),
            host: "mx.example.org".into(),
            time: Wall::from_secs(1_795_474_567),
            salt: 0xfeed,
            run: 9,
            sequence: 812,
            segment: 0xa,
            position: 70,
            new_bytes: 12,
            files: [("log/000000000000000a".into(), kept), ("bodies/0000000000000001".into(), kept)].into(),
        }
    }

    #[test]
    fn manifests_come_back_and_every_damage_is_found() {
        let bytes = example().encode();
        assert_eq!(Checkpoint::decode(&bytes, "m"), Ok(example()));
        assert_eq!(example().log(), [(10, 70)].into());
        for at in 0..bytes.len() - 1 {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(Checkpoint::decode(&bad, "m").is_err(), "byte {at}");
            assert!(Checkpoint::decode(&bytes[..at], "m").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_format_says_so() {
        let bytes = example().encode();
        let newer = String::from_utf8(bytes).expect("text").replace("checkpoint 1", "checkpoint 2");
        assert_eq!(Checkpoint::decode(newer.as_bytes(), "m"), Err(Error::NewerFormat("m".into())));
    }
}
