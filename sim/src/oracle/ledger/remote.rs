//! What servers elsewhere know: what they accepted, how, and what their domains publish.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::tls::Certificate;
use crate::town::Guard;

/// How far the word of a remote that it accepted a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// It was never sent, or made useless: the sender cannot know (F6).
    Kept,
    /// It was sent; nothing came from the sender since.
    Sent,
    /// It was read: the sender went on.
    Read,
}

/// Whether the client of a remote must take it that the remote takes 8-bit messages (8BITMIME, RFC 6152).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EightBit {
    /// The reply to EHLO said so.
    Offered,
    /// The reply to EHLO did not say so, or it was HELO.
    Missing,
    /// Replies went astray before: the client may have read another one for it.
    Unsure,
}

/// A message that a remote accepted, whether or not it could say so.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// When its transaction began. A remote that reads slowly may accept an earlier copy after a later one (seed 207).
    pub begun: u64,
    /// When it was accepted.
    pub at: u64,
    /// By whom.
    pub host: String,
    /// MAIL FROM.
    pub from: String,
    /// RCPT TO, those accepted.
    pub to: Vec<String>,
    /// Exactly what came.
    pub bytes: Arc<Vec<u8>>,
    /// Whether it might have come with 8 bits.
    pub eight_bit: EightBit,
    /// Whether the sender knows.
    pub word: Word,
    /// The connection over which it came.
    pub link: Link,
}

/// A connection to a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// When it was made.
    pub opened: u64,
    /// What the remote showed on it; nothing in clear.
    pub shown: Option<Certificate>,
}

/// What a domain elsewhere publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it asks for.
    pub guard: Guard,
    /// Its hosts, which a policy names.
    pub hosts: BTreeSet<String>,
    /// The keys that TLSA records name, by host.
    pub keys: BTreeMap<String, u64>,
}
