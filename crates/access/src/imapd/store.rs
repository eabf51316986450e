//! STORE (RFC 3501 §6.4.6, RFC 7162 §3.1.3).

use std::sync::Arc;

use imap::command::{Store, StoreHow};
use imap::{Code, Completion, Numbers};
use mail::{Flags, ModSeq, Right, Rights, Uid};
use mailbox::{Entry, FlagChange, View};
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::place::refused;
use super::stop::{Done, Stop};
use super::sync::{Moment, write_state};

/// Messages changed by one commit.
pub(super) const AT_ONCE: usize = 1000;

/// How flags are to change.
pub(super) struct Change<'a> {
    pub(super) how: FlagChange,
    pub(super) flags: &'a Flags,
    /// Only of messages that have not changed since.
    pub(super) unchanged_since: Option<ModSeq>,
}

/// What became of messages whose flags were to change.
#[derive(Default)]
pub(super) struct Changed {
    /// How many were there.
    pub(super) present: usize,
    /// Those that had changed too late for a conditional STORE.
    pub(super) modified: Vec<Uid>,
    /// What those that changed got; the others had the flags already.
    pub(super) modseq: Option<ModSeq>,
}

impl Connection<'_> {
    pub(super) async fn store(&mut self, store: Store) -> Done {
        // What others changed is told before, so that it is not taken for what this command did.
        self.sync(Moment::NumbersStay).await?;
        self.demand_any_flag(store.how, &store.flags)?;
        let (uids, reached) = self.chosen(store.uid, &store.set, self.message_limit())?;
        let how = match store.how {
            StoreHow::Replace => FlagChange::Replace,
            StoreHow::Add => FlagChange::Add,
            StoreHow::Remove => FlagChange::Remove,
        };
        let unchanged_since = store.unchanged_since.map(ModSeq);
        let (mut missing, mut modified) = (false, Vec::new());
        let mut progress = self.begin_progress(uids.len());
        // RFC 9738 §3.1: what is not all goes from the highest UID downwards.
        let pieces: Vec<&[Uid]> =
            if reached.is_some() { uids.rchunks(AT_ONCE).collect() } else { uids.chunks(AT_ONCE).collect() };
        for (at, some) in pieces.into_iter().enumerate() {
            self.tell_progress(&mut progress, at * AT_ONCE).await?;
            let change = Change { how, flags: &store.flags, unchanged_since };
            let changed = self.change_flags(some, &change).await?;
            missing |= changed.present < some.len();
            // RFC 7162 §3.1.3: the MODSEQ is told even if the flags are not.
            if !store.silent || self.session.enabled().condstore {
                self.report_stored(some, &changed.modified, store.silent).await?;
            }
            modified.extend(changed.modified);
        }
        let done = if !modified.is_empty() {
            modified.sort_unstable();
            let numbers = self.numbers_of(&modified, store.uid);
            Completion::ok_with(Code::Modified(numbers), "Some have changed since and were left as they are")
        } else if missing && !store.uid {
            // RFC 2180 §4.2: the others were changed; the client hears that some are gone.
            Completion::no(Code::ExpungeIssued, "Some of the messages no longer exist")
        } else {
            Completion::ok("Flags stored")
        };
        Ok(self.within_limit(done, reached))
    }

    /// RFC 4314 §4: NO only if there is a right to none of the flags.
    fn demand_any_flag(&self, how: StoreHow, flags: &Flags) -> Result<(), Stop> {
        let Some(selected) = &self.selected else { return Ok(()) };
        let may = if flags.is_empty() {
            let any = [Right::Seen, Right::Write, Right::DeleteMessage];
            how != StoreHow::Replace || selected.rights.has_any(&any)
        } else {
            !selected.rights.permitted(flags).is_empty()
        };
        if may { Ok(()) } else { Err(refused()) }
    }

    /// What the client calls messages it knows.
    fn numbers_of(&self, uids: &[Uid], uid: bool) -> Numbers {
        let number = |of: &Uid| {
            let known = self.selected.as_ref()?.view.by_uid(*of)?;
            Some(if uid { of.get() } else { known.0 })
        };
        uids.iter().filter_map(number).collect()
    }

    /// Changes the flags of messages in one commit.
    pub(super) async fn change_flags(&mut self, uids: &[Uid], change: &Change<'_>) -> Result<Changed, Stop> {
        let mut attempts = Attempts::default();
        loop {
            let view: Arc<View> = self.latest().await?;
            let mut entries: Vec<Entry> =
                uids.iter().filter_map(|&uid| view.by_uid(uid)).map(|(_, e)| *e).collect();
            let mut changed = Changed { present: entries.len(), ..Changed::default() };
            if let Some(since) = change.unchanged_since {
                let late = entries.extract_if(.., |entry| entry.modseq > since);
                changed.modified = late.map(|entry| entry.uid).collect();
            }
            let mut batch = Batch::new();
            let rights = self.selected.as_ref().map_or(Rights::NONE, |selected| selected.rights);
            let (how, flags) = (change.how, change.flags);
            let stored = self.mailboxes().store_permitted(&mut batch, &view, &entries, how, flags, rights)?;
            let Some(modseq) = stored.modseq else { return Ok(changed) };
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                let told = ModSeq(outcome?.number(modseq) as u64);
                // What others changed right before is part of these entries and news to the client.
                self.selected.iter_mut().filter(|s| s.knows(&entries)).for_each(|s| s.told.push(told));
                changed.modseq = Some(told);
                return Ok(changed);
            }
        }
    }

    /// Tells messages as they are now, but for those left as they are (`but`, ascending); `silent`: without their flags.
    async fn report_stored(&mut self, uids: &[Uid], but: &[Uid], silent: bool) -> Result<(), Stop> {
        let latest = self.latest().await?;
        let enabled = self.session.enabled();
        let Some(selected) = &self.selected else { return Ok(()) };
        let mut out = self.session.out();
        for &uid in uids.iter().filter(|uid| but.binary_search(uid).is_err()) {
            if let (Some((number, _)), Some((_, entry))) = (selected.view.by_uid(uid), latest.by_uid(uid)) {
                let flags = (!silent).then(|| (latest.flags(entry.flags), selected.is_recent(uid)));
                write_state(&mut out, number, entry, flags, enabled);
            }
        }
        self.flush().await?;
        Ok(())
    }
}
