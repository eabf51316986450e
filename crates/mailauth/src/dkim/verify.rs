//! Checking a message's signatures while it arrives (RFC 6376 §6.1).

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use mail::{Domain, Wall, limits};
use message::header::Field;
use world::Dns;

use super::{Claims, Keys, Outcome, Reason, Record, Scope, Section, Signature, Stamp, Verdict};
use crate::arc;
use crate::canonical::{BodyHash, BodyHasher, Canonicalization};
use crate::tag_list::TagList;

/// Checks the signatures of one message, DKIM's and ARC's. Begin with the header section, [feed](Self::feed) the body
/// as it comes, and [finish](Self::finish) with the keys.
///
/// The message must be as it came: a field that was put in front of it since may be one that its signer said is not
/// there.
pub struct Verifier {
    section: Option<Section>,
    signatures: Vec<Candidate>,
    /// DKIM-Signature fields beyond the limit.
    more: usize,
    chain: arc::Chain,
    bodies: BTreeMap<Canonicalization, BodyHasher>,
}

/// A DKIM-Signature field.
struct Candidate {
    field: usize,
    claims: Claims,
    signature: Result<Signature, Reason>,
}

/// What the signatures of a message are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// For each DKIM-Signature field, from the top; one more entry where some were not looked at.
    pub dkim: Vec<Outcome>,
    /// The chain of earlier receivers.
    pub arc: arc::Outcome,
}

impl Verifier {
    /// For a message with that header section, with or without the empty line that ends it. At most
    /// [`limits::SIGNATURES`] are looked at, from the top.
    pub fn new(header: &[u8]) -> Self {
        let Some(section) = Section::new(header) else {
            let chain = arc::Chain::unreadable();
            return Self { section: None, signatures: Vec::new(), more: 0, chain, bodies: BTreeMap::new() };
        };
        let places = section.named("dkim-signature");
        let looked_at = places.len().min(limits::SIGNATURES);
        let signatures: Vec<Candidate> =
            places.iter().take(looked_at).map(|at| Candidate::read(&section, *at)).collect();
        let chain = arc::Chain::read(&section);
        let mut lengths: BTreeMap<Canonicalization, Vec<u64>> = BTreeMap::new();
        let signed = signatures.iter().filter_map(|candidate| candidate.signature.as_ref().ok());
        for signature in signed.chain(chain.signatures()) {
            lengths.entry(signature.body_form).or_default().extend(signature.length);
        }
        let bodies =
            lengths.into_iter().map(|(form, lengths)| (form, BodyHasher::new(form, lengths))).collect();
        Self { more: places.len() - looked_at, signatures, chain, bodies, section: Some(section) }
    }

    /// Whether there is anything to check. If not, the body need not be fed and no name is asked.
    pub fn is_idle(&self) -> bool {
        self.bodies.is_empty()
    }

    /// Takes the next bytes of the body, which begins behind the empty line.
    pub fn feed(&mut self, body: &[u8]) {
        for hasher in self.bodies.values_mut() {
            hasher.feed(body);
        }
    }

    /// Ends the message, fetches the keys and judges. `until` ends the time that the name servers have, all keys
    /// together: a signature whose key has not come by then is a [`Verdict::TempError`].
    pub async fn finish(self, dns: &dyn Dns, now: Wall, until: impl Future<Output = ()>) -> Findings {
        let Some(section) = self.section else {
            let outcome = Outcome::new(Claims::default(), Reason::HeaderTooLong);
            return Findings { dkim: vec![outcome], arc: self.chain.unjudged() };
        };
        let bodies = self.bodies.into_iter().map(|(form, hasher)| (form, hasher.finish())).collect();
        let mut signatures = self.signatures;
        for candidate in &mut signatures {
            candidate.check(&section, &bodies, now);
        }
        let chain = self.chain.before_the_keys(&section, &bodies, now);
        let mut names: BTreeSet<Domain> = chain.key_names().cloned().collect();
        names.extend(signatures.iter().filter_map(Candidate::key_name).cloned());
        let keys = Keys::fetch(dns, names, until).await;
        let mut dkim: Vec<Outcome> =
            signatures.into_iter().map(|candidate| candidate.judge(&section, &keys)).collect();
        if self.more > 0 {
            dkim.push(Outcome::new(Claims::default(), Reason::TooMany(self.more)));
        }
        Findings { dkim, arc: chain.judge(&section, &keys) }
    }
}

impl Candidate {
    fn read(section: &Section, field: usize) -> Self {
        match TagList::parse(section.field(field).value) {
            Ok(tags) => {
                Self { field, claims: Claims::read(&tags), signature: Signature::read(&tags, Scope::Dkim) }
            }
            Err(error) => Self { field, claims: Claims::default(), signature: Err(Reason::TagList(error)) },
        }
    }

    fn check(&mut self, section: &Section, bodies: &BTreeMap<Canonicalization, BodyHash>, now: Wall) {
        if let Ok(signature) = &self.signature
            && let Err(reason) = before_the_key(signature, section, bodies, now)
        {
            self.signature = Err(reason);
        }
    }

    fn key_name(&self) -> Option<&Domain> {
        self.signature.as_ref().ok().map(|signature| &signature.stamp.key_name)
    }

