//! Posthouse at this end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use mail::{Domain, Wall};
use mailauth::arc;
use mailauth::dkim::{Draft, Findings, Hashed, Signer, Verifier};
use world::{BoxFuture, Dns, dns};

/// TXT records by name.
#[derive(Default)]
pub struct Names(pub BTreeMap<String, String>);

impl Dns for Names {
    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, dns::Error>> {
        let text = self.0.get(domain.as_str()).map(|text| vec![text.clone().into_bytes()]);
        Box::pin(std::future::ready(text.ok_or(dns::Error::NxDomain)))
    }

    fn mx<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<dns::Mx>, dns::Error>> {
        Box::pin(std::future::ready(Err(dns::Error::NxDomain)))
    }

    fn addresses<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, dns::Error>> {
        Box::pin(std::future::ready(Err(dns::Error::NxDomain)))
    }

    fn ptr(&self, _: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, dns::Error>> {
        Box::pin(std::future::ready(Err(dns::Error::NxDomain)))
    }
}

/// Header section with its empty line, and body.
pub fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    message.split_at(end.map_or(message.len(), |at| at + 4))
}

/// What we find.
pub fn verify(message: &[u8], names: &Names, now: Wall) -> Findings {
    let (header, body) = split(message);
    let mut verifier = Verifier::new(header);
    for piece in body.chunks(7) {
        verifier.feed(piece);
    }
    let future = pin!(verifier.finish(names, now, std::future::pending()));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => found,
        Poll::Pending => unreachable!("the names are at hand"),
    }
}

fn hashed(message: &[u8]) -> Hashed {
    let (header, body) = split(message);
    let mut draft = Draft::new(header);
    for piece in body.chunks(5) {
        draft.feed(piece);
    }
    draft.finish().expect("it has From")
}

/// The message with our signature in front.
pub fn sign(message: &[u8], signer: &Signer, now: Wall) -> Vec<u8> {
    let field = hashed(message).sign(signer, now, None).expect("a good key");
    [field.as_bytes(), message].concat()
}

/// The message with one ARC set more.
pub fn seal(message: &[u8], names: &Names, signer: &Signer, now: Wall) -> Option<Vec<u8>> {
    let chain = verify(message, names, now).arc;
    let set = arc::seal(&hashed(message), &chain, "x.test; none", signer, now).ok()?;
    Some([set.as_bytes(), message].concat())
}
