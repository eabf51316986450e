//! FETCH (RFC 3501 §6.4.5, RFC 3516, RFC 7162 §3.1.4, §3.2.6, RFC 8970, RFC 9394).
//!
//! Flags, UIDs, dates and sizes come from the view's columns ([`columns`]) and cost no store read. Envelopes and
//! structures come from the summary made at delivery; bodies are streamed ([`section`]).

mod binary;
mod columns;
mod envelope;
mod preview;
mod section;
mod structure;

use imap::command::{Fetch, FetchItem, Partial};
use imap::{Code, Completion};
use mail::{Flag, Flags, ModSeq, Right, Uid};
use mailbox::{Entry, FlagChange};
use message::Summary;

use super::connection::{Connection, WRITE_AT};
use super::limited::{Limited, Reached, count_of};
use super::place::At;
use super::stop::{Done, Stop};
use super::store::{AT_ONCE, Change};
use super::sync::{Moment, begin_message, write_modseq};

pub(super) use section::spec;

/// What is left out of a FETCH, for its completion.
#[derive(Default)]
struct Missing {
    /// Others expunged it meanwhile.
    expunged: bool,
    /// Its bytes fail their checksum.
    damaged: bool,
}

impl Missing {
    fn nothing(&self) -> bool {
        !self.expunged && !self.damaged
    }
}

/// One message that is being told.
pub(super) struct Told {
    pub(super) number: u32,
    pub(super) entry: Entry,
    pub(super) flags: Flags,
    pub(super) recent: bool,
    /// \Seen was set by this very FETCH, so the flags are told even if nobody asked.
    pub(super) flags_changed: bool,
}

