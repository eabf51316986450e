//! A mailbox at one moment: what SELECT opens and FETCH reads.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use mail::{AccountId, Flags, Keyword, MailboxId, ModSeq, Uid, UidValidity};

use crate::chunk::{self, Chunk};
use crate::flag_table::FlagTable;
use crate::{Entry, FlagSet};

/// The messages of a mailbox as of one commit: immutable, shared by all who look at it.
///
/// Sequence numbers begin at 1 and follow UIDs (RFC 3501 §2.3.1.2). Kept in chunks that successive views share, so
/// that bringing a view up to date and comparing two views costs by what changed.
#[derive(Clone, Debug)]
pub struct View {
    account: AccountId,
    mailbox: MailboxId,
    pub(crate) uid_validity: UidValidity,
    pub(crate) object: u32,
    pub(crate) uid_next: Uid,
    pub(crate) highest_modseq: ModSeq,
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// The sequence number with which each chunk begins.
    starts: Vec<u32>,
    len: u32,
    pub(crate) table: Arc<FlagTable>,
}

/// What changed between two views of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// UIDs that are gone, ascending.
    pub vanished: Vec<Uid>,
    /// UIDs that were there and have other flags, ascending.
    pub changed: Vec<Uid>,
    /// UIDs that are new, ascending.
    pub arrived: Vec<Uid>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.vanished.is_empty() && self.changed.is_empty() && self.arrived.is_empty()
    }
}

impl View {
    /// From chunks in order of UID; the caller fills in the mailbox's numbers.
    pub(crate) fn assemble(
        account: AccountId,
        mailbox: MailboxId,
        chunks: Vec<Arc<Chunk>>,
        table: Arc<FlagTable>,
    ) -> Self {
        let mut len = 0;
        let start = |chunk: &Arc<Chunk>| {
            let start = len + 1;
            len += chunk.summary.len;
            start
        };
        let starts = chunks.iter().map(start).collect();
        let one = NonZeroU32::MIN;
        let (uid_validity, uid_next) = (UidValidity(one), Uid(one));
        Self {
            account,
            mailbox,
            uid_validity,
            object: 0,
            uid_next,
            highest_modseq: ModSeq(1),
            chunks,
            starts,
            len,
            table,
        }
    }

    /// Bytes of memory, roughly; chunks shared with other views count for each.
    pub(crate) fn memory(&self) -> usize {
        let entries = self.len() * size_of::<Entry>();
        512 + entries + self.chunks.len() * 64 + self.table.sets.len() * 64
    }

