//! What can be asked for, as it goes over the control socket.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One request. Lists come in pages: `after` is the `next` of the page before.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub(crate) enum Request {
    DomainAdd {
        name: String,
    },
    DomainRemove {
        name: String,
    },
    DomainList {
        after: Option<String>,
    },
    DomainDns {
        name: String,
    },
    DomainKeys {
        name: String,
    },
    DomainRotate {
        name: String,
        now: bool,
    },
    AccountAdd {
        address: String,
        password: NewPassword,
    },
    AccountPassword {
        address: String,
        password: NewPassword,
    },
    AccountEnable {
        address: String,
        enabled: bool,
    },
    AccountRemove {
        address: String,
        now: bool,
    },
    /// Changes what an account may have; what is not said stays.
    AccountQuota {
        address: String,
        storage: Option<Limit>,
        messages: Option<Limit>,
    },
    /// Marks an account as one that belongs to nobody in particular, or no longer.
    AccountShared {
        address: String,
        shared: bool,
    },
    /// Who may do what with mailboxes of an account.
    RightsList {
        address: String,
        /// Only this one.
        mailbox: Option<String>,
        /// A mailbox.
        after: Option<String>,
    },
    RightsChange {
        address: String,
        /// All that there are, where none is named.
        mailbox: Option<String>,
        who: String,
        /// All, where none are named.
        rights: Option<String>,
        give: bool,
    },
    AppPasswordAdd {
        address: String,
        name: String,
        /// All there are, where none is named.
        scopes: Vec<String>,
    },
    AppPasswordList {
        address: String,
    },
    AppPasswordRemove {
        address: String,
        name: String,
    },
    /// Lets a suspended account send again.
    AccountResume {
        address: String,
    },
    SuppressAdd {
        address: String,
    },
    SuppressRemove {
        address: String,
    },
    SuppressList {
        domain: Option<String>,
        after: Option<String>,
    },
    ReportList {
        domain: Option<String>,
        after: Option<String>,
    },
    ReportShow {
        id: String,
    },
    /// What is counted and not sent yet.
    ReportPending,
    /// Send it now.
    ReportSend,
    AccountRestore {
        address: String,
        to: Option<String>,
    },
    AccountRemoved {
        after: Option<u32>,
    },
    AccountList {
        domain: Option<String>,
        after: Option<u32>,
    },
    AccountShow {
        address: String,
    },
    AliasAdd {
        address: String,
        targets: Vec<String>,
    },
    AliasRemove {
        address: String,
    },
    AliasList {
        domain: Option<String>,
        after: Option<String>,
    },
    QueueList {
        filter: QueueFilter,
        after: Option<String>,
    },
    QueueShow {
        id: String,
    },
    QueueAct {
        action: QueueAction,
        filter: QueueFilter,
    },
    LostList {
        address: String,
        filter: LostFilter,
        after: Option<LostPlace>,
    },
    BringBack {
        address: String,
        filter: LostFilter,
        into: Option<String>,
    },
    Trace {
        query: TraceQuery,
    },
    /// Open a backup to restore mail out of it, as long as this conversation goes on.
    SalvageOpen {
        query: SalvageQuery,
    },
    /// Add the next messages of it.
    SalvageNext,
    Status,
    /// Hold the store's files from now on, until this conversation ends.
    BackupHold,
    /// The log and the archives of the moment that is held.
    BackupFiles,
    /// Its files of single bodies, behind this one.
    BackupBodies {
        after: Option<u64>,
    },
    /// Whether they are still held.
    BackupHeld,
    /// Begins to verify the store (`start`), or asks how far that is.
    Verify {
        start: bool,
    },
}

/// What an account may have of something.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Limit {
    /// What all may.
    Default,
    Unlimited,
    AtMost(u64),
}

/// Where an account's password comes from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NewPassword {
    /// Nobody can log in until one is set.
    None,
    /// A random one, shown once.
    Generate,
    Given(String),
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Generate => "Generate",
            Self::Given(_) => "Given(..)",
        })
    }
}

/// What is done to queue items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QueueAction {
    Retry,
    Hold,
    Release,
    Cancel,
    /// Send by this host (`HOST` or `HOST:PORT`), or by the item's own route again.
    Route(Option<String>),
}

impl QueueAction {
    /// What has happened then, as the journey tells it.
    pub(crate) fn done(&self) -> String {
        match self {
            Self::Retry => "retried".into(),
            Self::Hold => "held".into(),
            Self::Release => "released".into(),
            Self::Cancel => "cancelled".into(),
            Self::Route(Some(via)) => format!("routed to {via}"),
            Self::Route(None) => "routed as configured".into(),
        }
    }
}

/// Which queue items: all that is given must match.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct QueueFilter {
    pub(crate) id: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) sender: Option<String>,
    /// Of this message.
    pub(crate) message: Option<String>,
    pub(crate) held: Option<bool>,
}

/// Which messages to bring back: all that is given must match.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LostFilter {
    pub(crate) mailbox: Option<String>,
    /// Removed since then: a point in time, `2026-11-23`, or how long ago, `2h`.
    pub(crate) since: Option<String>,
    /// Part of the subject.
    pub(crate) subject: Option<String>,
    /// UIDs that they had; empty for any.
    pub(crate) uids: Vec<u32>,
}

/// Where a list of messages that can be brought back goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LostPlace {
    pub(crate) with_mailbox: bool,
    pub(crate) mailbox: u32,
    pub(crate) modseq: u64,
    pub(crate) uid: u32,
}

/// Which messages of a backup: all that is given must match.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SalvageQuery {
    /// The backup.
    pub(crate) dir: PathBuf,
    /// Its moment; the newest if neither is given.
    pub(crate) to: Option<String>,
    pub(crate) checkpoint: Option<u64>,
    pub(crate) account: String,
    pub(crate) mailbox: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) uid: Option<u32>,
    pub(crate) uidvalidity: Option<u32>,
    /// Into this mailbox instead of where they were.
    pub(crate) into: Option<String>,
}

/// Which journeys: all that is given must match.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct TraceQuery {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) message_id: Option<String>,
    /// A point in time, `2026-11-23`, or how long ago, `2h`.
    pub(crate) since: Option<String>,
    pub(crate) id: Option<String>,
    /// At most this many; 0 means 100.
    pub(crate) limit: usize,
}
