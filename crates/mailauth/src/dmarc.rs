//! DMARC (RFC 9989): does anything that was authenticated speak for the author's domain, and if not, what does its
//! owner want?
//!
//! Policies and Organizational Domains are found by walking up the tree of names (§4.10), not by a list of public
//! suffixes. What a message may be told to do is [`Outcome::disposition`]; RFC 9989 §7.4 forbids to reject by a policy
//! alone, so who has no other knowledge (lists, ARC, local rules) treats `reject` as `quarantine`.

use std::collections::BTreeMap;
use std::fmt;

use mail::{Domain, limits};
use world::{Dns, dns};

use crate::text::printable;

mod author;
mod record;
mod walk;

pub use author::{Error as AuthorError, author_domain};
pub use record::{Alignment, FailureOptions, Policy, PublicSuffix, Record};
pub use walk::{Walk, aggregate_reports, organizational_domain};

pub(crate) use record::{aggregate_reports_of, has_version};

/// The result (RFC 9989 §9.2, RFC 8601 §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// No policy applies to the author's domain.
    None,
    /// An authenticated identifier is aligned.
    Pass,
    /// None is.
    Fail,
    /// Names could not be asked now, so it is neither.
    TempError,
    /// There is no single author's domain.
    PermError,
}

impl Verdict {
    /// The word of RFC 8601 §2.7.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
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

/// What was authenticated (RFC 9989 §3.2.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Identifiers<'a> {
    /// The domain of MAIL FROM, if its SPF check passed. The HELO name counts only where it stands in for a null
    /// reverse-path (RFC 7208 §2.4).
    pub spf: Option<&'a Domain>,
    /// The `d=` of each signature that is valid; only the first [`limits::DMARC_IDENTIFIERS`] count.
    pub dkim: &'a [Domain],
}

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result.
    pub verdict: Verdict,
    /// The domain in From.
    pub author: Option<Domain>,
    /// The record that applies, and the domain that publishes it.
    pub published: Option<(Domain, Record)>,
    /// The policy of that record for this author's domain, before the test mode lowers it.
    pub policy: Policy,
    /// What the owner wants done with this very message: none unless it failed.
    pub disposition: Policy,
    /// Whether the SPF identifier is aligned.
    pub spf_aligned: bool,
    /// Whether a DKIM identifier is.
    pub dkim_aligned: bool,
    /// Why, in words. Printable ASCII on one line.
    pub reason: String,
}

impl Outcome {
    fn without_policy(verdict: Verdict, author: Option<Domain>, reason: String) -> Self {
        Self {
            verdict,
            author,
            published: None,
            policy: Policy::None,
            disposition: Policy::None,
            spf_aligned: false,
            dkim_aligned: false,
            reason,
        }
    }

    /// No policy can be looked for (RFC 9989 §5.3.1).
    pub fn without_author(error: &AuthorError) -> Self {
        Self::without_policy(Verdict::PermError, None, error.to_string())
    }

    /// The evaluation did not end in time.
    pub fn timed_out(author: Option<Domain>) -> Self {
        Self::without_policy(Verdict::TempError, author, "the evaluation took too long".to_owned())
    }
}

/// Evaluates a message by its header section.
pub async fn evaluate(dns: &dyn Dns, header: &[u8], identifiers: Identifiers<'_>) -> Outcome {
    match author_domain(header) {
        Ok(author) => evaluate_author(dns, author, identifiers).await,
        Err(error) => Outcome::without_author(&error),
    }
}

/// Evaluates a message whose author's domain is known.
pub async fn evaluate_author(dns: &dyn Dns, author: Domain, identifiers: Identifiers<'_>) -> Outcome {
    let mut evaluation = Evaluation { dns, walks: BTreeMap::new() };
    match evaluation.published(&author).await {
        Ok(Some(published)) => evaluation.judge(author, published, identifiers).await,
        Ok(None) => {
            let reason = format!("no DMARC policy applies to {author}");
            Outcome::without_policy(Verdict::None, Some(author), reason)
        }
        Err(error) => {
            let reason = format!("the DMARC policy of {author} cannot be looked up: {error}");
            Outcome::without_policy(Verdict::TempError, Some(author), printable(&reason))
        }
    }
}

/// Walks that were made for one message.
struct Evaluation<'a> {
    dns: &'a dyn Dns,
    walks: BTreeMap<Domain, Walk>,
}

