//! The commands, as parsed: one type for each, and nothing that could not be carried out.

use mail::{Flags, MailboxName, NameError, Rights, SpecialUse, Wall};

use crate::SequenceSet;
use crate::grammar;

/// A command with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the client calls it.
    pub tag: String,
    /// What is asked.
    pub command: Command,
    /// The first mailbox that the command names, as the client wrote it, if one of its names has another form here:
    /// `inbox` is INBOX (RFC 9051 §6.3.9.7).
    pub supplied: Option<String>,
}

/// A mailbox as a command names it. A name that no mailbox can have is not a syntax error: such a mailbox
/// does not exist and cannot be created (RFC 3501 §5.1, NO rather than BAD).
pub type Mailbox = Result<MailboxName, BadName>;

/// Why a name cannot name a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// Not modified UTF-7 (RFC 3501 §5.1.3).
    Encoding,
    /// Not UTF-8 (RFC 9051 §5.1).
    Utf8,
    /// See [`NameError`].
    Name(NameError),
}

impl std::fmt::Display for BadName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Encoding => f.write_str("The mailbox name is not in modified UTF-7"),
            Self::Utf8 => f.write_str("The mailbox name is not in UTF-8"),
            Self::Name(why) => why.fmt(f),
        }
    }
}

/// Every command there is. `uid` says that it came with the prefix UID (RFC 3501 §6.4.8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the arguments of RFC 3501 §6")]
pub enum Command {
    // Any state.
    Capability,
    Noop,
    Logout,
    /// RFC 2971. What the client says about itself, name and value.
    Id(Vec<(String, String)>),
    // Not authenticated.
    StartTls,
    /// `initial` is the decoded initial response (RFC 4959).
    Authenticate {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    Login {
        user: String,
        password: String,
    },
    // Authenticated.
    /// RFC 8437.
    Unauthenticate,
    /// RFC 4978 §3. DEFLATE is the only algorithm there is.
    Compress,
    /// RFC 5161. Names in capitals.
    Enable(Vec<String>),
    Select(Select),
    /// `special_uses` are attributes as written (RFC 6154 §3).
    Create {
        mailbox: Mailbox,
        special_uses: Vec<String>,
    },
    Delete(Mailbox),
    Rename {
        from: Mailbox,
        to: Mailbox,
    },
    Subscribe(Mailbox),
    Unsubscribe(Mailbox),
    List(List),
    Lsub {
        reference: String,
        pattern: String,
    },
    Namespace,
    Status {
        mailbox: Mailbox,
        items: Vec<StatusItem>,
    },
    Idle,
    /// RFC 5465 §3.1.
    Notify(Notify),
    /// RFC 5464 §4.2.
    GetMetadata(GetMetadata),
    /// RFC 5464 §4.3. Names in lower case; no value takes the annotation away.
    SetMetadata {
        /// `None` for the server.
        mailbox: Option<Mailbox>,
        values: Vec<(String, Option<Vec<u8>>)>,
    },
    /// RFC 9208 §4.1.1.
    GetQuota(Vec<u8>),
    /// RFC 9208 §4.1.2.
    GetQuotaRoot(Mailbox),
    /// RFC 9208 §4.1.3; limits are the operator's.
    SetQuota,
    /// RFC 4314 §3.3.
    GetAcl(Mailbox),
    /// RFC 4314 §3.1.
    SetAcl {
        mailbox: Mailbox,
        identifier: String,
        how: StoreHow,
        rights: Rights,
    },
    /// RFC 4314 §3.2.
    DeleteAcl {
        mailbox: Mailbox,
        identifier: String,
    },
    /// RFC 4314 §3.4.
    ListRights {
        mailbox: Mailbox,
        identifier: String,
    },
    /// RFC 4314 §3.5.
    MyRights(Mailbox),
    // Selected.
    Check,
    Close,
    Unselect,
    /// `uids` for UID EXPUNGE (RFC 4315 §2.1).
    Expunge {
        uids: Option<SequenceSet>,
    },
    Search(Search),
    /// RFC 7377 §2.
    Esearch(Esearch),
    Sort(Sort),
    Thread(Thread),
    Fetch(Fetch),
    Store(Store),
    /// `and_remove` for MOVE (RFC 6851).
    Copy {
        uid: bool,
        set: SequenceSet,
        mailbox: Mailbox,
        and_remove: bool,
    },
}

/// SELECT or EXAMINE.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the arguments of RFC 3501 §6.3.1")]
pub struct Select {
    pub mailbox: Mailbox,
    /// EXAMINE.
    pub read_only: bool,
    /// RFC 7162 §3.1.8.
    pub condstore: bool,
    /// RFC 7162 §3.2.5.
    pub resync: Option<Resync>,
}

/// What a client knew of a mailbox when it left it (RFC 7162 §3.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resync {
    /// With any other UIDVALIDITY there is nothing to synchronise.
    pub uid_validity: u32,
    /// The HIGHESTMODSEQ it knew.
    pub modseq: u64,
    /// The UIDs it knew; all where it does not say.
    pub known: Option<SequenceSet>,
    /// It told sequence numbers of UIDs (RFC 7162 §3.2.5.2), which are not needed: which UIDs are gone is known exactly.
    pub has_match_data: bool,
}

