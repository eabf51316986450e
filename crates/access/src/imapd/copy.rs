//! COPY and MOVE (RFC 3501 §6.4.7, RFC 6851): all of it in one commit, or nothing. Of more than fit into one, MOVE takes the
//! last (RFC 9738 §3.1).

use imap::command::Mailbox;
use imap::{Code, Completion, Numbers, SequenceSet};
use journey::{Event, What};
use mail::{ModSeq, Right, Uid};
use mailbox::{Copied, Entry, Target, View};
use store::{Batch, Receipt};

use super::change::Attempts;
use super::connection::Connection;
use super::limited::{Limited, Reached, save_limit};
use super::place::{At, Place};
use super::stop::{Done, Stop};
use super::sync::Moment;

impl Connection<'_> {
    pub(super) async fn copy(
        &mut self,
        uid: bool,
        set: &SequenceSet,
        mailbox: Mailbox,
        and_remove: bool,
    ) -> Done {
        let target = self.target(mailbox).await?;
        let there = Target { owner: target.owner, mailbox: target.mailbox, rights: target.rights };
        if and_remove {
            self.demand_removal()?;
        }
        let (uids, reached) = self.chosen(uid, set, save_limit(&self.parts().settings))?;
        if let Some(reached) = reached.filter(|_| !and_remove) {
            return Err(reached.refusal());
        }
        let mut attempts = Attempts::default();
        loop {
            let view = self.latest().await?;
            let entries = present(&view, &uids, uid)?;
            let mut batch = Batch::new();
            let now = self.world().clock.wall();
            let copied = if and_remove {
                self.mailboxes().move_to(&mut batch, &view, &entries, there, now).await?
            } else {
                self.mailboxes().copy(&mut batch, &view, &entries, there, now).await?
            };
            if !and_remove || target.owner != view.account() {
                // RFC 9208 §4.3.1; what moves within an account takes no more room.
                let bytes = entries.iter().map(Entry::size).sum();
                self.demand_room(&mut batch, target.owner, entries.len() as u64, bytes).await?;
            }
            // RFC 3501 §6.4.8: a UID command without messages is no error.
            let Some(copied) = copied else { return Self::done("No messages") };
            self.record_copied(&mut batch, &view, &entries, &target, !and_remove).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                let done = self.copied(target.at(), &copied, &outcome?, and_remove).await?;
                return Ok(self.within_limit(done, reached));
            }
        }
    }

    /// RFC 6851 §4.2, RFC 8508 §4.1: what takes messages away needs the rights of STORE \Deleted and of EXPUNGE.
    pub(super) fn demand_removal(&self) -> Result<(), Stop> {
        let Some(selected) = &self.selected else { return Ok(()) };
        selected.demand(Right::DeleteMessage)?;
        selected.demand(Right::Expunge)
    }

    /// The UIDs that a set means to this client, ascending; the last of them where there are more than `limit`.
    pub(super) fn chosen(
        &self,
        uid: bool,
        set: &SequenceSet,
        limit: u32,
    ) -> Result<(Vec<Uid>, Option<Reached>), Stop> {
        let selected = self.selected.as_ref().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        let ranges = selected.ranges(uid, set).map_err(Stop::Answer)?;
        let limited = Limited::new(&selected.view, ranges, limit);
        let uids = selected.entries(&limited.ranges).map(|(_, entry)| entry.uid).collect();
        Ok((uids, limited.reached))
    }

    async fn record_copied(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        to: &Place,
        copied: bool,
    ) -> Result<(), Stop> {
        let info = self.mailboxes().info(view.account(), view.mailbox()).await?;
        let from = info.map(|info| info.name.to_string()).unwrap_or_default();
        let account = view.account();
        let to =
            if to.owner == account { to.name.to_string() } else { format!("{} of {}", to.name, to.address) };
        let what = What::Moved { account, from, to, copied, by: self.by(account) };
        let event = Event { at: self.world().clock.wall(), what };
        for entry in entries {
            self.parts().journeys.record(batch, entry.id, std::slice::from_ref(&event));
        }
        Ok(())
    }

    /// RFC 4315 §3 COPYUID; RFC 6851 §4.3: MOVE tells it before the EXPUNGE responses, in an untagged OK.
    async fn copied(&mut self, target: At, copied: &Copied, receipt: &Receipt, and_remove: bool) -> Done {
        let (count, modseq) = (copied.uids.len() as u32, ModSeq(receipt.number(copied.modseq) as u64));
        self.own_messages_came(target, count, modseq).await;
        let validity = match self.mailboxes().info(target.0, target.1).await {
            Ok(Some(info)) => info.uid_validity,
            // Deleted right after: the copy was made, and nobody will look for it.
            _ => return Self::done("Copied"),
        };
        let from: Numbers = copied.uids.iter().map(|(uid, _)| uid.get()).collect();
        let to: Numbers = copied.uids.iter().map(|&(_, slot)| receipt.number(slot) as u32).collect();
        let code = Code::CopyUid(validity, from, to);
        if and_remove {
            self.session.out().untagged("OK", Some(&code), "Moved");
            self.sync(Moment::Asked).await?;
            return Self::done("Moved");
        }
        Ok(Completion::ok_with(code, "Copied"))
    }
}

/// The entries of `uids` as they are now. By sequence number all must be there still (RFC 2180 §4.4.1); UIDs that
/// are not name nothing.
fn present(view: &View, uids: &[Uid], by_uid: bool) -> Result<Vec<Entry>, Stop> {
    let entries: Vec<Entry> = uids.iter().filter_map(|&uid| view.by_uid(uid)).map(|(_, e)| *e).collect();
    if !by_uid && entries.len() < uids.len() {
        return Err(Stop::no(Code::ExpungeIssued, "Some of the messages no longer exist"));
    }
    Ok(entries)
}