impl Connection<'_> {
    pub(super) async fn fetch(&mut self, fetch: Fetch) -> Done {
        self.sync(Moment::NumbersStay).await?;
        let Fetch { uid, set, mut items, changed_since, vanished, partial } = fetch;
        // RFC 3501 §6.4.8: a UID FETCH always tells the UID; RFC 9586 §3.3: UIDFETCH does anyway.
        if uid && !self.session.enabled().uid_only && !items.contains(&FetchItem::Uid) {
            items.insert(0, FetchItem::Uid);
        }
        let selected = self.selected.as_ref().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        let mut ranges = selected.ranges(uid, &set).map_err(Stop::Answer)?;
        if let Some(partial) = partial {
            ranges = part_of(&ranges, partial);
            // RFC 9738 §3.1: who asks for more by PARTIAL gets nothing.
            if count_of(&ranges) > u64::from(self.message_limit()) {
                return Err(Reached { limit: self.message_limit(), lowest: None }.refusal());
            }
        }
        if let Some(since) = changed_since.map(ModSeq) {
            ranges = selected.changed_since(&ranges, since);
            if vanished {
                let uids = selected.uids_ever(&set);
                self.tell_vanished_earlier(since, Some(&uids)).await?;
            }
        }
        let limited = self.limited(ranges);
        let missing = if columns::suffice(&items) {
            self.fetch_columns(&limited, &items).await?;
            Missing::default()
        } else {
            let told = self.fetch_messages(&limited, &items).await;
            if !told.as_ref().is_ok_and(Missing::nothing) {
                self.tell_own_changes();
            }
            told?
        };
        let done = match missing {
            Missing { damaged: true, .. } => Completion::no(Code::Corruption, "Some messages are damaged"),
            // RFC 2180 §4.1.2: what is there has been told.
            Missing { expunged: true, .. } if !uid => {
                Completion::no(Code::ExpungeIssued, "Some of the messages no longer exist")
            }
            _ => Completion::ok("Fetched"),
        };
        Ok(self.within_limit(done, limited.reached))
    }

    /// As many of these messages as one command works on.
    fn limited(&self, ranges: Vec<(u32, u32)>) -> Limited {
        match &self.selected {
            Some(selected) => Limited::new(&selected.view, ranges, self.message_limit()),
            None => Limited { ranges: Vec::new(), reached: None },
        }
    }

    async fn fetch_messages(&mut self, limited: &Limited, items: &[FetchItem]) -> Result<Missing, Stop> {
        let mut missing = Missing::default();
        let may_seen = self.selected.as_ref().is_some_and(|s| !s.read_only && s.rights.has(Right::Seen));
        let sets_seen = may_seen && items.iter().any(sets_seen);
        for (low, high) in limited.pieces(AT_ONCE as u32) {
            let mut some = self.to_tell(low, high);
            if limited.reached.is_some() {
                some.reverse();
            }
            if sets_seen {
                self.set_seen(&mut some).await?;
            }
            for told in &some {
                self.fetch_message(told, items, &mut missing).await?;
            }
        }
        Ok(missing)
    }

    /// Where a FETCH left messages out, nobody has heard that it set their \Seen: the command's end tells it like
    /// changes of others.
    fn tell_own_changes(&mut self) {
        if let Some(selected) = &mut self.selected {
            selected.told.clear();
        }
    }

    fn to_tell(&self, low: u32, high: u32) -> Vec<Told> {
        let Some(selected) = &self.selected else { return Vec::new() };
        let told = |(number, entry): (u32, &Entry)| Told {
            number,
            entry: *entry,
            flags: selected.view.flags(entry.flags).clone(),
            recent: selected.is_recent(entry.uid),
            flags_changed: false,
        };
        selected.view.range(low, high).map(told).collect()
    }

    /// RFC 3501 §6.4.5: fetching a body sets \Seen, and the response says so. When the store cannot, reading goes
    /// on all the same (promise P5).
    async fn set_seen(&mut self, some: &mut [Told]) -> Result<(), Stop> {
        let unseen: Vec<Uid> =
            some.iter().filter(|t| !t.flags.contains(Flag::Seen)).map(|t| t.entry.uid).collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let seen: Flags = [Flag::Seen].into_iter().collect();
        let change = Change { how: FlagChange::Add, flags: &seen, unchanged_since: None };
        let modseq = match self.change_flags(&unseen, &change).await {
            Ok(changed) => changed.modseq,
            Err(Stop::Answer(_)) => return Ok(()),
            Err(gone) => return Err(gone),
        };
        for told in some.iter_mut().filter(|t| !t.flags.contains(Flag::Seen)) {
            told.flags.insert(Flag::Seen);
            told.flags_changed = true;
            told.entry.modseq = modseq.unwrap_or(told.entry.modseq);
        }
        Ok(())
    }

    /// Tells one message, or nothing of it at all: what fails before its bytes flow is taken back.
    async fn fetch_message(
        &mut self,
        told: &Told,
        items: &[FetchItem],
        missing: &mut Missing,
    ) -> Result<(), Stop> {
        if self.session.output_length() >= WRITE_AT {
            self.flush().await?;
        }
        let mark = self.session.output_length();
        match self.write_message(told, items).await {
            Ok(()) => Ok(()),
            Err(stop) => {
                let Stop::Answer(answer) = &stop else { return Err(stop) };
                match answer.code {
                    Some(Code::ExpungeIssued | Code::ServerBug) => missing.expunged = true,
                    Some(Code::Corruption) => missing.damaged = true,
                    _ => return Err(self.take_back(mark, stop)),
                }
                self.session.output().truncate(mark);
                Ok(())
            }
        }
    }

    /// Tells a message that NOTIFY asks for; one that cannot be read is left out.
    pub(super) async fn fetch_message_quietly(
        &mut self,
        told: &Told,
        items: &[FetchItem],
    ) -> Result<(), Stop> {
        match self.fetch_message(told, items, &mut Missing::default()).await {
            Err(Stop::Answer(_)) => Ok(()),
            done => done,
        }
    }

    fn take_back(&mut self, mark: usize, stop: Stop) -> Stop {
        self.session.output().truncate(mark);
        stop
    }

    /// `* 3 FETCH (...)`
    async fn write_message(&mut self, told: &Told, items: &[FetchItem]) -> Result<(), Stop> {
        let summary =
            if items.iter().any(needs_summary) { Some(self.summary(&told.entry).await?) } else { None };
        let uid_only = self.session.enabled().uid_only;
        begin_message(&mut self.session.out(), uid_only, told.number, &told.entry);
        let mut first = true;
        for item in items {
            if !std::mem::take(&mut first) {
                self.session.out().text(" ");
            }
            match (item, &summary) {
                (FetchItem::Binary(wanted), Some(summary)) => {
                    self.write_binary(told, wanted, summary).await?;
                }
                (FetchItem::BinarySize(part), Some(summary)) => {
                    self.write_binary_size(told, part, summary).await?;
                }
                (FetchItem::Preview, Some(summary)) => self.write_preview(&told.entry, summary).await?,
                (FetchItem::Section(wanted), _) => self.write_section(told, wanted, summary.as_ref()).await?,
                (_, summary) => self.write_item(told, item, summary.as_ref()),
            }
        }
        if told.flags_changed {
            if !items.contains(&FetchItem::Flags) {
                self.session.out().text(" ").flags(&told.flags, told.recent);
            }
            if self.session.enabled().condstore && !items.contains(&FetchItem::ModSeq) {
                write_modseq(self.session.out().text(" "), told.entry.modseq);
            }
        }
        self.session.out().text(")").end();
        Ok(())
    }

    fn write_item(&mut self, told: &Told, item: &FetchItem, summary: Option<&Summary>) {
        let mut out = self.session.out();
        match (item, summary) {
            (FetchItem::Flags, _) => drop(out.flags(&told.flags, told.recent)),
            (FetchItem::Envelope, Some(summary)) => {
                out.text("ENVELOPE ");
                envelope::write(&mut out, &summary.envelope);
            }
            (FetchItem::Body, Some(summary)) => {
                out.text("BODY ");
                structure::write(&mut out, &summary.root, false);
            }
            (FetchItem::BodyStructure, Some(summary)) => {
                out.text("BODYSTRUCTURE ");
                structure::write(&mut out, &summary.root, true);
            }
            _ => {
                let written = columns::write_column(&mut out, &told.entry, item);
                debug_assert!(written, "summaries are read for what needs them");
            }
        }
    }

    /// What was found out about the message at delivery, with offsets into the message as it is read here.
    pub(super) async fn summary(&self, entry: &Entry) -> Result<Summary, Stop> {
        let selected = self.selected.as_ref().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        self.summary_in(selected.at(), entry).await
    }

    /// The same of a message of any mailbox.
    pub(super) async fn summary_in(&self, at: At, entry: &Entry) -> Result<Summary, Stop> {
        let bytes = self.mailboxes().summary(at.0, at.1, entry.uid).await?;
        let mut summary =
            Summary::decode(&bytes).map_err(|_| Stop::no(Code::Corruption, "A summary is damaged"))?;
        // The summary may be of the shared body alone, which this recipient's trace headers precede.
        if summary.size == entry.blob_length && entry.prefix_length > 0 {
            let prefix = entry.prefix_length as usize;
            let prefix = self.mailboxes().read(at.0, at.1, entry, 0, prefix).await?;
            summary.prepend(&prefix);
        }
        Ok(summary)
    }

    /// Up to `length` bytes of a message from `offset`; none only at its end.
    pub(super) async fn read_email(
        &self,
        entry: &Entry,
        offset: u64,
        length: usize,
    ) -> Result<bytes::Bytes, Stop> {
        let selected = self.selected.as_ref().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        let (owner, mailbox) = selected.at();
        Ok(self.mailboxes().read(owner, mailbox, entry, offset, length).await?)
    }
}

