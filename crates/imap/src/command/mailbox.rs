//! Arguments of the commands about mailboxes: SELECT, LIST, STATUS, annotations.

use mail::SpecialUse;

use super::Mailbox;
use crate::SequenceSet;

/// SELECT or EXAMINE.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the arguments of RFC 3501 §6.3.1")]
pub struct Select {
    pub mailbox: Mailbox,
    /// EXAMINE.
    pub read_only: bool,
    /// RFC 7162 §3.1.8.
    pub condstore: bool,
    /// RFC 7162 §3.2.5.
    pub resync: Option<Resync>,
}

/// What a client knew of a mailbox when it left it (RFC 7162 §3.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resync {
    /// With any other UIDVALIDITY there is nothing to synchronise.
    pub uid_validity: u32,
    /// The HIGHESTMODSEQ it knew.
    pub modseq: u64,
    /// The UIDs it knew; all where it does not say.
    pub known: Option<SequenceSet>,
    /// It told sequence numbers of UIDs (RFC 7162 §3.2.5.2), which are not needed: which UIDs are gone is known exactly.
    pub has_match_data: bool,
}

/// GETMETADATA (RFC 5464 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMetadata {
    /// `None` for the server.
    pub mailbox: Option<Mailbox>,
    /// Names, in lower case.
    pub entries: Vec<String>,
    /// The longest value that is wanted.
    pub max_size: Option<u32>,
    /// What is wanted of what is below the names.
    pub depth: Depth,
}

/// The option DEPTH of GETMETADATA (RFC 5464 §4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 5464 §4.2.2")]
pub enum Depth {
    Zero,
    One,
    Infinity,
}

/// LIST with RFC 5258's options.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
pub struct List {
    /// In front of each pattern; UTF-8.
    pub reference: String,
    /// With `%` and `*`; UTF-8.
    pub patterns: Vec<String>,
    /// Whether selection or return options were given at all.
    pub extended: bool,
    /// Only subscribed ones.
    pub select_subscribed: bool,
    /// Only ones with a special use (RFC 6154 §2).
    pub select_special_use: bool,
    /// Also those whose children match (RFC 5258 §3.1).
    pub select_recursive: bool,
    /// Say which are subscribed.
    pub return_subscribed: bool,
    /// STATUS of each (RFC 5819).
    pub return_status: Vec<StatusItem>,
    /// Annotations of each (RFC 9590).
    pub return_metadata: Vec<String>,
    /// What may be done with each (RFC 8440).
    pub return_rights: bool,
}

/// What STATUS tells (RFC 3501 §6.3.10, RFC 9051 §6.3.11; SIZE also RFC 8438).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §6.3.10")]
pub enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    Deleted,
    Size,
    /// RFC 7162 §3.1.7.
    HighestModSeq,
    /// RFC 7889 §4.
    AppendLimit,
    /// RFC 8474 §4.3.
    MailboxId,
    /// RFC 9208 §4.1.4.
    DeletedStorage,
}

impl StatusItem {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::Size,
        Self::HighestModSeq,
        Self::AppendLimit,
        Self::MailboxId,
        Self::DeletedStorage,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
            Self::MailboxId => "MAILBOXID",
            Self::DeletedStorage => "DELETED-STORAGE",
        }
    }
}

/// The attribute of a special use, and back (RFC 6154 §2).
pub fn special_use(attribute: &str) -> Option<SpecialUse> {
    SpecialUse::ALL.into_iter().find(|u| u.attribute().eq_ignore_ascii_case(attribute))
}
