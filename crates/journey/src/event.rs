//! What can happen to a message.

use std::net::IpAddr;
use std::time::Duration;

use mail::{AccountId, Address, Id, Reply, ReversePath, Uid, Wall};

use crate::{Tls, TlsFailure};

/// One thing that happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Wall,
    /// What.
    pub what: What,
}

/// A message was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// `smtp`, `submission`, `lmtp`, `imap`, `dsn`.
    pub service: String,
    /// Who brought it; `None` for our own.
    pub client: Option<IpAddr>,
    /// What it said in EHLO.
    pub helo: String,
    /// How it was protected.
    pub tls: Option<Tls>,
    /// Who was logged in.
    pub account: Option<Address>,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// RCPT TO, those accepted.
    pub recipients: Vec<Address>,
    /// Bytes.
    pub size: u64,
    /// Decoded; cut to 200 characters when recorded.
    pub subject: Option<String>,
    /// Message-ID, with its angle brackets or without.
    pub message_id: Option<String>,
}

/// A message, or a recipient of it, was not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The command that was refused: `MAIL`, `RCPT`, `DATA`, `AUTH`, ...
    pub stage: String,
    /// `smtp`, `submission`, `lmtp`, ...
    pub service: String,
    /// Who tried.
    pub client: Option<IpAddr>,
    /// What it said in EHLO.
    pub helo: String,
    /// MAIL FROM, if it came that far.
    pub reverse_path: Option<ReversePath>,
    /// The recipients it concerns.
    pub recipients: Vec<Address>,
    /// What we answered.
    pub reply: Reply,
}

/// A queue item was tried at one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The item.
    pub item: Id,
    /// The host's name, or the destination's where it did not come to a host.
    pub host: String,
    /// Its address, if it came to a connection.
    pub ip: Option<IpAddr>,
    /// How the connection was protected.
    pub tls: Option<Tls>,
    /// What was said for each recipient.
    pub results: Vec<(Address, Reply)>,
    /// How long it took.
    pub took: Duration,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum What {
    /// The message was taken over.
    Accepted(Box<Accepted>),
    /// It was not.
    Refused(Box<Refused>),
    /// It is in a mailbox. `uid` where it was known already.
    Delivered { recipient: Address, account: Address, mailbox: String, uid: Option<Uid> },
    /// It waits in the queue.
    Queued { item: Id, destination: String, recipients: Vec<Address> },
    /// It was tried.
    Attempted(Box<Attempted>),
    /// It will be tried again.
    Deferred { item: Id, until: Wall },
    /// Its lifetime in the queue is over for these.
    Expired { item: Id, recipients: Vec<Address> },
    /// The sender was told; `dsn` is the report's own journey.
    Reported { kind: String, recipients: Vec<Address>, dsn: Id },
    /// The sender was not told, and why.
    NotReported { recipients: Vec<Address>, reason: String },
    /// An operator did something: `held`, `released`, `retried`, `cancelled`.
    Operator { action: String, item: Option<Id> },
    /// It went to another mailbox (or was copied there).
    Moved { account: AccountId, from: String, to: String, copied: bool, by: String },
    /// It was taken out of a mailbox.
    Expunged { account: AccountId, mailbox: String, by: String },
    /// TLS was not as a policy asks, or a policy could not be had.
    TlsFailed(Box<TlsFailure>),
    /// Anything else worth telling.
    Noted(String),
}
