//! DKIM and ARC: tag lists, and whole messages with keys of any kind. However the body arrives, the findings are the
//! same; what is signed here verifies, and not when a byte of it is changed; time is linear in the input.
#![no_main]

use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use fuzz::cuts;
use libfuzzer_sys::fuzz_target;
use mail::{Domain, Wall, limits};
use mailauth::arc;
use mailauth::dkim::{Draft, Findings, Signer, SigningKey, Verdict, Verifier, txt_strings};
use mailauth::tag_list::TagList;
use world::{BoxFuture, Dns, dns};

const NOW: Wall = Wall::from_secs(1_790_000_000);

/// One text at every name; our own key at ours.
struct Names<'r>(&'r [u8], String);

impl Dns for Names<'_> {
    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, dns::Error>> {
        let own = domain.as_str() == "own._domainkey.x.test";
        let text = if own { self.1.as_bytes() } else { self.0 };
        Box::pin(std::future::ready(Ok(vec![text.to_vec()])))
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

fn check(seed: u8, header: &[u8], body: &[u8], names: &Names<'_>) -> Findings {
    let mut verifier = Verifier::new(header);
    for piece in cuts(seed, body) {
        verifier.feed(piece);
    }
    let future = pin!(verifier.finish(names, NOW, std::future::pending()));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => found,
        Poll::Pending => unreachable!("the names answer at once"),
    }
}

fn findings_are_bounded(found: &Findings) {
    assert!(found.dkim.len() <= limits::SIGNATURES + 1);
    assert!(found.arc.sets.len() <= limits::ARC_SETS);
    for outcome in &found.dkim {
        assert!(outcome.signature_start.as_ref().is_none_or(|start| start.chars().count() <= 8));
        assert!(!outcome.reason.to_string().contains(['\r', '\n']));
    }
}

fn lists_hold_what_they_say(text: &[u8]) {
    let Ok(list) = TagList::parse(text) else { return };
    assert!(list.tags().len() <= limits::TAGS);
    for tag in list.tags() {
        let raw = std::str::from_utf8(&text[tag.span.clone()]).expect("it was text");
        assert_eq!(raw.trim_matches([' ', '\t', '\r', '\n']), tag.value);
        assert_eq!(list.get(tag.name), Some(tag.value));
    }
}

/// Signs and seals the message, and sees that both hold.
fn ours_hold(seed: u8, header: &[u8], body: &[u8], names: &Names<'_>, signer: &Signer) {
    if message::header::fields(header).count() + 3 > limits::HEADER_FIELDS {
        return;
    }
    let mut draft = Draft::new(header);
    for piece in cuts(seed, body) {
        draft.feed(piece);
    }
    let Ok(hashed) = draft.finish() else { return };
    let signature = hashed.sign(signer, NOW, None).expect("a good key");
    assert!(signature.ends_with("\r\n") && signature.lines().all(|line| line.len() <= 78));
    let found = check(seed, &[signature.as_bytes(), header].concat(), body, names);
    assert_eq!(found.dkim.first().map(|outcome| outcome.verdict), Some(Verdict::Pass), "{found:?}");
    let chain = check(seed, header, body, names).arc;
    if let Ok(set) = arc::seal(&hashed, &chain, &String::from_utf8_lossy(body), signer, NOW) {
        let sealed = check(seed, &[set.as_bytes(), header].concat(), body, names).arc;
        assert_eq!(sealed.status == arc::Status::Fail, chain.status == arc::Status::Fail, "{sealed:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[seed, cut], rest)) = data.split_first_chunk::<2>() else { return };
    let (record, message) = rest.split_at(usize::from(cut).min(rest.len()));
    lists_hold_what_they_say(record);
    lists_hold_what_they_say(message);
    assert_eq!(txt_strings(&String::from_utf8_lossy(record)).collect::<String>(), String::from_utf8_lossy(record));
    let end = message.windows(4).position(|window| window == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    let (header, body) = message.split_at(end);
    let key = SigningKey::ed25519_from_seed(&[7; 32]).expect("a key");
    let names = Names(record, key.record().expect("a record"));
    let found = check(seed, header, body, &names);
    findings_are_bounded(&found);
    assert_eq!(found, check(0, header, body, &names), "chunks matter");
    let domain = |name| Domain::new(name).expect("a domain");
    let signer = Signer { domain: domain("x.test"), selector: domain("own"), key };
    ours_hold(seed, header, body, &names, &signer);
});
