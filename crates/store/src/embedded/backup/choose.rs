//! Which moment of a backup is meant, and what it takes to have the state of that moment.

use std::collections::BTreeMap;

use mail::Wall;
use world::World;

use super::{Checkpoint, Folder, Kept, name_of};
use crate::Error;
use crate::body::Place;
use crate::embedded::recover::{Ends, walk};
use crate::embedded::segment;

/// A moment of a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The newest checkpoint.
    #[default]
    Newest,
    /// The checkpoint with this number.
    Checkpoint(u64),
    /// Behind the last commit that was made up to this time, as far as the log in the backup says.
    Time(Wall),
}

/// A moment, found.
pub(in crate::embedded) struct Chosen {
    /// The files, as they are checked.
    pub(super) files: BTreeMap<String, Kept>,
    /// The segments of the log, and where what counts of each ends.
    pub(in crate::embedded) ends: Ends,
    pub(in crate::embedded) salt: u64,
    /// The highest run that the backup knows of.
    pub(in crate::embedded) run: u64,
    /// The last commit.
    pub(in crate::embedded) sequence: u64,
    /// When that was; for a checkpoint, when the checkpoint was made.
    pub(super) time: Wall,
    /// The checkpoint that it is, or that the log was followed from.
    pub(super) checkpoint: Option<u64>,
}

/// Finds a moment. Reads only.
pub(in crate::embedded) fn choose(world: &World, folder: &Folder, choice: Choice) -> Result<Chosen, Error> {
    match choice {
        Choice::Newest => {
            let newest = folder.checkpoints()?.pop();
            let none = || {
                let dir = folder.dir.display();
                Error::Refused(format!("{dir} holds no checkpoint: no backup into it was ever finished"))
            };
            Ok(Chosen::at(newest.ok_or_else(none)?.checkpoint?))
        }
        Choice::Checkpoint(number) => folder.checkpoint(number).map(Chosen::at),
        Choice::Time(time) => at_time(world, folder, time),
    }
}

impl Chosen {
    fn at(checkpoint: Checkpoint) -> Self {
        Self {
            ends: checkpoint.log(),
            salt: checkpoint.salt,
            run: checkpoint.run,
            sequence: checkpoint.sequence,
            time: checkpoint.time,
            checkpoint: Some(checkpoint.number),
            files: checkpoint.files,
        }
    }
}

/// Where the log is followed from: the end of what is known to be whole.
struct From {
    sequence: u64,
    time: Wall,
    segment: u64,
    position: u64,
}

/// The last checkpoint before `time` is followed along the log that the next one has.
fn at_time(world: &World, folder: &Folder, time: Wall) -> Result<Chosen, Error> {
    let all = folder.all()?;
    let base = all.iter().rposition(|checkpoint| checkpoint.time <= time);
    let first_behind = base.map_or(0, |base| base + 1);
    let base = base.map(|base| &all[base]);
    let next = all[first_behind..].iter().find(|checkpoint| checkpoint.time > time);
    let Some(next) = next else {
        return match base {
            Some(base) if base.time == time => Ok(Chosen::at(base.clone())),
            _ => Err(Error::Refused(format!(
                "the backup in {} does not reach that far; its checkpoints are of {}",
                folder.dir.display(),
                times(&all)
            ))),
        };
    };
    let mut files = next.files.clone();
    for (name, kept) in base.iter().flat_map(|base| &base.files) {
        let own = files.entry(name.clone()).or_insert(*kept);
        if own.bytes < kept.bytes {
            *own = *kept;
        }
    }
    let mut ends: Ends = next.log();
    for (number, length) in base.map(Checkpoint::log).unwrap_or_default() {
        let end = ends.entry(number).or_insert(length);
        *end = (*end).max(length);
    }
    let from = From {
        sequence: base.map_or(0, |base| base.sequence),
        time: base.map_or(Wall::default(), |base| base.time),
        segment: base.map_or(0, |base| base.segment),
        position: base.map_or(segment::HEADER, |base| base.position),
    };
    let found = follow(world, folder, &ends, next, from, time).map_err(|error| explain(error, time, &all))?;
    ends.retain(|number, _| *number <= found.segment);
    ends.insert(found.segment, found.position);
    files.retain(|name, _| !is_log_behind(name, found.segment));
    Ok(Chosen {
        files,
        ends,
        salt: next.salt,
        run: all.iter().map(|checkpoint| checkpoint.run).max().unwrap_or(0),
        sequence: found.sequence,
        time: found.time,
        checkpoint: base.map(|base| base.number),
    })
}

fn is_log_behind(name: &str, segment: u64) -> bool {
    name > name_of(Place::Log(segment)).as_str() && name.starts_with("log/")
}

/// Goes along the log up to the last commit that is not later than `time`. Each record must follow the one before, up
/// to the first that is later or the end of the checkpoint behind it: where one is missing, what came of it cannot be
/// known.
fn follow(
    world: &World,
    folder: &Folder,
    ends: &Ends,
    next: &Checkpoint,
    from: From,
    time: Wall,
) -> Result<From, Error> {
    let first = from.segment;
    let mut last = from;
    let gap = |after: u64, before: u64| {
        Error::Refused(format!("the log between commits {after} and {before} is not in the backup"))
    };
    let mut go_on = true;
    for (number, end) in ends.range(first..) {
        let start = if *number == first { last.position } else { segment::HEADER };
        walk(world, &folder.files(), *number, start..*end, next.salt, |expected, found| {
            if found.header.previous != last.sequence || expected != found.position {
                return Err(gap(last.sequence, found.header.sequence));
            }
            go_on = found.header.time <= time;
            if go_on {
                last = From {
                    sequence: found.header.sequence,
                    time: found.header.time,
                    segment: *number,
                    position: found.end(),
                };
            }
            Ok(go_on)
        })?;
        if !go_on {
            break;
        }
    }
    if go_on && last.sequence != next.sequence {
        return Err(gap(last.sequence, next.sequence));
    }
    if last.sequence == 0 {
        return Err(Error::Refused("the log begins later".into()));
    }
    Ok(last)
}

fn explain(error: Error, time: Wall, all: &[Checkpoint]) -> Error {
    match error {
        Error::Refused(why) => Error::Refused(format!(
            "the state of {} cannot be had: {why}; there are checkpoints of {}",
            text(time),
            times(all)
        )),
        other => other,
    }
}

/// What people are told of the times that can be had.
pub(super) fn times(all: &[Checkpoint]) -> String {
    let all: Vec<String> =
        all.iter().map(|one| format!("{} (number {})", text(one.time), one.number)).collect();
    if all.is_empty() { "no time at all".into() } else { all.join(", ") }
}

fn text(at: Wall) -> String {
    let c = at.civil();
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second)
}
