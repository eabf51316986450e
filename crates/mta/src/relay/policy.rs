//! What TLS must give at the hosts of one destination: what the operator says of it, else DANE, else MTA-STS, else TLS
//! where offered. A policy that cannot be kept defers the mail; it never leaves in clear then (F10, invariant I17).

mod dane;
mod https;
mod sessions;
mod sts;

use journey::{TlsFailure, TlsPolicy as Whose, TlsResult, Verified, What};
use mail::{Domain, EnhancedCode, Reply, TlsRequired};
use mailauth::report::tls::Applied;
use queue::{Destination, Item};
use smtp::client::TlsPolicy;
use world::tls::{Demand, Facts, FaultKind, Judged};

use super::route::Hop;
use crate::Mta;
use crate::settings::{HostPattern, Settings, TlsLevel, TlsRule};
pub(crate) use sts::{Policies, keep_fresh};

/// What TLS must give at one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// Whether there must be TLS.
    pub(crate) tls: TlsPolicy,
    /// What is demanded of the certificate.
    pub(crate) demand: Demand,
    /// The name asked for in the handshake.
    pub(crate) name: Domain,
    /// Who asks for this.
    pub(crate) whose: Whose,
    /// An MTA-STS policy in testing mode: what would not have been good enough under it is told, and nothing else
    /// (RFC 8461 §5).
    pub(crate) testing: bool,
    /// What speaks against the host already, under a policy that is only tested.
    pub(crate) complaint: Option<Complaint>,
}

/// What is wrong with a host, or with a domain's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) result: TlsResult,
    pub(crate) detail: String,
}

/// A complaint because of which a host is not used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    whose: Whose,
    complaint: Complaint,
}

/// The rules for one destination, during one attempt.
pub(crate) struct Policy<'a> {
    mta: &'a Mta,
    settings: &'a Settings,
    item: &'a Item,
    /// The recipients' domain; `None` where there are no MX hosts.
    domain: Option<Domain>,
    level: TlsLevel,
    hosts: &'a [HostPattern],
    /// What the domain says by MTA-STS, once it has been asked.
    sts: Option<sts::Published>,
    /// The TLSA records of the host in hand.
    tlsa: Vec<String>,
    /// Each with the policy it is about.
    told: Vec<(TlsFailure, Applied)>,
}

impl Guard {
    fn new(tls: TlsPolicy, hop: &Hop) -> Self {
        Self {
            tls,
            demand: Demand::Nothing,
            name: hop.name.clone(),
            whose: Whose::NotFound,
            testing: false,
            complaint: None,
        }
    }

    /// TLS as a smarthost's configuration says.
    pub(crate) fn smarthost(tls: TlsPolicy, verified: bool, hop: &Hop) -> Self {
        let guard = Self { whose: Whose::Local, ..Self::new(tls, hop) };
        if verified { guard.trusted(hop) } else { guard }
    }

    fn trusted(self, hop: &Hop) -> Self {
        Self { demand: Demand::TrustedFor(hop.name.clone()), ..self }
    }

    /// A certificate that is trusted for the host, or no mail.
    fn verified(whose: Whose, hop: &Hop) -> Self {
        Self { whose, ..Self::new(TlsPolicy::Required, hop) }.trusted(hop)
    }

    /// Whether mail may go on without what is asked for.
    pub(crate) fn is_lenient(&self) -> bool {
        matches!(self.tls, TlsPolicy::Off | TlsPolicy::Opportunistic)
    }

    /// What a finished handshake has proven, for the journey.
    pub(crate) fn verified_by(&self, facts: &Facts) -> Verified {
        match (&facts.judged, self.whose) {
            (Judged::DaneEe, _) => Verified::DaneEe,
            (Judged::DaneTa, _) => Verified::DaneTa,
            (Judged::Pkix, Whose::Sts) if self.complaint.is_none() => Verified::Sts,
            (Judged::Pkix, _) => Verified::Certificate,
            (Judged::Not | Judged::Bad(_), _) => Verified::No,
        }
    }