    /// Whose it is.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Of which mailbox.
    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }

    /// UIDVALIDITY.
    pub fn uid_validity(&self) -> UidValidity {
        self.uid_validity
    }

    /// As [`MailboxInfo::object`](crate::MailboxInfo::object).
    pub fn object(&self) -> u32 {
        self.object
    }

    /// The UID that the next message gets, at least.
    pub fn uid_next(&self) -> Uid {
        self.uid_next
    }

    /// HIGHESTMODSEQ: the greatest MODSEQ of any change in the mailbox, at least 1.
    pub fn highest_modseq(&self) -> ModSeq {
        self.highest_modseq
    }

    /// Messages.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Messages without \Seen.
    pub fn unseen(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.summary.unseen as usize).sum()
    }

    /// The sequence number of the first message without \Seen.
    pub fn first_unseen(&self) -> Option<u32> {
        let at = self.chunks.iter().position(|chunk| chunk.summary.unseen > 0)?;
        let within = self.chunks[at].entries().iter().position(|e| self.table.is_unseen(e.flags))?;
        Some(self.starts[at] + within as u32)
    }

    /// Bytes of all messages.
    pub fn size(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.summary.size).sum()
    }

    /// The message of a sequence number.
    pub fn get(&self, sequence: u32) -> Option<&Entry> {
        let at = self.chunk_of(sequence)?;
        self.chunks[at].entries().get((sequence - self.starts[at]) as usize)
    }

    fn chunk_of(&self, sequence: u32) -> Option<usize> {
        self.starts.partition_point(|&start| start <= sequence).checked_sub(1)
    }

    /// The message of a UID, with its sequence number.
    pub fn by_uid(&self, uid: Uid) -> Option<(u32, &Entry)> {
        let at = self.chunks.partition_point(|chunk| chunk.last() < uid);
        let entries = self.chunks.get(at)?.entries();
        let within = entries.binary_search_by_key(&uid, |entry| entry.uid).ok()?;
        Some((self.starts[at] + within as u32, &entries[within]))
    }

    /// The sequence number of the first message whose UID is `uid` or above; `len() + 1` if there is none.
    pub fn sequence_from(&self, uid: Uid) -> u32 {
        let at = self.chunks.partition_point(|chunk| chunk.last() < uid);
        match self.chunks.get(at) {
            Some(chunk) => self.starts[at] + chunk.entries().partition_point(|e| e.uid < uid) as u32,
            None => self.len + 1,
        }
    }

    /// All messages with their sequence numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.range(1, u32::MAX)
    }

    /// The messages from sequence number `first` to `last`, both included.
    pub fn range(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let first = first.max(1);
        let at = self.chunk_of(first).unwrap_or(0);
        let chunks = self.chunks[at..].iter().zip(&self.starts[at..]);
        chunks.take_while(move |&(_, &start)| start <= last).flat_map(move |(chunk, &start)| {
            let entries = chunk.entries();
            let from = (first.saturating_sub(start) as usize).min(entries.len());
            let to = ((last - start) as usize).saturating_add(1).min(entries.len());
            (start + from as u32..).zip(entries.get(from..to).unwrap_or_default())
        })
    }

    /// The messages with UIDs from `first` to `last`, both included, with their sequence numbers.
    pub fn uid_range(&self, first: Uid, last: Uid) -> impl Iterator<Item = (u32, &Entry)> {
        let start = self.sequence_from(first);
        self.range(start, u32::MAX).take_while(move |(_, entry)| entry.uid <= last)
    }

    /// The messages whose last change is above `since`, with their sequence numbers, ascending. Costs by the chunks and by
    /// what is in those that have some.
    pub fn changed_since(&self, since: ModSeq) -> impl Iterator<Item = (u32, &Entry)> {
        let chunks =
            self.chunks.iter().zip(&self.starts).filter(move |(chunk, _)| chunk.summary.newest > since);
        let all = chunks.flat_map(|(chunk, &start)| (start..).zip(chunk.entries()));
        all.filter(move |(_, entry)| entry.modseq > since)
    }

    /// The flags of a set.
    pub fn flags(&self, set: FlagSet) -> &Flags {
        self.table.get(set)
    }

    /// All flag sets, by [`FlagSet`] number; for rendering each only once.
    pub fn flag_sets(&self) -> &[Flags] {
        &self.table.sets
    }

    /// All keywords in use, ascending; perhaps some that were in use lately.
    pub fn keywords(&self) -> Vec<Keyword> {
        self.table.keywords()
    }

    /// What changed from `older`, a view of the same mailbox, to this one.
    pub fn changes_since(&self, older: &Self) -> Changes {
        let shared: BTreeSet<*const Chunk> = pointers(older).intersection(&pointers(self)).copied().collect();
        let mut changes = Changes::default();
        let mut before = unshared(older, &shared).peekable();
        for entry in unshared(self, &shared) {
            while let Some(gone) = before.next_if(|b| b.uid < entry.uid) {
                changes.vanished.push(gone.uid);
            }
            match before.next_if(|b| b.uid == entry.uid) {
                Some(same) if same.modseq == entry.modseq => {}
                Some(_) => changes.changed.push(entry.uid),
                None => changes.arrived.push(entry.uid),
            }
        }
        changes.vanished.extend(before.map(|gone| gone.uid));
        changes
    }
}

impl View {
    /// This view with what changed and arrived up to `latest`, but with the messages that are gone there: what a session
    /// knows while it may not be told of an EXPUNGE (RFC 3501 §7.4.1). Its MODSEQ stays, so that they are still found
    /// missing later. `None` if the two number their flag sets differently, because one was built afresh.
    #[must_use]
    pub fn with_news_of(&self, latest: &Self, changes: &Changes) -> Option<Self> {
        if !latest.table.sets.starts_with(&self.table.sets) {
            return None;
        }
        let news = changes.changed.iter().chain(&changes.arrived);
        let updates = news.map(|&uid| (uid, latest.by_uid(uid).map(|(_, entry)| *entry))).collect();
        let chunks = chunk::update(&self.chunks, &updates, &latest.table);
        let mut view = Self::assemble(self.account, self.mailbox, chunks, latest.table.clone());
        (view.uid_validity, view.uid_next) = (latest.uid_validity, latest.uid_next);
        view.object = latest.object;
        view.highest_modseq = self.highest_modseq;
        Some(view)
    }
}

fn pointers(view: &View) -> BTreeSet<*const Chunk> {
    view.chunks.iter().map(Arc::as_ptr).collect()
}

/// The messages of `view` that are not in shared chunks, by UID.
fn unshared<'a>(view: &'a View, shared: &BTreeSet<*const Chunk>) -> impl Iterator<Item = &'a Entry> {
    let own = view.chunks.iter().filter(|chunk| !shared.contains(&Arc::as_ptr(chunk)));
    own.flat_map(|chunk| chunk.entries())
}
