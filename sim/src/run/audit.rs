//! The end: a clean stop, one more crash, and two looks at what the disk holds (I18).

use super::stage::Stage;
use crate::executor::Death;
use crate::office::Office;
use crate::oracle::Violation;
use crate::oracle::mail::{self, Facts, Moment};

/// Stops all offices and compares what they hold with the ledger.
pub(super) async fn audit(stage: &Stage<'_>) {
    for violation in stage.ledger.wrongs() {
        stage.universe.report(violation);
    }
    for violation in stage.reading.violations() {
        stage.universe.report(violation);
    }
    for office in &stage.offices {
        office.stop().await;
        let facts = look(stage, office).await;
        office.machine().disk.crash(|| false);
        let again = look(stage, office).await;
        let (Some(facts), Some(again)) = (facts, again) else { continue };
        if summary(&facts) != summary(&again) {
            let what = format!("{} holds something else after one more crash", office.plan().hostname);
            stage.universe.report(Violation::new("I18", what));
        }
        for violation in mail::check(&stage.ledger, &again, Moment::End) {
            stage.universe.report(violation);
        }
    }
}

/// Reopens the store offline and reads everything.
async fn look(stage: &Stage<'_>, office: &Office) -> Option<Facts> {
    let host = &office.plan().hostname;
    let facts = match office.open_offline().await {
        Ok((process, store)) => {
            let facts = mail::read(&process.world, &store, host).await;
            store.close().await;
            stage.universe.kill(process.id, Death::Exit);
            facts
        }
        Err(why) => Err(why),
    };
    match facts {
        Ok(facts) => Some(facts),
        Err(why) => {
            stage.universe.report(Violation::new("I18", format!("{host} cannot be opened: {why}")));
            None
        }
    }
}

/// What two looks must agree on.
fn summary(facts: &Facts) -> (Vec<(&str, &str, u32, &[u8])>, Vec<String>) {
    let mail = facts
        .mail
        .iter()
        .map(|kept| (kept.account.as_str(), kept.mailbox.as_str(), kept.uid, kept.bytes.as_slice()));
    (mail.collect(), facts.queue.iter().map(|queued| format!("{:?}", queued.item)).collect())
}