/// NOTIFY (RFC 5465 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Nothing is to be told.
    None,
    /// This is, instead of what was before.
    Set {
        /// Whether the mailboxes' STATUS is told first.
        status: bool,
        /// What is to be told of which.
        groups: Vec<EventGroup>,
        /// `false` if there are events among them that nobody knows.
        supported: bool,
    },
}

/// What is to be told of some mailboxes (RFC 5465 §8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 5465 §8")]
pub struct EventGroup {
    pub filter: MailboxFilter,
    pub events: Events,
}

/// Which mailboxes (RFC 5465 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 5465 §6")]
pub enum MailboxFilter {
    /// `delayed`: EXPUNGE waits for a command.
    Selected {
        delayed: bool,
    },
    Inboxes,
    Personal,
    Subscribed,
    Subtree(Vec<Mailbox>),
    /// And children, but not theirs (RFC 7377 §2.2).
    SubtreeOne(Vec<Mailbox>),
    Mailboxes(Vec<Mailbox>),
}

impl MailboxFilter {
    /// The names in it.
    pub fn names(&self) -> &[Mailbox] {
        match self {
            Self::Subtree(names) | Self::SubtreeOne(names) | Self::Mailboxes(names) => names,
            _ => &[],
        }
    }

    /// Whether a mailbox is meant by its name; never by being selected.
    pub fn matches(&self, name: &MailboxName, subscribed: bool) -> bool {
        let is_any =
            |names: &[Mailbox], meant: &dyn Fn(&MailboxName) -> bool| names.iter().flatten().any(meant);
        match self {
            Self::Selected { .. } => false,
            // RFC 5465 §6.3: filters of the owner's may deliver anywhere.
            Self::Inboxes | Self::Personal => true,
            Self::Subscribed => subscribed,
            Self::Subtree(roots) => is_any(roots, &|root| root == name || name.is_below(root)),
            Self::SubtreeOne(roots) => is_any(roots, &|root| root == name || name.is_child_of(root)),
            Self::Mailboxes(names) => is_any(names, &|one| one == name),
        }
    }
}

/// Events (RFC 5465 §5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, missing_docs, reason = "named by RFC 5465 §5")]
pub struct Events {
    pub message_new: bool,
    /// What is told of new messages in the selected mailbox.
    pub fetch: Vec<FetchItem>,
    pub message_expunge: bool,
    pub flag_change: bool,
    pub mailbox_name: bool,
    pub subscription_change: bool,
    pub mailbox_metadata: bool,
    pub server_metadata: bool,
}

impl Events {
    /// These and those. FETCH items, which are the selected mailbox's alone, stay.
    pub fn add(&mut self, others: &Self) {
        self.message_new |= others.message_new;
        self.message_expunge |= others.message_expunge;
        self.flag_change |= others.flag_change;
        self.mailbox_name |= others.mailbox_name;
        self.subscription_change |= others.subscription_change;
        self.mailbox_metadata |= others.mailbox_metadata;
        self.server_metadata |= others.server_metadata;
    }
}

/// GETMETADATA (RFC 5464 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMetadata {
    /// `None` for the server.
    pub mailbox: Option<Mailbox>,
    /// Names, in lower case.
    pub entries: Vec<String>,
    /// The longest value that is wanted.
    pub max_size: Option<u32>,
    /// What is wanted of what is below the names.
    pub depth: Depth,
}

/// The option DEPTH of GETMETADATA (RFC 5464 §4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 5464 §4.2.2")]
pub enum Depth {
    Zero,
    One,
    Infinity,
}

/// LIST with RFC 5258's options.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
pub struct List {
    /// In front of each pattern; UTF-8.
    pub reference: String,
    /// With `%` and `*`; UTF-8.
    pub patterns: Vec<String>,
    /// Whether selection or return options were given at all.
    pub extended: bool,
    /// Only subscribed ones.
    pub select_subscribed: bool,
    /// Only ones with a special use (RFC 6154 §2).
    pub select_special_use: bool,
    /// Also those whose children match (RFC 5258 §3.1).
    pub select_recursive: bool,
    /// Say which are subscribed.
    pub return_subscribed: bool,
    /// STATUS of each (RFC 5819).
    pub return_status: Vec<StatusItem>,
    /// Annotations of each (RFC 9590).
    pub return_metadata: Vec<String>,
    /// What may be done with each (RFC 8440).
    pub return_rights: bool,
}

