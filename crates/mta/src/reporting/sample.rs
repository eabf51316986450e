//! A message as it is counted for the report to its author's domain (RFC 9990 §3.1).

use std::net::IpAddr;

use ::reports::Sample;
use mail::limits;
use mailauth::dmarc::{self, Policy};
use mailauth::report::aggregate::{Dkim, Override, Published, Row};
use mailauth::{dkim, spf};

use crate::authenticate::Consequence;
use crate::settings::DmarcPolicy;

/// What was found about who a message is from.
pub(crate) struct Judged<'a> {
    pub(crate) dmarc: &'a dmarc::Outcome,
    pub(crate) spf: &'a spf::Outcome,
    pub(crate) dkim: &'a [dkim::Outcome],
}

/// Why the policy may not have been followed.
#[derive(Clone, Copy)]
pub(crate) struct Reason {
    /// A mailing list has sent the message on.
    pub(crate) from_list: bool,
    /// What the operator wants to be done about policies.
    pub(crate) chosen: DmarcPolicy,
}

impl Judged<'_> {
    /// The row that the message counts in; `None` where nobody has asked for a report.
    pub(crate) fn sample(&self, client: IpAddr, consequence: &Consequence, reason: Reason) -> Option<Sample> {
        let published = self.dmarc.published.as_ref()?;
        if published.1.aggregate_reports.is_empty() {
            return None;
        }
        let applied = match consequence {
            Consequence::None => Policy::None,
            Consequence::Junk => Policy::Quarantine,
            Consequence::Refuse(_) => Policy::Reject,
        };
        let overrides = if applied == self.dmarc.disposition { Vec::new() } else { vec![reason.why_not()] };
        let dkim: Vec<Dkim> = self.dkim.iter().take(limits::REPORT_SIGNATURES).map(Dkim::from).collect();
        let envelope_from = self.spf.domain.as_ref();
        let row = Row::of(client, self.dmarc, self.spf, dkim, envelope_from, applied, overrides)?;
        Some(Sample::Dmarc(Box::new((Published::from(published), row))))
    }
}

impl Reason {
    /// RFC 9990 §3.1.6.
    fn why_not(self) -> Override {
        let kind = match self {
            Self { chosen: DmarcPolicy::Obey, from_list: true } => "mailing_list",
            Self { chosen: DmarcPolicy::Obey, from_list: false } => "trusted_forwarder",
            Self { chosen: DmarcPolicy::Junk | DmarcPolicy::Note, .. } => "local_policy",
        };
        Override { kind: kind.to_owned(), comment: None }
    }
}
