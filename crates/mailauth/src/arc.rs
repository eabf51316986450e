//! ARC: what earlier receivers found before they forwarded the message (RFC 8617).
//!
//! The chain is checked by [`crate::dkim::Verifier`] while the message arrives; [`seal()`] adds a set to it.

mod chain;
mod field;
mod seal;

use std::fmt;

use mail::Domain;

use crate::dkim;

pub(crate) use chain::Chain;
pub use seal::{SealError, seal};

/// The state of the chain on a message (RFC 8617 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// There is none.
    None,
    /// It is whole: each of its members said what it says there.
    Pass,
    /// It is broken, for good; the message is to be treated as if it had none.
    Fail,
}

impl Status {
    /// As `cv=` and Authentication-Results name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What came of the chain on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its state.
    pub status: Status,
    /// Why; `Display` says it in words.
    pub reason: Reason,
    /// `header.oldest-pass` (RFC 8617 §5.2): the lowest instance from which on nobody has changed the message without
    /// saying so; 0 if nobody has at all. Only with [`Status::Pass`].
    pub oldest_pass: Option<u8>,
    /// Who forwarded the message, the first one first. Only with [`Status::Pass`].
    pub sets: Vec<Set>,
    /// The highest instance that a seal of the message claims, 0 if none: a new set has one more.
    pub(crate) instances: usize,
    /// The newest seal says itself that the chain is broken: nothing is added to it any more (RFC 8617 §5.1).
    pub(crate) closed: bool,
}

impl Outcome {
    /// That of a message without a chain.
    pub fn none() -> Self {
        let (status, reason) = (Status::None, Reason::NoChain);
        Self { status, reason, oldest_pass: None, sets: Vec::new(), instances: 0, closed: false }
    }

    /// The chain cannot be judged now, and could be later: a key could not be looked up. RFC 8617 §5.2.1 calls that a
    /// failure; who would rely on the chain may ask the peer to come again instead.
    pub fn is_temporary(&self) -> bool {
        match &self.reason {
            Reason::Message(_, why) | Reason::Seal(_, why) => why.verdict() == dkim::Verdict::TempError,
            _ => false,
        }
    }
}

/// One set of a chain that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Who sealed it: `d=` of ARC-Seal.
    pub domain: Domain,
    /// What it found: the value of ARC-Authentication-Results behind `i=…;`, unfolded.
    pub results: String,
}

/// Why a chain got its state. Instances are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is none.
    NoChain,
    /// All signatures are good.
    Good,
    /// The header section is beyond the limits.
    HeaderTooLong,
    /// More than [`mail::limits::ARC_SETS`] sets, or an instance beyond.
    TooMany,
    /// A field of the chain cannot be read: its name, and what is wrong.
    Field(&'static str, dkim::Reason),
    /// A field of the chain names no instance.
    NoInstance(&'static str),
    /// A set does not have each of its three fields exactly once.
    Incomplete(u8),
    /// `cv=` of a seal is not what it must be there.
    ChainStatus(u8),
    /// The newest seal says that the chain was broken before.
    BrokenBefore,
    /// A seal has `h=` (RFC 8617 §4.1.3).
    SealedNames(u8),
    /// The message signature of a set does not hold.
    Message(u8, dkim::Reason),
    /// The seal of a set does not hold.
    Seal(u8, dkim::Reason),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChain => f.write_str("there is no chain"),
            Self::Good => f.write_str("the chain is good"),
            Self::HeaderTooLong => f.write_str("the header section is too long to be checked"),
            Self::TooMany => f.write_str("the chain has too many sets"),
            Self::Field(name, why) => write!(f, "{name}: {why}"),
            Self::NoInstance(name) => write!(f, "{name} has no valid instance"),
            Self::Incomplete(at) => write!(f, "set {at} does not have each of its fields once"),
            Self::ChainStatus(at) => write!(f, "cv= of set {at} is not what it must be"),
            Self::BrokenBefore => f.write_str("the chain was broken before it came here"),
            Self::SealedNames(at) => write!(f, "the seal of set {at} has h="),
            Self::Message(at, why) => write!(f, "message signature of set {at}: {why}"),
            Self::Seal(at, why) => write!(f, "seal of set {at}: {why}"),
        }
    }
}

#[cfg(test)]
mod tests;
