//! DKIM and ARC on the command line, for tests with other programs. Messages come on standard input.
//!
//! ```text
//! dkim generate rsa|ed25519                     a new key, PEM
//! dkim record KEY                               its record
//! dkim sign NOW [KEY DOMAIN SELECTOR]...        the message, signed with each key
//! dkim seal NOW ZONE RESULTS KEY DOMAIN SELECTOR   the message with one set more
//! dkim verify NOW ZONE                          one line for each signature, one for the chain
//! ```
//!
//! KEY is a file in PEM, ZONE a file with `NAME TEXT` on each line, NOW seconds since 1970. A message is taken in pieces
//! of 1021 bytes.

#![expect(clippy::print_stderr, reason = "it is a command")]
#![expect(clippy::disallowed_methods, reason = "it reads files that tests have made")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::IpAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

use mail::{Domain, Wall};
use mailauth::arc;
use mailauth::dkim::{Draft, Findings, Hashed, Signer, SigningKey, Verifier};
use world::{BoxFuture, Dns, Rng, dns};

/// Bytes of a piece: prime, so that line ends fall everywhere.
const PIECE: usize = 1021;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(output) => {
            std::io::stdout().write_all(&output).expect("somebody reads");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("dkim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<Vec<u8>> {
    match words {
        ["generate", "rsa"] => Ok(SigningKey::from_pkcs8(&Os.rsa_key()?)?.to_pem()?.into_bytes()),
        ["generate", "ed25519"] => {
            let mut seed = [0; 32];
            Os.fill(&mut seed);
            Ok(SigningKey::ed25519_from_seed(&seed)?.to_pem()?.into_bytes())
        }
        ["record", key] => Ok(read_key(key)?.record()?.into_bytes()),
        ["sign", now, signers @ ..] => sign(moment(now)?, signers),
        ["seal", now, zone, results, key, domain, selector] => {
            seal(moment(now)?, &Zone::read(zone)?, results, &signer(key, domain, selector)?)
        }
        ["verify", now, zone] => {
            let found = check(&message()?, &Zone::read(zone)?, moment(now)?);
            Ok(shown(&found).into_bytes())
        }
        _ => Err("see the top of tests/tool/dkim.rs".into()),
    }
}

fn sign(now: Wall, signers: &[&str]) -> Result<Vec<u8>> {
    let message = message()?;
    let hashed = hashed(&message)?;
    let mut text = String::new();
    for signer_words in signers.chunks(3) {
        let [key, domain, selector] = signer_words else { return Err("KEY DOMAIN SELECTOR".into()) };
        text += &hashed.sign(&signer(key, domain, selector)?, now, None)?;
    }
    Ok([text.as_bytes(), &message].concat())
}

fn seal(now: Wall, zone: &Zone, results: &str, signer: &Signer) -> Result<Vec<u8>> {
    let message = message()?;
    let chain = check(&message, zone, now).arc;
    let set = arc::seal(&hashed(&message)?, &chain, results, signer, now)?;
    Ok([set.as_bytes(), &message].concat())
}

fn hashed(message: &[u8]) -> Result<Hashed> {
    let (header, body) = split(message);
    let mut draft = Draft::new(header);
    for piece in body.chunks(PIECE) {
        draft.feed(piece);
    }
    Ok(draft.finish()?)
}

fn check(message: &[u8], zone: &Zone, now: Wall) -> Findings {
    let (header, body) = split(message);
    let mut verifier = Verifier::new(header);
    for piece in body.chunks(PIECE) {
        verifier.feed(piece);
    }
    let future = pin!(verifier.finish(zone, now, std::future::pending()));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => found,
        Poll::Pending => unreachable!("the zone answers at once"),
    }
}

fn shown(found: &Findings) -> String {
    let lines = found.dkim.iter().map(|outcome| {
        let domain = outcome.domain.as_ref().map_or("-", Domain::as_str);
        let selector = outcome.selector.as_deref().unwrap_or("-");
        format!("dkim {} {domain} {selector} {}", outcome.verdict, outcome.reason)
    });
    let chain = format!("arc {} {} {}\n", found.arc.status, found.arc.sets.len(), found.arc.reason);
    lines.chain([chain]).collect::<Vec<_>>().join("\n")
}

fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    message.split_at(end.map_or(message.len(), |at| at + 4))
}

fn message() -> Result<Vec<u8>> {
    let mut message = Vec::new();
    std::io::stdin().read_to_end(&mut message)?;
    Ok(message)
}

fn moment(text: &str) -> Result<Wall> {
    Ok(Wall::from_secs(text.parse()?))
}

fn signer(key: &str, domain: &str, selector: &str) -> Result<Signer> {
    Ok(Signer { domain: domain.parse()?, selector: selector.parse()?, key: read_key(key)? })
}

fn read_key(path: &str) -> Result<SigningKey> {
    Ok(SigningKey::from_pem(&std::fs::read_to_string(path)?)?)
}

/// The system's randomness.
struct Os;

impl Rng for Os {
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::fill(buffer).expect("the system has randomness");
    }
}

/// Names of a file.
struct Zone(BTreeMap<String, Vec<Vec<u8>>>);

impl Zone {
    fn read(path: &str) -> Result<Self> {
        let mut names: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for line in std::fs::read_to_string(path)?.lines() {
            let (name, text) = line.split_once(' ').ok_or("NAME TEXT")?;
            names.entry(name.to_owned()).or_default().push(text.as_bytes().to_vec());
        }
        Ok(Self(names))
    }
}

impl Dns for Zone {
    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, std::result::Result<Vec<Vec<u8>>, dns::Error>> {
        let texts = self.0.get(domain.as_str()).cloned().ok_or(dns::Error::NxDomain);
        Box::pin(std::future::ready(texts))
    }

    fn mx<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, std::result::Result<Vec<dns::Mx>, dns::Error>> {
        Box::pin(std::future::ready(Err(dns::Error::NxDomain)))
    }

    fn addresses<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, std::result::Result<Vec<IpAddr>, dns::Error>> {
        Box::pin(std::future::ready(Err(dns::Error::NxDomain)))
    }

    fn ptr(&self, _: IpAddr) -> BoxFuture<'_, std::result::Result<Vec<Domain>, dns::Error>> {
        Box::pin(std::future::ready(Err(dns::Error::NxDomain)))
    }
}
