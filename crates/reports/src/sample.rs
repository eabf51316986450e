//! What is counted: messages or sessions that are alike.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use mailauth::report::aggregate::{self, Published, Row};
use mailauth::report::tls::{self, Applied, Failure, Sessions};
use store::Error;

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Mail that claims to be from a domain (RFC 9990).
    Dmarc = 1,
    /// TLS with a domain's hosts (RFC 8460).
    Tls = 2,
}

impl Kind {
    pub(crate) fn of(number: u8) -> Option<Self> {
        [Self::Dmarc, Self::Tls].into_iter().find(|kind| *kind as u8 == number)
    }

    /// For people and JSON: `dmarc`, `tls`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dmarc => "dmarc",
            Self::Tls => "tls",
        }
    }
}

/// What a message or a session has in common with others that are counted with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sample {
    /// A message, and the policy it was judged by.
    Dmarc(Box<(Published, Row)>),
    /// A session, and what went wrong with it.
    Tls(Box<(Applied, Option<Failure>)>),
}

/// The id of a report that holds one sample alone.
const ALONE: &str = "sample";

impl Sample {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Dmarc(_) => Kind::Dmarc,
            Self::Tls(_) => Kind::Tls,
        }
    }

    /// Whose policy it is.
    pub(crate) fn domain(&self) -> &str {
        match self {
            Self::Dmarc(sample) => &sample.0.domain,
            Self::Tls(sample) => &sample.0.domain,
        }
    }

    /// As it is kept: a report of its own, in the standard's form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Dmarc(sample) => {
                let (policy, row) = (**sample).clone();
                let metadata = aggregate::Metadata { id: ALONE.into(), ..aggregate::Metadata::default() };
                let rows = BTreeMap::from([(row, 1)]);
                aggregate::Report { metadata, policy, rows, truncated: false }.to_xml().into_bytes()
            }
            Self::Tls(sample) => {
                let (applied, failure) = (**sample).clone();
                let mut sessions = Sessions::default();
                sessions.count(failure, 1);
                let policies = BTreeMap::from([(applied, sessions)]);
                tls::Report { id: ALONE.into(), policies, ..tls::Report::default() }.to_json().into_bytes()
            }
        }
    }

    pub(crate) fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, Error> {
        let sample = match kind {
            Kind::Dmarc => aggregate::read(bytes).ok().and_then(|report| {
                let row = report.rows.into_keys().next()?;
                Some(Self::Dmarc(Box::new((report.policy, row))))
            }),
            Kind::Tls => tls::read(bytes).ok().and_then(|report| {
                let (applied, sessions) = report.policies.into_iter().next()?;
                Some(Self::Tls(Box::new((applied, sessions.failures.into_keys().next()))))
            }),
        };
        sample.ok_or_else(|| Error::Damaged("what is counted for a report cannot be read".into()))
    }
}

/// A name for bytes: alike ones have the same.
pub(crate) fn name_of(bytes: &[u8]) -> [u8; 16] {
    let digest = digest(&SHA256, bytes);
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    name
}
