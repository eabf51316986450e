//! Findings of all methods in one form, and the Authentication-Results field made of them (RFC 8601).
//!
//! [`write()`] makes the field, [`parse()`] reads one, [`claims`] finds the fields that say they are ours.

use std::fmt;

use mail::Domain;

use crate::{arc, dkim, dmarc, spf};

mod parse;
mod write;

pub use parse::{AuthenticationResults, Claim, claims, parse};
pub use write::{write, write_value};

/// A method of the registry (RFC 8601 §2.7, RFC 8617 §10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// SMTP AUTH.
    Auth,
    /// The address's name in DNS.
    Iprev,
    /// SPF.
    Spf,
    /// DKIM; one result for each signature.
    Dkim,
    /// DMARC.
    Dmarc,
    /// The ARC chain.
    Arc,
    /// Any other, in lower case; only read.
    Other(String),
}

impl Method {
    /// The registered word.
    pub fn word(&self) -> &str {
        match self {
            Self::Auth => "auth",
            Self::Iprev => "iprev",
            Self::Spf => "spf",
            Self::Dkim => "dkim",
            Self::Dmarc => "dmarc",
            Self::Arc => "arc",
            Self::Other(word) => word,
        }
    }

    fn from_word(word: &str) -> Self {
        let known = [Self::Auth, Self::Iprev, Self::Spf, Self::Dkim, Self::Dmarc, Self::Arc];
        let found = known.into_iter().find(|method| word.eq_ignore_ascii_case(method.word()));
        found.unwrap_or_else(|| Self::Other(word.to_ascii_lowercase()))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Something that was looked at: `smtp.mailfrom=a@x.test` (RFC 8601 §2.3 `propspec`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// `smtp`, `header`, `body`, `policy`.
    pub kind: String,
    /// Which command, field or tag.
    pub name: String,
    /// What stood there. Any text; it is quoted and shortened as needed.
    pub value: String,
}

/// What one method found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResult {
    /// Which method.
    pub method: Method,
    /// The result's registered word, e.g. `pass`.
    pub result: String,
    /// Why, for programs (`reason=`).
    pub reason: Option<String>,
    /// Words for people, written in parentheses.
    pub comment: Option<String>,
    /// What was looked at, in order.
    pub properties: Vec<Property>,
}

impl MethodResult {
    /// A result without anything else.
    pub fn new(method: Method, result: &str) -> Self {
        Self { method, result: result.to_owned(), reason: None, comment: None, properties: Vec::new() }
    }

    /// With a comment for people.
    #[must_use]
    pub fn comment(mut self, words: impl Into<String>) -> Self {
        self.comment = Some(words.into());
        self
    }

    /// With a reason for programs.
    #[must_use]
    pub fn reason(mut self, words: impl Into<String>) -> Self {
        self.reason = Some(words.into());
        self
    }

    /// With what was looked at, e.g. `("smtp", "mailfrom", ...)`.
    #[must_use]
    pub fn property(mut self, kind: &str, name: &str, value: impl Into<String>) -> Self {
        self.properties.push(Property { kind: kind.to_owned(), name: name.to_owned(), value: value.into() });
        self
    }

    /// The value of a property.
    pub fn get(&self, kind: &str, name: &str) -> Option<&str> {
        let is = |p: &&Property| p.kind.eq_ignore_ascii_case(kind) && p.name.eq_ignore_ascii_case(name);
        self.properties.iter().find(is).map(|property| property.value.as_str())
    }

    /// A login over SMTP AUTH as `identity` (RFC 8601 §2.7.4).
    pub fn login(identity: &str) -> Self {
        Self::new(Method::Auth, "pass").property("smtp", "auth", identity)
    }
}

impl From<&spf::Outcome> for MethodResult {
    /// RFC 8601 §2.7.2. The property is the domain alone: the local-part is nobody's business downstream.
    fn from(outcome: &spf::Outcome) -> Self {
        let name = match outcome.identity {
            spf::Identity::Helo => "helo",
            spf::Identity::MailFrom => "mailfrom",
        };
        let result = Self::new(Method::Spf, outcome.verdict.word()).comment(&outcome.reason);
        match &outcome.domain {
            Some(domain) => result.property("smtp", name, domain.as_str()),
            None => result,
        }
    }
}

impl From<&dmarc::Outcome> for MethodResult {
    /// RFC 8601 §2.7, RFC 9989 §9.1: with `header.from` and, where one applies, the published policy.
    fn from(outcome: &dmarc::Outcome) -> Self {
        let mut result = Self::new(Method::Dmarc, outcome.verdict.word()).comment(&outcome.reason);
        if let Some(author) = &outcome.author {
            result = result.property("header", "from", author.as_str());
        }
        match &outcome.published {
            Some(_) => result.property("policy", "dmarc", outcome.policy.word()),
            None => result,
        }
    }
}

impl From<&dkim::Outcome> for MethodResult {
    /// RFC 8601 §2.7.1, RFC 6008 §4 (`header.b`), RFC 8463 (`header.a`).
    fn from(outcome: &dkim::Outcome) -> Self {
        let result = Self::new(Method::Dkim, outcome.verdict.word()).comment(outcome.reason.to_string());
        let properties = [
            ("d", outcome.domain.as_ref().map(Domain::to_string)),
            ("i", outcome.identity.clone()),
            ("s", outcome.selector.clone()),
            ("a", outcome.algorithm.clone()),
            ("b", outcome.signature_start.clone()),
        ];
        properties.into_iter().fold(result, |result, (name, value)| match value {
            Some(value) => result.property("header", name, value),
            None => result,
        })
    }
}

impl From<&arc::Outcome> for MethodResult {
    /// RFC 8617 §10.1, with `header.oldest-pass` (RFC 8617 §5.2).
    fn from(outcome: &arc::Outcome) -> Self {
        let result = Self::new(Method::Arc, outcome.status.word()).comment(outcome.reason.to_string());
        match outcome.oldest_pass {
            Some(instance) => result.property("header", "oldest-pass", instance.to_string()),
            None => result,
        }
    }
}

/// Whether an authserv-id is one of ours, whatever its case and with or without a final dot.
fn is_one_of(id: &str, ours: &[Domain]) -> bool {
    let id = id.strip_suffix('.').unwrap_or(id);
    ours.iter().any(|domain| id.eq_ignore_ascii_case(domain.as_str()))
}

#[cfg(test)]
mod tests;
