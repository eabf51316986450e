//! Reading every byte of a backup against its manifests.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use world::disk::Open;

use super::sum::{Sum, Summer, steps};
use super::{Folder, Progress, place_of};
use crate::Error;
use crate::body::Place;
use crate::embedded::segment::{self, failed};

/// A file of a backup that is not what a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCopy {
    /// The file, relative to the backup's directory.
    pub name: String,
    /// The checkpoints that cannot be restored because of it.
    pub checkpoints: Vec<u64>,
    /// What is wrong with it.
    pub what: String,
}

/// Lengths that checkpoints need of a file, with the checksum and who they are.
type Lengths = BTreeMap<u64, (Sum, Vec<u64>)>;

impl Folder {
    /// Reads every file of every checkpoint, each once, and says which are damaged; also manifests. Blocks for as long
    /// as the disk needs.
    pub fn check(&self, progress: &Progress) -> Result<Vec<BadCopy>, Error> {
        let mut bad = Vec::new();
        let mut files: BTreeMap<String, Lengths> = BTreeMap::new();
        for listed in self.checkpoints()? {
            match listed.checkpoint {
                Ok(checkpoint) => {
                    for (name, kept) in checkpoint.files {
                        let lengths = files.entry(name).or_default();
                        let needs = lengths.entry(kept.bytes).or_insert((kept.sha256, Vec::new()));
                        needs.1.push(listed.number);
                    }
                }
                Err(error @ Error::Damaged(_)) => bad.push(BadCopy {
                    name: format!("checkpoints/{:08}", listed.number),
                    checkpoints: vec![listed.number],
                    what: error.to_string(),
                }),
                Err(error) => return Err(error),
            }
        }
        let total = files.values().filter_map(|lengths| lengths.keys().next_back()).sum();
        progress.total.fetch_add(total, Ordering::Relaxed);
        for (name, lengths) in &files {
            if let Some(place) = place_of(name) {
                self.check_file(name, place, lengths, progress, &mut bad)?;
            }
        }
        Ok(bad)
    }

    fn check_file(
        &self,
        name: &str,
        place: Place,
        lengths: &Lengths,
        progress: &Progress,
        bad: &mut Vec<BadCopy>,
    ) -> Result<(), Error> {
        let path = segment::path(&self.files(), place);
        let mut wrong = |what: &str, checkpoints: Vec<u64>| {
            bad.push(BadCopy { name: format!("files/{name}"), checkpoints, what: what.to_owned() });
        };
        let all = || lengths.values().flat_map(|(_, checkpoints)| checkpoints.iter().copied()).collect();
        let file = match self.disk.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                wrong("is missing", all());
                return Ok(());
            }
            Err(error) => return Err(failed(&error, &path)),
        };
        let held = file.len().map_err(|error| failed(&error, &path))?;
        let (mut summer, mut from) = (Summer::new(), 0);
        for (length, (sum, checkpoints)) in lengths {
            if *length > held {
                wrong("is too short", checkpoints.clone());
                continue;
            }
            let read = steps(file.as_ref(), &path, from, *length, |_, bytes| {
                summer.add(bytes);
                progress.add(bytes.len())
            });
            match read {
                Ok(()) => {}
                // A part of the disk that cannot be read is damage; the other files may be fine.
                Err(Error::Io(why)) => {
                    wrong(&format!("cannot be read ({why})"), all());
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            from = *length;
            if summer.clone().end() != *sum {
                wrong("fails its checksum", checkpoints.clone());
            }
        }
        Ok(())
    }
}
