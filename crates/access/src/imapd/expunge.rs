//! EXPUNGE and UID EXPUNGE (RFC 3501 §6.4.3, RFC 4315 §2.1).

use imap::{Code, Completion, Numbers, SequenceSet};
use journey::{Event, What};
use mail::{Flag, Right, Uid};
use mailbox::{Entry, View};
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::limited::Reached;
use super::selected::{HowFar, largest_uid};
use super::stop::{Done, Stop};
use super::sync::Moment;

/// Messages taken out by one commit.
const AT_ONCE: usize = 1000;

impl Connection<'_> {
    /// The EXPUNGE or VANISHED responses come from telling what changed, as for everyone else's sessions.
    pub(super) async fn expunge(&mut self, uids: Option<&SequenceSet>) -> Done {
        self.selected.as_ref().map_or(Ok(()), |selected| selected.demand(Right::Expunge))?;
        let reached = self.expunge_deleted(uids).await?;
        let done = self.expunged("Expunged").await?;
        Ok(self.within_limit(done, reached))
    }

    /// The end of a command that has taken messages out.
    pub(super) async fn expunged(&mut self, text: &'static str) -> Done {
        if !self.session.enabled().qresync {
            return Self::done(text);
        }
        // RFC 7162 §3.2.7: how far the client is with that. It must hold for all that it has been told.
        self.sync(Moment::Asked).await?;
        let newest = self.selected.as_mut().map(|selected| {
            selected.how_far = HowFar::Right;
            selected.view.highest_modseq()
        });
        Ok(match newest {
            Some(newest) => Completion::ok_with(Code::HighestModSeq(newest), text),
            None => Completion::ok(text),
        })
    }

    /// Takes out the messages with \Deleted; with `uids`, of those only, and of more than a command works on the last
    /// (RFC 9738 §3.1: no limit without).
    pub(super) async fn expunge_deleted(
        &mut self,
        uids: Option<&SequenceSet>,
    ) -> Result<Option<Reached>, Stop> {
        let mut attempts = Attempts::default();
        let (mut progress, mut done) = (None, 0);
        let mut reached = None;
        loop {
            let view = self.latest().await?;
            let saved = self.selected.as_ref().map(|selected| &selected.saved);
            let wanted =
                uids.map(|set| set.resolve(largest_uid(&view), saved.unwrap_or(&Numbers::default())));
            let lowest = *reached.get_or_insert_with(|| self.lowest_deleted(&view, wanted.as_ref()));
            let mut all =
                deleted(&view, wanted.as_ref()).filter(|entry| lowest.is_none_or(|uid| uid <= entry.uid));
            let doomed: Vec<Entry> = all.by_ref().take(AT_ONCE).collect();
            if doomed.is_empty() {
                let limit = self.message_limit();
                return Ok(lowest.map(|uid| Reached { limit, lowest: Some(uid) }));
            }
            let progress = progress.get_or_insert_with(|| self.begin_progress(doomed.len() + all.count()));
            self.tell_progress(progress, done).await?;
            let mut batch = Batch::new();
            self.mailboxes().expunge(&mut batch, &view, &doomed, self.world().clock.wall());
            self.record_expunged(&mut batch, &view, &doomed).await?;
            let outcome = self.commit(batch).await;
            if outcome.is_ok() {
                attempts = Attempts::default();
                done += doomed.len();
            } else if !attempts.again(&outcome) {
                outcome?;
            }
        }
    }

    /// The lowest UID that UID EXPUNGE goes down to, if it does not take all.
    fn lowest_deleted(&self, view: &View, wanted: Option<&Numbers>) -> Option<Uid> {
        let limit = self.message_limit() as usize;
        let surplus = deleted(view, Some(wanted?)).count().checked_sub(limit).filter(|more| *more > 0)?;
        deleted(view, wanted).nth(surplus).map(|entry| entry.uid)
    }

    pub(super) async fn record_expunged(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
    ) -> Result<(), Stop> {
        let info = self.mailboxes().info(view.account(), view.mailbox()).await?;
        let mailbox = info.map(|info| info.name.to_string()).unwrap_or_default();
        let what = What::Expunged { account: view.account(), mailbox, by: self.by(view.account()) };
        let event = Event { at: self.world().clock.wall(), what };
        for entry in entries {
            self.parts().journeys.record(batch, entry.id, std::slice::from_ref(&event));
        }
        Ok(())
    }
}

fn deleted(view: &View, wanted: Option<&Numbers>) -> impl Iterator<Item = Entry> {
    let is_deleted = |entry: &Entry| view.flags(entry.flags).contains(Flag::Deleted);
    let is_wanted = move |entry: &Entry| wanted.is_none_or(|set| set.contains(entry.uid.get()));
    let entries = view.iter().map(|(_, entry)| *entry);
    entries.filter(move |entry| is_deleted(entry) && is_wanted(entry))
}
