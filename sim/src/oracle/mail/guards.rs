//! I17: mail for a domain that asks for protection is nowhere but where it was protected, whatever happened on the way there.
//! What the domains publish and what each connection came to is known from the other side.

use super::Audit;
use crate::oracle::book::domain;
use crate::oracle::ledger::{Accepted, Kind};
use crate::town::Guard;

impl Audit<'_> {
    /// Looks at everything that any remote has accepted.
    pub(super) fn guards(&mut self) {
        let mut wrong = Vec::new();
        for accepted in &self.account.accepted {
            for to in &accepted.to {
                if let Some(why) = self.unguarded(accepted, domain(to)) {
                    wrong.push(format!("{} has mail to {to} over a connection that {why}", accepted.host));
                }
            }
        }
        for (id, told) in &self.told {
            let mut all = self.account.guards.values().flat_map(|published| &published.hosts);
            if let Some(host) = all.find(|host| told.given_up.contains(*host)) {
                wrong.push(format!("{id} was given up because {host} is not secure enough now"));
            }
        }
        wrong.sort();
        wrong.dedup();
        for what in wrong {
            self.complain("I17", what);
        }
    }

    fn unguarded(&self, accepted: &Accepted, domain: &str) -> Option<String> {
        let published = self.account.guards.get(domain)?;
        let is_own = published.hosts.contains(&accepted.host);
        let shown = accepted.link.shown.as_ref();
        match published.guard {
            Guard::None | Guard::Offered => None,
            // RFC 8461 §4.1, §4.2. What was not known yet binds nobody, but on the first day nothing keeps it from being had.
            Guard::Sts { known } => {
                let binding = if known {
                    // It lasts for a year.
                    !self.account.any_fault(&[Kind::Clock], 0, accepted.at)
                } else {
                    self.account.faults.iter().all(|fault| fault.from > accepted.at)
                };
                let good = is_own && shown.is_some_and(|shown| shown.is_good_for(&accepted.host));
                (binding && !good).then(|| format!("does not satisfy its MTA-STS policy: {shown:?}"))
            }
            // RFC 7672 §2.2: a host elsewhere has records of its own, or none.
            Guard::Dane => {
                let good = shown.is_some_and(|shown| Some(&shown.key) == published.keys.get(&accepted.host));
                (is_own && !good).then(|| format!("its TLSA records do not vouch for: {shown:?}"))
            }
        }
    }
}
