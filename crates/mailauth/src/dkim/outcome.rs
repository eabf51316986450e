//! What came of a signature, in the standard's words and in people's.

use std::fmt;

use mail::{Domain, limits};

use crate::tag_list;

/// The results of RFC 8601 §2.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The signature is good, and fit to be relied on.
    Pass,
    /// It is not: the message was changed, or somebody else signed.
    Fail,
    /// It may be good, but does not count here.
    Policy,
    /// It cannot be understood, or its key is only being tried out.
    Neutral,
    /// The key cannot be had right now.
    TempError,
    /// It can never be good.
    PermError,
}

impl Verdict {
    /// As Authentication-Results names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What came of one signature. What the signature says of itself is there as far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result for Authentication-Results. Only [`Verdict::Pass`] may be relied on.
    pub verdict: Verdict,
    /// Why; `Display` says it in words.
    pub reason: Reason,
    /// Who signed: `d=`.
    pub domain: Option<Domain>,
    /// `s=`, as written.
    pub selector: Option<String>,
    /// `i=`, as written; where it is not, `@` and `d=` (RFC 6376 §3.5).
    pub identity: Option<String>,
    /// `a=`, as written.
    pub algorithm: Option<String>,
    /// The first characters of `b=`, enough to tell this signature from the message's others (RFC 6008).
    pub signature_start: Option<String>,
    /// The key says that its domain is only trying DKIM out (`t=y`, RFC 6376 §3.6.1).
    pub testing: bool,
}

/// Why a signature got its verdict. Tags are named by their letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All is well.
    Good,
    /// The message's header section is beyond [`limits::HEADER_SECTION_LENGTH`] or [`limits::HEADER_FIELDS`].
    HeaderTooLong,
    /// There are more signatures than [`limits::SIGNATURES`]; the number of those not looked at.
    TooMany(usize),
    /// The field is no tag list.
    TagList(tag_list::Error),
    /// A tag that must be there is not.
    Missing(&'static str),
    /// A tag's value is not what it should be.
    Malformed(&'static str),
    /// `v=` is not 1.
    Version,
    /// `a=` is unknown.
    Algorithm,
    /// `a=rsa-sha1` (RFC 8301 §3.1).
    Sha1,
    /// `q=` does not have `dns/txt`.
    Query,
    /// `h=` does not have From (RFC 6376 §6.1.1).
    FromNotSigned,
    /// There are more From fields than are signed (RFC 6376 §8.15).
    AnotherFrom,
    /// The domain of `i=` is not within `d=`, or the key's `t=s` wants it the same.
    Identity,
    /// `x=` is over.
    Expired,
    /// `t=` is yet to come.
    Future,
    /// `l=`: how many bytes of the body are signed, and how many there are (RFC 6376 §8.2).
    PartOfBody {
        /// What `l=` says.
        signed: u64,
        /// Bytes of the canonical body.
        length: u64,
    },
    /// `l=` is more than the body has.
    BeyondBody,
    /// `bh=` is not the body's hash.
    Body,
    /// The signature is not that of these header fields by this key.
    Signature,
    /// The key's name does not exist, or has no TXT record.
    NoKey,
    /// The name servers gave no answer.
    NoAnswer(String),
    /// The record is no key; what is wrong with it.
    KeyRecord(&'static str),
    /// `p=` is empty.
    KeyRevoked,
    /// The key is of another type than the signature's.
    KeyType,
    /// The key's `h=` does not allow SHA-256.
    KeyHash,
    /// The key's `s=` does not allow mail.
    KeyService,
    /// An RSA key of so many bits (RFC 8301 §3.2).
    KeySize(usize),
}

impl Reason {
    /// The verdict it leads to.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Good => Verdict::Pass,
            Self::Body | Self::Signature | Self::BeyondBody => Verdict::Fail,
            Self::TooMany(_)
            | Self::AnotherFrom
            | Self::Expired
            | Self::Future
            | Self::PartOfBody { .. }
            | Self::KeySize(_) => Verdict::Policy,
            Self::TagList(_)
            | Self::Missing(_)
            | Self::Malformed(_)
            | Self::Version
            | Self::Algorithm
            | Self::Query => Verdict::Neutral,
            Self::NoAnswer(_) => Verdict::TempError,
            Self::HeaderTooLong
            | Self::Sha1
            | Self::FromNotSigned
            | Self::Identity
            | Self::NoKey
            | Self::KeyRecord(_)
            | Self::KeyRevoked
            | Self::KeyType
            | Self::KeyHash
            | Self::KeyService => Verdict::PermError,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderTooLong => f.write_str("the header section is too long to be checked"),
            Self::TooMany(more) => {
                write!(f, "only {} signatures are looked at, {more} more are not", limits::SIGNATURES)
            }
            Self::TagList(error) => write!(f, "the signature cannot be read: {error}"),
            Self::Missing(tag) => write!(f, "the signature has no {tag}="),
            Self::Malformed(tag) => write!(f, "{tag}= of the signature is malformed"),
            Self::PartOfBody { signed, length } => {
                write!(f, "only the first {signed} of {length} bytes of the body are signed")
            }
            Self::NoAnswer(why) => write!(f, "the key cannot be looked up: {why}"),
            Self::KeyRecord(what) => write!(f, "the key record is malformed: {what}"),
            Self::KeySize(bits) => write!(f, "an RSA key of {bits} bits is not accepted"),
            plain => f.write_str(plain.words()),
        }
    }
}

impl Reason {
    /// The words of those that say the same each time.
    fn words(&self) -> &'static str {
        match self {
            Self::Good => "the signature is good",
            Self::Version => "the signature's version is not 1",
            Self::Algorithm => "the signature's algorithm is unknown",
            Self::Sha1 => "rsa-sha1 is no longer accepted",
            Self::Query => "the key is not in DNS",
            Self::FromNotSigned => "the From field is not signed",
            Self::AnotherFrom => "there is a From field that is not signed",
            Self::Identity => "the identity is not in the signing domain",
            Self::Expired => "the signature has expired",
            Self::Future => "the signature is dated in the future",
            Self::BeyondBody => "more bytes are signed than the body has",
            Self::Body => "the body has changed since it was signed",
            Self::Signature => "the header fields have changed since they were signed, or the key is another",
            Self::NoKey => "there is no such key",
            Self::KeyRevoked => "the key has been revoked",
            Self::KeyType => "the key is of another type than the signature",
            Self::KeyHash => "the key does not allow SHA-256",
            Self::KeyService => "the key is not for mail",
            _ => "the signature cannot be judged",
        }
    }
}
