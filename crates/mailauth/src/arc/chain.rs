//! Reading a chain and checking it (RFC 8617 §5.2).

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, Digest, SHA256};
use mail::{Domain, Wall};

use super::field::{self, MESSAGE, Places, SEAL};
use super::{Outcome, Reason, Set, Status};
use crate::canonical::{BodyHash, Canonicalization};
use crate::dkim::{self, Keys, Scope, Section, Signature, Stamp};
use crate::tag_list::TagList;

/// The chain of one message, as far as it has been checked.
pub(crate) struct Chain {
    state: Result<Vec<Link>, Reason>,
    instances: usize,
    closed: bool,
}

/// One set.
pub(crate) struct Link {
    results: usize,
    message_field: usize,
    seal_field: usize,
    message: Result<Signature, dkim::Reason>,
    seal: Stamp,
}

/// What `cv=` and `h=` of a seal say besides its stamp.
struct Seal {
    field: usize,
    status: Option<String>,
    names: bool,
    stamp: Result<Stamp, dkim::Reason>,
}

impl Chain {
    /// Of a message whose header section is beyond the limits.
    pub(crate) fn unreadable() -> Self {
        Self { state: Err(Reason::HeaderTooLong), instances: 0, closed: false }
    }

    /// Reads the chain and checks its structure (RFC 8617 §5.2, steps 1 to 3).
    pub(crate) fn read(section: &Section) -> Self {
        let places = match field::places(section) {
            Ok(places) => places,
            Err(reason) => return Self { state: Err(reason), instances: 0, closed: false },
        };
        let instances = places.keys().next_back().map_or(0, |last| usize::from(*last));
        let newest = places.values().next_back().and_then(|set| set.seal.first());
        let newest = newest.and_then(|at| Seal::read(section, *at).ok()).and_then(|seal| seal.status);
        let closed = newest.as_deref() == Some("fail");
        let state = if places.is_empty() {
            Err(Reason::NoChain)
        } else if closed {
            Err(Reason::BrokenBefore)
        } else {
            links(section, &places)
        };
        Self { state, instances, closed }
    }

    /// The message signatures that can be read.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = &Signature> {
        self.links().iter().filter_map(|link| link.message.as_ref().ok())
    }

    /// The names of the keys that must be had: those of all seals and of the newest message signature. Older message
    /// signatures are checked if their keys are among them; so a chain costs one question for each set.
    pub(crate) fn key_names(&self) -> impl Iterator<Item = &Domain> {
        let newest = self.links().last().and_then(|link| link.message.as_ref().ok());
        let seals = self.links().iter().map(|link| &link.seal.key_name);
        seals.chain(newest.map(|signature| &signature.stamp.key_name))
    }

    fn links(&self) -> &[Link] {
        self.state.as_deref().unwrap_or_default()
    }

    /// Checks what can be checked without a key; most broken chains end here, and ask nobody.
    pub(crate) fn before_the_keys(
        mut self,
        section: &Section,
        bodies: &BTreeMap<Canonicalization, BodyHash>,
        now: Wall,
    ) -> Self {
        let Ok(links) = &mut self.state else { return self };
        for link in links.iter_mut() {
            if let Ok(signature) = &link.message
                && let Err(reason) = dkim::before_the_key(signature, section, bodies, now)
            {
                link.message = Err(reason);
            }
        }
        let newest = links.last().and_then(|link| link.message.as_ref().err());
        if let Some(reason) = newest {
            self.state = Err(Reason::Message(self.instances as u8, reason.clone()));
        }
        self
    }

    /// The outcome of a chain that is broken or not there.
    pub(crate) fn unjudged(self) -> Outcome {
        let reason = self.state.err().unwrap_or(Reason::Good);
        let status = match reason {
            Reason::NoChain => Status::None,
            Reason::Good => Status::Pass,
            _ => Status::Fail,
        };
        let (instances, closed) = (self.instances, self.closed);
        Outcome { status, reason, oldest_pass: None, sets: Vec::new(), instances, closed }
    }

    /// Steps 4 to 7 of RFC 8617 §5.2.
    pub(crate) fn judge(self, section: &Section, keys: &Keys) -> Outcome {
        let found = match &self.state {
            Ok(links) => check(links, section, keys)
                .map(|()| (oldest_pass(links, section, keys), sets(links, section))),
            Err(reason) => Err(reason.clone()),
        };
        match found {
            Ok((oldest, sets)) => Outcome { oldest_pass: Some(oldest), sets, ..self.unjudged() },
            Err(reason) => Self { state: Err(reason), ..self }.unjudged(),
        }
    }

    /// The hash of all sets, for a seal that continues a chain of `instances` good ones; `None` if there is another on
    /// the message.
    pub(crate) fn context(&self, section: &Section, instances: usize) -> Option<Context> {
        let links = match &self.state {
            Ok(links) => &links[..],
            Err(Reason::NoChain) => &[],
            Err(_) => return None,
        };
        let mut context = Context::new(&SHA256);
        for link in links {
            link.add(section, &mut context);
        }
        (links.len() == instances).then_some(context)
    }
}

