//! What a DKIM-Signature field says (RFC 6376 §3.5), and its cousin ARC-Message-Signature (RFC 8617 §4.1.2).

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail::Domain;

use super::{Algorithm, Reason};
use crate::canonical::{Canonicalization, Sha256};
use crate::tag_list::{self, Tag, TagList};

/// Padding is optional in the standard's grammar (RFC 6376 §2.10); bits that mean nothing must be zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Characters of `b=` that name a signature (RFC 6008 §4).
const START: usize = 8;

/// Bytes written in base64, with white space anywhere.
pub(super) fn decode_base64(value: &str) -> Option<Vec<u8>> {
    BASE64.decode(tag_list::without_white(value)).ok()
}

/// What a signature says of itself, as far as it can be read; for those who are told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) domain: Option<Domain>,
    pub(crate) selector: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) algorithm: Option<String>,
    pub(crate) start: Option<String>,
}

impl Claims {
    pub(crate) fn read(tags: &TagList<'_>) -> Self {
        let domain = tags.get("d").and_then(|d| Domain::new(d).ok());
        let identity = tags.get("i").map(tag_list::without_white);
        let start = |b| tag_list::without_white(b).chars().take(START).collect();
        Self {
            identity: identity.or_else(|| domain.as_ref().map(|domain| format!("@{domain}"))),
            domain,
            selector: tags.get("s").map(str::to_owned),
            algorithm: tags.get("a").map(str::to_owned),
            start: tags.get("b").map(start),
        }
    }
}

/// Whose rules a signature follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A DKIM-Signature.
    Dkim,
    /// An ARC-Message-Signature: no version, and `i=` is something else (RFC 8617 §4.1.2).
    Arc,
}

/// What all signatures have, ARC's seal too: who signed what, with which key.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    pub(crate) algorithm: Algorithm,
    pub(crate) domain: Domain,
    /// Where the key is (RFC 6376 §3.6.2.1).
    pub(crate) key_name: Domain,
    pub(crate) signature: Vec<u8>,
    /// `t=`, in seconds since 1970.
    pub(crate) signed_at: Option<u64>,
    /// Where in the field's value the signature stands, which is not signed itself.
    pub(crate) hole: Range<usize>,
}

/// A signature over a message.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) stamp: Stamp,
    pub(crate) body_hash: Sha256,
    pub(crate) header_form: Canonicalization,
    pub(crate) body_form: Canonicalization,
    /// `h=`, in lower case.
    pub(crate) names: Vec<String>,
    /// The domain of `i=`, if it is not that of `d=`.
    pub(crate) subdomain: Option<Domain>,
    /// `l=`.
    pub(crate) length: Option<u64>,
    /// `x=`, in seconds since 1970.
    pub(crate) expires: Option<u64>,
}

impl Stamp {
    pub(crate) fn read(tags: &TagList<'_>) -> Result<Self, Reason> {
        let algorithm = match need(tags, "a")?.value {
            "rsa-sha256" => Algorithm::RsaSha256,
            "ed25519-sha256" => Algorithm::Ed25519Sha256,
            "rsa-sha1" => return Err(Reason::Sha1),
            _ => return Err(Reason::Algorithm),
        };
        let signature = need(tags, "b")?;
        let domain = Domain::new(need(tags, "d")?.value).map_err(|_| Reason::Malformed("d"))?;
        let selector = need(tags, "s")?.value;
        // RFC 8616 §3: U-labels become A-labels.
        let key_name = Domain::new(&format!("{selector}._domainkey.{domain}"));
        Ok(Self {
            algorithm,
            key_name: key_name.map_err(|_| Reason::Malformed("s"))?,
            domain,
            signature: decode_base64(signature.value)
                .filter(|bytes| !bytes.is_empty())
                .ok_or(Reason::Malformed("b"))?,
            signed_at: seconds(tags, "t")?,
            hole: signature.span.clone(),
        })
    }
}