    /// What a policy that is only tested would have said of a connection.
    pub(crate) fn complains(&self, facts: Option<&Facts>) -> Option<Complaint> {
        if !self.testing {
            return None;
        }
        self.complaint.clone().or_else(|| match facts.map(|facts| &facts.judged) {
            None => Some(Complaint::new(TlsResult::StarttlsNotSupported, "the host does not offer TLS")),
            Some(Judged::Bad(fault)) => Some(Complaint::of(fault)),
            Some(_) => None,
        })
    }
}

impl Complaint {
    pub(crate) fn new(result: TlsResult, detail: impl Into<String>) -> Self {
        Self { result, detail: detail.into() }
    }

    /// Of a certificate.
    pub(crate) fn of(fault: &world::tls::Fault) -> Self {
        let result = match fault.kind {
            FaultKind::HostMismatch => TlsResult::CertificateHostMismatch,
            FaultKind::Expired => TlsResult::CertificateExpired,
            FaultKind::NotTrusted => TlsResult::CertificateNotTrusted,
            FaultKind::Other => TlsResult::ValidationFailure,
        };
        Self::new(result, fault.text.clone())
    }
}

impl Denied {
    fn new(whose: Whose, result: TlsResult, detail: impl Into<String>) -> Self {
        Self { whose, complaint: Complaint::new(result, detail) }
    }

    /// What the recipients' mail waits for.
    fn reply(&self, hop: &Hop) -> Reply {
        let text = format!("{} is not secure enough: {}", hop.name, self.complaint.detail);
        Reply::new(451, EnhancedCode(4, 7, 5), text)
    }

    /// Whether it may be otherwise when names can be looked up again.
    fn may_pass(&self) -> bool {
        matches!(self.complaint.result, TlsResult::DnssecInvalid | TlsResult::StsPolicyFetchError)
    }
}

/// Mail that requires TLS is returned where it cannot be had: that is not a matter of time (RFC 8689 §4.2.1).
pub(crate) fn not_as_required(why: &str) -> Reply {
    Reply::new(550, EnhancedCode(5, 7, 10), format!("the sender requires TLS on the whole way: {why}"))
}

/// What counts of the sender's wish: a report that must be protected is rather sent without than lost (RFC 8689 §5).
pub(crate) fn wanted(item: &Item) -> TlsRequired {
    match item.tls_required {
        TlsRequired::Yes if !item.requires_tls() => TlsRequired::Unsaid,
        wanted => wanted,
    }
}

/// What is asked of a host, after the operator's rule and the sender have been heard (RFC 8689 §4.2).
fn level(rule: Option<&TlsRule>, wanted: TlsRequired) -> TlsLevel {
    let chosen = rule.map_or(TlsLevel::Published, |rule| rule.level);
    match (wanted, chosen) {
        // What the domain publishes is waived; what the operator asks for is not.
        (TlsRequired::No, TlsLevel::Published | TlsLevel::Dane) => TlsLevel::May,
        (TlsRequired::No | TlsRequired::Unsaid, chosen) => chosen,
        (TlsRequired::Yes, TlsLevel::DaneOnly) => TlsLevel::DaneOnly,
        (TlsRequired::Yes, TlsLevel::Verify) if rule.is_some_and(|rule| !rule.hosts.is_empty()) => {
            TlsLevel::Verify
        }
        (TlsRequired::Yes, _) => TlsLevel::Secure,
    }
}

