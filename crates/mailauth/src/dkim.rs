//! DKIM: who signed the message (RFC 6376, updated by RFC 8301, RFC 8463 and RFC 8616).
//!
//! A [`Verifier`] takes a message as it arrives and says of each signature what came of it; it checks the ARC chain on
//! the way, for both need the same hashes. A [`Draft`] takes a message that goes out, and its hashes are signed by any
//! number of [`Signer`]s. Memory is the header section, whatever the size of the body.

mod der;
mod fold;
mod key;
mod lookup;
mod outcome;
mod record;
mod section;
mod sign;
mod signature;
mod verify;

pub use key::{KeyError, SigningKey, txt_strings};
pub use outcome::{Outcome, Reason, Verdict};
pub use sign::{Draft, Hashed, SignError, Signer};
pub use verify::{Findings, Verifier};

pub(crate) use fold::Folded;
pub(crate) use lookup::Keys;
pub(crate) use record::Record;
pub(crate) use section::Section;
pub(crate) use sign::{SIGNED_BY_ARC, sign_last};
pub(crate) use signature::{Claims, Scope, Signature, Stamp};
pub(crate) use verify::{before_the_key, header_hash, unsigned, with_the_key};

/// How a hash is signed. Both hash with SHA-256; `rsa-sha1` is history (RFC 8301 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 6376 §3.3.2).
    RsaSha256,
    /// PureEdDSA over the hash (RFC 8463 §3).
    Ed25519Sha256,
}

impl Algorithm {
    /// As `a=` names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// As `k=` of a key names it.
    pub(crate) fn key_type(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa",
            Self::Ed25519Sha256 => "ed25519",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
