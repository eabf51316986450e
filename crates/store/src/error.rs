//! What can go wrong in a store.

use std::fmt;

/// Why a store did not do what it was asked. None of these means "not found".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A precondition of the batch no longer held; nothing was changed. Read again and retry.
    Conflict,
    /// No space left on the disk, or below the reserve kept for state updates; nothing was changed (F14).
    Full,
    /// A sync or write failed: the store takes no more commits until it is opened again (F16).
    Poisoned(String),
    /// What was read fails its checksum (P4). Names what is damaged.
    Damaged(String),
    /// A body or key that the caller names does not exist; the caller's state is wrong.
    Missing(String),
    /// The store has been closed.
    Closed,
    /// Another process has the store open.
    Locked(String),
    /// The disk refused; says on what.
    Io(String),
    /// Written by a newer Posthouse.
    NewerFormat(String),
    /// The store was opened only to be read.
    ReadOnly,
    /// What was asked for cannot be done as things are, and nothing was changed. Says why, and what to do.
    Refused(String),
    /// The batch breaks a limit of the store.
    TooLarge(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("another change came first; try again"),
            Self::Full => f.write_str("the disk is full"),
            Self::Poisoned(why) => write!(
                f,
                "the store stopped taking changes because its disk failed ({why}); restart posthouse to recover"
            ),
            Self::Damaged(what) => write!(f, "stored data is damaged: {what}"),
            Self::Missing(what) => write!(f, "the store has no {what}"),
            Self::Closed => f.write_str("the store is closed"),
            Self::Locked(path) => {
                write!(f, "{path} is in use by another posthouse process; stop it first")
            }
            Self::Io(what) => write!(f, "the disk refused: {what}"),
            Self::NewerFormat(what) => {
                write!(f, "{what} was written by a newer posthouse; install that version or a later one")
            }
            Self::ReadOnly => f.write_str("the store was opened only to be read"),
            Self::Refused(why) => f.write_str(why),
            Self::TooLarge(what) => write!(f, "too large for the store: {what}"),
        }
    }
}

impl std::error::Error for Error {}
