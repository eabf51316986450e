//! Sessions with a domain's hosts, counted for its TLS report (RFC 8460 §4).

use journey::{TlsFailure, TlsPolicy as Whose, TlsResult};
use mail::TlsRequired;
use mailauth::report::tls::{Applied, Failure, PolicyKind};
use reports::Sample;
use smtp::client::TlsPolicy;
use world::tls::Demand;

use super::{Complaint, Guard, Policy, sts, wanted};
use crate::relay::route::Hop;
use crate::relay::session::Connection;

impl Policy<'_> {
    /// Counts a connection that came about, for good or, where the host offers no TLS and nobody insists, as the failure
    /// that this is (RFC 8460 §4.3.1). What there was to complain of has been told already.
    pub(crate) fn opened(&mut self, hop: &Hop, guard: &Guard, connection: &Connection) {
        let unusable = guard.whose == Whose::Tlsa && guard.demand == Demand::Nothing;
        if guard.tls == TlsPolicy::Off || unusable || connection.complaint.is_some() {
            return;
        }
        let applied = self.applied(guard.whose);
        if connection.tls().is_some() {
            self.count(&applied, None);
            return;
        }
        let ends = connection.ends();
        let complaint = Complaint::new(TlsResult::StarttlsNotSupported, "the host does not offer TLS");
        let failure = TlsFailure {
            item: self.item.id,
            policy: guard.whose,
            domain: applied.domain.clone(),
            host: hop.name.to_string(),
            ip: Some(ends.peer.ip()),
            source: Some(ends.local.ip()),
            result: complaint.result,
            detail: complaint.detail,
            enforced: false,
        };
        self.count(&applied, Some(&failure));
    }

    /// Counts a session, unless it is none of the domain's business. One for mail that waives its policy says nothing of
    /// that; without this, each report would lead to the next one.
    pub(super) fn count(&self, applied: &Applied, failure: Option<&TlsFailure>) {
        let ours = failure.is_some_and(|failure| failure.policy == Whose::Local);
        let waived = wanted(self.item) == TlsRequired::No;
        if self.domain.is_none() || ours || waived || !self.settings.reports.send {
            return;
        }
        let failure = failure.map(|failure| Failure {
            kind: failure.result.name().to_owned(),
            sender: failure.source,
            host: Some(failure.host.clone()).filter(|host| !host.is_empty()),
            helo: None,
            address: failure.ip,
            more: None,
            reason: Some(failure.detail.clone()),
        });
        self.mta.count(Sample::Tls(Box::new((applied.clone(), failure))));
    }

    /// The policy that holds, as a report names it.
    pub(super) fn applied(&self, whose: Whose) -> Applied {
        let mut applied = Applied {
            domain: self.domain.as_ref().map_or_else(String::new, ToString::to_string),
            ..Applied::default()
        };
        match (whose, &self.sts) {
            (Whose::Tlsa, _) => {
                applied.kind = PolicyKind::Tlsa;
                applied.lines.clone_from(&self.tlsa);
            }
            (Whose::Sts, published) => {
                applied.kind = PolicyKind::Sts;
                if let Some(sts::Published::Policy(policy)) = published {
                    applied.lines = policy.lines();
                    applied.mx = policy.mx.iter().map(ToString::to_string).collect();
                }
            }
            (Whose::NotFound | Whose::Local, _) => {}
        }
        applied
    }
}
