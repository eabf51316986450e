//! Reports about TLS (RFC 8460): how sessions with a domain's servers went, counted by policy and by failure.
//!
//! A day's sessions are collected as [`Applied`] policy → [`Sessions`]; all policies of one domain make one
//! [`Report`]. [`Report::to_json`] writes it, [`read`] reads what others send about our domains.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use mail::{Domain, Wall};
use world::{Dns, dns};

use super::destination::{self, Destination};
use super::unpack;
use crate::tag_list::TagList;

mod json;

/// Why a file is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It cannot be unpacked.
    Packing(unpack::Error),
    /// It is no JSON of this form; the text says where it breaks.
    Json(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packing(error) => error.fmt(f),
            Self::Json(why) => write!(f, "the file is no TLS report: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// One report (RFC 8460 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Who reports.
    pub organization: String,
    /// Start of the period.
    pub begin: Wall,
    /// End of the period.
    pub end: Wall,
    /// How to reach them.
    pub contact: String,
    /// Unique among their reports.
    pub id: String,
    /// Sessions by the policy that was applied.
    pub policies: BTreeMap<Applied, Sessions>,
    /// Whether something was left out because there was too much. Only when read.
    pub truncated: bool,
}

/// Which kind of policy (RFC 8460 §4.4 `policy-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyKind {
    /// DANE.
    Tlsa,
    /// MTA-STS.
    Sts,
    /// None, or one of a kind that is not known.
    #[default]
    NotFound,
}

impl PolicyKind {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tlsa => "tlsa",
            Self::Sts => "sts",
            Self::NotFound => "no-policy-found",
        }
    }
}

/// The policy that was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applied {
    /// Which kind.
    pub kind: PolicyKind,
    /// Its lines: TLSA records, or the lines of an MTA-STS policy.
    pub lines: Vec<String>,
    /// The domain that has it.
    pub domain: String,
    /// The MX patterns of an MTA-STS policy.
    pub mx: Vec<String>,
}

/// Counts of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// With TLS as the policy asks for.
    pub successful: u64,
    /// Without.
    pub failed: u64,
    /// The failed ones by what went wrong.
    pub failures: BTreeMap<Failure, u64>,
}

impl Sessions {
    /// Counts sessions that ended alike.
    pub fn count(&mut self, failure: Option<Failure>, sessions: u64) {
        match failure {
            None => self.successful = self.successful.saturating_add(sessions),
            Some(failure) => {
                self.failed = self.failed.saturating_add(sessions);
                let alike = self.failures.entry(failure).or_default();
                *alike = alike.saturating_add(sessions);
            }
        }
    }
}

/// What went wrong, and where (RFC 8460 §4.3, §4.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// One of [`RESULT_TYPES`]; any word when read.
    pub kind: String,
    /// The address the mail came from.
    pub sender: Option<IpAddr>,
    /// The MX host.
    pub host: Option<String>,
    /// What it called itself.
    pub helo: Option<String>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// More about it, on the web.
    pub more: Option<String>,
    /// An error's code or text.
    pub reason: Option<String>,
}

/// The registered kinds of failures (RFC 8460 §4.3).
pub const RESULT_TYPES: [&str; 11] = [
    "starttls-not-supported",
    "certificate-host-mismatch",
    "certificate-expired",
    "certificate-not-trusted",
    "validation-failure",
    "tlsa-invalid",
    "dnssec-invalid",
    "dane-required",
    "sts-policy-fetch-error",
    "sts-policy-invalid",
    "sts-webpki-invalid",
];

impl Report {
    /// The name of the file, packed with gzip (RFC 8460 §5.1). `reporter` is the domain of the contact address.
    pub fn file_name(&self, about: &Domain, reporter: &Domain) -> String {
        super::file_name(reporter, about.as_str(), self.begin, self.end, "json.gz")
    }

    /// The Subject of the mail (RFC 8460 §5.3).
    pub fn subject(&self, about: &Domain, reporter: &Domain) -> String {
        super::subject(about.as_str(), reporter, &self.id)
    }

    /// The report as a JSON document.
    pub fn to_json(&self) -> String {
        json::write(self)
    }
}

/// Reads a file: JSON, alone or packed.
pub fn read(file: &[u8]) -> Result<Report, Error> {
    json::read(&unpack::unpack(file).map_err(Error::Packing)?)
}

/// Where a domain wants TLS reports (RFC 8460 §3): the one record at `_smtp._tls`. Empty if it wants none.
pub async fn wanted(dns: &dyn Dns, domain: &Domain) -> Result<Vec<Destination>, dns::Error> {
    let Ok(name) = Domain::new(&format!("_smtp._tls.{domain}")) else { return Ok(Vec::new()) };
    let found = match dns.txt(&name).await {
        Ok(found) => found,
        Err(dns::Error::NxDomain | dns::Error::NoData) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut records = found.iter().filter(|txt| is_record(txt));
    match (records.next(), records.next()) {
        (Some(record), None) => Ok(parse_record(record).unwrap_or_default()),
        _ => Ok(Vec::new()),
    }
}

/// RFC 8460 §3: a record begins with `v=TLSRPTv1`.
fn is_record(txt: &[u8]) -> bool {
    let version = b"v=TLSRPTv1";
    txt.starts_with(version) && matches!(txt.get(version.len()), Some(b';' | b' ' | b'\t'))
}

/// The destinations of a record; `None` if it is none.
pub fn parse_record(txt: &[u8]) -> Option<Vec<Destination>> {
    let list = TagList::parse(txt).ok()?;
    let first = list.tags().first()?;
    if (first.name, first.value) != ("v", "TLSRPTv1") {
        return None;
    }
    list.get("rua").map(destination::parse_list)
}

#[cfg(test)]
mod tests;
