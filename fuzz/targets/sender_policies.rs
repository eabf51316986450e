//! SPF and DMARC records of a hostile domain: questions are bounded, and no word of it can break a line.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use mail::{Domain, Wall, limits};
use mailauth::spf::{Client, Identity};
use mailauth::{dmarc, report, spf};
use world::dns::{Error, Mx};
use world::{BoxFuture, Dns};

/// Answers each question for TXT with the next line of the input.
struct Hostile<'a> {
    lines: Vec<&'a [u8]>,
    asked: AtomicUsize,
}

impl Hostile<'_> {
    fn count(&self) -> usize {
        self.asked.fetch_add(1, Ordering::Relaxed)
    }
}

impl Dns for Hostile<'_> {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, Error>> {
        self.count();
        let hosts = (0..9).map(|preference| Mx { preference, host: Some(domain.clone()) }).collect();
        Box::pin(async { Ok(hosts) })
    }

    fn addresses<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, Error>> {
        self.count();
        Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) })
    }

    fn txt<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, Error>> {
        let line = self.lines.get(self.count() % self.lines.len());
        Box::pin(async move { line.map(|line| vec![line.to_vec()]).ok_or(Error::NxDomain) })
    }

    fn ptr(&self, _: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, Error>> {
        self.count();
        Box::pin(async { Ok(vec![Domain::new("p.test").expect("a domain"); 50]) })
    }
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the answers are at hand"),
    }
}

fn printable(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

fuzz_target!(|data: &[u8]| {
    let dns = Hostile { lines: data.split(|&b| b == b'\n').collect(), asked: AtomicUsize::new(0) };
    let receiver = Domain::new("mx.here.test").expect("a domain");
    let helo = String::from_utf8_lossy(data);
    let client = Client { ip: [192, 0, 2, 1].into(), helo: &helo, receiver: &receiver, now: Wall::default() };
    let outcome = at_once(client.check(&dns, Identity::MailFrom, "u+v", "a.b.test"));
    assert!(printable(&outcome.reason) && outcome.mechanism.as_deref().is_none_or(printable));
    assert!(
        outcome
            .explanation
            .is_none_or(|text| printable(&text) && text.len() <= limits::SPF_EXPLANATION_LENGTH)
    );
    let most = 2 + limits::SPF_LOOKUPS * (1 + limits::SPF_NAMES) + 1 + limits::SPF_NAMES;
    assert!(dns.asked.load(Ordering::Relaxed) <= most);

    dns.asked.store(0, Ordering::Relaxed);
    let domain = Domain::new("x.a.b.test").expect("a domain");
    let identifiers = dmarc::Identifiers { spf: Some(&receiver), dkim: std::slice::from_ref(&domain) };
    let outcome = at_once(dmarc::evaluate(&dns, b"From: u@a.b.test\r\n", identifiers));
    assert!(printable(&outcome.reason) && outcome.disposition <= outcome.policy);
    assert!(dns.asked.load(Ordering::Relaxed) <= 2 + 3 * limits::DMARC_WALK);
    if let Ok(author) = dmarc::author_domain(data) {
        assert!(printable(author.as_str()));
    }
    assert!(report::destination::parse_list(&helo).len() <= limits::REPORT_DESTINATIONS);
    drop(report::tls::parse_record(data));
    drop(spf::Outcome::timed_out(Identity::Helo, None));
});