    fn judge(self, section: &Section, keys: &Keys) -> Outcome {
        let signature = match self.signature {
            Ok(signature) => signature,
            Err(reason) => return Outcome::new(self.claims, reason),
        };
        let hash = header_hash(section, &signature, self.field);
        let (found, testing) = with_the_key(&signature.stamp, &hash, keys, |record| {
            if record.strict && signature.subdomain.is_some() { Err(Reason::Identity) } else { Ok(()) }
        });
        let mut outcome = Outcome::new(self.claims, found.err().unwrap_or(Reason::Good));
        outcome.testing = testing;
        // RFC 6376 §3.6.1: a test that fails is as if there were no signature.
        if testing && outcome.verdict != Verdict::Pass {
            outcome.verdict = Verdict::Neutral;
        }
        outcome
    }
}

impl Outcome {
    fn new(claims: Claims, reason: Reason) -> Self {
        Self {
            verdict: reason.verdict(),
            reason,
            domain: claims.domain,
            selector: claims.selector,
            identity: claims.identity,
            algorithm: claims.algorithm,
            signature_start: claims.start,
            testing: false,
        }
    }
}

/// What can be said of a signature before its key is known.
pub(crate) fn before_the_key(
    signature: &Signature,
    section: &Section,
    bodies: &BTreeMap<Canonicalization, BodyHash>,
    now: Wall,
) -> Result<(), Reason> {
    let body = bodies.get(&signature.body_form).ok_or(Reason::Body)?;
    check_body(signature, body)?;
    let signed_from = signature.names.iter().filter(|name| *name == "from").count();
    if section.named("from").len() > signed_from {
        return Err(Reason::AnotherFrom);
    }
    check_time(signature, now)
}

/// A signature of a part of the body would hold for whatever somebody appends, so it counts for nothing (RFC 6376
/// §8.2, attack A17).
fn check_body(signature: &Signature, body: &BodyHash) -> Result<(), Reason> {
    let length = signature.length.unwrap_or(body.length);
    let hash = if length == body.length { Some(&body.whole) } else { body.starts.get(&length) };
    match hash {
        None => Err(Reason::BeyondBody),
        Some(hash) if *hash != signature.body_hash => Err(Reason::Body),
        Some(_) if length < body.length => Err(Reason::PartOfBody { signed: length, length: body.length }),
        Some(_) => Ok(()),
    }
}

/// Clocks differ, so a signature may be a little old or young (RFC 6376 §3.5).
fn check_time(signature: &Signature, now: Wall) -> Result<(), Reason> {
    let now = u64::try_from(now.secs()).unwrap_or(0);
    let skew = limits::SIGNATURE_CLOCK_SKEW.as_secs();
    if signature.expires.is_some_and(|expires| expires.saturating_add(skew) < now) {
        return Err(Reason::Expired);
    }
    if signature.stamp.signed_at.is_some_and(|signed| signed > now.saturating_add(skew)) {
        return Err(Reason::Future);
    }
    Ok(())
}

/// The hash that is signed (RFC 6376 §3.7): the fields named, then the signature's own without its signature.
pub(crate) fn header_hash(section: &Section, signature: &Signature, field: usize) -> Digest {
    let mut context = Context::new(&SHA256);
    let mut line = Vec::new();
    for at in section.select(&signature.names, Some(field)) {
        line.clear();
        signature.header_form.header_field(&section.field(at), &mut line);
        context.update(&line);
    }
    context.update(&unsigned(&section.field(field), &signature.stamp, signature.header_form));
    context.finish()
}

/// A signature's own field as it was before it was signed: `b=` empty, and no CRLF at the end (RFC 6376 §3.7).
pub(crate) fn unsigned(field: &Field<'_>, stamp: &Stamp, form: Canonicalization) -> Vec<u8> {
    let value_start = field.raw.iter().position(|&b| b == b':').map_or(0, |colon| colon + 1);
    let (start, end) = (value_start + stamp.hole.start, value_start + stamp.hole.end);
    let raw = [&field.raw[..start], &field.raw[end..]].concat();
    let value = [&field.value[..stamp.hole.start], &field.value[stamp.hole.end..]].concat();
    let mut line = Vec::new();
    form.header_field(&Field { name: field.name, value: &value, raw: &raw }, &mut line);
    line.truncate(line.len() - 2);
    line
}

/// Tries the keys at the signature's name until one fits; else says what is wrong with the first. Also whether that key
/// is being tried out.
pub(crate) fn with_the_key(
    stamp: &Stamp,
    hash: &Digest,
    keys: &Keys,
    allowed: impl Fn(&Record) -> Result<(), Reason>,
) -> (Result<(), Reason>, bool) {
    let records = match keys.records(&stamp.key_name) {
        Ok(records) => records,
        Err(reason) => return (Err(reason), false),
    };
    let mut first = None;
    for record in records {
        let testing = record.as_ref().is_ok_and(|record| record.testing);
        let found = record.and_then(|record| allowed(&record).and_then(|()| record.verify(stamp, hash)));
        if found.is_ok() {
            return (Ok(()), testing);
        }
        first.get_or_insert((found, testing));
    }
    first.unwrap_or((Err(Reason::NoKey), false))
}