impl Evaluation<'_> {
    /// RFC 9989 §4.10.1: the record of the Author Domain, of its Organizational Domain, or of its PSD.
    async fn published(&mut self, author: &Domain) -> Result<Option<(Domain, Record)>, dns::Error> {
        let own = walk::record_at(self.dns, author).await?;
        let found = match own {
            Some(record) => Some((author.clone(), record)),
            None => self.walk(author).await?.policy().cloned(),
        };
        Ok(found.filter(|(_, record)| record.policy.is_some()))
    }

    async fn walk(&mut self, domain: &Domain) -> Result<&Walk, dns::Error> {
        if !self.walks.contains_key(domain) {
            let walk = Walk::from(self.dns, domain).await?;
            self.walks.insert(domain.clone(), walk);
        }
        Ok(&self.walks[domain])
    }

    async fn judge(
        &mut self,
        author: Domain,
        published: (Domain, Record),
        identifiers: Identifiers<'_>,
    ) -> Outcome {
        let (spf_mode, dkim_mode) = (published.1.spf_alignment, published.1.dkim_alignment);
        let spf = self.any_aligned(&author, identifiers.spf, spf_mode).await;
        let dkim_count = identifiers.dkim.len().min(limits::DMARC_IDENTIFIERS);
        let dkim = self.any_aligned(&author, &identifiers.dkim[..dkim_count], dkim_mode).await;
        let (spf_aligned, dkim_aligned) = (spf == Ok(true), dkim == Ok(true));
        let policy = self.policy_for(&author, &published, spf_aligned || dkim_aligned).await;
        let (verdict, reason) = match (&spf, &dkim, &policy) {
            _ if spf_aligned || dkim_aligned => (
                Verdict::Pass,
                format!("{} aligned with {author}", what_is_aligned(spf_aligned, dkim_aligned)),
            ),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => (
                Verdict::TempError,
                format!("names for the alignment with {author} cannot be looked up: {error}"),
            ),
            _ => (Verdict::Fail, format!("nothing authenticated is aligned with {author}")),
        };
        let policy = policy.unwrap_or_default();
        let wanted = if published.1.testing { policy.lowered() } else { policy };
        let disposition = if verdict == Verdict::Fail { wanted } else { Policy::None };
        let (author, published) = (Some(author), Some(published));
        let reason = printable(&reason);
        Outcome { verdict, author, published, policy, disposition, spf_aligned, dkim_aligned, reason }
    }

    async fn any_aligned(
        &mut self,
        author: &Domain,
        identifiers: impl IntoIterator<Item = &Domain>,
        mode: Alignment,
    ) -> Result<bool, dns::Error> {
        let mut failure = None;
        for identifier in identifiers {
            match self.aligned(author, identifier, mode).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(false), Err)
    }

    /// RFC 9989 §4.10.2. An identifier outside the author's Organizational Domain cannot have the same, so only what
    /// is inside is walked from.
    async fn aligned(
        &mut self,
        author: &Domain,
        identifier: &Domain,
        mode: Alignment,
    ) -> Result<bool, dns::Error> {
        if author == identifier {
            return Ok(true);
        }
        if mode == Alignment::Strict {
            return Ok(false);
        }
        let organization = self.walk(author).await?.organizational_domain();
        if !walk::is_at_or_below(identifier, &organization) {
            return Ok(false);
        }
        Ok(self.walk(identifier).await?.organizational_domain() == organization)
    }

    /// RFC 9989 §4.10.1: `p` at the domain itself, `sp` or `np` below. Only a message that fails needs to know whether
    /// its domain exists.
    async fn policy_for(
        &self,
        author: &Domain,
        published: &(Domain, Record),
        passes: bool,
    ) -> Result<Policy, dns::Error> {
        let (at, record) = published;
        let policy = record.policy.unwrap_or_default();
        if author == at {
            return Ok(policy);
        }
        let existing = record.subdomains.unwrap_or(policy);
        match record.missing_subdomains {
            Some(missing) if missing != existing && !passes => {
                Ok(if exists(self.dns, author).await? { existing } else { missing })
            }
            _ => Ok(existing),
        }
    }
}

/// RFC 9989 §3.2.13: a name does not exist if asking for it is answered with NXDOMAIN.
async fn exists(dns: &dyn Dns, domain: &Domain) -> Result<bool, dns::Error> {
    match dns.txt(domain).await {
        Ok(_) | Err(dns::Error::NoData) => Ok(true),
        Err(dns::Error::NxDomain) => Ok(false),
        Err(error) => Err(error),
    }
}

fn what_is_aligned(spf: bool, dkim: bool) -> &'static str {
    match (spf, dkim) {
        (true, true) => "SPF and DKIM are",
        (true, false) => "SPF is",
        (false, _) => "DKIM is",
    }
}

#[cfg(test)]
mod tests;