impl Signature {
    pub(crate) fn read(tags: &TagList<'_>, scope: Scope) -> Result<Self, Reason> {
        if scope == Scope::Dkim && need(tags, "v")?.value != "1" {
            return Err(Reason::Version);
        }
        let stamp = Stamp::read(tags)?;
        if tags.get("q").is_some_and(|q| tag_list::items(q, ':').all(|method| method != "dns/txt")) {
            return Err(Reason::Query);
        }
        let body_hash = decode_base64(need(tags, "bh")?.value).and_then(|hash| hash.try_into().ok());
        let (header_form, body_form) = forms(tags.get("c"))?;
        let expires = seconds(tags, "x")?;
        // RFC 6376 §3.5: x= must be greater than t=.
        if stamp.signed_at.zip(expires).is_some_and(|(signed, expires)| expires <= signed) {
            return Err(Reason::Malformed("x"));
        }
        let identity = tags.get("i").filter(|_| scope == Scope::Dkim);
        Ok(Self {
            body_hash: body_hash.ok_or(Reason::Malformed("bh"))?,
            header_form,
            body_form,
            names: names(need(tags, "h")?.value)?,
            subdomain: identity.map_or(Ok(None), |identity| subdomain(identity, &stamp.domain))?,
            length: tags.get("l").map(length).transpose()?,
            expires,
            stamp,
        })
    }
}

fn need<'t, 'a>(tags: &'t TagList<'a>, name: &'static str) -> Result<&'t Tag<'a>, Reason> {
    tags.tag(name).ok_or(Reason::Missing(name))
}

/// `c=`: header section and body; the body is `simple` where only one is named.
fn forms(value: Option<&str>) -> Result<(Canonicalization, Canonicalization), Reason> {
    let Some(value) = value else { return Ok(Default::default()) };
    let (header, body) = value.split_once('/').unwrap_or((value, "simple"));
    Canonicalization::from_name(header).zip(Canonicalization::from_name(body)).ok_or(Reason::Malformed("c"))
}

/// `h=`. The list must have From (RFC 6376 §5.4).
fn names(value: &str) -> Result<Vec<String>, Reason> {
    let names: Vec<String> = tag_list::items(value, ':').map(str::to_ascii_lowercase).collect();
    if names.iter().any(|name| name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic())) {
        return Err(Reason::Malformed("h"));
    }
    if names.iter().all(|name| name != "from") {
        return Err(Reason::FromNotSigned);
    }
    Ok(names)
}

/// `i=`: its domain, if it lies below `domain` (RFC 6376 §3.5).
fn subdomain(identity: &str, domain: &Domain) -> Result<Option<Domain>, Reason> {
    let (_, host) = identity.rsplit_once('@').ok_or(Reason::Malformed("i"))?;
    let host =
        Domain::new(&unquote(host).ok_or(Reason::Malformed("i"))?).map_err(|_| Reason::Malformed("i"))?;
    if host == *domain {
        return Ok(None);
    }
    match host.as_str().strip_suffix(domain.as_str()) {
        Some(below) if below.ends_with('.') => Ok(Some(host)),
        _ => Err(Reason::Identity),
    }
}

/// dkim-quoted-printable (RFC 6376 §2.11): `=` and two hexadecimal digits are a byte, white space is nothing.
fn unquote(text: &str) -> Option<String> {
    let text = tag_list::without_white(text);
    let mut pieces = text.split('=');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

fn seconds(tags: &TagList<'_>, name: &'static str) -> Result<Option<u64>, Reason> {
    let Some(value) = tags.get(name) else { return Ok(None) };
    digits(value).and_then(|value| value.parse().ok()).map(Some).ok_or(Reason::Malformed(name))
}

/// `l=` has up to 76 digits; no body is longer than 64 bits can say.
fn length(value: &str) -> Result<u64, Reason> {
    digits(value).map(|value| value.parse().unwrap_or(u64::MAX)).ok_or(Reason::Malformed("l"))
}

fn digits(value: &str) -> Option<&str> {
    Some(value).filter(|value| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()))
}
