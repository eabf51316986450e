//! What can go wrong with mailboxes.

use std::fmt;

use mail::{MailboxName, NameError, SpecialUse, limits};

use crate::Resource;

/// Why a mailbox operation did not happen. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no mailbox of that name (IMAP: NONEXISTENT), or it went away meanwhile.
    NoSuchMailbox(String),
    /// A mailbox of that name is there already (IMAP: ALREADYEXISTS).
    AlreadyExists(MailboxName),
    /// Another mailbox has that special use already (IMAP: USEATTR).
    SpecialUseTaken(SpecialUse, MailboxName),
    /// INBOX cannot be created or deleted, nor a mailbox moved below itself or to where others' are seen (IMAP: CANNOT).
    NotPossible(&'static str),
    /// The new name is not allowed.
    Name(NameError),
    /// The account has [`limits::MAILBOXES`] mailboxes, or the message [`limits::KEYWORDS`] keywords (IMAP: LIMIT); or
    /// there are as many annotations, or identifiers in an access control list, as there may be; or its
    /// UIDVALIDITY values are used up.
    Limit(&'static str),
    /// The account has as much as it may have (IMAP: OVERQUOTA).
    OverQuota(Resource),
    /// The message is no longer there (IMAP: EXPUNGEISSUED).
    NoSuchMessage,
    /// The store's. `Conflict` is for the flow crate to retry.
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMailbox(name) => write!(f, "there is no mailbox {name}"),
            Self::AlreadyExists(name) => write!(f, "there is a mailbox {name} already"),
            Self::SpecialUseTaken(special_use, name) => {
                write!(f, "the mailbox {name} is the one for {} already", special_use.attribute())
            }
            Self::NotPossible(why) => f.write_str(why),
            Self::Name(why) => why.fmt(f),
            Self::Limit("mailboxes") => {
                write!(f, "an account has at most {} mailboxes; delete some first", limits::MAILBOXES)
            }
            Self::Limit("annotations") => f.write_str("there are too many annotations; remove some first"),
            Self::Limit("identifiers") => {
                write!(f, "an access control list has at most {} identifiers", limits::ACL_IDENTIFIERS)
            }
            Self::Limit("shared mailboxes") => {
                f.write_str("too many mailboxes are shared with that account already")
            }
            Self::Limit("epochs") => f.write_str(
                "the account's UIDVALIDITY values are used up: the clock was far ahead at restores",
            ),
            Self::Limit(_) => write!(f, "a message has at most {} keywords", limits::KEYWORDS),
            Self::OverQuota(resource) => write!(f, "the account is over its quota: {resource}"),
            Self::NoSuchMessage => f.write_str("the message is no longer there"),
            Self::Store(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