impl<'a> Policy<'a> {
    /// For one item on its way to a destination.
    pub(crate) fn new(
        mta: &'a Mta,
        settings: &'a Settings,
        destination: &Destination,
        item: &'a Item,
    ) -> Self {
        let domain = match destination {
            Destination::Domain(domain) => Some(domain.clone()),
            _ => None,
        };
        let rule = domain.as_ref().and_then(|domain| settings.outbound.tls.of(domain));
        Self {
            mta,
            settings,
            item,
            domain,
            level: level(rule, wanted(item)),
            hosts: rule.map_or(&[], |rule| &rule.hosts),
            sts: None,
            tlsa: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Whether the sender wants TLS or nothing.
    pub(crate) fn requires_tls(&self) -> bool {
        self.item.requires_tls()
    }

    /// What must be asked of a host, or why it is not used.
    pub(crate) async fn guard(&mut self, hop: &Hop) -> Result<Guard, Denied> {
        self.tlsa.clear();
        match self.level {
            TlsLevel::None => Ok(Guard::new(TlsPolicy::Off, hop)),
            TlsLevel::May => Ok(Guard::new(TlsPolicy::Opportunistic, hop)),
            TlsLevel::Encrypt => Ok(Guard { whose: Whose::Local, ..Guard::new(TlsPolicy::Required, hop) }),
            TlsLevel::Verify => self.named(hop),
            // Without the means for TLS there is nothing to ask for.
            TlsLevel::Published if self.mta.connector.is_none() => Ok(Guard::new(TlsPolicy::Off, hop)),
            TlsLevel::Published => self.published(hop).await,
            TlsLevel::Dane => match self.dane(hop).await? {
                Some(guard) => Ok(guard),
                None => Ok(Guard::new(TlsPolicy::Opportunistic, hop)),
            },
            TlsLevel::DaneOnly => match self.dane(hop).await? {
                Some(guard) if guard.demand != Demand::Nothing => Ok(guard),
                _ => Err(Denied::new(Whose::Local, TlsResult::DaneRequired, "it has no usable TLSA records")),
            },
            TlsLevel::Secure => self.secure(hop).await,
        }
    }

    /// The operator's own list of hosts.
    fn named(&self, hop: &Hop) -> Result<Guard, Denied> {
        if self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(&hop.name)) {
            return Ok(Guard::verified(Whose::Local, hop));
        }
        let detail = "the configuration does not name it among the domain's hosts";
        Err(Denied::new(Whose::Local, TlsResult::ValidationFailure, detail))
    }

    /// What the domain asks for itself. DANE comes first: MTA-STS never makes up for it (RFC 8461 §2).
    async fn published(&mut self, hop: &Hop) -> Result<Guard, Denied> {
        if self.settings.outbound.tls.dane
            && let Some(guard) = self.dane(hop).await?
        {
            return Ok(guard);
        }
        match self.sts(hop).await? {
            sts::Word::Verify => Ok(Guard::verified(Whose::Sts, hop)),
            sts::Word::Test(complaint) => Ok(Guard {
                whose: Whose::Sts,
                testing: true,
                complaint,
                ..Guard::new(TlsPolicy::Opportunistic, hop)
            }),
            sts::Word::Nothing => Ok(Guard::new(TlsPolicy::Opportunistic, hop)),
        }
    }

    /// RFC 8689 §4.2.1.
    async fn secure(&mut self, hop: &Hop) -> Result<Guard, Denied> {
        if let Some(guard) = self.dane(hop).await?.filter(|guard| guard.demand != Demand::Nothing) {
            return Ok(guard);
        }
        match self.sts(hop).await? {
            sts::Word::Verify => Ok(Guard::verified(Whose::Sts, hop)),
            _ if hop.proof.host => Ok(Guard::verified(Whose::Local, hop)),
            _ => {
                let detail = "neither DANE nor MTA-STS nor DNSSEC says that it is a host of the domain";
                Err(Denied::new(Whose::Local, TlsResult::ValidationFailure, detail))
            }
        }
    }

    async fn dane(&mut self, hop: &Hop) -> Result<Option<Guard>, Denied> {
        let Some(domain) = &self.domain else { return Ok(None) };
        let found = match dane::find(&*self.mta.world.dns, hop).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => {
                let detail = format!("its TLSA records could not be looked up: {error}");
                return Err(Denied::new(Whose::Tlsa, TlsResult::DnssecInvalid, detail));
            }
        };
        self.tlsa = found.lines();
        let guard = found.guard(domain, hop);
        if guard.demand == Demand::Nothing {
            let complaint = Complaint::new(TlsResult::TlsaInvalid, "none of its TLSA records is usable");
            self.tell(Some(hop), &complaint, Whose::Tlsa, false);
        }
        Ok(Some(guard))
    }

