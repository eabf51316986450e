//! The commands, as parsed: one type for each, and nothing that could not be carried out.

mod mailbox;
mod message;
mod notify;
mod search;

use mail::{MailboxName, NameError, Rights};

use crate::SequenceSet;

pub use mailbox::{Depth, GetMetadata, List, Resync, Select, StatusItem, special_use};
pub use message::{
    Append, Fetch, FetchBinary, FetchItem, FetchSection, Label, NewMessage, Replaced, Section, SectionWhat,
    Store, StoreHow,
};
pub use notify::{EventGroup, Events, MailboxFilter, Notify};
pub use search::{
    DateRelation, Esearch, Partial, Returns, Search, SearchKey, Sort, SortBy, SortWhat, Thread, ThreadBy,
};

/// A command with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the client calls it.
    pub tag: String,
    /// What is asked.
    pub command: Command,
    /// The first mailbox that the command names, as the client wrote it, if one of its names has another form here:
    /// `inbox` is INBOX, and what is not in Normalization Form C is brought into it (RFC 9051 §5.1, §6.3.9.7).
    pub supplied: Option<String>,
}

/// A mailbox as a command names it. A name that no mailbox can have is not a syntax error: such a mailbox
/// does not exist and cannot be created (RFC 3501 §5.1, NO rather than BAD).
pub type Mailbox = Result<MailboxName, BadName>;

/// Why a name cannot name a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// Not modified UTF-7 (RFC 3501 §5.1.3).
    Encoding,
    /// Not UTF-8 (RFC 9051 §5.1).
    Utf8,
    /// See [`NameError`].
    Name(NameError),
}

impl std::fmt::Display for BadName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Encoding => f.write_str("The mailbox name is not in modified UTF-7"),
            Self::Utf8 => f.write_str("The mailbox name is not in UTF-8"),
            Self::Name(why) => why.fmt(f),
        }
    }
}

/// Every command there is. `uid` says that it came with the prefix UID (RFC 3501 §6.4.8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the arguments of RFC 3501 §6")]
pub enum Command {
    // Any state.
    Capability,
    Noop,
    Logout,
    /// RFC 2971. What the client says about itself, name and value.
    Id(Vec<(String, String)>),
    // Not authenticated.
    StartTls,
    /// `initial` is the decoded initial response (RFC 4959).
    Authenticate {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    Login {
        user: String,
        password: String,
    },
    // Authenticated.
    /// RFC 8437.
    Unauthenticate,
    /// RFC 4978 §3. DEFLATE is the only algorithm there is.
    Compress,
    /// RFC 5161. Names in capitals.
    Enable(Vec<String>),
    Select(Select),
    /// `special_uses` are attributes as written (RFC 6154 §3).
    Create {
        mailbox: Mailbox,
        special_uses: Vec<String>,
    },
    Delete(Mailbox),
    Rename {
        from: Mailbox,
        to: Mailbox,
    },
    Subscribe(Mailbox),
    Unsubscribe(Mailbox),
    List(List),
    Lsub {
        reference: String,
        pattern: String,
    },
    Namespace,
    Status {
        mailbox: Mailbox,
        items: Vec<StatusItem>,
    },
    Idle,
    /// RFC 5465 §3.1.
    Notify(Notify),
    /// RFC 5464 §4.2.
    GetMetadata(GetMetadata),
    /// RFC 5464 §4.3. Names in lower case; no value takes the annotation away.
    SetMetadata {
        /// `None` for the server.
        mailbox: Option<Mailbox>,
        values: Vec<(String, Option<Vec<u8>>)>,
    },
    /// RFC 9208 §4.1.1.
    GetQuota(Vec<u8>),
    /// RFC 9208 §4.1.2.
    GetQuotaRoot(Mailbox),
    /// RFC 9208 §4.1.3; limits are the operator's.
    SetQuota,
    /// RFC 4314 §3.3.
    GetAcl(Mailbox),
    /// RFC 4314 §3.1.
    SetAcl {
        mailbox: Mailbox,
        identifier: String,
        how: StoreHow,
        rights: Rights,
    },
    /// RFC 4314 §3.2.
    DeleteAcl {
        mailbox: Mailbox,
        identifier: String,
    },
    /// RFC 4314 §3.4.
    ListRights {
        mailbox: Mailbox,
        identifier: String,
    },
    /// RFC 4314 §3.5.
    MyRights(Mailbox),
    // Selected.
    Check,
    Close,
    Unselect,
    /// `uids` for UID EXPUNGE (RFC 4315 §2.1).
    Expunge {
        uids: Option<SequenceSet>,
    },
    Search(Search),
    /// RFC 7377 §2.
    Esearch(Esearch),
    Sort(Sort),
    Thread(Thread),
    /// RFC 10022 §3.1. `batches` are the first and the last of them, as written.
    UidBatches {
        size: u32,
        batches: Option<(u32, u32)>,
    },
    Fetch(Fetch),
    Store(Store),
    /// `and_remove` for MOVE (RFC 6851).
    Copy {
        uid: bool,
        set: SequenceSet,
        mailbox: Mailbox,
        and_remove: bool,
    },
}
