//! MTA-STS policies: found in DNS, fetched over HTTPS, kept in the store, and refreshed before they run out (RFC 8461).
//!
//! A policy that is kept holds for as long as it says, whatever becomes of the record in DNS or of the web server
//! (§5.1, attacks A20).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use journey::{TlsPolicy as Whose, TlsResult};
use mail::{Domain, Mono, Wall, limits};
use mailauth::sts::{self, Mode};
use queue::KeptPolicy;
use store::Batch;
use world::{dns, race};

use super::{Complaint, Denied, https};
use crate::Mta;
use crate::settings::Settings;

/// How often kept policies are looked through.
const LOOK: Duration = Duration::from_hours(1);
/// A policy older than this is fetched again (RFC 8461 §3.3 asks for well before it runs out).
const STALE: Duration = Duration::from_hours(24);
/// A policy that no mail was sent under for so long is left to run out.
const UNUSED: Duration = Duration::from_hours(31 * 24);
/// Policies read at once.
const PAGE: usize = 100;

/// What a domain says by MTA-STS.
pub(super) enum Published {
    Nothing,
    Policy(sts::Policy),
    /// Our own store could not say whether there is a policy.
    Unknown(String),
}

/// What that means for one host.
pub(super) enum Word {
    Nothing,
    /// It must prove its name.
    Verify,
    /// It need not, but it would be told of; perhaps of this already.
    Test(Option<Complaint>),
}

impl Published {
    /// What it says of a host.
    pub(super) fn word(&self, host: &Domain) -> Result<Word, Denied> {
        let policy = match self {
            Self::Policy(policy) => policy,
            Self::Nothing => return Ok(Word::Nothing),
            Self::Unknown(why) => {
                return Err(Denied::new(Whose::Sts, TlsResult::StsPolicyFetchError, why.clone()));
            }
        };
        let detail = || "the domain's MTA-STS policy does not name it";
        match (policy.mode, policy.names(host)) {
            (Mode::None, _) => Ok(Word::Nothing),
            (Mode::Enforce, true) => Ok(Word::Verify),
            (Mode::Enforce, false) => Err(Denied::new(Whose::Sts, TlsResult::ValidationFailure, detail())),
            (Mode::Testing, true) => Ok(Word::Test(None)),
            (Mode::Testing, false) => {
                Ok(Word::Test(Some(Complaint::new(TlsResult::ValidationFailure, detail()))))
            }
        }
    }
}

/// Domains whose policies could not be had lately, and until when they are left alone.
#[derive(Default)]
pub(crate) struct Policies(Mutex<BTreeMap<Domain, Mono>>);

impl Policies {
    fn may_fetch(&self, domain: &Domain, now: Mono) -> bool {
        self.0.lock().expect("no holder panics").get(domain).is_none_or(|until| *until <= now)
    }

    fn failed(&self, domain: &Domain, now: Mono) {
        let mut failed = self.0.lock().expect("no holder panics");
        if failed.len() >= limits::STS_FAILURES {
            failed.retain(|_, until| *until > now);
        }
        if failed.len() < limits::STS_FAILURES {
            failed.insert(domain.clone(), now + limits::STS_FETCH_AGAIN);
        }
    }
}

/// What a domain says now, and what is to be told of it.
pub(super) async fn look_up(
    mta: &Mta,
    settings: &Settings,
    domain: &Domain,
) -> (Published, Option<Complaint>) {
    let now = mta.world.clock.wall();
    let kept = match mta.queue.policy(domain).await {
        Ok(kept) => kept.filter(|kept| kept.holds(now)),
        Err(error) => {
            tracing::error!(%error, %domain, "cannot read what MTA-STS policy a domain has");
            return (
                Published::Unknown(format!("its domain's MTA-STS policy cannot be read: {error}")),
                None,
            );
        }
    };
    let known = kept.as_ref().filter(|kept| parsed(kept).is_ok()).map(|kept| kept.id.as_str());
    let fetched = match announced(mta, domain).await {
        Some(id) if known != Some(&id) && mta.policies.may_fetch(domain, mta.world.clock.mono()) => {
            fetch(mta, settings, domain, id, now).await.map(Some)
        }
        _ => Ok(None),
    };
    match fetched {
        Ok(Some((policy, _))) => (Published::Policy(policy), None),
        // RFC 8461 §3.3: a policy that cannot be had does not end the one before.
        Ok(None) => (used(mta, domain, kept, now).await, None),
        Err(complaint) => (used(mta, domain, kept, now).await, Some(complaint)),
    }
}

