//! Adding a set to a chain (RFC 8617 §5.1).

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use mail::{Wall, limits};
use message::header;

use super::field::{MESSAGE, RESULTS, SEAL};
use super::{Chain, Outcome, Status};
use crate::canonical::Canonicalization;
use crate::dkim::{Folded, Hashed, KeyError, SIGNED_BY_ARC, Signer, sign_last};

/// Why no set can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The newest seal says that the chain is broken; nobody adds to it any more (RFC 8617 §5.1).
    Closed,
    /// The chain has [`limits::ARC_SETS`] sets.
    Full,
    /// The chain on the message is not the one that was checked.
    Changed,
    /// The key failed.
    Key(KeyError),
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the chain was broken before"),
            Self::Full => f.write_str("the chain has no room for another set"),
            Self::Changed => f.write_str("the chain is not the one that was checked"),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SealError {}

/// A new set for `message`, to be put in front of it: three fields, folded, each with its CRLF.
///
/// `chain` is what came of the chain when the message arrived, `results` the value of our Authentication-Results field:
/// our name, a semicolon, all results (RFC 8617 §4.1.1); it may be folded. All other changes to the message, its
/// DKIM-Signature too, come before. The standard knows rsa-sha256 only, so `signer` should have an RSA key.
pub fn seal(
    message: &Hashed,
    chain: &Outcome,
    results: &str,
    signer: &Signer,
    now: Wall,
) -> Result<String, SealError> {
    if chain.closed {
        return Err(SealError::Closed);
    }
    let instance = chain.instances + 1;
    if instance > limits::ARC_SETS {
        return Err(SealError::Full);
    }
    let mut context = match chain.status {
        // RFC 8617 §5.1.2: as if this set were the only one.
        Status::Fail => Context::new(&SHA256),
        Status::None | Status::Pass => {
            let found = Chain::read(&message.section);
            found.context(&message.section, chain.instances).ok_or(SealError::Changed)?
        }
    };
    let results = format!("{RESULTS}: i={instance}; {}\r\n", one_field(results));
    let mut field = Folded::new(MESSAGE);
    field.word(&format!("i={instance};"));
    let signature = message.sign_field(field, signer, &SIGNED_BY_ARC, now, None).map_err(SealError::Key)?;
    for text in [&results, &signature] {
        add(text, &mut context);
    }
    let mut field = Folded::new(SEAL);
    field.word(&format!("i={instance};"));
    field.word(&format!("a={};", signer.key.algorithm().word()));
    field.word(&format!("t={};", now.secs().max(0)));
    field.word(&format!("cv={};", chain.status));
    field.word(&format!("d={};", signer.domain));
    field.word(&format!("s={};", signer.selector));
    let seal = sign_last(field, context, &signer.key).map_err(SealError::Key)?;
    Ok(seal + &signature + &results)
}

fn add(text: &str, context: &mut Context) {
    let mut line = Vec::new();
    if let Some(field) = header::fields(text.as_bytes()).next() {
        Canonicalization::Relaxed.header_field(&field, &mut line);
    }
    context.update(&line);
}

/// The text with each line end that does not fold made a space, so that it stays one field.
fn one_field(text: &str) -> String {
    let mut lines = text.trim_end().lines();
    let mut field = lines.next().unwrap_or_default().replace('\r', " ");
    for line in lines {
        field.push_str(if line.starts_with([' ', '\t']) && !line.trim().is_empty() { "\r\n" } else { " " });
        field.push_str(&line.replace('\r', " "));
    }
    field
}
