//! `check_host()` (RFC 7208 §4): records, their directives in order, `include`, `redirect`, `exp`.

use std::net::IpAddr;

use mail::{Domain, limits};
use world::{BoxFuture, Dns};

use super::lookup::{self, Answer, Budget, Stop, answer};
use super::macros::{MacroString, Place, Values};
use super::record::{self, Directive, Mechanism, Prefixes, Record};
use super::{Query, Verdict};
use crate::text::printable;

/// What is left to say when a check is over.
pub(super) struct Found {
    pub(super) verdict: Verdict,
    pub(super) mechanism: Option<String>,
    pub(super) reason: String,
    pub(super) explanation: Option<String>,
}

/// How the evaluation of one domain ended.
struct Ending {
    verdict: Verdict,
    mechanism: Option<String>,
    reason: String,
    /// `exp=` of the record that decided, and that record's domain.
    explains: Option<(MacroString, Domain)>,
}

/// One check, with its budget.
pub(super) struct Evaluation<'a> {
    dns: &'a dyn Dns,
    query: &'a Query<'a>,
    budget: Budget,
    /// The client's validated names, once they have been asked.
    names: Option<Answer<Vec<Domain>>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(dns: &'a dyn Dns, query: &'a Query<'a>) -> Self {
        Self { dns, query, budget: Budget::default(), names: None }
    }

    pub(super) async fn run(mut self, domain: &Domain) -> Found {
        let (verdict, reason) = match self.check_host(domain).await {
            Ok(ending) => {
                let Ending { verdict, mechanism, reason, explains } = ending;
                let explanation = match explains.filter(|_| verdict == Verdict::Fail) {
                    Some((spec, domain)) => self.explanation(&spec, &domain).await,
                    None => None,
                };
                return Found { verdict, mechanism, reason, explanation };
            }
            Err(Stop::Temporary(why)) => (Verdict::TempError, why),
            Err(Stop::Permanent(why)) => (Verdict::PermError, why),
        };
        Found { verdict, mechanism: None, reason, explanation: None }
    }

    /// RFC 7208 §4.4 to §4.7, for the first domain and for each that is included or redirected to.
    fn check_host<'s>(&'s mut self, domain: &'s Domain) -> BoxFuture<'s, Result<Ending, Stop>> {
        Box::pin(async move {
            let Some(record) = self.record(domain).await? else {
                let reason = format!("{domain} publishes no SPF record");
                return Ok(Ending { verdict: Verdict::None, mechanism: None, reason, explains: None });
            };
            for directive in &record.directives {
                if self.matches(&directive.mechanism, domain).await? {
                    return Ok(self.matched(directive, record.explanation.clone(), domain));
                }
            }
            match &record.redirect {
                Some(spec) if !record.has_all() => self.redirect(spec, domain).await,
                _ => {
                    let reason = format!("the record of {domain} does not mention {}", self.query.client);
                    Ok(Ending { verdict: Verdict::Neutral, mechanism: None, reason, explains: None })
                }
            }
        })
    }

    /// RFC 7208 §4.4, §4.5: the one SPF record of a domain.
    async fn record(&self, domain: &Domain) -> Result<Option<Record>, Stop> {
        let Answer::Found(mut found) = answer(domain.as_str(), self.dns.txt(domain).await)? else {
            return Ok(None);
        };
        found.retain(|txt| record::is_spf(txt));
        match found.as_slice() {
            [] => Ok(None),
            [txt] => Record::parse(txt)
                .map(Some)
                .map_err(|error| Stop::Permanent(format!("the SPF record of {domain} is wrong: {error}"))),
            _ => Err(Stop::Permanent(format!("{domain} publishes several SPF records"))),
        }
    }

    fn matched(&self, directive: &Directive, explains: Option<MacroString>, domain: &Domain) -> Ending {
        let Directive { verdict, text, .. } = directive;
        let says = match verdict {
            Verdict::Pass => "may send",
            Verdict::Fail => "may not send",
            Verdict::SoftFail => "probably may not send",
            _ => "may or may not send",
        };
        Ending {
            verdict: *verdict,
            mechanism: Some(text.clone()),
            reason: format!("{} {says} for {domain} ({text})", self.query.client),
            explains: explains.map(|spec| (spec, domain.clone())),
        }
    }

    /// RFC 7208 §6.1: the other domain's result stands for ours, except that none is a permerror.
    async fn redirect(&mut self, spec: &MacroString, domain: &Domain) -> Result<Ending, Stop> {
        self.budget.take_term()?;
        let target = self.target_domain(spec, domain).await?;
        let target = target.ok_or_else(|| {
            Stop::Permanent(format!("the record of {domain} redirects to what is no domain name"))
        })?;
        let ending = self.check_host(&target).await?;
        if ending.verdict == Verdict::None {
            return Err(Stop::Permanent(format!("{domain} redirects to {target}, which has no SPF record")));
        }
        Ok(ending)
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &Domain) -> Result<bool, Stop> {
        let client = self.query.client;
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, length) => Ok(record::in_network(client, IpAddr::V4(*network), *length)),
            Mechanism::Ip6(network, length) => Ok(record::in_network(client, IpAddr::V6(*network), *length)),
            Mechanism::Include(spec) => self.include(spec, domain).await,
            Mechanism::A(spec, prefixes) => self.a(spec.as_ref(), *prefixes, domain).await,
            Mechanism::Mx(spec, prefixes) => self.mx(spec.as_ref(), *prefixes, domain).await,
            Mechanism::Ptr(spec) => self.ptr(spec.as_ref(), domain).await,
            Mechanism::Exists(spec) => self.exists(spec, domain).await,
        }
    }

    /// RFC 7208 §5.2: matches when the other domain passes; its none is our permerror.
    async fn include(&mut self, spec: &MacroString, domain: &Domain) -> Result<bool, Stop> {
        self.budget.take_term()?;
        if self.has_no_expansion(spec) {
            return Ok(false);
        }
        let target = self.target_domain(spec, domain).await?;
        let target = target.ok_or_else(|| {
            Stop::Permanent(format!("the record of {domain} includes what is no domain name"))
        })?;
        match self.check_host(&target).await?.verdict {
            Verdict::Pass => Ok(true),
            Verdict::None => {
                Err(Stop::Permanent(format!("{domain} includes {target}, which has no SPF record")))
            }
            _ => Ok(false),
        }
    }

    /// RFC 7208 §5.3.
    async fn a(
        &mut self,
        spec: Option<&MacroString>,
        prefixes: Prefixes,
        domain: &Domain,
    ) -> Result<bool, Stop> {
        self.budget.take_term()?;
        let Some(name) = self.target_name(spec, domain).await? else { return Ok(false) };
        let client = self.query.client;
        match answer(&name, lookup::addresses(self.dns, &name, client).await)? {
            Answer::Found(found) => Ok(any_near(client, &found, prefixes)),
            Answer::Void => self.budget.take_void().map(|()| false),
        }
    }

    /// RFC 7208 §5.4.
    async fn mx(
        &mut self,
        spec: Option<&MacroString>,
        prefixes: Prefixes,
        domain: &Domain,
    ) -> Result<bool, Stop> {
        self.budget.take_term()?;
        let Some(name) = self.target_name(spec, domain).await? else { return Ok(false) };
        let Answer::Found(mut hosts) = answer(&name, self.dns.mx_names(&name).await)? else {
            return self.budget.take_void().map(|()| false);
        };
        let limit = limits::SPF_NAMES;
        if hosts.len() > limit {
            return Err(Stop::Permanent(format!("{name} has more than {limit} MX records")));
        }
        hosts.sort();
        let client = self.query.client;
        for (_, host) in hosts {
            let found = lookup::addresses(self.dns, &host, client).await;
            if let Answer::Found(found) = answer(&host, found)?
                && any_near(client, &found, prefixes)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// RFC 7208 §5.5: one of the client's validated names is the target or below it.
    async fn ptr(&mut self, spec: Option<&MacroString>, domain: &Domain) -> Result<bool, Stop> {
        self.budget.take_term()?;
        let Some(name) = self.target_name(spec, domain).await? else { return Ok(false) };
        let Some(names) = self.pointed_back().await else {
            return self.budget.take_void().map(|()| false);
        };
        Ok(names.iter().any(|validated| is_at_or_below(validated.as_str(), &name)))
    }

    /// RFC 7208 §5.7: any A record will do, also for a client with IPv6.
    async fn exists(&mut self, spec: &MacroString, domain: &Domain) -> Result<bool, Stop> {
        self.budget.take_term()?;
        let Some(name) = self.target_name(Some(spec), domain).await? else { return Ok(false) };
        match answer(&name, self.dns.ipv4(&name).await)? {
            Answer::Found(_) => Ok(true),
            Answer::Void => self.budget.take_void().map(|()| false),
        }
    }

    /// The client's validated names; `None` if its address points nowhere. Asked once.
    async fn pointed_back(&mut self) -> Option<&[Domain]> {
        if self.names.is_none() {
            self.names = Some(lookup::validated_names(self.dns, self.query.client).await);
        }
        match &self.names {
            Some(Answer::Found(names)) => Some(names),
            _ => None,
        }
    }

    /// RFC 8616 §4: a term with `%{s}` or `%{l}` matches nothing when the local-part is not ASCII.
    fn has_no_expansion(&self, spec: &MacroString) -> bool {
        spec.uses_local_part() && !self.query.local.is_ascii()
    }

    /// The name a mechanism is about; `None` if the mechanism cannot match.
    async fn target_name(
        &mut self,
        spec: Option<&MacroString>,
        domain: &Domain,
    ) -> Result<Option<String>, Stop> {
        match spec {
            None => Ok(Some(domain.to_string())),
            Some(spec) if self.has_no_expansion(spec) => Ok(None),
            Some(spec) => self.expand(spec, domain).await.map(Some),
        }
    }

    async fn target_domain(&mut self, spec: &MacroString, domain: &Domain) -> Result<Option<Domain>, Stop> {
        self.expand(spec, domain).await.map(|name| Domain::new(&name).ok())
    }

    /// Expands a domain-spec of the record; `%{p}` costs a term the first time (RFC 7208 §4.6.4).
    async fn expand(&mut self, spec: &MacroString, domain: &Domain) -> Result<String, Stop> {
        if spec.uses_validated_name() && self.names.is_none() {
            self.budget.take_term()?;
        }
        let validated = self.validated_name_for(spec, domain).await;
        let values = Values { query: self.query, domain: domain.as_str(), validated: &validated };
        Ok(spec.expand_name(&values))
    }

    /// RFC 7208 §7.3: the domain itself, else a name below it, else any; `unknown` if there is none.
    async fn validated_name_for(&mut self, spec: &MacroString, domain: &Domain) -> String {
        if !spec.uses_validated_name() {
            return String::new();
        }
        let names = self.pointed_back().await.unwrap_or_default();
        let best = names.iter().min_by_key(|name| match name.as_str() {
            name if name == domain.as_str() => 0,
            name if is_at_or_below(name, domain.as_str()) => 1,
            _ => 2,
        });
        best.map_or_else(|| "unknown".to_owned(), Domain::to_string)
    }

    /// RFC 7208 §6.2: whatever goes wrong, there is no explanation; it changes nothing else.
    async fn explanation(&mut self, spec: &MacroString, domain: &Domain) -> Option<String> {
        if self.has_no_expansion(spec) {
            return None;
        }
        let validated = self.validated_name_for(spec, domain).await;
        let values = Values { query: self.query, domain: domain.as_str(), validated: &validated };
        let name = Domain::new(&spec.expand_name(&values)).ok()?;
        let found = self.dns.txt(&name).await.ok()?;
        let [txt] = found.as_slice() else { return None };
        let text = std::str::from_utf8(txt).ok()?;
        let parsed = MacroString::parse(text, Place::Explanation).ok()?;
        let validated = self.validated_name_for(&parsed, domain).await;
        let values = Values { query: self.query, domain: domain.as_str(), validated: &validated };
        let limit = limits::SPF_EXPLANATION_LENGTH;
        let mut shown = printable(&parsed.expand(&values, limit));
        shown.truncate(limit);
        Some(shown)
    }
}

fn any_near(client: IpAddr, found: &[IpAddr], prefixes: Prefixes) -> bool {
    let length = if client.is_ipv4() { prefixes.four } else { prefixes.six };
    found.iter().any(|&address| record::in_network(client, address, length))
}

/// Compares names without regard to case (RFC 4343 §3).
fn is_at_or_below(name: &str, parent: &str) -> bool {
    let (name, parent) = (name.as_bytes(), parent.as_bytes());
    let Some(cut) = name.len().checked_sub(parent.len()) else { return false };
    name[cut..].eq_ignore_ascii_case(parent) && (cut == 0 || name[cut - 1] == b'.')
}