/// Some of the messages of such ranges, by their places among them (RFC 9394 §3.3).
fn part_of(ranges: &[(u32, u32)], partial: Partial) -> Vec<(u32, u32)> {
    let count = ranges.iter().map(|(low, high)| (high - low + 1) as usize).sum();
    let wanted = partial.places(count);
    let mut before = 0;
    let cut = |&(low, high): &(u32, u32)| {
        let behind = before + (high - low + 1) as usize;
        let (from, to) = (wanted.start.clamp(before, behind), wanted.end.clamp(before, behind));
        let part = (low + (from - before) as u32, low + (to - before) as u32);
        before = behind;
        (part.0 < part.1).then(|| (part.0, part.1 - 1))
    };
    ranges.iter().filter_map(cut).collect()
}

fn sets_seen(item: &FetchItem) -> bool {
    match item {
        FetchItem::Section(section) => !section.peek,
        FetchItem::Binary(binary) => !binary.peek,
        _ => false,
    }
}

fn needs_summary(item: &FetchItem) -> bool {
    match item {
        FetchItem::Envelope
        | FetchItem::Body
        | FetchItem::BodyStructure
        | FetchItem::Preview
        | FetchItem::Binary(_)
        | FetchItem::BinarySize(_) => true,
        FetchItem::Section(section) => !section::is_whole(section),
        _ => false,
    }
}
