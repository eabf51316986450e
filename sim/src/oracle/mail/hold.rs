//! P11: what a restore brings back to the queue stays there until an operator lets it go, for it may have gone out since
//! the backup.

use super::Audit;
use crate::oracle::ledger::{Fate, Try};

impl Audit<'_> {
    /// Messages from before a restore that left after it, on their own.
    pub(super) fn on_hold(&mut self) {
        let mut hasty = Vec::new();
        for restore in &self.account.restores {
            let held = |attempt: &&Try| attempt.office == self.facts.office && attempt.at < restore.at;
            let tries = self.account.tries.iter().filter(held);
            let mut ids: Vec<_> = tries.flat_map(|attempt| &attempt.to).map(|rcpt| rcpt.fate).collect();
            ids.dedup();
            for fate in ids {
                let Fate::Taken(id) = fate else { continue };
                let left = self.truth.get(&id).into_iter().flatten();
                let left = left.filter(|accepted| (restore.at..restore.released).contains(&accepted.begun));
                hasty.extend(left.map(|accepted| (id, accepted.host.clone())));
            }
        }
        hasty.sort();
        hasty.dedup();
        for (id, host) in hasty {
            self.complain(
                "P11",
                format!("{id} left for {host} though the queue was on hold after a restore"),
            );
        }
    }
}
