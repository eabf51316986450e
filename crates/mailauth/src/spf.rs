//! SPF (RFC 7208): may this client send for that domain?
//!
//! [`Client::mail_from`] and [`Client::helo`] are the two identities of §2.3 and §2.4; both end in `check_host()` of
//! §4. Records are parsed as a whole first, so an error anywhere is a permerror. The limits of §4.6.4 hold for one
//! check: 10 terms that ask names, 2 of them answered with nothing, 10 names of an MX or PTR set.
//!
//! A check has no clock. The caller races it against [`mail::limits::SPF_TIME`] and takes
//! [`Outcome::timed_out`] when that is over (§4.6.4, attacks A18).

use std::fmt;
use std::net::IpAddr;

use mail::{Domain, ReversePath, Wall};
use world::Dns;

use crate::text::printable;

mod evaluate;
mod lookup;
mod macros;
mod record;

pub use record::SyntaxError;

pub(crate) use lookup::addresses;

/// The result of a check (RFC 7208 §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// There is no domain to check, or it publishes nothing.
    None,
    /// The domain says nothing about this client.
    Neutral,
    /// The client may send for the domain.
    Pass,
    /// The client may not.
    Fail,
    /// The client probably may not.
    SoftFail,
    /// The names could not be asked now.
    TempError,
    /// The domain's records are wrong.
    PermError,
}

impl Verdict {
    /// The word of RFC 8601 §2.7.2.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
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

/// Which name was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// What the client called itself (RFC 7208 §2.3).
    Helo,
    /// The reverse-path; with a null one the HELO name stands in for it (RFC 7208 §2.4).
    MailFrom,
}

/// Who sends to whom, as far as SPF is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The client's address. An IPv4-mapped one counts as IPv4 (RFC 7208 §5).
    pub ip: IpAddr,
    /// What it said in HELO or EHLO, as it stands.
    pub helo: &'a str,
    /// This server, for `%{r}`.
    pub receiver: &'a Domain,
    /// Now, for `%{t}`.
    pub now: Wall,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result.
    pub verdict: Verdict,
    /// Which name was checked.
    pub identity: Identity,
    /// The domain that was checked, as far as it is one.
    pub domain: Option<Domain>,
    /// The directive that matched, as it stands in the record: `-all`, `include:_spf.example.net`.
    pub mechanism: Option<String>,
    /// Why, in words. Printable ASCII on one line.
    pub reason: String,
    /// With a fail: what the domain says about it (`exp=`, RFC 7208 §6.2). Printable ASCII, at most
    /// [`mail::limits::SPF_EXPLANATION_LENGTH`] bytes. Foreign words: an SMTP reply that shows them must say whose
    /// they are.
    pub explanation: Option<String>,
}

impl Outcome {
    /// The check of that name did not end in time (RFC 7208 §4.6.4: a temperror).
    pub fn timed_out(identity: Identity, domain: Option<Domain>) -> Self {
        let reason = "the check took too long".to_owned();
        Self { verdict: Verdict::TempError, identity, domain, mechanism: None, reason, explanation: None }
    }

    fn none(identity: Identity, reason: String) -> Self {
        Self { verdict: Verdict::None, identity, domain: None, mechanism: None, reason, explanation: None }
    }
}

/// What `check_host()` and its macros know (RFC 7208 §4.1). The sender's domain stays, the checked one changes.
pub(crate) struct Query<'a> {
    client: IpAddr,
    helo: &'a str,
    receiver: &'a Domain,
    now: Wall,
    local: &'a str,
    sender_domain: &'a str,
}

impl Client<'_> {
    /// Checks the HELO name. An address literal or a name of one label has no record: none.
    pub async fn helo(&self, dns: &dyn Dns) -> Outcome {
        self.check(dns, Identity::Helo, "", self.helo).await
    }

    /// Checks the reverse-path; with a null one, `postmaster` at the HELO name.
    pub async fn mail_from(&self, dns: &dyn Dns, path: &ReversePath) -> Outcome {
        match &path.0 {
            Some(address) => {
                let host = address.host().to_string();
                self.check(dns, Identity::MailFrom, address.local(), &host).await
            }
            None => self.check(dns, Identity::MailFrom, "", self.helo).await,
        }
    }

    /// `check_host()` (RFC 7208 §4) for a local-part (empty: `postmaster`) and what stands behind the `@`.
    pub async fn check(&self, dns: &dyn Dns, identity: Identity, local: &str, host: &str) -> Outcome {
        // RFC 7208 §4.3: no domain name of several labels, no record; RFC 8616 §4: U-labels become A-labels.
        let Some(domain) = Domain::new(host).ok().filter(|domain| domain.as_str().contains('.')) else {
            return Outcome::none(identity, "there is no domain name to check".to_owned());
        };
        let local = if local.is_empty() { "postmaster" } else { local };
        let client = self.ip.to_canonical();
        let (helo, receiver, now) = (self.helo, self.receiver, self.now);
        let query = Query { client, helo, receiver, now, local, sender_domain: domain.as_str() };
        let found = evaluate::Evaluation::new(dns, &query).run(&domain).await;
        Outcome {
            verdict: found.verdict,
            identity,
            mechanism: found.mechanism,
            reason: printable(&found.reason),
            explanation: found.explanation,
            domain: Some(domain),
        }
    }
}

#[cfg(test)]
mod tests;
