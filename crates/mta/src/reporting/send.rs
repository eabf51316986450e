//! Our reports: what was counted of a day that is over goes to those who want it.

mod letters;
mod post;

use std::sync::Arc;

use ::reports::{Day, Group, Kind};
use mail::{Address, Domain, limits};
use mailauth::dmarc;
use mailauth::report::destination::Destination;
use mailauth::report::{external, tls};
use store::Batch;
use world::dns;

use crate::{Mta, dsn};
use letters::Letters;

/// Groups looked up at once.
const PAGE: usize = 100;
/// Days after which counts are thrown away whose report could not be sent.
const GIVE_UP: u32 = 3;

/// Why a report could not be sent now.
#[derive(Debug)]
enum Trouble {
    Store(store::Error),
    /// Those who want it cannot be found out or reached.
    Later(String),
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<dns::Error> for Trouble {
    fn from(error: dns::Error) -> Self {
        Self::Later(error.to_string())
    }
}

/// Sends what was counted up to the end of a day.
pub(super) async fn up_to(mta: &Arc<Mta>, last: Day) {
    let mut after = None;
    loop {
        let groups = match mta.reports.groups(last, after.as_ref(), PAGE).await {
            Ok(groups) => groups,
            Err(error) => {
                tracing::error!(%error, "cannot find out what reports are to be sent");
                return;
            }
        };
        for group in &groups {
            if *mta.shutdown.borrow() {
                return;
            }
            if let Err(trouble) = mta.reports.alone(send(mta, group)).await {
                tell(group, &trouble);
            }
        }
        after = groups.into_iter().next_back();
        if after.is_none() {
            return;
        }
    }
}

fn tell(group: &Group, trouble: &Trouble) {
    let (domain, kind) = (&group.domain, group.kind.name());
    match trouble {
        Trouble::Store(error) => tracing::error!(%error, domain, kind, "cannot send a report"),
        Trouble::Later(why) => tracing::info!(why, domain, kind, "a report waits"),
    }
}

/// Sends one report, and forgets in the same commit what was counted for it.
async fn send(mta: &Mta, group: &Group) -> Result<(), Trouble> {
    let is_old = group.day < Day::of(mta.world.clock.wall()).before(GIVE_UP);
    let wanted = match wanted(mta, group).await {
        // Nobody could be asked for days.
        Err(Trouble::Later(_)) if is_old => Vec::new(),
        wanted => wanted?,
    };
    let collected = mta.reports.collected(group).await?;
    let mut batch = Batch::new();
    mta.reports.forget(&mut batch, &collected);
    if let (false, Ok(domain)) = (wanted.is_empty(), Domain::new(&group.domain)) {
        let letters = Letters::new(mta, &domain, group, collected);
        match to_all(mta, &mut batch, &letters, &wanted).await {
            Err(Trouble::Later(_)) if is_old => {}
            sent => sent?,
        }
    }
    mta.store.commit(batch).await?;
    Ok(())
}

/// Who wants the report; only places that have agreed to it (RFC 9990 §4, attacks A19).
async fn wanted(mta: &Mta, group: &Group) -> Result<Vec<Destination>, Trouble> {
    let dns = &*mta.world.dns;
    let domain = match Domain::new(&group.domain) {
        Ok(domain) if mta.settings().reports.send => domain,
        _ => return Ok(Vec::new()),
    };
    if group.kind == Kind::Tls {
        return Ok(tls::wanted(dns, &domain).await?);
    }
    let mut wanted: Vec<Address> = Vec::new();
    for destination in dmarc::aggregate_reports(dns, &domain).await? {
        let Destination::Mail(address) = destination else { continue };
        for confirmed in external::confirmed(dns, &domain, &address).await? {
            if !wanted.contains(&confirmed) && wanted.len() < limits::REPORT_DESTINATIONS {
                wanted.push(confirmed);
            }
        }
    }
    Ok(wanted.into_iter().map(Destination::Mail).collect())
}

/// Puts the report for those who want it into the batch, or brings it there. Later only if nobody could be given it.
async fn to_all(
    mta: &Mta,
    batch: &mut Batch,
    letters: &Letters,
    wanted: &[Destination],
) -> Result<(), Trouble> {
    let (mut sent, mut why) = (false, None);
    for destination in wanted {
        match deliver(mta, batch, letters, destination).await {
            Ok(()) => sent = true,
            Err(Trouble::Later(trouble)) => why = Some(trouble),
            Err(trouble) => return Err(trouble),
        }
    }
    match why {
        Some(why) if !sent => Err(Trouble::Later(why)),
        _ => Ok(()),
    }
}

async fn deliver(
    mta: &Mta,
    batch: &mut Batch,
    letters: &Letters,
    destination: &Destination,
) -> Result<(), Trouble> {
    match destination {
        Destination::Mail(address) => {
            for letter in letters.to(mta, address) {
                let sent = dsn::post(mta, batch, std::slice::from_ref(address), &letter.own()).await?;
                if !sent {
                    tracing::info!(to = %address, "a report has nowhere to go");
                }
            }
            Ok(())
        }
        Destination::Https(uri) => match letters.file() {
            Some(file) => post::post(mta, uri, file).await.map_err(Trouble::Later),
            None => Ok(()),
        },
    }
}