/// The id that DNS announces. A record that cannot be had is as good as none (RFC 8461 §3.1): what is kept holds.
async fn announced(mta: &Mta, domain: &Domain) -> Option<String> {
    let name = Domain::new(&format!("_mta-sts.{domain}")).ok()?;
    match mta.world.dns.txt(&name).await {
        Ok(records) => sts::id(&records),
        Err(dns::Error::NoData | dns::Error::NxDomain) => None,
        Err(error) => {
            tracing::debug!(%error, %domain, "cannot ask for the domain's MTA-STS record");
            None
        }
    }
}

/// Fetches a policy and keeps it.
async fn fetch(
    mta: &Mta,
    settings: &Settings,
    domain: &Domain,
    id: String,
    used: Wall,
) -> Result<(sts::Policy, KeptPolicy), Complaint> {
    let fetched = match https::get(mta, settings, domain).await {
        Ok(text) => read(text),
        Err(complaint) => Err(complaint),
    };
    let (policy, text) = fetched.inspect_err(|complaint| {
        mta.policies.failed(domain, mta.world.clock.mono());
        tracing::info!(%domain, why = complaint.detail, "the domain's MTA-STS policy cannot be had");
    })?;
    let fetched = mta.world.clock.wall();
    let kept = KeptPolicy { id, text, fetched, max_age: policy.max_age, used };
    keep(mta, domain, &kept).await;
    Ok((policy, kept))
}

fn read(text: Vec<u8>) -> Result<(sts::Policy, String), Complaint> {
    let invalid = |why: &str| Complaint::new(TlsResult::StsPolicyInvalid, why);
    let policy = sts::Policy::parse(&text).map_err(invalid)?;
    Ok((policy, String::from_utf8(text).map_err(|_| invalid("the policy is not text"))?))
}

async fn keep(mta: &Mta, domain: &Domain, policy: &KeptPolicy) {
    let mut batch = Batch::new();
    mta.queue.keep_policy(&mut batch, domain, policy);
    if let Err(error) = mta.store.commit(batch).await {
        tracing::error!(%error, %domain, "cannot keep the domain's MTA-STS policy");
    }
}

fn parsed(kept: &KeptPolicy) -> Result<sts::Policy, &'static str> {
    sts::Policy::parse(kept.text.as_bytes())
}

/// The policy that is kept; notes once a day that it is of use.
async fn used(mta: &Mta, domain: &Domain, kept: Option<KeptPolicy>, now: Wall) -> Published {
    let Some(mut kept) = kept else { return Published::Nothing };
    let Ok(policy) = parsed(&kept) else {
        return Published::Unknown("the domain's MTA-STS policy is damaged in this server's storage".into());
    };
    if now.since(kept.used) > STALE {
        kept.used = now;
        keep(mta, domain, &kept).await;
    }
    Published::Policy(policy)
}

/// Keeps policies from running out as long as mail goes to their domains, and forgets those that have. Until shutdown;
/// then it waits for ever.
pub(crate) async fn keep_fresh(mta: &Mta) {
    let mut shutdown = mta.shutdown.subscribe();
    while !*shutdown.borrow() {
        if let Err(error) = refresh_all(mta).await {
            tracing::error!(%error, "cannot look through the MTA-STS policies");
        }
        race(mta.world.clock.sleep(LOOK), shutdown.wait_for(|down| *down)).await;
    }
    std::future::pending::<()>().await;
}

async fn refresh_all(mta: &Mta) -> Result<(), store::Error> {
    let mut after = None;
    loop {
        let page = mta.queue.policies(after.as_ref(), PAGE).await?;
        for (domain, kept) in &page {
            refresh(mta, domain, kept).await?;
        }
        match page.into_iter().next_back() {
            Some((last, _)) => after = Some(last),
            None => return Ok(()),
        }
    }
}

async fn refresh(mta: &Mta, domain: &Domain, kept: &KeptPolicy) -> Result<(), store::Error> {
    let now = mta.world.clock.wall();
    if !kept.holds(now) {
        let mut batch = Batch::new();
        mta.queue.forget_policy(&mut batch, domain);
        return mta.store.commit(batch).await.map(drop);
    }
    // One that comes from the future was fetched before the clock went back (F18).
    let is_old = now.since(kept.fetched) > STALE.min(kept.max_age / 2) || kept.fetched > now;
    let settings = mta.settings();
    if is_old && now.since(kept.used) < UNUSED && settings.outbound.tls.mta_sts {
        let id = announced(mta, domain).await.unwrap_or_else(|| kept.id.clone());
        // What is wrong is logged, and told when mail is to leave.
        drop(fetch(mta, &settings, domain, id, kept.used).await);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