/// Step 3 of RFC 8617 §5.2.
fn links(section: &Section, places: &BTreeMap<u8, Places>) -> Result<Vec<Link>, Reason> {
    let mut links = Vec::new();
    for (expected, (&instance, set)) in (1..).zip(places) {
        let ([results], [message], [seal]) = (&set.results[..], &set.message[..], &set.seal[..]) else {
            return Err(Reason::Incomplete(instance));
        };
        if instance != expected {
            return Err(Reason::Incomplete(expected));
        }
        let seal = Seal::read(section, *seal)?;
        let status = if instance == 1 { "none" } else { "pass" };
        if seal.status.as_deref() != Some(status) {
            return Err(Reason::ChainStatus(instance));
        }
        if seal.names {
            return Err(Reason::SealedNames(instance));
        }
        links.push(Link {
            results: *results,
            message_field: *message,
            seal_field: seal.field,
            message: read_message(section, *message)?,
            seal: seal.stamp.map_err(|reason| Reason::Seal(instance, reason))?,
        });
    }
    Ok(links)
}

/// A message signature must not cover seals (RFC 8617 §4.1.2).
fn read_message(section: &Section, at: usize) -> Result<Result<Signature, dkim::Reason>, Reason> {
    let tags = TagList::parse(section.field(at).value)
        .map_err(|error| Reason::Field(MESSAGE, dkim::Reason::TagList(error)))?;
    let signature = Signature::read(&tags, Scope::Arc);
    Ok(signature.and_then(|signature| {
        let covers_seals = signature.names.iter().any(|name| name == "arc-seal");
        if covers_seals { Err(dkim::Reason::Malformed("h")) } else { Ok(signature) }
    }))
}

impl Seal {
    fn read(section: &Section, field: usize) -> Result<Self, Reason> {
        let tags = TagList::parse(section.field(field).value)
            .map_err(|error| Reason::Field(SEAL, dkim::Reason::TagList(error)))?;
        Ok(Self {
            field,
            status: tags.get("cv").map(str::to_ascii_lowercase),
            names: tags.get("h").is_some(),
            stamp: Stamp::read(&tags),
        })
    }
}

impl Link {
    /// Takes the whole set into a hash.
    fn add(&self, section: &Section, context: &mut Context) {
        for at in [self.results, self.message_field, self.seal_field] {
            add_field(section, at, context);
        }
    }

    /// What this set's seal signed, `before` being the hash of the sets before it (RFC 8617 §5.1.1).
    fn sealed(&self, section: &Section, before: &Context) -> Digest {
        let mut context = before.clone();
        add_field(section, self.results, &mut context);
        add_field(section, self.message_field, &mut context);
        let own = section.field(self.seal_field);
        context.update(&dkim::unsigned(&own, &self.seal, Canonicalization::Relaxed));
        context.finish()
    }

    fn check_message(&self, section: &Section, keys: &Keys) -> Result<(), dkim::Reason> {
        let signature = self.message.as_ref().map_err(Clone::clone)?;
        let hash = dkim::header_hash(section, signature, self.message_field);
        dkim::with_the_key(&signature.stamp, &hash, keys, |_| Ok(())).0
    }
}

/// Seals know the relaxed form only (RFC 8617 §4.1.3).
fn add_field(section: &Section, at: usize, context: &mut Context) {
    let mut line = Vec::new();
    Canonicalization::Relaxed.header_field(&section.field(at), &mut line);
    context.update(&line);
}

/// The newest message signature, then the seals from the newest on.
fn check(links: &[Link], section: &Section, keys: &Keys) -> Result<(), Reason> {
    let newest = links.last().ok_or(Reason::NoChain)?;
    newest.check_message(section, keys).map_err(|reason| Reason::Message(links.len() as u8, reason))?;
    let mut context = Context::new(&SHA256);
    let mut hashes = Vec::new();
    for link in links {
        hashes.push(link.sealed(section, &context));
        link.add(section, &mut context);
    }
    for ((instance, link), hash) in (1..).zip(links).zip(&hashes).collect::<Vec<_>>().into_iter().rev() {
        let (found, _) = dkim::with_the_key(&link.seal, hash, keys, |_| Ok(()));
        found.map_err(|reason| Reason::Seal(instance, reason))?;
    }
    Ok(())
}

/// Step 5 of RFC 8617 §5.2, for a chain whose newest message signature holds.
fn oldest_pass(links: &[Link], section: &Section, keys: &Keys) -> u8 {
    let holds = |link: &Link| {
        let asked = link.message.as_ref().is_ok_and(|signature| keys.has(&signature.stamp.key_name));
        asked && link.check_message(section, keys).is_ok()
    };
    let older = &links[..links.len().saturating_sub(1)];
    older.iter().rposition(|link| !holds(link)).map_or(0, |broken| broken as u8 + 2)
}

fn sets(links: &[Link], section: &Section) -> Vec<Set> {
    let results = |link: &Link| {
        let (_, results) = field::split_results(section.field(link.results).value).unwrap_or_default();
        message::header::unfold(results)
    };
    links.iter().map(|link| Set { domain: link.seal.domain.clone(), results: results(link) }).collect()
}
