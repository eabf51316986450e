//! Changes of names that are not durable yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A change of names that a sync of the directory makes durable.
#[derive(Clone)]
pub(super) enum NameChange {
    Set(PathBuf, Option<u64>),
    /// A directory with all that is in it.
    Move(PathBuf, PathBuf),
}

impl NameChange {
    /// The name that is new, or gone.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Set(path, _) | Self::Move(_, path) => path,
        }
    }

    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Set(path, Some(id)) => drop(names.insert(path.clone(), *id)),
            Self::Set(path, None) => drop(names.remove(path)),
            Self::Move(from, to) => {
                let moved: Vec<PathBuf> =
                    names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in moved {
                    if let (Some(id), Ok(rest)) = (names.remove(&path), path.strip_prefix(from)) {
                        names.insert(to.join(rest), id);
                    }
                }
            }
        }
    }
}
