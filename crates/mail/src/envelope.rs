//! The envelope: who a message is from and for, apart from its bytes (RFC 5321 §2.3.1).

use std::time::Duration;

use crate::{Address, ReversePath, Wall};

/// How a message's bytes may look on the wire (RFC 6152, RFC 3030). Who takes one takes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
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

/// What the sender says of TLS on the whole way (RFC 8689).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TlsRequired {
    /// Nothing: what the destination asks for holds.
    #[default]
    Unsaid,
    /// REQUIRETLS: better not delivered than delivered without (§4.2.1).
    Yes,
    /// The header field `TLS-Required: No`: better delivered without than not delivered (§4.2.2).
    No,
}

/// How long a submitted message is to wait before it is let go (RFC 4865).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// HOLDFOR: so long after MAIL, in whole seconds.
    For(Duration),
    /// HOLDUNTIL.
    Until(Wall),
}

impl Hold {
    /// When a message is let go whose MAIL came at `begun`.
    pub fn release(self, begun: Wall) -> Wall {
        match self {
            Self::For(time) => begun + time,
            Self::Until(at) => at,
        }
    }
}

/// What happens to a message that is not delivered in time (RFC 2852 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByMode {
    /// `N`: the sender is told, and it is tried further.
    Notify,
    /// `R`: it is returned.
    Return,
}

/// BY=, as it stands on the wire: within so many seconds of MAIL (RFC 2852 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverBy {
    /// From -999,999,999 to 999,999,999; zero and less only with [`ByMode::Notify`]: the time is over.
    pub seconds: i64,
    /// What happens then.
    pub mode: ByMode,
    /// `T`: each relay on the way tells the sender.
    pub trace: bool,
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
    /// REQUIRETLS, or the header field that says the opposite (RFC 8689).
    pub tls_required: TlsRequired,
    /// HOLDFOR= or HOLDUNTIL= (RFC 4865).
    pub hold: Option<Hold>,
    /// BY= (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
    /// MT-PRIORITY= from -9 to 9; 0 is usual (RFC 6710).
    pub priority: i8,
}

impl Envelope {
    /// The sender and all parameters of the message, without its recipients.
    #[must_use]
    pub fn parameters(&self) -> Self {
        Self {
            reverse_path: self.reverse_path.clone(),
            recipients: Vec::new(),
            envid: self.envid.clone(),
            ..*self
        }
    }
}
