//! The selected mailbox as this client knows it (RFC 3501 §2.3.1.2): its message sequence numbers are those of a
//! [`View`] that only moves on when the client has been told.

use std::sync::Arc;

use imap::{Completion, Numbers, SequenceSet};
use mail::{ModSeq, Right, Rights, Uid};
use mailbox::{Entry, View};
use store::Watch;

use super::place::{At, refused};
use super::stop::Stop;
use super::uid_batches::Batched;

/// The UID that `*` stands for; 0 in an empty mailbox.
pub(crate) fn largest_uid(view: &View) -> u32 {
    u32::try_from(view.len()).ok().and_then(|last| view.get(last)).map_or(0, |entry| entry.uid.get())
}

/// What a client that counts MODSEQs itself makes of those it has heard (RFC 7162 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HowFar {
    /// The highest is how far it is.
    Right,
    /// Too much: a message that is gone has not been told yet.
    TooFar,
    /// Too little: a message that is gone is told without a MODSEQ.
    TooShort,
}

/// See the module's description.
pub(crate) struct Selected {
    /// What the client's sequence numbers mean.
    pub(crate) view: Arc<View>,
    /// By EXAMINE, or for want of rights.
    pub(crate) read_only: bool,
    /// What this client may do with it.
    pub(crate) rights: Rights,
    /// Notices of its account, if that is another one.
    pub(crate) watch: Option<Watch>,
    /// Ranges of UIDs that are \Recent in this session, ascending.
    recent: Vec<(u32, u32)>,
    /// Changes this session made itself and has told already.
    pub(crate) told: Vec<ModSeq>,
    /// Changes by which this session itself brought messages in, since it was last told of new ones.
    pub(crate) own_new: Vec<ModSeq>,
    /// UIDs of the saved search result, `$` (RFC 5182 §2.1); of messages that are gone too, which name nothing.
    pub(crate) saved: Numbers,
    pub(crate) how_far: HowFar,
    /// What UIDBATCHES has told.
    pub(super) batched: Batched,
}

impl Selected {
    pub(crate) fn new(view: Arc<View>, read_only: bool, rights: Rights, watch: Option<Watch>) -> Self {
        Self {
            view,
            read_only,
            rights,
            watch,
            recent: Vec::new(),
            told: Vec::new(),
            own_new: Vec::new(),
            saved: Numbers::default(),
            how_far: HowFar::Right,
            batched: Batched::default(),
        }
    }

    pub(super) fn at(&self) -> At {
        (self.view.account(), self.view.mailbox())
    }

    /// `NO [NOPERM]` without the right.
    pub(super) fn demand(&self, right: Right) -> Result<(), Stop> {
        if self.rights.has(right) { Ok(()) } else { Err(refused()) }
    }

    /// Messages of the view above `above` are recent in this session.
    pub(crate) fn add_recent(&mut self, above: Option<Uid>) {
        let first = above.map_or(1, |uid| uid.get().saturating_add(1));
        let last = largest_uid(&self.view);
        if first > last {
            return;
        }
        match self.recent.last_mut() {
            Some(range) if first <= range.1.saturating_add(1) => range.1 = range.1.max(last),
            _ => self.recent.push((first, last)),
        }
    }

    /// No message is \Recent for a client of IMAP4rev2 (RFC 9051 Appendix E).
    pub(crate) fn forget_recent(&mut self) {
        self.recent.clear();
    }

    /// Whether a message is \Recent here.
    pub(crate) fn is_recent(&self, uid: Uid) -> bool {
        let at = self.recent.partition_point(|&(_, last)| last < uid.get());
        self.recent.get(at).is_some_and(|&(first, _)| first <= uid.get())
    }

    /// Whether the client has been told of these messages as they are here.
    pub(crate) fn knows(&self, entries: &[Entry]) -> bool {
        entries
            .iter()
            .all(|entry| self.view.by_uid(entry.uid).is_some_and(|(_, known)| known.modseq == entry.modseq))
    }

    /// How many messages are \Recent here.
    pub(crate) fn recent_count(&self) -> u32 {
        let count = |&(first, last): &(u32, u32)| {
            let (low, high) = self.uids_to_sequence(first, last);
            (high + 1).saturating_sub(low)
        };
        self.recent.iter().map(count).sum()
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.view.len()).unwrap_or(u32::MAX)
    }

    /// Sequence numbers of the messages with UIDs from `first` to `last`; the first greater than the second if there
    /// are none.
    fn uids_to_sequence(&self, first: u32, last: u32) -> (u32, u32) {
        let from = |uid: u32| Uid::new(uid).map_or(1, |uid| self.view.sequence_from(uid));
        let behind = last.checked_add(1).map_or(self.count() + 1, from);
        (from(first), behind - 1)
    }

    /// The ranges of sequence numbers that a set means: ascending, each non-empty.
    /// RFC 3501 §9: sequence numbers of messages that are not there are an error; such UIDs are not (§6.4.8).
    pub(crate) fn ranges(&self, uid: bool, set: &SequenceSet) -> Result<Vec<(u32, u32)>, Completion> {
        if uid || *set == SequenceSet::Saved {
            return Ok(self.ranges_of_uids(&self.uids(set)));
        }
        if set.largest_written() > self.count() {
            return Err(Completion::bad("There is no message of that number"));
        }
        Ok(set.resolve(self.count(), &self.saved).ranges().to_vec())
    }

    /// The ranges of sequence numbers of the messages with these UIDs.
    pub(crate) fn ranges_of_uids(&self, uids: &Numbers) -> Vec<(u32, u32)> {
        let ranges = uids.ranges().iter().map(|&(first, last)| self.uids_to_sequence(first, last));
        ranges.filter(|(low, high)| low <= high).collect()
    }

    /// The UIDs that a set of UIDs means.
    pub(crate) fn uids(&self, set: &SequenceSet) -> Numbers {
        set.resolve(largest_uid(&self.view), &self.saved)
    }

    /// The same where messages that are gone are meant, too: `*` is then the last UID there ever was.
    pub(crate) fn uids_ever(&self, set: &SequenceSet) -> Numbers {
        set.resolve(self.view.uid_next().get() - 1, &self.saved)
    }

    /// Those of such ranges whose messages have changed since `modseq`.
    pub(crate) fn changed_since(&self, ranges: &[(u32, u32)], modseq: ModSeq) -> Vec<(u32, u32)> {
        let is_within = |number: &u32| {
            let at = ranges.partition_point(|&(_, high)| high < *number);
            ranges.get(at).is_some_and(|&(low, _)| low <= *number)
        };
        let changed = self.view.changed_since(modseq).map(|(number, _)| number).filter(is_within);
        changed.collect::<Numbers>().ranges().to_vec()
    }

    /// The messages of such ranges.
    pub(crate) fn entries(&self, ranges: &[(u32, u32)]) -> impl Iterator<Item = (u32, &Entry)> {
        ranges.iter().copied().flat_map(|(low, high)| self.view.range(low, high))
    }
}
