//! A SEARCH as it is carried out: sets resolved, strings decoded and folded.

use imap::command::{DateRelation, SearchKey};
use imap::grammar::Day;
use imap::{Numbers, SequenceSet};
use mail::{Flag, Id, Keyword, ModSeq, Wall};
use search::{Likeness, Phrase, Zones};

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
    /// The strings are folded; see [`fold`]. `term` is the place among [`Plan::terms`].
    Header {
        field: String,
        contains: String,
        term: usize,
    },
    Body {
        contains: String,
        term: usize,
    },
    Text {
        contains: String,
        term: usize,
    },
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
    /// A place among [`Plan::fuzzy`] (RFC 6203).
    Fuzzy(usize),
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

/// What the index is asked for.
pub(super) struct Term {
    pub(super) phrase: Phrase,
    pub(super) zones: Zones,
}

/// A condition, with what the index may know of it.
pub(super) struct Plan {
    pub(super) test: Test,
    pub(super) terms: Vec<Term>,
    /// What is matched fuzzily.
    pub(super) fuzzy: Vec<Likeness>,
    /// Whether a message's header or text may have to be read.
    pub(super) reads: bool,
}

impl Plan {
    /// Resolves and decodes. `None` if the charset is not known.
    pub(super) fn new(key: SearchKey, charset_name: &str, selected: &Selected, now: Wall) -> Option<Self> {
        let charset = charset(charset_name)?;
        let mut compiler = Compiler {
            charset,
            selected,
            now,
            terms: Vec::new(),
            fuzzy: Vec::new(),
            is_fuzzy: false,
            reads: false,
        };
        let test = compiler.compile(key);
        Some(Self { test, terms: compiler.terms, fuzzy: compiler.fuzzy, reads: compiler.reads })
    }

    /// The messages that may pass, by the numbers and UIDs that all must have: ranges of numbers, ascending.
    pub(super) fn candidates(&self, selected: &Selected) -> Vec<(u32, u32)> {
        candidates(&self.test, selected)
    }
}

fn candidates(test: &Test, selected: &Selected) -> Vec<(u32, u32)> {
    let count = selected.count();
    let all = || if count == 0 { Vec::new() } else { vec![(1, count)] };
    match test {
        Test::Uid(uids) => selected.ranges_of_uids(uids),
        Test::Number(numbers) => meet(numbers.ranges(), &all()),
        Test::Every(tests) => {
            tests.iter().fold(all(), |so_far, test| meet(&so_far, &candidates(test, selected)))
        }
        _ => all(),
    }
}

/// What is in both of two ascending lists of ranges.
fn meet(a: &[(u32, u32)], b: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut both = Vec::new();
    while let (Some(&&one), Some(&&other)) = (a.peek(), b.peek()) {
        let (low, high) = (one.0.max(other.0), one.1.min(other.1));
        if low <= high {
            both.push((low, high));
        }
        if one.1 < other.1 {
            a.next()
        } else {
            b.next()
        };
    }
    both
}

/// What the strings and sets of a condition mean.
struct Compiler<'a> {
    charset: &'static str,
    selected: &'a Selected,
    now: Wall,
    terms: Vec<Term>,
    fuzzy: Vec<Likeness>,
    /// Within FUZZY.
    is_fuzzy: bool,
    reads: bool,
}

