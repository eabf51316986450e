//! Faults of servers and domains elsewhere.

use std::sync::Arc;
use std::time::Duration;

use super::stage::Stage;
use crate::actors::remote::Spell;
use crate::actors::web::{self, Site};
use crate::dns::{Name, Spell as NameSpell, Zones};
use crate::executor::Executor;
use crate::plan::{Attack, Doubt, What};
use crate::tls::{Certificate, Posture};
use crate::town::{Guard, RemoteDomain};

/// Everything elsewhere that something may befall. Cheap to clone.
#[derive(Clone)]
pub(super) struct Elsewhere {
    zones: Zones,
    /// In the order of the plan's remotes.
    spells: Vec<Arc<Spell>>,
    /// Of those that have TLS.
    able: Vec<Arc<Spell>>,
    sites: Vec<Arc<Site>>,
    domains: Arc<Vec<RemoteDomain>>,
}

fn choose<T>(of: &[T], which: u8) -> Option<&T> {
    of.get(usize::from(which) % of.len().max(1))
}

impl Elsewhere {
    pub(super) fn of(stage: &Stage<'_>) -> Self {
        let able =
            stage.plan.remotes.iter().zip(&stage.spells).filter(|(plan, _)| plan.certificate.is_some());
        Self {
            zones: stage.universe.zones.clone(),
            spells: stage.spells.clone(),
            able: able.map(|(_, spell)| Arc::clone(spell)).collect(),
            sites: stage.sites.clone(),
            domains: Arc::new(stage.plan.town.remotes.clone()),
        }
    }

    /// The end of all of it.
    pub(super) fn heal(&self) {
        self.spells.iter().for_each(|spell| spell.heal());
        self.sites.iter().for_each(|site| site.set(web::Trouble::None));
        self.zones.end_spells();
    }

    pub(super) async fn strike(&self, executor: &Executor, what: What) {
        match what {
            What::Storm(whom, storm, span) => {
                let one = whom.and_then(|whom| choose(&self.spells, whom));
                let whom = one.map_or(&*self.spells, std::slice::from_ref);
                for spell in whom {
                    spell.set_storm(Some(storm));
                }
                executor.sleep(span).await;
                for spell in whom {
                    spell.set_storm(None);
                }
            }
            What::SlowPeer(whom, pace, span) => {
                let Some(spell) = choose(&self.spells, whom) else { return };
                spell.set_pace(Some(pace));
                executor.sleep(span).await;
                spell.set_pace(None);
            }
            What::Tls(whom, posture, span) => {
                let Some(spell) = choose(&self.able, whom) else { return };
                spell.set_posture(posture);
                executor.sleep(span).await;
                spell.set_posture(Posture::Good);
            }
            What::Sts(which, trouble, attack, span) => {
                let Some(site) = choose(&self.sites, which) else { return };
                site.set(trouble);
                self.attack(site.domain(), attack);
                executor.sleep(span).await;
                self.relent(site.domain(), attack);
                site.set(web::Trouble::None);
            }
            What::Flap(which, period, span) => self.flap(executor, which, period, span).await,
            What::Dane(which, doubt, attack, span) => {
                self.doubt(executor, which, (doubt, attack), span).await;
            }
            _ => {}
        }
    }

    /// Good, and then each kind of wrong answer that the domain's names can give: what DNSSEC proves, nobody can make go away.
    async fn flap(&self, executor: &Executor, which: u8, period: u32, span: Duration) {
        let Some(domain) = choose(&self.domains, which) else { return };
        let mut answers = vec![None, Some(NameSpell::Fails), None, Some(NameSpell::Silent)];
        if domain.guard != Guard::Dane {
            let elsewhere = self.elsewhere(&domain.domain);
            answers.extend([Some(NameSpell::Instead(elsewhere)), None, Some(NameSpell::Missing)]);
        }
        let times = span.as_secs() / u64::from(period) + 1;
        for answer in answers.iter().cycle().take(times as usize) {
            self.zones.set_spell(&domain.domain, answer.clone());
            executor.sleep(Duration::from_secs(period.into())).await;
        }
        self.zones.set_spell(&domain.domain, None);
    }

    /// Hosts of another domain in the place of a domain's own: best one that can show a certificate, so that only its name is
    /// wrong.
    fn elsewhere(&self, domain: &str) -> Name {
        let others = || self.domains.iter().filter(|other| other.domain != domain);
        let other = others().find(|other| other.guard != Guard::None).or_else(|| others().next());
        let mx = other.map(|other| vec![(10, other.hosts[0].hostname.clone())]);
        Name { mx: mx.unwrap_or_default(), ..Name::default() }
    }

    fn attack(&self, domain: &str, attack: Attack) {
        match attack {
            Attack::None => {}
            Attack::Tls(posture) => self.hosts_of(domain).for_each(|spell| spell.set_posture(posture)),
            Attack::Hosts => {
                self.zones.set_spell(domain, Some(NameSpell::Instead(self.elsewhere(domain))));
            }
        }
    }

    fn relent(&self, domain: &str, attack: Attack) {
        match attack {
            Attack::None => {}
            Attack::Tls(_) => self.hosts_of(domain).for_each(|spell| spell.set_posture(Posture::Good)),
            Attack::Hosts => self.zones.set_spell(domain, None),
        }
    }

    fn hosts_of(&self, domain: &str) -> impl Iterator<Item = &Arc<Spell>> {
        let hosts = self.domains.iter().flat_map(|remote| remote.hosts.iter().map(|_| &*remote.domain));
        hosts.zip(&self.spells).filter(move |(whose, _)| *whose == domain).map(|(_, spell)| spell)
    }

    async fn doubt(&self, executor: &Executor, which: u8, (doubt, attack): (Doubt, Attack), span: Duration) {
        let signed: Vec<&RemoteDomain> =
            self.domains.iter().filter(|domain| domain.guard == Guard::Dane).collect();
        let Some(domain) = choose(&signed, which) else { return };
        let hosts = || domain.hosts.iter().map(|host| host.hostname.clone());
        let (names, spell): (Vec<String>, _) = match doubt {
            Doubt::Bogus => (hosts().map(|host| tlsa(&host)).collect(), NameSpell::Fails),
            Doubt::Silent => (hosts().map(|host| tlsa(&host)).collect(), NameSpell::Silent),
            Doubt::OtherKey => {
                let other = signed_record(&Certificate::of("nobody.test"));
                (hosts().map(|host| tlsa(&host)).collect(), NameSpell::Instead(other))
            }
            Doubt::BogusHosts => (vec![domain.domain.clone()], NameSpell::Fails),
            Doubt::BogusAddresses => (hosts().collect(), NameSpell::Fails),
        };
        for name in &names {
            self.zones.set_spell(name, Some(spell.clone()));
        }
        // What DNSSEC proves, nobody can make lead elsewhere.
        let attack = if attack == Attack::Hosts { Attack::None } else { attack };
        self.attack(&domain.domain, attack);
        executor.sleep(span).await;
        self.relent(&domain.domain, attack);
        for name in &names {
            self.zones.set_spell(name, None);
        }
    }
}

/// Where the TLSA records of a mail host stand.
pub(super) fn tlsa(host: &str) -> String {
    format!("_25._tcp.{host}")
}

/// The records of a host that shows this, proven.
pub(super) fn signed_record(certificate: &Certificate) -> Name {
    let record = certificate.record();
    let tlsa = vec![(record.usage, record.selector, record.matching, record.data)];
    Name { tlsa, secure: true, ..Name::default() }
}
