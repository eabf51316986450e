//! The end: a clean stop, one more crash, and two looks at what the disk holds (I18).

use std::collections::BTreeSet;
use std::sync::Arc;

use store::Store;

use super::rot;
use super::stage::Stage;
use crate::executor::Death;
use crate::office::Office;
use crate::oracle::ledger::Kind;
use crate::oracle::mail::{self, Moment};
use crate::oracle::{Violation, audit};
use crate::universe::Process;

/// Stops all offices and compares what they hold with the ledger.
pub(super) async fn all(stage: &Stage<'_>, surveyed: &BTreeSet<String>) {
    for violation in stage.ledger.wrongs().into_iter().chain(stage.reading.judge(&stage.ledger, surveyed)) {
        stage.universe.report(violation);
    }
    // The first one last: what it has relayed, the others have.
    for office in stage.offices.iter().rev() {
        office.stop().await;
        let first = look(stage, office, async |_, store| Ok(audit::digest(store).await?)).await;
        office.machine().disk.crash(|| false);
        let (host, damage) = (&office.plan().hostname, stage.ledger.damage());
        let again = look(stage, office, async |process, store| {
            let digest = audit::digest(store).await?;
            Ok((
                digest,
                mail::read(&process.world, store, host).await,
                audit::whole(&process.world, store, host, &damage).await,
                audit::quarantine(store, host, &damage, stage.is_scrubbed()).await?,
            ))
        });
        let (Some(first), Some((second, facts, mut wrong, apart))) = (first, again.await) else { continue };
        // An error on reading may look like damage until the next pass.
        if !stage.ledger.has_been(Kind::Disk) {
            wrong.extend(apart);
        }
        if first != second {
            wrong.push(Violation::new("I18", format!("{host} holds something else after one more crash")));
        }
        match facts {
            Ok(facts) => {
                let first = &stage.offices[0].plan().hostname;
                wrong.extend(if host == first {
                    let torn = stage.reading.torn(&stage.ledger, &facts);
                    [torn, mail::check(&stage.ledger, &facts, Moment::End)].concat()
                } else {
                    mail::neighbour(&stage.ledger, &facts, first)
                });
                rot::strike(stage, office, &facts).await;
            }
            Err(why) => wrong.push(Violation::new("I18", format!("{host} cannot be read: {why}"))),
        }
        for violation in wrong {
            stage.universe.report(violation);
        }
    }
}

/// Reopens the store offline for a look, which ends as if the power went: nothing is written out.
async fn look<T>(
    stage: &Stage<'_>,
    office: &Office,
    at: impl AsyncFnOnce(&Process, &Arc<dyn Store>) -> Result<T, store::Error>,
) -> Option<T> {
    let seen = match office.open_offline().await {
        Ok((process, store)) => {
            let seen = at(&process, &store).await.map_err(|error| error.to_string());
            drop(store);
            stage.universe.kill(process.id, Death::Exit);
            seen
        }
        Err(why) => Err(why),
    };
    if let Err(why) = &seen {
        let what = format!("{} cannot be opened: {why}", office.plan().hostname);
        stage.universe.report(Violation::new("I18", what));
    }
    seen.ok()
}
