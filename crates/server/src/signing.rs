//! The keys that our domains sign with (DKIM): new ones, and their change from one to the next. A new key is published first,
//! and used from when DNS shows it; the old one stays in DNS for mail that is still under way (RFC 6376 §3.6, RFC 6377 §6).

use std::sync::Arc;
use std::time::Duration;

use directory::{KeyState, SigningKey};
use mail::{Domain, Wall};
use mailauth::dkim;
use store::Batch;
use tokio::sync::watch;
use world::{Dns, Either, Rng, race};

use crate::admin::Office;
use crate::serve::told;

/// How often waiting and retired keys are looked at.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// How long a key must have been shown before it is used: others may remember that it was not there.
const SHOWN_FOR: Duration = Duration::from_hours(1);
/// How long a key that is no longer used stays: mail may be under way for days, and be checked again by its reader.
const RETIRED_FOR: Duration = Duration::from_hours(14 * 24);
/// Domains looked at with one read.
const PAGE: usize = 100;

/// What new keys begin as.
pub(crate) fn make(rng: &dyn Rng, state: KeyState, now: Wall) -> Result<[SigningKey; 2], String> {
    let mut seed = [0; 32];
    rng.fill(&mut seed);
    let said = |error: dkim::KeyError| error.to_string();
    let rsa = dkim::SigningKey::from_pkcs8(&rng.rsa_key()?).map_err(said)?;
    let ed25519 = dkim::SigningKey::ed25519_from_seed(&seed).map_err(said)?;
    let civil = now.civil();
    // Two changes within a day, or after a restore, must not meet.
    let mark = format!("ph{:04}{:02}{:02}-{:04x}", civil.year, civil.month, civil.day, rng.below(1 << 16));
    let key = |pair: &dkim::SigningKey, letter: char| -> Result<SigningKey, String> {
        Ok(SigningKey {
            selector: format!("{mark}{letter}"),
            algorithm: pair.algorithm().word().to_owned(),
            pkcs8: pair.to_pkcs8().map_err(said)?,
            record: pair.record().map_err(said)?,
            state,
            since: now,
            version: None,
        })
    };
    Ok([key(&rsa, 'r')?, key(&ed25519, 'e')?])
}

/// Where a key's record stands (RFC 6376 §3.6.2.1).
pub(crate) fn record_name(domain: &Domain, key: &SigningKey) -> String {
    format!("{}._domainkey.{domain}", key.selector)
}

/// Looks after keys until the server stops.
pub(crate) async fn run(office: Arc<Office>, mut stop: watch::Receiver<bool>) {
    loop {
        match race(told(&mut stop), look(&office)).await {
            Either::Left(()) => return,
            Either::Right(Ok(())) => {}
            Either::Right(Err(error)) => tracing::error!(%error, "looking after signing keys failed"),
        }
        if let Either::Left(()) = race(told(&mut stop), office.world.clock.sleep(LOOK_EVERY)).await {
            return;
        }
    }
}

async fn look(office: &Office) -> Result<(), directory::Error> {
    let mut after = None;
    loop {
        let domains = office.directory.domains(after.as_ref(), PAGE).await?;
        for domain in &domains {
            let keys = office.directory.signing_keys(domain).await?;
            let now = office.world.clock.wall();
            let mut batch = Batch::new();
            if step(office, &mut batch, domain, &keys, now).await {
                // A conflict means that somebody else has changed them just now: next time.
                drop(office.store.commit(batch).await);
            }
        }
        match domains.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}

/// Changes what is due to be changed. Whether that is anything.
async fn step(office: &Office, batch: &mut Batch, domain: &Domain, keys: &[SigningKey], now: Wall) -> bool {
    let waiting: Vec<&SigningKey> = keys.iter().filter(|key| key.state == KeyState::Waiting).collect();
    let old_enough = |key: &&SigningKey| now.since(key.since) >= SHOWN_FOR;
    let mut changed = false;
    if !waiting.is_empty()
        && waiting.iter().all(old_enough)
        && all_shown(&*office.world.dns, domain, &waiting).await
    {
        tracing::info!(%domain, "DNS shows the new signing keys: using them");
        switch(office, batch, domain, keys, now);
        changed = true;
    }
    for key in keys.iter().filter(|key| key.state == KeyState::Retired) {
        if now.since(key.since) >= RETIRED_FOR {
            office.directory.remove_signing_key(batch, domain, key);
            changed = true;
        }
    }
    changed
}

/// From now on mail is signed with the waiting keys.
pub(crate) fn switch(office: &Office, batch: &mut Batch, domain: &Domain, keys: &[SigningKey], now: Wall) {
    for key in keys {
        let state = match key.state {
            KeyState::Waiting => KeyState::Active,
            KeyState::Active => KeyState::Retired,
            KeyState::Retired => continue,
        };
        office.directory.put_signing_key(batch, domain, &SigningKey { state, since: now, ..key.clone() });
    }
}

async fn all_shown(dns: &dyn Dns, domain: &Domain, keys: &[&SigningKey]) -> bool {
    for key in keys {
        if !is_shown(dns, domain, key).await {
            return false;
        }
    }
    true
}

/// Whether DNS has the record of a key. White space in it does not matter (RFC 6376 §3.6.1).
pub(crate) async fn is_shown(dns: &dyn Dns, domain: &Domain, key: &SigningKey) -> bool {
    let bare = |text: &[u8]| text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<u8>>();
    let Ok(name) = Domain::new(&record_name(domain, key)) else { return false };
    let found = dns.txt(&name).await.unwrap_or_default();
    found.iter().any(|record| bare(record) == bare(key.record.as_bytes()))
}

#[cfg(test)]
mod tests;
