//! What comes back, as it goes over the control socket and into `--json`. Names are stable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LostPlace;

/// One reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// It is done; for people.
    Done {
        text: String,
    },
    /// It is done, and this password was made for it.
    Generated {
        address: String,
        password: String,
    },
    Domains {
        rows: Vec<String>,
        next: Option<String>,
    },
    Records {
        rows: Vec<DnsRecord>,
    },
    Keys {
        rows: Vec<KeyRow>,
    },
    Accounts {
        rows: Vec<AccountRow>,
        next: Option<u32>,
    },
    Account {
        account: AccountDetail,
    },
    AppPasswords {
        rows: Vec<AppPasswordRow>,
    },
    Rights {
        rows: Vec<RightsRow>,
        next: Option<String>,
    },
    RemovedAccounts {
        rows: Vec<RemovedRow>,
        next: Option<u32>,
    },
    Lost {
        rows: Vec<LostRow>,
        next: Option<LostPlace>,
    },
    BroughtBack {
        outcome: BroughtBack,
    },
    Salvaged {
        outcome: Salvaged,
    },
    Aliases {
        rows: Vec<AliasRow>,
        next: Option<String>,
    },
    Suppressed {
        rows: Vec<SuppressedRow>,
        next: Option<String>,
    },
    Reports {
        rows: Vec<ReportRow>,
        next: Option<String>,
    },
    Report {
        report: ReportRow,
        sources: Vec<ReportSource>,
    },
    PendingReports {
        rows: Vec<CountedRow>,
    },
    Queue {
        rows: Vec<QueueRow>,
        next: Option<String>,
    },
    QueueItem {
        item: QueueRow,
    },
    Journeys {
        rows: Vec<JourneyRow>,
    },
    Status {
        status: Box<Status>,
    },
    /// How far a verification is, or what it found.
    Verification {
        progress: crate::verify::Progress,
        report: Option<Box<crate::verify::Report>>,
    },
    Moment {
        moment: HeldMoment,
    },
    Files {
        rows: Vec<HeldFile>,
        next: Option<u64>,
    },
}

/// The moment of the store whose files are held for a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HeldMoment {
    pub(crate) sequence: u64,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) run: u64,
    pub(crate) segment: u64,
    pub(crate) position: u64,
}

/// A file of that moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HeldFile {
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

/// A record to publish.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DnsRecord {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) value: String,
    /// What it is good for.
    pub(crate) why: String,
}

/// A key that a domain signs with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyRow {
    pub(crate) selector: String,
    pub(crate) algorithm: String,
    /// `waiting`, `in use`, `retired`.
    pub(crate) state: String,
    pub(crate) since: String,
    /// Whether DNS shows it.
    pub(crate) published: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub(crate) id: u32,
    pub(crate) address: String,
    pub(crate) enabled: bool,
    pub(crate) has_password: bool,
    #[serde(default)]
    pub(crate) shared: bool,
}

/// What one identifier is given with a mailbox (RFC 4314 §2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RightsRow {
    pub(crate) mailbox: String,
    /// An address, or `anyone`; behind a dash from whom the rights are taken away.
    pub(crate) who: String,
    pub(crate) rights: String,
}

/// A removed account that can be brought back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RemovedRow {
    pub(crate) id: u32,
    pub(crate) address: String,
    pub(crate) removed: String,
    /// Until about then; the time during which the server did not run counts only in part.
    pub(crate) until: String,
}

/// A message that can be brought back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LostRow {
    pub(crate) mailbox: String,
    /// The UID that it had.
    pub(crate) uid: u32,
    pub(crate) removed: String,
    /// Whether it went with its mailbox.
    pub(crate) with_mailbox: bool,
    /// When it came in.
    pub(crate) date: String,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) from: Option<String>,
    pub(crate) subject: Option<String>,
    /// The journey's id.
    pub(crate) message: String,
}

