//! The envelope: who a message is from and for, apart from its bytes (RFC 5321 §2.3.1).

use crate::{Address, ReversePath};

/// How a message's bytes may look on the wire (RFC 6152, RFC 3030).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BodyType {
    /// 7-bit lines.
    #[default]
    SevenBit,
    /// 8-bit lines.
    EightBitMime,
    /// Any bytes; only with CHUNKING.
    BinaryMime,
}

/// What of the message a DSN shall return (RFC 3461 §4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReturnContent {
    /// The whole message, up to our limit.
    Full,
    /// Its headers only.
    Headers,
}

/// When the sender wants a DSN about a recipient (RFC 3461 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the standard's four independent choices")]
pub struct Notify {
    /// NEVER: not at all; the other three are then false.
    pub never: bool,
    /// On success.
    pub success: bool,
    /// On failure.
    pub failure: bool,
    /// On delay.
    pub delay: bool,
}

impl Default for Notify {
    /// What holds where NOTIFY was not given: failure and delay (RFC 3461 §4.1).
    fn default() -> Self {
        Self { never: false, success: false, failure: true, delay: true }
    }
}

/// One recipient with its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The forward-path.
    pub address: Address,
    /// When to notify the sender.
    pub notify: Notify,
    /// The address the sender wrote first, `type;xtext` as received (RFC 3461 §4.2).
    pub original: Option<String>,
}

impl Recipient {
    /// A recipient without parameters.
    pub fn plain(address: Address) -> Self {
        Self { address, notify: Notify::default(), original: None }
    }
}

/// Reverse-path, recipients and parameters of one transaction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Envelope {
    /// Who hears of failures; empty for notifications themselves.
    pub reverse_path: ReversePath,
    /// In the order given, at least one once DATA has begun.
    pub recipients: Vec<Recipient>,
    /// BODY= (RFC 6152).
    pub body: BodyType,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// RET= (RFC 3461 §4.3).
    pub ret: Option<ReturnContent>,
    /// ENVID= as received (RFC 3461 §4.4).
    pub envid: Option<String>,
}
