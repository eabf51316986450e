//! Aggregate reports of DMARC (RFC 9990): counts of messages by source, results and domains.
//!
//! A day's traffic is collected as [`Row`] → count; all rows of one [`Published`] policy make one [`Report`].
//! [`Report::to_xml`] writes it, [`read()`] reads what others send about our domains.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use mail::{Domain, Wall};

use super::unpack;
use crate::dmarc::{self, Alignment, Policy, Record};
use crate::{dkim, spf};

mod read;
mod write;

pub use read::read;

/// Why a file is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It cannot be unpacked.
    Packing(unpack::Error),
    /// It is no XML; the text says where it breaks.
    Xml(String),
    /// It defines entities of its own (attacks A19).
    DocumentType,
    /// Elements are nested deeper than [`mail::limits::REPORT_DEPTH`].
    TooDeep,
    /// It is XML, but not this kind of report: there is no `feedback`, no identifier, or no policy's domain.
    NotAReport,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packing(error) => error.fmt(f),
            Self::Xml(why) => write!(f, "the report is not well-formed XML: {why}"),
            Self::DocumentType => f.write_str("the report has a document type, which reports do not need"),
            Self::TooDeep => f.write_str("the report is nested too deeply"),
            Self::NotAReport => f.write_str("the file is no aggregate report"),
        }
    }
}

impl std::error::Error for Error {}

/// One report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Who reports, and about when.
    pub metadata: Metadata,
    /// The policy that the rows were judged by.
    pub policy: Published,
    /// Messages by what they have in common.
    pub rows: BTreeMap<Row, u64>,
    /// Whether rows were left out because there were too many, or could not be understood. Only when read.
    pub truncated: bool,
}

/// RFC 9990 §3.1.1.3. Texts of read reports are at most [`mail::limits::REPORT_TEXT`] bytes, without control
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Who reports.
    pub organization: String,
    /// How to reach them.
    pub email: String,
    /// More about how.
    pub contact: Option<String>,
    /// Unique among the reports to one domain.
    pub id: String,
    /// Start of the period.
    pub begin: Wall,
    /// End of the period.
    pub end: Wall,
    /// What was wrong with the policy's record.
    pub error: Option<String>,
    /// The program that made the report.
    pub generator: Option<String>,
}

/// RFC 9990 §3.1.1.5.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// The domain at which the record was found.
    pub domain: String,
    /// `p`.
    pub policy: Policy,
    /// `sp`.
    pub subdomains: Option<Policy>,
    /// `np`.
    pub missing_subdomains: Option<Policy>,
    /// `adkim`.
    pub dkim_alignment: Alignment,
    /// `aspf`.
    pub spf_alignment: Alignment,
    /// `t`.
    pub testing: bool,
    /// `fo`.
    pub failure_options: Option<String>,
    /// `psl` or `treewalk`.
    pub discovery: Option<String>,
}

impl From<&(Domain, Record)> for Published {
    fn from((domain, record): &(Domain, Record)) -> Self {
        Self {
            domain: domain.to_string(),
            policy: record.policy.unwrap_or_default(),
            subdomains: record.subdomains,
            missing_subdomains: record.missing_subdomains,
            dkim_alignment: record.dkim_alignment,
            spf_alignment: record.spf_alignment,
            testing: record.testing,
            failure_options: Some(record.failure_options.to_string()),
            discovery: Some("treewalk".to_owned()),
        }
    }
}

/// What became of messages (RFC 9990 appendix A `ActionDispositionType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    /// Nothing.
    #[default]
    None,
    /// Nothing, for they passed a policy that asks for something.
    Pass,
    /// They were put aside.
    Quarantine,
    /// They were refused.
    Reject,
}

impl Disposition {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [Self::None, Self::Pass, Self::Quarantine, Self::Reject];
        all.into_iter().find(|disposition| word.eq_ignore_ascii_case(disposition.word()))
    }
}

/// Why what became of a message is not what the policy asks for (RFC 9990 §3.1.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Override {
    /// `local_policy`, `mailing_list`, `other`, `policy_test_mode`, `trusted_forwarder`.
    pub kind: String,
    /// More about it.
    pub comment: Option<String>,
}

/// One signature's result (RFC 9990 §3.1.1.12).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dkim {
    /// `d=`.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// The word of RFC 8601 §2.7.1.
    pub result: String,
    /// Words for people.
    pub words: Option<String>,
}

impl From<&dkim::Outcome> for Dkim {
    fn from(outcome: &dkim::Outcome) -> Self {
        Self {
            domain: outcome.domain.as_ref().map(Domain::to_string).unwrap_or_default(),
            selector: outcome.selector.clone().unwrap_or_default(),
            result: outcome.verdict.word().to_owned(),
            words: None,
        }
    }
}

