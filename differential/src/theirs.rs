//! mail-auth at the other end.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use mail_auth::arc::ArcSealer;
use mail_auth::common::cache::NoCache;
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::common::verify::DomainKey;
use mail_auth::dkim::{Canonicalization, DkimSigner};
use mail_auth::{
    AuthenticatedMessage, AuthenticationResults, DkimResult, MX, MessageAuthenticator, Parameters, RecordSet,
    ResolverCache, Txt,
};

/// Keys by name; nothing is ever asked of the network.
#[derive(Default)]
pub struct Names(HashMap<Box<str>, Txt>);

impl Names {
    /// Publishes a key.
    pub fn add(&mut self, name: &str, record: &str) {
        let key = DomainKey::parse(record.as_bytes()).expect("a key record");
        self.0.insert(format!("{name}.").into(), Txt::DomainKey(key.into()));
    }
}

impl ResolverCache<Box<str>, Txt> for Names {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.0.get(name).cloned().unwrap_or(Txt::Error(mail_auth::Error::NoHeadersFound)))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

type Ask<'x> = Parameters<
    'x,
    &'x AuthenticatedMessage<'x>,
    Names,
    NoCache<Box<str>, RecordSet<MX>>,
    NoCache<Box<str>, RecordSet<std::net::Ipv4Addr>>,
    NoCache<Box<str>, RecordSet<std::net::Ipv6Addr>>,
    NoCache<std::net::IpAddr, RecordSet<Box<str>>>,
>;

fn ask<'x>(message: &'x AuthenticatedMessage<'x>, names: &'x Names) -> Ask<'x> {
    Parameters::new(message).with_txt_cache(names)
}

/// Results of each signature, in words.
pub async fn verify(
    resolver: &MessageAuthenticator,
    message: &[u8],
    names: &Names,
) -> Vec<Result<(), String>> {
    // Not its strict mode, which refuses every l=.
    let Some(parsed) = AuthenticatedMessage::parse_with_opts(message, None, false) else { return Vec::new() };
    let found = resolver.verify_dkim(ask(&parsed, names)).await;
    found.iter().map(|output| as_result(output.result())).collect()
}

/// The state of the chain.
pub async fn chain(resolver: &MessageAuthenticator, message: &[u8], names: &Names) -> Result<(), String> {
    let parsed = AuthenticatedMessage::parse(message).ok_or("no message")?;
    as_result(resolver.verify_arc(ask(&parsed, names)).await.result())
}

fn as_result(result: &DkimResult) -> Result<(), String> {
    match result {
        DkimResult::Pass => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// How it signs.
pub struct Style {
    /// Header section in relaxed form.
    pub relaxed_header: bool,
    /// Body in relaxed form.
    pub relaxed_body: bool,
    /// With `l=`.
    pub length: bool,
}

const HEADERS: [&str; 6] = ["From", "Subject", "To", "Cc", "Date", "X-Odd"];

/// The message with a signature in front; `None` where it does not sign it.
pub fn sign(message: &[u8], pkcs8: &[u8], rsa: bool, style: &Style) -> Option<Vec<u8>> {
    if rsa {
        sign_with(message, rsa_key(pkcs8), "rsa", style)
    } else {
        let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(pkcs8).expect("an Ed25519 key");
        sign_with(message, key, "ed25519", style)
    }
}

fn sign_with(message: &[u8], key: impl SigningKey, selector: &str, style: &Style) -> Option<Vec<u8>> {
    let form = |relaxed| if relaxed { Canonicalization::Relaxed } else { Canonicalization::Simple };
    let signer = DkimSigner::from_key(key)
        .domain(crate::DOMAIN)
        .selector(selector)
        .headers(HEADERS)
        .header_canonicalization(form(style.relaxed_header))
        .body_canonicalization(form(style.relaxed_body))
        .body_length(style.length);
    let signature = signer.sign(message).ok()?;
    Some([signature.to_header().as_bytes(), message].concat())
}

#[expect(deprecated, reason = "the other way needs one more crate")]
fn rsa_key(pkcs8: &[u8]) -> RsaKey<Sha256> {
    RsaKey::from_pkcs8_der(pkcs8).expect("an RSA key")
}

/// The message with one ARC set more; `None` where it does not seal it.
pub async fn seal(
    resolver: &MessageAuthenticator,
    message: &[u8],
    names: &Names,
    pkcs8: &[u8],
) -> Option<Vec<u8>> {
    let parsed = AuthenticatedMessage::parse(message)?;
    let chain = resolver.verify_arc(ask(&parsed, names)).await;
    let results = AuthenticationResults::new(crate::DOMAIN);
    let sealer = ArcSealer::from_key(rsa_key(pkcs8)).domain(crate::DOMAIN).selector("rsa").headers(HEADERS);
    let set = sealer.seal(&parsed, &results, &chain).ok()?;
    Some([set.to_header().as_bytes(), message].concat())
}
