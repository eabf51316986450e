//! A SEARCH as it is carried out: sets resolved, strings decoded and folded.

use imap::command::{DateRelation, SearchKey};
use imap::grammar::Day;
use imap::{Numbers, SequenceSet};
use mail::{Flag, Id, Keyword, ModSeq, Wall};

use super::super::object::content;
use super::super::selected::Selected;

/// A condition.
#[derive(Debug)]
pub(super) enum Test {
    All,
    Flag(Flag, bool),
    Keyword(Keyword, bool),
    Recent(bool),
    New,
    Internal(DateRelation, Day),
    Saved(DateRelation, Day),
    Sent(DateRelation, Day),
    Larger(u64),
    Smaller(u64),
    /// The strings are folded; see [`fold`].
    Header {
        field: String,
        contains: String,
    },
    Body(String),
    Text(String),
    /// This content (RFC 8474 §6).
    Content(Id),
    /// Changed at or after.
    ModSeq(ModSeq),
    /// Internal date at or before.
    Until(Wall),
    /// Internal date at or after.
    From(Wall),
    Uid(Numbers),
    Number(Numbers),
    Not(Box<Test>),
    Any(Vec<Test>),
    Every(Vec<Test>),
}

/// What no message passes.
const NOTHING: Test = Test::Any(Vec::new());

/// Case does not matter (RFC 3501 §6.4.4), in any script.
pub(super) fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Charsets that strings may come in besides UTF-8 and US-ASCII.
const CHARSETS: [&str; 24] = [
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-9",
    "ISO-8859-15",
    "WINDOWS-1250",
    "WINDOWS-1251",
    "WINDOWS-1252",
    "WINDOWS-1253",
    "WINDOWS-1254",
    "WINDOWS-1256",
    "KOI8-R",
    "KOI8-U",
    "GB2312",
    "GB18030",
    "BIG5",
    "SHIFT_JIS",
    "EUC-JP",
    "EUC-KR",
];

/// The charset of that name, if it is known.
pub(super) fn charset(name: &str) -> Option<&'static str> {
    let known = ["UTF-8", "US-ASCII"].into_iter().chain(CHARSETS);
    known.into_iter().find(|charset| charset.eq_ignore_ascii_case(name))
}

/// US-ASCII is read as UTF-8: clients that send 8-bit strings without naming a charset mean that.
fn decode(charset: &'static str, bytes: &[u8]) -> String {
    match charset {
        "UTF-8" | "US-ASCII" => fold(&String::from_utf8_lossy(bytes)),
        other => fold(&message::text::to_utf8(other, bytes)),
    }
}

/// Resolves and decodes. As deep as the grammar allows, which is bounded.
pub(super) fn compile(key: SearchKey, charset: &'static str, selected: &Selected, now: Wall) -> Test {
    let inner = |key: SearchKey| compile(key, charset, selected, now);
    let ago = |seconds: u32| Wall::from_millis(now.millis().saturating_sub(i64::from(seconds) * 1000));
    match key {
        SearchKey::All | SearchKey::SaveDateSupported => Test::All,
        SearchKey::Flag(flag, set) => Test::Flag(flag, set),
        SearchKey::Keyword(keyword, set) => Test::Keyword(keyword, set),
        SearchKey::Recent(recent) => Test::Recent(recent),
        SearchKey::New => Test::New,
        SearchKey::Internal(relation, day) => Test::Internal(relation, day),
        SearchKey::Saved(relation, day) => Test::Saved(relation, day),
        SearchKey::Sent(relation, day) => Test::Sent(relation, day),
        SearchKey::Larger(size) => Test::Larger(size),
        SearchKey::Smaller(size) => Test::Smaller(size),
        SearchKey::Header { field, contains } => Test::Header { field, contains: decode(charset, &contains) },
        SearchKey::Body(text) => Test::Body(decode(charset, &text)),
        SearchKey::Text(text) => Test::Text(decode(charset, &text)),
        SearchKey::EmailId(id) => content(&id).map_or(NOTHING, Test::Content),
        // RFC 8474 §5.2: no message has one.
        SearchKey::ThreadId(_) => NOTHING,
        SearchKey::ModSeq(modseq) => Test::ModSeq(ModSeq(modseq)),
        SearchKey::Older(seconds) => Test::Until(ago(seconds)),
        SearchKey::Younger(seconds) => Test::From(ago(seconds)),
        // RFC 5182 §2.1: `$` means messages, whether they are called by number or by UID.
        SearchKey::Uid(set) | SearchKey::Sequence(set @ SequenceSet::Saved) => Test::Uid(selected.uids(&set)),
        SearchKey::Sequence(set) => Test::Number(set.resolve(selected.count(), &selected.saved)),
        SearchKey::Not(key) => Test::Not(Box::new(inner(*key))),
        SearchKey::Or(a, b) => Test::Any(vec![inner(*a), inner(*b)]),
        SearchKey::And(keys) => Test::Every(keys.into_iter().map(inner).collect()),
    }
}
