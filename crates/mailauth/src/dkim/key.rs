//! Private keys: made, kept and used.

use std::fmt;

use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Algorithm;
use crate::tag_list;

/// Bytes of one string of a TXT record (RFC 1035 §3.3).
const TXT_STRING: usize = 255;

/// Characters of a line of PEM (RFC 7468 §2).
const PEM_LINE: usize = 64;

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The text has no block `PRIVATE KEY` or `RSA PRIVATE KEY`, or the block is not base64.
    Pem,
    /// The bytes are no RSA key of 2048 to 8192 bits and no Ed25519 key.
    Key,
    /// The library failed.
    Library,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "the text has no PRIVATE KEY block",
            Self::Key => "the key is neither an RSA key of 2048 to 8192 bits nor an Ed25519 key",
            Self::Library => "the cryptographic library failed",
        })
    }
}

impl std::error::Error for KeyError {}

/// A private key to sign with. Its `Debug` shows the public half only.
#[derive(Debug)]
pub struct SigningKey(Pair);

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(pair) => pair.public_key().fmt(f),
            Self::Ed25519(pair) => pair.public_key().fmt(f),
        }
    }
}

impl SigningKey {
    /// The Ed25519 key that 32 random bytes make (RFC 8032 §5.1.5); take them from `world::Rng`. A new RSA key comes from
    /// `world::Rng::rsa_key`.
    pub fn ed25519_from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Library)?;
        Ok(Self(Pair::Ed25519(pair)))
    }

    /// Reads PKCS#8 (RFC 5958), DER.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            return Ok(Self(Pair::Rsa(Box::new(pair))));
        }
        Ed25519KeyPair::from_pkcs8(der).map(|pair| Self(Pair::Ed25519(pair))).map_err(|_| KeyError::Key)
    }

    /// Reads the first `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1) of a PEM text (RFC 7468).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if let Some(block) = pem_block(text, "PRIVATE KEY") {
            return Self::from_pkcs8(&block?);
        }
        let der = pem_block(text, "RSA PRIVATE KEY").ok_or(KeyError::Pem)??;
        RsaKeyPair::from_der(&der).map(|pair| Self(Pair::Rsa(Box::new(pair)))).map_err(|_| KeyError::Key)
    }

    /// Writes PKCS#8, DER.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        match &self.0 {
            Pair::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(&**pair).map(|der| der.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
        }
        .map_err(|_| KeyError::Library)
    }

    /// Writes PKCS#8, PEM.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let text = BASE64_STANDARD.encode(self.to_pkcs8()?);
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in pieces(&text, PEM_LINE) {
            pem.push_str(line);
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Pair::Rsa(_) => Algorithm::RsaSha256,
            Pair::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    /// The text to put into DNS as TXT at `SELECTOR._domainkey.DOMAIN` (RFC 6376 §3.6.1, RFC 8463 §4); see
    /// [`txt_strings`].
    pub fn record(&self) -> Result<String, KeyError> {
        let key = match &self.0 {
            // SubjectPublicKeyInfo rather than the RSAPublicKey of the standard: what everybody writes and reads.
            Pair::Rsa(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key())
                .map(|der| der.as_ref().to_vec())
                .map_err(|_| KeyError::Library)?,
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        };
        Ok(format!("v=DKIM1; k={}; p={}", self.algorithm().key_type(), BASE64_STANDARD.encode(key)))
    }

    /// Signs a hash.
    pub(crate) fn sign(&self, hash: &Digest) -> Result<Vec<u8>, KeyError> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, hash, &mut signature).map_err(|_| KeyError::Library)?;
                Ok(signature)
            }
            // RFC 8463 §3: what is signed is the hash, as a message.
            Pair::Ed25519(pair) => Ok(pair.sign(hash.as_ref()).as_ref().to_vec()),
        }
    }
}

/// What stands in the first block of that label, decoded.
fn pem_block(text: &str, label: &str) -> Option<Result<Vec<u8>, KeyError>> {
    let (_, behind) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let Some((inside, _)) = behind.split_once(&format!("-----END {label}-----")) else {
        return Some(Err(KeyError::Pem));
    };
    Some(BASE64_STANDARD.decode(tag_list::without_white(inside)).map_err(|_| KeyError::Pem))
}

/// A record's text cut into the strings of a TXT record, of at most 255 bytes each; readers join them (RFC 6376
/// §3.6.2.2). Characters stay whole.
pub fn txt_strings(record: &str) -> impl Iterator<Item = &str> {
    pieces(record, TXT_STRING)
}

fn pieces(text: &str, length: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(length));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}