    async fn sts(&mut self, hop: &Hop) -> Result<sts::Word, Denied> {
        let Some(domain) = self.domain.clone().filter(|_| self.settings.outbound.tls.mta_sts) else {
            return Ok(sts::Word::Nothing);
        };
        if self.sts.is_none() {
            let (published, complaint) = sts::look_up(self.mta, self.settings, &domain).await;
            if let Some(complaint) = complaint {
                self.tell(None, &complaint, Whose::Sts, false);
            }
            self.sts = Some(published);
        }
        self.sts.as_ref().map_or(Ok(sts::Word::Nothing), |published| published.word(&hop.name))
    }

    /// Notes for the journey that a host was not used. What its recipients hear.
    pub(crate) fn deny(&mut self, hop: &Hop, denied: &Denied) -> Reply {
        self.tell(Some(hop), &denied.complaint, denied.whose, true);
        let reply = denied.reply(hop);
        if self.requires_tls() && !denied.may_pass() { not_as_required(&reply.text) } else { reply }
    }

    /// Notes for the journey what was wrong with a connection, or would have been under a policy that is only tested.
    pub(crate) fn complain(
        &mut self,
        hop: &Hop,
        guard: &Guard,
        complaint: &Complaint,
        at: Option<&super::session::Ends>,
    ) {
        self.tell(Some(hop), complaint, guard.whose, !guard.is_lenient());
        if let (Some((told, _)), Some(ends)) = (self.told.last_mut(), at) {
            told.ip = Some(ends.peer.ip());
            told.source = Some(ends.local.ip());
        }
    }

    fn tell(&mut self, hop: Option<&Hop>, complaint: &Complaint, whose: Whose, enforced: bool) {
        let failure = TlsFailure {
            item: self.item.id,
            policy: whose,
            domain: self.domain.as_ref().map_or_else(String::new, ToString::to_string),
            host: hop.map_or_else(String::new, |hop| hop.name.to_string()),
            ip: None,
            source: None,
            result: complaint.result,
            detail: complaint.detail.clone(),
            enforced,
        };
        let applied = self.applied(whose);
        self.told.push((failure, applied));
    }

    /// What has been noted since the last call; counted for the domain's report, too.
    pub(crate) fn told(&mut self) -> impl Iterator<Item = What> {
        let told = std::mem::take(&mut self.told);
        for (failure, applied) in &told {
            self.count(applied, Some(failure));
        }
        told.into_iter().map(|(failure, _)| What::TlsFailed(Box::new(failure)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8689 §4.2.
    #[test]
    fn what_the_sender_wants_is_added_to_what_the_operator_says() {
        use TlsLevel::{Dane, DaneOnly, Encrypt, May, None, Published, Secure, Verify};
        let rule = |level, hosts: &[&str]| TlsRule {
            domain: "b.test".parse().expect("a domain"),
            level,
            hosts: hosts.iter().map(|host| host.parse().expect("a host")).collect(),
        };
        for (chosen, hosts, yes, no) in [
            (Published, &[][..], Secure, May),
            (None, &[], Secure, None),
            (May, &[], Secure, May),
            (Encrypt, &[], Secure, Encrypt),
            (Verify, &[], Secure, Verify),
            (Verify, &["mx.b.test"], Verify, Verify),
            (Dane, &[], Secure, May),
            (DaneOnly, &[], DaneOnly, DaneOnly),
            (Secure, &[], Secure, Secure),
        ] {
            let rule = rule(chosen, hosts);
            for (wanted, expected) in
                [(TlsRequired::Unsaid, chosen), (TlsRequired::Yes, yes), (TlsRequired::No, no)]
            {
                assert_eq!(level(Some(&rule), wanted), expected, "{chosen} {wanted:?}");
            }
        }
        assert_eq!(level(Option::None, TlsRequired::Unsaid), Published);
    }
}