/// What STATUS tells (RFC 3501 §6.3.10, RFC 9051 §6.3.11; SIZE also RFC 8438).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §6.3.10")]
pub enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    Deleted,
    Size,
    /// RFC 7162 §3.1.7.
    HighestModSeq,
    /// RFC 7889 §4.
    AppendLimit,
    /// RFC 8474 §4.3.
    MailboxId,
    /// RFC 9208 §4.1.4.
    DeletedStorage,
}

impl StatusItem {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::Size,
        Self::HighestModSeq,
        Self::AppendLimit,
        Self::MailboxId,
        Self::DeletedStorage,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
            Self::MailboxId => "MAILBOXID",
            Self::DeletedStorage => "DELETED-STORAGE",
        }
    }
}

/// APPEND or REPLACE without messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub mailbox: Mailbox,
    /// What goes in the same step: REPLACE.
    pub replaces: Option<Replaced>,
    /// As [`Request::supplied`].
    pub supplied: Option<String>,
}

/// The one message that REPLACE replaces (RFC 8508 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// It is named by its UID.
    pub uid: bool,
    /// One number, or `*`.
    pub set: SequenceSet,
}

/// How a message is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// With which flags.
    pub flags: Flags,
    /// The internal date; `None` for now.
    pub date: Option<Wall>,
}

/// STORE.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the arguments of RFC 3501 §6.4.6")]
pub struct Store {
    pub uid: bool,
    pub set: SequenceSet,
    pub how: StoreHow,
    pub silent: bool,
    pub flags: Flags,
    /// Only messages that have not changed since (RFC 7162 §3.1.3).
    pub unchanged_since: Option<u64>,
}

/// FLAGS, +FLAGS or -FLAGS; and the same of rights (RFC 4314 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §6.4.6")]
pub enum StoreHow {
    Replace,
    Add,
    Remove,
}

/// FETCH.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the arguments of RFC 3501 §6.4.5")]
pub struct Fetch {
    pub uid: bool,
    pub set: SequenceSet,
    pub items: Vec<FetchItem>,
    /// Only messages that have changed since (RFC 7162 §3.1.4.1).
    pub changed_since: Option<u64>,
    /// And which are gone since (RFC 7162 §3.2.6).
    pub vanished: bool,
    /// Only some of the set (RFC 9394 §3.3); before the others are left out.
    pub partial: Option<Partial>,
}

/// One data item of FETCH (RFC 3501 §6.4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §6.4.5")]
pub enum FetchItem {
    Flags,
    Uid,
    InternalDate,
    Rfc822Size,
    Envelope,
    /// BODY without a section: the structure without extension data.
    Body,
    BodyStructure,
    /// RFC 7162 §3.1.4.2.
    ModSeq,
    /// RFC 8514 §4.2.
    SaveDate,
    /// RFC 8474 §5.1.
    EmailId,
    /// RFC 8474 §5.2.
    ThreadId,
    /// RFC 8970 §3. Also with LAZY: a preview is never a long way off.
    Preview,
    /// RFC 3516 §4.2.
    Binary(FetchBinary),
    /// RFC 3516 §4.3: of this part.
    BinarySize(Vec<u32>),
    Section(FetchSection),
}

/// `BINARY[section-part]<partial>` (RFC 3516 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchBinary {
    /// Part numbers from outside in; none for the message itself.
    pub part: Vec<u32>,
    /// Without setting \Seen.
    pub peek: bool,
    /// Offset and count, of decoded bytes.
    pub partial: Option<(u64, u64)>,
}

/// `BODY[section]<partial>` and what RFC822 and its kin mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSection {
    /// Which bytes.
    pub section: Section,
    /// Without setting \Seen.
    pub peek: bool,
    /// Offset and count.
    pub partial: Option<(u64, u64)>,
    /// How the response names it.
    pub label: Label,
}

/// The name a response uses for a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §6.4.5")]
pub enum Label {
    Body,
    Rfc822,
    Rfc822Header,
    Rfc822Text,
}

/// RFC 3501 §6.4.5: a part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Part numbers from outside in; none for the message itself.
    pub part: Vec<u32>,
    /// What of it.
    pub what: SectionWhat,
}

/// What of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §6.4.5")]
pub enum SectionWhat {
    All,
    Header,
    /// Field names as the client wrote them.
    HeaderFields(Vec<String>),
    HeaderFieldsNot(Vec<String>),
    Text,
    Mime,
}

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

/// The attribute of a special use, and back (RFC 6154 §2).
pub fn special_use(attribute: &str) -> Option<SpecialUse> {
    SpecialUse::ALL.into_iter().find(|u| u.attribute().eq_ignore_ascii_case(attribute))
}