/// What was restored out of a backup, so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Salvaged {
    /// Messages of the backup that were asked for.
    pub(crate) matched: u64,
    /// Of these, messages that were not there any more.
    pub(crate) total: u64,
    /// Of these, messages that were looked at so far.
    pub(crate) done: u64,
    /// Messages that are there again.
    pub(crate) added: u64,
    /// Messages that the backup cannot give.
    pub(crate) unreadable: u64,
    /// How many into each mailbox.
    pub(crate) mailboxes: BTreeMap<String, u64>,
    /// Whether that is all.
    pub(crate) finished: bool,
}

/// What was brought back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BroughtBack {
    pub(crate) count: u64,
    /// Messages that cannot be read and stayed where they are.
    pub(crate) unreadable: u64,
    /// How many into each mailbox.
    pub(crate) mailboxes: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountDetail {
    #[serde(flatten)]
    pub(crate) account: AccountRow,
    pub(crate) mailboxes: Vec<MailboxRow>,
    /// Nothing from a server that does not tell.
    #[serde(default)]
    pub(crate) sending: Option<SendingFigures>,
    /// Nothing from a server that does not tell.
    #[serde(default)]
    pub(crate) quota: Option<QuotaFigures>,
}

/// What an account has, and may have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QuotaFigures {
    /// Bytes.
    pub(crate) storage: QuotaFigure,
    pub(crate) messages: QuotaFigure,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QuotaFigure {
    pub(crate) used: u64,
    /// Nothing for as much as it likes.
    pub(crate) limit: Option<u64>,
    /// Whether that was said of this account alone.
    pub(crate) own: bool,
}

/// What an account has sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SendingFigures {
    /// Recipients in the last 60 minutes.
    pub(crate) hour: u64,
    /// In the last 24 hours.
    pub(crate) day: u64,
    /// Since when and why it may not send; nothing if it may.
    pub(crate) suspended: Option<SuspendedRow>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SuspendedRow {
    pub(crate) since: String,
    pub(crate) reason: String,
}

/// An address elsewhere that does not exist, as far as is known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SuppressedRow {
    pub(crate) address: String,
    /// Whether mail to it is refused already.
    pub(crate) refused: bool,
    /// Messages that its server refused.
    pub(crate) bounces: u32,
    /// Days on which it did.
    pub(crate) days: u32,
    pub(crate) first: String,
    pub(crate) last: String,
    /// What it said last; nothing if an operator added it.
    pub(crate) reply: Option<String>,
}

/// A report from elsewhere, in short.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReportRow {
    pub(crate) id: String,
    /// `dmarc` or `tls`.
    pub(crate) kind: String,
    pub(crate) domain: String,
    /// Who reports, in their words.
    pub(crate) reporter: String,
    /// Their name for it.
    pub(crate) report_id: String,
    pub(crate) begin: String,
    pub(crate) end: String,
    /// The message that brought it.
    pub(crate) message: String,
    /// Messages or sessions.
    pub(crate) total: u64,
    /// Those that passed DMARC, or had TLS as it should be.
    pub(crate) good: u64,
    /// Whether rows were left out because there were too many.
    pub(crate) shortened: bool,
}

/// What a report says of one source of mail, or of one kind of failure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReportSource {
    pub(crate) count: u64,
    pub(crate) good: bool,
    /// Where the mail came from, or the host that was not as it should be.
    pub(crate) source: String,
    /// What became of it: a disposition, or the kind of failure.
    pub(crate) outcome: String,
    /// What was found, for people.
    pub(crate) findings: String,
}

