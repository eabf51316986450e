//! Backups: a directory that holds the files of a store as they were at some moments, and manifests that say which.
//!
//! Files of a store only grow or go: segments of the log get longer at their end, archives and bodies never change.
//! So a backup copies what is new, in a directory of the same layout, and each moment kept there (a [`Checkpoint`])
//! is a list of files with lengths and checksums. `docs/store.md` has the layout.

mod check;
mod choose;
mod folder;
mod hold;
mod manifest;
mod restore;
mod run;
mod sum;
mod write;

pub use check::BadCopy;
pub use choose::Choice;
pub(super) use choose::{Chosen, choose};
pub use folder::{Folder, Listed};
pub use hold::{Hold, Moment, Needed};
pub(super) use hold::{Holds, hold};
pub use manifest::{Checkpoint, Kept};
pub use restore::{Restored, Wanted, clear, highest_run, restore};
pub use run::{Local, Page, Source, run};
pub use write::{Backup, Origin, Progress, Written};

use std::path::{Path, PathBuf};

use super::segment;
use crate::body::Place;

/// The format of backups that this program writes. It reads this one and none newer.
const FORMAT: u32 = 1;
/// Bytes read at once.
const STEP: usize = 1 << 20;

/// A file's name within a store's directory.
fn name_of(place: Place) -> String {
    let path = segment::path(Path::new(""), place);
    path.display().to_string()
}

/// The file that a name within a store's directory means, if it means one.
fn place_of(name: &str) -> Option<Place> {
    let (kind, number) = name.split_once('/')?;
    if number.len() != 16 || !number.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let number = u64::from_str_radix(number, 16).ok()?;
    match kind {
        "log" => Some(Place::Log(number)),
        "archive" => Some(Place::Archive(number)),
        "bodies" => Some(Place::Body(number)),
        _ => None,
    }
}

/// Where a backup has the store's files.
fn files_in(dir: &Path) -> PathBuf {
    dir.join("files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_come_back_and_others_mean_nothing() {
        for place in [Place::Log(1), Place::Archive(0x00ab_cdef), Place::Body(u64::MAX)] {
            assert_eq!(place_of(&name_of(place)), Some(place));
        }
        for name in
            ["store", "log/1", "log/../../../etc/passwd", "log/000000000000000G", "log/+00000000000000a"]
        {
            assert_eq!(place_of(name), None, "{name}");
        }
    }
}
