//! Arguments of SEARCH, SORT and THREAD.

use super::MailboxFilter;
use crate::{SequenceSet, grammar};

/// SEARCH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Whether UIDs are wanted.
    pub uid: bool,
    /// The charset of the strings; `None` for US-ASCII.
    pub charset: Option<String>,
    /// What to look for.
    pub key: SearchKey,
    /// What is told of it; `None` for the plain response (RFC 4731 §3.1).
    pub returns: Option<Returns>,
}

/// ESEARCH (RFC 7377 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Esearch {
    /// Where to look: the selected mailbox where nothing is said.
    pub sources: Vec<MailboxFilter>,
    /// What to look for. UIDs are told, and that the mailbox is selected does not matter.
    pub search: Search,
}

impl Esearch {
    /// Whether a mailbox must be selected (RFC 7377 §2.2).
    pub fn needs_selected(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, MailboxFilter::Selected { .. }))
    }
}

/// SORT (RFC 5256 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What is sorted, and how the result is told.
    pub search: Search,
    /// By what, the first before the second.
    pub by: Vec<SortBy>,
}

/// One criterion of SORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortBy {
    /// What is compared.
    pub what: SortWhat,
    /// The largest first.
    pub reverse: bool,
}

/// What SORT compares (RFC 5256 §3, RFC 5957 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 5256 §3 and RFC 5957 §3")]
pub enum SortWhat {
    Arrival,
    Cc,
    Date,
    From,
    Size,
    Subject,
    To,
    DisplayFrom,
    DisplayTo,
    /// RFC 6203 §6: the most relevant first.
    Relevancy,
}

/// THREAD (RFC 5256 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// What is threaded.
    pub search: Search,
    /// How.
    pub by: ThreadBy,
}

/// The algorithms of THREAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 5256 §3")]
pub enum ThreadBy {
    OrderedSubject,
    References,
}

/// The result options of SEARCH (RFC 4731 §3.1, RFC 5182 §2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, missing_docs, reason = "named by RFC 4731 §3.1")]
pub struct Returns {
    pub min: bool,
    pub max: bool,
    pub all: bool,
    pub count: bool,
    /// Keep the result for `$`.
    pub save: bool,
    /// RFC 6203 §4.
    pub relevancy: bool,
    /// RFC 9394 §3.1.
    pub partial: Option<Partial>,
}

/// Which of the results: their places, counted from 1, from the first one on or backwards from the last (RFC 9394 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// One end, as written.
    pub from: u32,
    /// The other end, as written; `500:400` means the same as `400:500`.
    pub to: u32,
    /// Counted from the last one.
    pub backwards: bool,
}

impl Partial {
    /// Which of so many results, counted from 0 and from the first one on.
    pub fn places(self, count: usize) -> std::ops::Range<usize> {
        let (low, high) = (self.from.min(self.to) as usize, self.from.max(self.to) as usize);
        if self.backwards {
            count.saturating_sub(high)..(count + 1).saturating_sub(low)
        } else {
            low.saturating_sub(1).min(count)..high.min(count)
        }
    }
}

impl std::fmt::Display for Partial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.backwards { "-" } else { "" };
        write!(f, "{sign}{}:{sign}{}", self.from, self.to)
    }
}

impl SearchKey {
    /// Whether messages are named by number.
    pub fn names_numbers(&self) -> bool {
        match self {
            Self::Sequence(_) => true,
            Self::Not(key) | Self::Fuzzy(key) => key.names_numbers(),
            Self::Or(a, b) => a.names_numbers() || b.names_numbers(),
            Self::And(keys) => keys.iter().any(Self::names_numbers),
            _ => false,
        }
    }

    /// Whether any of it is matched fuzzily.
    pub fn is_fuzzy(&self) -> bool {
        match self {
            Self::Fuzzy(_) => true,
            Self::Not(key) => key.is_fuzzy(),
            Self::Or(a, b) => a.is_fuzzy() || b.is_fuzzy(),
            Self::And(keys) => keys.iter().any(Self::is_fuzzy),
            _ => false,
        }
    }

    /// Whether the result tells the highest MODSEQ (RFC 7162 §3.1.5).
    pub fn asks_modseq(&self) -> bool {
        match self {
            Self::ModSeq(_) => true,
            Self::Not(key) | Self::Fuzzy(key) => key.asks_modseq(),
            Self::Or(a, b) => a.asks_modseq() || b.asks_modseq(),
            Self::And(keys) => keys.iter().any(Self::asks_modseq),
            _ => false,
        }
    }
}

/// One condition of SEARCH (RFC 3501 §6.4.4). Strings are in the search's charset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §6.4.4")]
pub enum SearchKey {
    All,
    /// A system flag is set (or not).
    Flag(mail::Flag, bool),
    Keyword(mail::Keyword, bool),
    /// \Recent is set (or not: OLD).
    Recent(bool),
    /// Recent and not seen.
    New,
    /// Internal date, by day.
    Internal(DateRelation, grammar::Day),
    /// The save date, by day (RFC 8514 §4.3).
    Saved(DateRelation, grammar::Day),
    /// Save dates are kept here (RFC 8514 §4.3).
    SaveDateSupported,
    /// The Date header, by day.
    Sent(DateRelation, grammar::Day),
    Larger(u64),
    Smaller(u64),
    Header {
        field: String,
        contains: Vec<u8>,
    },
    Body(Vec<u8>),
    Text(Vec<u8>),
    /// RFC 8474 §6; case matters.
    EmailId(String),
    /// RFC 8474 §6; case matters.
    ThreadId(String),
    /// Changed at or after (RFC 7162 §3.1.5).
    ModSeq(u64),
    /// Internal date at least so many seconds ago (RFC 5032 §3).
    Older(u32),
    /// Internal date less than so many seconds ago, or exactly.
    Younger(u32),
    Uid(SequenceSet),
    Sequence(SequenceSet),
    Not(Box<SearchKey>),
    /// RFC 6203 §3.
    Fuzzy(Box<SearchKey>),
    Or(Box<SearchKey>, Box<SearchKey>),
    And(Vec<SearchKey>),
}

/// How a day compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §6.4.4")]
pub enum DateRelation {
    Before,
    On,
    Since,
}
