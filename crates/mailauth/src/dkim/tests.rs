//! Messages, keys and a name server for the tests of DKIM and ARC.

mod edges;
mod keys;
mod round;
mod standard;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use mail::{Domain, Wall};
use world::{BoxFuture, Dns, dns};

use super::{Findings, SigningKey, Verifier};

/// 2026-09-21.
pub(crate) const NOW: Wall = Wall::from_secs(1_790_000_000);

/// TXT records by name; `None` never answers.
#[derive(Default)]
pub(crate) struct Zone(BTreeMap<String, Option<Answer>>);

type Answer = Result<Vec<Vec<u8>>, dns::Error>;

impl Zone {
    pub(crate) fn with(mut self, name: &str, texts: &[&str]) -> Self {
        let texts = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        self.0.insert(name.to_owned(), Some(Ok(texts)));
        self
    }

    pub(crate) fn failing(mut self, name: &str, error: dns::Error) -> Self {
        self.0.insert(name.to_owned(), Some(Err(error)));
        self
    }

    pub(crate) fn silent(mut self, name: &str) -> Self {
        self.0.insert(name.to_owned(), None);
        self
    }
}

impl Dns for Zone {
    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, dns::Error>> {
        match self.0.get(domain.as_str()) {
            Some(Some(answer)) => Box::pin(std::future::ready(answer.clone())),
            Some(None) => Box::pin(std::future::pending()),
            None => Box::pin(std::future::ready(Err(dns::Error::NxDomain))),
        }
    }

    fn mx<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<dns::Mx>, dns::Error>> {
        unreachable!("keys are TXT")
    }

    fn addresses<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, dns::Error>> {
        unreachable!("keys are TXT")
    }

    fn ptr(&self, _: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, dns::Error>> {
        unreachable!("keys are TXT")
    }
}

/// The output of a future that waits for nothing.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something"),
    }
}

/// Header section with its empty line, and body.
pub(crate) fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = message.windows(4).position(|w| w == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    message.split_at(end)
}

/// Checks a message whose body comes in pieces of that size.
pub(crate) fn check_in(piece: usize, message: &[u8], zone: &Zone, now: Wall) -> Findings {
    let (header, body) = split(message);
    let mut verifier = Verifier::new(header);
    body.chunks(piece).for_each(|chunk| verifier.feed(chunk));
    run(verifier.finish(zone, now, std::future::ready(())))
}

pub(crate) fn check(message: &[u8], zone: &Zone) -> Findings {
    check_in(4096, message, zone, NOW)
}

pub(crate) fn rsa() -> SigningKey {
    SigningKey::from_pem(include_str!("tests/rsa.pem")).expect("a key")
}

pub(crate) fn ed25519() -> SigningKey {
    SigningKey::ed25519_from_seed(&[7; 32]).expect("a key")
}

pub(crate) fn domain(name: &str) -> Domain {
    Domain::new(name).expect("a domain")
}
