//! Tells the client what changed in its mailbox (RFC 3501 §5.2, §7.4.1).

use std::sync::Arc;

use imap::response::Writer;
use imap::session::Enabled;
use imap::{Code, Completion, Numbers};
use mailbox::{Changes, Entry, View};

use super::connection::Connection;
use super::selected::{HowFar, Selected};
use super::stop::{Done, Stop};

/// Whether sequence numbers may change now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// While FETCH, STORE or SEARCH is answered: no EXPUNGE (RFC 3501 §7.4.1).
    NumbersStay,
    /// At any other command.
    NumbersMay,
    /// The client itself takes messages away: that is told even where NOTIFY has nothing told.
    Asked,
}

impl Connection<'_> {
    /// The mailbox as it is now.
    pub(super) async fn latest(&self) -> Result<Arc<View>, Stop> {
        let selected = self.selected.as_ref().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        Ok(self.mailboxes().view(selected.view.account(), selected.view.mailbox()).await?)
    }

    /// Reports what others changed. Where numbers stay, messages that are gone stay in the view until that can be told.
    pub(super) async fn sync(&mut self, moment: Moment) -> Result<(), Stop> {
        let Some(selected) = &self.selected else { return Ok(()) };
        // RFC 5465 §3.1.
        let (tells, tells_flags) = self.tells_selected();
        if !tells && moment != Moment::Asked {
            self.selected.iter_mut().for_each(|selected| selected.told.clear());
            return Ok(());
        }
        let latest = match self.mailboxes().view(selected.view.account(), selected.view.mailbox()).await {
            Err(mailbox::Error::NoSuchMailbox(_)) => return Err(self.mailbox_gone("The mailbox was deleted")),
            latest => latest?,
        };
        let selected = self.selected.as_mut().expect("looked at above");
        // RFC 9051 §6.3.1: IMAP4rev2 may be enabled with a mailbox selected.
        if self.session.enabled().rev2 {
            selected.forget_recent();
        }
        if latest.highest_modseq() == selected.view.highest_modseq() {
            return Ok(());
        }
        let changes = latest.changes_since(&selected.view);
        let enabled = self.session.enabled();
        let mut out = self.session.out();
        if moment == Moment::NumbersStay && !changes.vanished.is_empty() {
            selected.how_far = HowFar::TooFar;
            // Where the views cannot be joined, all news waits.
            let Some(joined) = selected.view.with_news_of(&latest, &changes) else { return Ok(()) };
            selected.view = Arc::new(joined);
        } else {
            report_vanished(&mut out, selected, &changes, enabled.qresync || enabled.uid_only);
            let known = changes.vanished.is_empty();
            selected.how_far = if known { HowFar::Right } else { HowFar::TooShort };
            selected.view = latest;
        }
        if !changes.arrived.is_empty() {
            out.counted(u64::from(selected.count()), "EXISTS");
            if !enabled.rev2 {
                let recent_above = self.daemon.parts.mailboxes.recent(&selected.view, !selected.read_only);
                selected.add_recent(recent_above);
                out.counted(u64::from(selected.recent_count()), "RECENT");
            }
        }
        if tells_flags {
            report_changed(&mut out, selected, &changes, enabled);
        }
        selected.told.clear();
        Box::pin(self.tell_arrived(&changes.arrived)).await
    }

    /// Another session deleted the mailbox (RFC 2180 §3.4), or it may no longer be read: the connection ends.
    pub(super) fn mailbox_gone(&mut self, why: &'static str) -> Stop {
        self.selected = None;
        self.session.bye(Some(&Code::NonExistent), why);
        Stop::no(Code::NonExistent, why)
    }

    /// Ends a command after reporting changes. A command that was done stays done if reporting fails.
    pub(super) async fn finish(&mut self, done: Done, moment: Moment) -> std::io::Result<()> {
        let completion = match done {
            Ok(completion) | Err(Stop::Answer(completion)) => completion,
            Err(Stop::Gone(error)) => return Err(error),
        };
        if completion.status != imap::session::Status::Bad
            && let Err(Stop::Gone(error)) = self.sync(moment).await
        {
            return Err(error);
        }
        if !matches!(completion.code, Some(Code::HighestModSeq(_))) {
            self.tell_how_far();
        }
        self.session.complete(completion);
        Ok(())
    }

    /// Up to which change the client has heard of all, where it would count wrong (RFC 7162 §6).
    pub(super) fn tell_how_far(&mut self) {
        let qresync = self.session.enabled().qresync;
        let Some(selected) = self.selected.as_mut().filter(|s| qresync && s.how_far != HowFar::Right) else {
            return;
        };
        if selected.how_far == HowFar::TooShort {
            selected.how_far = HowFar::Right;
        }
        let code = Code::HighestModSeq(selected.view.highest_modseq());
        self.session.out().untagged("OK", Some(&code), "All changes up to here are told");
    }

    /// The completion of a command that did its work.
    #[expect(clippy::unnecessary_wraps, reason = "what every command ends with")]
    pub(super) fn done(text: &'static str) -> Done {
        Ok(Completion::ok(text))
    }
}

