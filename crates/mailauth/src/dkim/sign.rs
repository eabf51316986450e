//! Signing what goes out (RFC 6376 §5).

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{Context, Digest, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mail::{Domain, Wall};

use super::{Folded, KeyError, Section, SigningKey};
use crate::canonical::{BodyHasher, Canonicalization, Sha256};

/// Fields that are signed once more than they are there, so that nobody can add one (RFC 6376 §8.15, attack A15).
const CLOSED: [&str; 10] = [
    "from",
    "subject",
    "date",
    "to",
    "cc",
    "reply-to",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

/// Fields that are closed in the same way, but only where the author set them: a list that forwards a message
/// unchanged may add its own.
const CLOSED_IF_THERE: [&str; 2] = ["list-unsubscribe", "list-unsubscribe-post"];

/// Fields that are signed as often as they are there.
const SIGNED: [&str; 9] = [
    "sender",
    "in-reply-to",
    "references",
    "list-id",
    "list-help",
    "list-subscribe",
    "list-post",
    "list-owner",
    "list-archive",
];

/// What ARC signs besides (RFC 8617 §4.1.2).
pub(crate) const SIGNED_BY_ARC: [&str; 1] = ["dkim-signature"];

/// Why a message cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignError {
    /// It has no From field, the header section is beyond the limits, or begins with a continuation line, which would
    /// become a part of the signature: no verifier would accept it.
    Header,
    /// The key failed.
    Key(KeyError),
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => {
                f.write_str("the header section has no From field, is too long, or begins with white space")
            }
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SignError {}

/// Who signs, and with what.
#[derive(Debug)]
pub struct Signer {
    /// `d=`.
    pub domain: Domain,
    /// `s=`: one or more labels.
    pub selector: Domain,
    /// The private key.
    pub key: SigningKey,
}

impl Signer {
    /// Where the public key must be in DNS (RFC 6376 §3.6.2.1). `None` if the name gets too long.
    pub fn key_name(&self) -> Option<Domain> {
        Domain::new(&format!("{}._domainkey.{}", self.selector, self.domain)).ok()
    }
}

/// A message that is to be signed, while its body passes. Begin with the header section, feed the body, finish.
pub struct Draft {
    section: Option<Section>,
    body: BodyHasher,
}

/// A message whose hashes are known: any number of signatures can be made, each to be put in front of the message.
pub struct Hashed {
    pub(crate) section: Section,
    pub(crate) body: Sha256,
}

impl Draft {
    /// For a message with that header section, with or without the empty line that ends it.
    pub fn new(header: &[u8]) -> Self {
        Self { section: Section::new(header), body: BodyHasher::new(Canonicalization::Relaxed, []) }
    }

    /// Takes the next bytes of the body, which begins behind the empty line. Line ends must be CRLF, as they will be
    /// sent.
    pub fn feed(&mut self, body: &[u8]) {
        self.body.feed(body);
    }

    /// Ends the message.
    pub fn finish(self) -> Result<Hashed, SignError> {
        let fit = |section: &Section| !section.named("from").is_empty() && !section.begins_with_white();
        let section = self.section.filter(fit);
        Ok(Hashed { section: section.ok_or(SignError::Header)?, body: self.body.finish().whole })
    }
}

impl Hashed {
    /// A DKIM-Signature field, folded, with its CRLF: relaxed/relaxed over the whole body, dated `now`. It names when it
    /// expires, if `valid` says how long.
    pub fn sign(&self, signer: &Signer, now: Wall, valid: Option<Duration>) -> Result<String, SignError> {
        let mut field = Folded::new("DKIM-Signature");
        field.word("v=1;");
        let expires = valid.map(|valid| now + valid);
        self.sign_field(field, signer, &[], now, expires).map_err(SignError::Key)
    }

    /// Completes a signature of which the first tags are written, and signs it. `more` are names of fields to sign as
    /// often as they are there.
    pub(crate) fn sign_field(
        &self,
        mut field: Folded,
        signer: &Signer,
        more: &[&'static str],
        now: Wall,
        expires: Option<Wall>,
    ) -> Result<String, KeyError> {
        let names = signed_names(&self.section, more);
        field.word(&format!("a={};", signer.key.algorithm().word()));
        field.word("c=relaxed/relaxed;");
        field.word(&format!("d={};", signer.domain));
        field.word(&format!("s={};", signer.selector));
        field.word(&format!("t={};", now.secs().max(0)));
        if let Some(expires) = expires {
            field.word(&format!("x={};", expires.secs().max(1)));
        }
        for (at, name) in names.iter().enumerate() {
            let end = if at + 1 == names.len() { ';' } else { ':' };
            match at {
                0 => field.word(&format!("h={name}{end}")),
                _ => field.piece(&format!("{name}{end}")),
            }
        }
        field.word(&format!("bh={};", BASE64_STANDARD.encode(self.body)));
        let fields = self.section.select(&names, None);
        let mut context = Context::new(&SHA256);
        let mut line = Vec::new();
        for at in fields {
            line.clear();
            Canonicalization::Relaxed.header_field(&self.section.field(at), &mut line);
            context.update(&line);
        }
        sign_last(field, context, &signer.key)
    }
}

/// Signs what `context` has taken and the field itself, whose last tag is the signature.
pub(crate) fn sign_last(
    mut field: Folded,
    mut context: Context,
    key: &SigningKey,
) -> Result<String, KeyError> {
    field.word("b=");
    let mut line = Vec::new();
    if let Some(own) = message::header::fields(field.as_bytes()).next() {
        Canonicalization::Relaxed.header_field(&own, &mut line);
    }
    // RFC 6376 §3.7: without the line's end.
    context.update(line.strip_suffix(b"\r\n").unwrap_or(&line));
    let hash: Digest = context.finish();
    field.stream(&BASE64_STANDARD.encode(key.sign(&hash)?));
    Ok(field.finish())
}

/// The names to sign, in lower case, each as often as it is to be signed.
fn signed_names(section: &Section, more: &[&'static str]) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |name: &str, times: usize| names.extend(std::iter::repeat_n(name.to_owned(), times));
    for name in CLOSED {
        add(name, section.named(name).len() + 1);
    }
    for name in CLOSED_IF_THERE {
        let there = section.named(name).len();
        add(name, if there > 0 { there + 1 } else { 0 });
    }
    for name in SIGNED.iter().chain(more) {
        add(name, section.named(name).len());
    }
    names
}
