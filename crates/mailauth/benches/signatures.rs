//! Measures what a signature costs: CPU time of one message, signed and verified, by size.
//!
//! `cargo bench -p mailauth --bench signatures`

#![expect(clippy::print_stdout, reason = "it reports to a terminal")]
#![expect(clippy::disallowed_methods, reason = "it measures the real machine")]

use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use mail::{Domain, Wall};
use mailauth::dkim::{Draft, Signer, SigningKey, Verdict, Verifier};
use world::{BoxFuture, Dns, Rng, dns};

const NOW: Wall = Wall::from_secs(1_790_000_000);
const HEADER: &str = "Received: from a.test by b.test with ESMTPS id 1;\r\n\tMon, 21 Sep 2026 13:33:20 +0000\r\n\
    From: Ann <ann@x.test>\r\nTo: Bob <bob@y.test>\r\nSubject: what it costs\r\nDate: Mon, 21 Sep 2026 13:33:20 +0000\r\n\
    Message-ID: <1@x.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";

/// Texts by one name.
struct Key(String);

impl Dns for Key {
    fn txt<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, dns::Error>> {
        Box::pin(std::future::ready(Ok(vec![self.0.clone().into_bytes()])))
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

struct Os;

impl Rng for Os {
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::fill(buffer).expect("the system has randomness");
    }
}

fn sign(signer: &Signer, body: &[u8]) -> String {
    let mut draft = Draft::new(HEADER.as_bytes());
    for piece in body.chunks(16384) {
        draft.feed(piece);
    }
    draft.finish().and_then(|hashed| hashed.sign(signer, NOW, None)).expect("signed")
}

fn verify(header: &str, body: &[u8], key: &Key) {
    let mut verifier = Verifier::new(header.as_bytes());
    for piece in body.chunks(16384) {
        verifier.feed(piece);
    }
    let found = pin!(verifier.finish(key, NOW, std::future::pending()));
    let Poll::Ready(found) = found.poll(&mut Context::from_waker(Waker::noop())) else {
        unreachable!("the key is there at once")
    };
    assert_eq!(found.dkim[0].verdict, Verdict::Pass);
}

/// CPU time of this thread so far, in nanoseconds.
fn cpu_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|spent| spent.parse().ok()).expect("a number")
}

/// Microseconds of CPU, the least of several rounds: others take caches away.
fn measure(mut work: impl FnMut()) -> f64 {
    let mut round = || {
        let (began, mut times) = (cpu_time(), 0);
        while cpu_time() - began < 50_000_000 {
            work();
            times += 1;
        }
        (cpu_time() - began) as f64 / 1e3 / f64::from(times)
    };
    (0..10).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn main() {
    let rsa = SigningKey::from_pkcs8(&Os.rsa_key().expect("a key")).expect("a key");
    let ed25519 = SigningKey::ed25519_from_seed(&[7; 32]).expect("a key");
    println!("{:>8} {:>10} {:>12} {:>12}", "KiB", "key", "sign us", "verify us");
    for (name, key) in [("rsa-2048", rsa), ("ed25519", ed25519)] {
        let record = Key(key.record().expect("a record"));
        let domain = |name| Domain::new(name).expect("a domain");
        let signer = Signer { domain: domain("x.test"), selector: domain("s"), key };
        for kib in [2usize, 20, 200] {
            let line = b"A line of text as people write it, with words and some  spaces, up to here.\r\n";
            let body: Vec<u8> = line.iter().copied().cycle().take(kib * 1024).collect();
            let header = sign(&signer, &body) + HEADER;
            let signing = measure(|| drop(sign(&signer, &body)));
            let verifying = measure(|| verify(&header, &body, &record));
            println!("{kib:>8} {name:>10} {signing:>12.1} {verifying:>12.1}");
        }
    }
}