/// RFC 7162 §3.2.10: by UID, where the client has asked for that. Else from the last to the first, so that each number
/// means the same before and after the ones below it.
fn report_vanished(out: &mut Writer<'_>, selected: &Selected, changes: &Changes, by_uid: bool) {
    if by_uid {
        let known = changes.vanished.iter().filter(|uid| selected.view.by_uid(**uid).is_some());
        let uids: Numbers = known.map(|uid| uid.get()).collect();
        if !uids.is_empty() {
            out.text("* VANISHED ").text(&uids.to_string()).end();
        }
        return;
    }
    for &uid in changes.vanished.iter().rev() {
        if let Some((number, _)) = selected.view.by_uid(uid) {
            out.counted(u64::from(number), "EXPUNGE");
        }
    }
}

fn report_changed(out: &mut Writer<'_>, selected: &Selected, changes: &Changes, enabled: Enabled) {
    for &uid in &changes.changed {
        if let Some((number, entry)) = selected.view.by_uid(uid)
            && !selected.told.contains(&entry.modseq)
        {
            let flags = Some((selected.view.flags(entry.flags), selected.is_recent(uid)));
            write_state(out, number, entry, flags, enabled);
        }
    }
}

/// `* 2 FETCH (UID 5 FLAGS (\Seen) MODSEQ (7))`, with flags and whether it is \Recent. The UID is told along, as clients
/// that went by UIDs need it (§6.4.8), and the MODSEQ to those who asked for it (RFC 7162 §3.1). Without numbers (RFC 9586
/// §3.6): `* 5 UIDFETCH (FLAGS (\Seen) MODSEQ (7))`.
pub(super) fn write_state(
    out: &mut Writer<'_>,
    number: u32,
    entry: &Entry,
    flags: Option<(&mail::Flags, bool)>,
    enabled: Enabled,
) {
    begin_message(out, enabled.uid_only, number, entry);
    let mut first = true;
    if !enabled.uid_only {
        out.keyword("UID ", &mut first).number(u64::from(entry.uid.get()));
    }
    if let Some((flags, recent)) = flags {
        out.keyword("", &mut first).flags(flags, recent);
    }
    if enabled.condstore {
        write_modseq(out.keyword("", &mut first), entry.modseq);
    }
    out.text(")").end();
}

/// `* 2 FETCH (`, or with the UID `* 5 UIDFETCH (` where there are no message numbers (RFC 9586 §3.3).
pub(super) fn begin_message(out: &mut Writer<'_>, uid_only: bool, number: u32, entry: &Entry) {
    let (number, word) = if uid_only { (entry.uid.get(), " UIDFETCH (") } else { (number, " FETCH (") };
    out.raw(b"* ").number(u64::from(number)).text(word);
}

/// `MODSEQ (7)`
pub(super) fn write_modseq(out: &mut Writer<'_>, modseq: mail::ModSeq) {
    out.raw(b"MODSEQ (").number(modseq.0).raw(b")");
}
