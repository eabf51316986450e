//! Reverse DNS that is confirmed (RFC 8601 §3): does the client's address have a name that leads back to it?

use std::fmt;
use std::net::IpAddr;

use mail::{Domain, limits};
use world::{Dns, dns};

use crate::results::{Method, MethodResult};
use crate::spf::addresses;
use crate::text::printable;

/// The result (RFC 8601 §2.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A name of the address leads back to it.
    Pass,
    /// It has names, but none leads back.
    Fail,
    /// Names could not be asked now.
    TempError,
    /// It has no name.
    PermError,
}

impl Verdict {
    /// The registered word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result.
    pub verdict: Verdict,
    /// The address that was looked at.
    pub ip: IpAddr,
    /// The first name that leads back to it; what Received may show.
    pub name: Option<Domain>,
    /// Why, in words. Printable ASCII on one line.
    pub reason: String,
}

impl Outcome {
    /// The check did not end in time.
    pub fn timed_out(ip: IpAddr) -> Self {
        Self { verdict: Verdict::TempError, ip, name: None, reason: "the check took too long".to_owned() }
    }
}

/// Asks for the names of `ip` and whether one of the first [`limits::SPF_NAMES`] leads back to it.
pub async fn check(dns: &dyn Dns, ip: IpAddr) -> Outcome {
    let ip = ip.to_canonical();
    let (verdict, name, reason) = match dns.ptr(ip).await {
        Ok(names) => confirm(dns, ip, names).await,
        Err(dns::Error::NxDomain | dns::Error::NoData) => {
            (Verdict::PermError, None, format!("{ip} has no name"))
        }
        Err(error) => (Verdict::TempError, None, format!("the name of {ip} cannot be looked up: {error}")),
    };
    Outcome { verdict, ip, name, reason: printable(&reason) }
}

async fn confirm(dns: &dyn Dns, ip: IpAddr, names: Vec<Domain>) -> (Verdict, Option<Domain>, String) {
    let mut failure = None;
    for name in names.into_iter().take(limits::SPF_NAMES) {
        match addresses(dns, name.as_str(), ip).await {
            Ok(found) if found.contains(&ip) => {
                let reason = format!("{ip} is {name}");
                return (Verdict::Pass, Some(name), reason);
            }
            Ok(_) | Err(dns::Error::NxDomain | dns::Error::NoData) => {}
            Err(error) => failure = Some(format!("{name} cannot be looked up: {error}")),
        }
    }
    match failure {
        Some(why) => (Verdict::TempError, None, why),
        None => (Verdict::Fail, None, format!("no name of {ip} leads back to it")),
    }
}

impl From<&Outcome> for MethodResult {
    fn from(outcome: &Outcome) -> Self {
        Self::new(Method::Iprev, outcome.verdict.word()).comment(&outcome.reason).property(
            "policy",
            "iprev",
            outcome.ip.to_string(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::{Zones, at_once};

    #[test]
    fn names_are_confirmed() {
        let zones = Zones::parse(
            "192.0.2.1 PTR other.test
             192.0.2.1 PTR one.test
             one.test A 192.0.2.1
             other.test A 192.0.2.9
             192.0.2.2 PTR other.test
             192.0.2.3 TIMEOUT
             192.0.2.4 PTR broken.test
             192.0.2.4 PTR other.test
             broken.test FAILS
             2001:db8::1 PTR one.test",
        );
        for (ip, want) in [
            ("192.0.2.1", "pass one.test: 192.0.2.1 is one.test"),
            ("::ffff:192.0.2.1", "pass one.test: 192.0.2.1 is one.test"),
            ("192.0.2.2", "fail : no name of 192.0.2.2 leads back to it"),
            ("2001:db8::1", "fail : no name of 2001:db8::1 leads back to it"),
            (
                "192.0.2.3",
                "temperror : the name of 192.0.2.3 cannot be looked up: no name server answered in time",
            ),
            ("192.0.2.4", "temperror : broken.test cannot be looked up: the name servers failed: SERVFAIL"),
            ("192.0.2.5", "permerror : 192.0.2.5 has no name"),
        ] {
            let outcome = at_once(check(&zones, ip.parse().expect("an address")));
            let name = outcome.name.as_ref().map(Domain::as_str).unwrap_or_default();
            assert_eq!(format!("{} {name}: {}", outcome.verdict, outcome.reason), want);
        }
        let result = MethodResult::from(&at_once(check(&zones, "192.0.2.1".parse().expect("an address"))));
        assert_eq!(result.get("policy", "iprev"), Some("192.0.2.1"));
    }

    #[test]
    fn only_the_first_names_are_asked() {
        let zone: String =
            (0..50).map(|n| n.to_string()).map(|n| "192.0.2.1 PTR n".to_owned() + &n + ".test\n").collect();
        let zones = Zones::parse(&zone);
        assert_eq!(at_once(check(&zones, "192.0.2.1".parse().expect("an address"))).verdict, Verdict::Fail);
        assert_eq!(zones.asked(), 1 + limits::SPF_NAMES);
    }
}