/// SPF's result for MAIL FROM (RFC 9990 §3.1.1.13).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spf {
    /// The domain that was checked.
    pub domain: String,
    /// The word of RFC 8601 §2.7.2.
    pub result: String,
    /// Words for people.
    pub words: Option<String>,
}

/// What messages have in common that are counted together (RFC 9990 §3.1.1.7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Where they came from.
    pub source: IpAddr,
    /// What became of them.
    pub disposition: Disposition,
    /// Whether a signature passed and was aligned.
    pub dkim_aligned: bool,
    /// Whether SPF passed and was aligned.
    pub spf_aligned: bool,
    /// Why the policy was not followed.
    pub overrides: Vec<Override>,
    /// The domain in From.
    pub header_from: String,
    /// The domain of MAIL FROM; empty for a null reverse-path, `None` where a report does not say.
    pub envelope_from: Option<String>,
    /// The domain of the recipients. We never tell it.
    pub envelope_to: Option<String>,
    /// Signatures, the most telling ones first, at most [`mail::limits::REPORT_SIGNATURES`].
    pub dkim: Vec<Dkim>,
    /// SPF, if it was checked.
    pub spf: Option<Spf>,
}

impl Row {
    /// The row that a message from `source` counts in: for the collecting side. `applied` is what was done with it,
    /// `overrides` why that is not [`dmarc::Outcome::disposition`], `envelope_from` the domain of MAIL FROM, if it has
    /// one. `None` if no policy applies.
    pub fn of(
        source: IpAddr,
        dmarc: &dmarc::Outcome,
        spf: &spf::Outcome,
        dkim: Vec<Dkim>,
        envelope_from: Option<&Domain>,
        applied: Policy,
        overrides: Vec<Override>,
    ) -> Option<Self> {
        let author = dmarc.author.as_ref()?;
        let (_, record) = dmarc.published.as_ref()?;
        let mut row = Self {
            source: source.to_canonical(),
            disposition: disposition(dmarc, applied),
            dkim_aligned: dmarc.dkim_aligned,
            spf_aligned: dmarc.spf_aligned,
            overrides,
            header_from: author.to_string(),
            envelope_from: Some(envelope_from.map(Domain::to_string).unwrap_or_default()),
            envelope_to: None,
            dkim,
            spf: spf.domain.as_ref().map(|domain| Spf {
                domain: domain.to_string(),
                result: spf.verdict.word().to_owned(),
                words: None,
            }),
        };
        row.order_signatures(author);
        let lowered = dmarc.verdict == dmarc::Verdict::Fail && record.testing && dmarc.policy != Policy::None;
        if lowered && row.overrides.is_empty() {
            // RFC 9990 §3.1.1.9: a reason must say why the policy was not followed.
            row.overrides.push(Override { kind: "policy_test_mode".to_owned(), comment: None });
        }
        Some(row)
    }

    /// RFC 9990 §3.1.3: passing and of the author's own domain, passing and related, passing, others.
    fn order_signatures(&mut self, author: &Domain) {
        let related = |domain: &str| {
            let author = author.as_str();
            domain.ends_with(&format!(".{author}")) || author.ends_with(&format!(".{domain}"))
        };
        self.dkim.sort_by_key(|dkim| match dkim.result == "pass" {
            true if dkim.domain == author.as_str() => 0,
            true if related(&dkim.domain) => 1,
            true => 2,
            false => 3,
        });
        self.dkim.truncate(mail::limits::REPORT_SIGNATURES);
    }
}

fn disposition(dmarc: &dmarc::Outcome, applied: Policy) -> Disposition {
    match applied {
        Policy::Quarantine => Disposition::Quarantine,
        Policy::Reject => Disposition::Reject,
        Policy::None if dmarc.verdict == dmarc::Verdict::Pass && dmarc.policy != Policy::None => {
            Disposition::Pass
        }
        Policy::None => Disposition::None,
    }
}

impl Report {
    /// The name of the file, packed with gzip (RFC 9990 §3.5.2). `receiver` is our domain.
    pub fn file_name(&self, receiver: &Domain) -> String {
        super::file_name(receiver, &self.policy.domain, self.metadata.begin, self.metadata.end, "xml.gz")
    }

    /// The Subject of the mail (RFC 9990 §3.5.2).
    pub fn subject(&self, receiver: &Domain) -> String {
        super::subject(&self.policy.domain, receiver, &self.metadata.id)
    }
}

#[cfg(test)]
mod tests;
