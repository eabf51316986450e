//! Arguments of APPEND, REPLACE, STORE and FETCH.

use mail::{Flags, Wall};

use super::{Mailbox, Partial};
use crate::SequenceSet;

/// APPEND or REPLACE without messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub mailbox: Mailbox,
    /// What goes in the same step: REPLACE.
    pub replaces: Option<Replaced>,
    /// As [`Request::supplied`](super::Request::supplied).
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