/// What is counted for a report that is not sent yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CountedRow {
    pub(crate) day: String,
    /// `dmarc` or `tls`.
    pub(crate) kind: String,
    pub(crate) domain: String,
    pub(crate) total: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MailboxRow {
    pub(crate) name: String,
    pub(crate) messages: u32,
    pub(crate) unseen: u32,
    /// In bytes.
    pub(crate) size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AppPasswordRow {
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created: String,
    /// The day, in UTC; nothing before the first use.
    pub(crate) last_used: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AliasRow {
    pub(crate) address: String,
    pub(crate) targets: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QueueRow {
    pub(crate) id: String,
    /// The journey's id.
    pub(crate) message: String,
    /// Empty for the null path.
    pub(crate) sender: String,
    pub(crate) destination: String,
    pub(crate) recipients: Vec<QueueRecipient>,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) attempts: u32,
    pub(crate) created: String,
    pub(crate) due: String,
    pub(crate) held: bool,
    /// Where an operator sends it instead of by its route.
    #[serde(default)]
    pub(crate) via: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QueueRecipient {
    pub(crate) address: String,
    /// `pending`, `delivered` or `failed`.
    pub(crate) state: String,
    pub(crate) attempts: u32,
    /// The last thing said about it.
    pub(crate) last: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JourneyRow {
    pub(crate) id: String,
    pub(crate) events: Vec<JourneyEvent>,
    /// Records of it that cannot be read.
    #[serde(default)]
    pub(crate) damaged: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JourneyEvent {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) time: String,
    /// The kind of event.
    pub(crate) event: String,
    /// In one line, for people.
    pub(crate) text: String,
    /// What belongs to this kind of event.
    pub(crate) fields: serde_json::Map<String, serde_json::Value>,
    /// What is known of the replies in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) advice: Vec<AdviceRow>,
}

/// What a reply means and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdviceRow {
    pub(crate) cause: String,
    /// For whoever runs this server.
    pub(crate) operator: String,
    /// For the sender of the message.
    pub(crate) sender: String,
}

/// How a running server is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) hostname: String,
    pub(crate) pid: u32,
    pub(crate) uptime_seconds: u64,
    /// Resident; nothing where the system does not say.
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) listeners: Vec<ListenerRow>,
    pub(crate) connections: ConnectionFigures,
    pub(crate) store: StoreFigures,
    pub(crate) queue: QueueFigures,
    /// Whether outgoing mail can be secured by DANE, and why not.
    pub(crate) dane: DaneFigures,
    /// What `data_dir` lies on; nothing until that has been looked at.
    pub(crate) disk: Option<DiskFigures>,
}

/// Whether the name servers say what is signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DaneFigures {
    pub(crate) on: bool,
    /// For people.
    pub(crate) words: String,
}

/// What was measured when the server started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DiskFigures {
    pub(crate) file_system: String,
    /// What one small write and its sync took, in the middle.
    pub(crate) sync_microseconds: Option<u64>,
    /// Both, for people.
    pub(crate) words: String,
    /// What that means for the mail, where it is not as it should be.
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ListenerRow {
    pub(crate) service: String,
    pub(crate) address: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConnectionFigures {
    pub(crate) open: usize,
    /// Of each service that has a listener.
    pub(crate) services: BTreeMap<String, usize>,
}

/// Since the server started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoreFigures {
    pub(crate) commits: u64,
    pub(crate) syncs: u64,
    /// Nothing before the first commit.
    pub(crate) syncs_per_commit: Option<f64>,
    pub(crate) log_bytes: u64,
    /// What a start after a crash would replay.
    pub(crate) replay_bytes: u64,
    /// Bodies and parts of files that are known to be damaged, at most 10,000.
    #[serde(default)]
    pub(crate) damaged: u64,
    /// Whether the scrub is reading the store.
    #[serde(default)]
    pub(crate) scrubbing: bool,
    /// When it last had read everything.
    #[serde(default)]
    pub(crate) scrubbed: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QueueFigures {
    pub(crate) items: u64,
    pub(crate) due: u64,
    pub(crate) held: u64,
    pub(crate) next_due: Option<String>,
    /// Since when nothing at all can be delivered (F26); nothing in good times.
    pub(crate) outage_since: Option<String>,
}
