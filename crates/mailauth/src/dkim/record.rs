//! A public key as DNS has it (RFC 6376 §3.6.1).

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use mail::limits;

use super::signature::decode_base64;
use super::{Algorithm, Reason, Stamp, der};
use crate::tag_list::{self, TagList};

/// Bytes of an Ed25519 key (RFC 8463 §4.2).
const ED25519_LENGTH: usize = 32;

/// One key record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    key_type: String,
    key: Vec<u8>,
    /// `t=y`.
    pub(crate) testing: bool,
    /// `t=s`: the identity's domain must be the signing domain itself.
    pub(crate) strict: bool,
}

impl Record {
    /// Reads a TXT record whose strings have been joined; an error too if it is not for mail with SHA-256.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Reason> {
        let tags = TagList::parse(text).map_err(|_| Reason::KeyRecord("it is no tag list"))?;
        let version = tags.tags().iter().position(|tag| tag.name == "v");
        if version.is_some_and(|at| at > 0 || tags.tags()[at].value != "DKIM1") {
            return Err(Reason::KeyRecord("it does not begin with v=DKIM1"));
        }
        let key = tag_list::without_white(tags.get("p").ok_or(Reason::KeyRecord("it has no p="))?);
        if key.is_empty() {
            return Err(Reason::KeyRevoked);
        }
        let lists = |name, items: &[&str]| {
            tags.get(name).map(|list| tag_list::items(list, ':').any(|item| items.contains(&item)))
        };
        if lists("h", &["sha256"]) == Some(false) {
            return Err(Reason::KeyHash);
        }
        if lists("s", &["*", "email"]) == Some(false) {
            return Err(Reason::KeyService);
        }
        Ok(Self {
            key_type: tags.get("k").unwrap_or("rsa").to_owned(),
            key: decode_base64(&key).ok_or(Reason::KeyRecord("p= is not base64"))?,
            testing: lists("t", &["y"]).unwrap_or(false),
            strict: lists("t", &["s"]).unwrap_or(false),
        })
    }

    /// Whether `stamp` is this key's signature of `hash`.
    pub(crate) fn verify(&self, stamp: &Stamp, hash: &Digest) -> Result<(), Reason> {
        if self.key_type != stamp.algorithm.key_type() {
            return Err(Reason::KeyType);
        }
        match stamp.algorithm {
            Algorithm::RsaSha256 => self.verify_rsa(&stamp.signature, hash),
            Algorithm::Ed25519Sha256 => self.verify_ed25519(&stamp.signature, hash),
        }
    }

    fn verify_rsa(&self, signature: &[u8], hash: &Digest) -> Result<(), Reason> {
        let bits = der::rsa_bits(&self.key).ok_or(Reason::KeyRecord("p= is no RSA key"))?;
        if !limits::RSA_BITS.contains(&bits) {
            return Err(Reason::KeySize(bits));
        }
        // RFC 8301 §3.2 asks for 1024 bits and more, which the library calls a legacy.
        UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &self.key)
            .verify_digest(hash, signature)
            .map_err(|_| Reason::Signature)
    }

    /// RFC 8463 §3: what is signed is the hash, as a message.
    fn verify_ed25519(&self, signature: &[u8], hash: &Digest) -> Result<(), Reason> {
        if self.key.len() != ED25519_LENGTH {
            return Err(Reason::KeyRecord("p= is no Ed25519 key"));
        }
        UnparsedPublicKey::new(&ED25519, &self.key)
            .verify(hash.as_ref(), signature)
            .map_err(|_| Reason::Signature)
    }
}