impl Compiler<'_> {
    /// As deep as the grammar allows, which is bounded.
    fn compile(&mut self, key: SearchKey) -> Test {
        match key {
            SearchKey::All | SearchKey::SaveDateSupported => Test::All,
            SearchKey::Flag(flag, set) => Test::Flag(flag, set),
            SearchKey::Keyword(keyword, set) => Test::Keyword(keyword, set),
            SearchKey::Recent(recent) => Test::Recent(recent),
            SearchKey::New => Test::New,
            SearchKey::Internal(relation, day) => Test::Internal(relation, day),
            SearchKey::Saved(relation, day) => Test::Saved(relation, day),
            SearchKey::Sent(relation, day) => {
                self.reads = true;
                Test::Sent(relation, day)
            }
            SearchKey::Larger(size) => Test::Larger(size),
            SearchKey::Smaller(size) => Test::Smaller(size),
            SearchKey::Header { field, contains } => self.header(field, &contains),
            SearchKey::Body(text) => {
                self.text(&text, Zones::BODY, |contains, term| Test::Body { contains, term })
            }
            SearchKey::Text(text) => {
                self.text(&text, Zones::ALL, |contains, term| Test::Text { contains, term })
            }
            SearchKey::EmailId(id) => content(&id).map_or(NOTHING, Test::Content),
            // RFC 8474 §5.2: no message has one.
            SearchKey::ThreadId(_) => NOTHING,
            SearchKey::ModSeq(modseq) => Test::ModSeq(ModSeq(modseq)),
            SearchKey::Older(seconds) => Test::Until(self.ago(seconds)),
            SearchKey::Younger(seconds) => Test::From(self.ago(seconds)),
            // RFC 5182 §2.1: `$` means messages, whether they are called by number or by UID.
            SearchKey::Uid(set) | SearchKey::Sequence(set @ SequenceSet::Saved) => {
                Test::Uid(self.selected.uids(&set))
            }
            SearchKey::Sequence(set) => {
                Test::Number(set.resolve(self.selected.count(), &self.selected.saved))
            }
            // RFC 6203 §5: strings are matched fuzzily, all else as ever.
            SearchKey::Fuzzy(key) => {
                let around = std::mem::replace(&mut self.is_fuzzy, true);
                let test = self.compile(*key);
                self.is_fuzzy = around;
                test
            }
            SearchKey::Not(key) => Test::Not(Box::new(self.compile(*key))),
            SearchKey::Or(a, b) => Test::Any(vec![self.compile(*a), self.compile(*b)]),
            SearchKey::And(keys) => Test::Every(keys.into_iter().map(|key| self.compile(key)).collect()),
        }
    }

    fn ago(&self, seconds: u32) -> Wall {
        Wall::from_millis(self.now.millis().saturating_sub(i64::from(seconds) * 1000))
    }

    fn term(&mut self, phrase: Phrase, zones: Zones) -> usize {
        self.reads = true;
        self.terms.push(Term { phrase, zones });
        self.terms.len() - 1
    }

    /// Fuzzily, if that is asked for and there are words.
    fn like(&mut self, text: &str, zones: Zones) -> Option<Test> {
        let likeness = self.is_fuzzy.then(|| Likeness::new(text, zones)).flatten()?;
        self.reads = true;
        self.fuzzy.push(likeness);
        Some(Test::Fuzzy(self.fuzzy.len() - 1))
    }

    fn text(&mut self, text: &[u8], zones: Zones, test: impl Fn(String, usize) -> Test) -> Test {
        let contains = decode(self.charset, text);
        if contains.is_empty() {
            return Test::All;
        }
        let read = if zones == Zones::ALL { Zones::READ } else { zones };
        if let Some(fuzzy) = self.like(&contains, read) {
            return fuzzy;
        }
        let term = self.term(Phrase::new(&contains), zones);
        test(contains, term)
    }

    fn header(&mut self, field: String, text: &[u8]) -> Test {
        let contains = decode(self.charset, text);
        let zone = Zones::of_field(&field);
        // Fields that the index does not tell apart are matched as ever.
        if zone != Zones::OTHER
            && let Some(fuzzy) = self.like(&contains, zone)
        {
            return fuzzy;
        }
        let term = match (contains.is_empty(), zone) {
            // RFC 3501 §6.4.4: an empty string asks for the field.
            (true, _) => self.term(Phrase::new(&fold(&field)).to_be_checked(), Zones::NAME),
            (false, Zones::OTHER) => self.term(Phrase::new(&contains).to_be_checked(), zone),
            (false, _) => self.term(Phrase::new(&contains), zone),
        };
        Test::Header { field, contains, term }
    }
}
