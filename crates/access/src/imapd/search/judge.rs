//! Whether a message passes a test, by what is known of it so far.

use imap::command::DateRelation;
use imap::grammar::Day;
use mail::{Flag, Flags};
use mailbox::Entry;
use search::Verdict;

use super::content::HeaderText;
use super::index::Indexed;
use super::plan::Test;

/// What is known of a message.
pub(super) struct Facts<'a> {
    number: u32,
    entry: &'a Entry,
    flags: &'a Flags,
    recent: bool,
    /// If the index has it.
    pub(super) indexed: Option<Indexed<'a>>,
    /// Apart, because most messages are judged without it.
    read: Option<Box<ReadFacts>>,
}

/// What reading a message tells.
#[derive(Default)]
pub(super) struct ReadFacts {
    /// How well it fits what is matched fuzzily, once that was looked for.
    pub(super) scores: Option<Vec<u8>>,
    pub(super) header: Option<HeaderText>,
    /// Its texts, folded.
    pub(super) body: Option<Vec<String>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(number: u32, entry: &'a Entry, flags: &'a Flags, recent: bool) -> Self {
        Self { number, entry, flags, recent, indexed: None, read: None }
    }

    /// For what was read.
    pub(super) fn read(&mut self) -> &mut ReadFacts {
        self.read.get_or_insert_default()
    }

    fn header(&self) -> Option<&HeaderText> {
        self.read.as_ref()?.header.as_ref()
    }

    fn body(&self) -> Option<&[String]> {
        self.read.as_ref()?.body.as_deref()
    }

    /// What the index says of a term; `None` if only the text can say it.
    fn verdict(&self, term: usize) -> Option<bool> {
        match self.indexed.as_ref()?.verdict(term) {
            Verdict::Yes => Some(true),
            Verdict::No => Some(false),
            Verdict::Maybe => None,
        }
    }

    /// How well it fits something that is matched fuzzily.
    fn score(&self, fuzzy: usize) -> Option<u8> {
        match &self.indexed {
            Some(indexed) => Some(indexed.score(fuzzy)),
            None => self.read.as_ref()?.scores.as_ref()?.get(fuzzy).copied(),
        }
    }

    /// Whether the day of its Date field, if it has one, is as asked.
    fn sent(&self, relation: DateRelation, asked: Day) -> Option<bool> {
        let sent = match &self.indexed {
            Some(indexed) => indexed.sent(),
            None => self.header()?.sent,
        };
        Some(sent.is_some_and(|sent| compare(relation, sent, asked)))
    }
}

/// `None` while it depends on what has not been read.
pub(super) fn judge(test: &Test, facts: &Facts<'_>) -> Option<bool> {
    match test {
        Test::Not(test) => judge(test, facts).map(|passes| !passes),
        Test::Any(tests) => combine(tests, true, |test| judge(test, facts)),
        Test::Every(tests) => combine(tests, false, |test| judge(test, facts)),
        Test::Fuzzy(fuzzy) => facts.score(*fuzzy).map(|score| score > 0),
        Test::Sent(relation, day) => facts.sent(*relation, *day),
        Test::Header { field, contains, term } => {
            facts.verdict(*term).or_else(|| Some(facts.header()?.contains(field, contains)))
        }
        Test::Body { contains, term } => {
            facts.verdict(*term).or_else(|| Some(is_in(facts.body()?, contains)))
        }
        Test::Text { contains, term } => facts.verdict(*term).or_else(|| {
            if facts.header()?.contains_anywhere(contains) {
                return Some(true);
            }
            Some(is_in(facts.body()?, contains))
        }),
        columns => Some(judge_columns(columns, facts)),
    }
}

/// Any or every: one that `decides` is enough, whatever is unknown.
fn combine(tests: &[Test], decides: bool, judge: impl Fn(&Test) -> Option<bool>) -> Option<bool> {
    let mut all_known = true;
    for test in tests {
        match judge(test) {
            Some(passes) if passes == decides => return Some(decides),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decides)
}

/// What flags alone decide; `None` where it takes more.
pub(super) fn judge_flags(test: &Test, flags: &Flags) -> Option<bool> {
    match test {
        Test::All => Some(true),
        Test::Flag(flag, set) => Some(flags.contains(*flag) == *set),
        Test::Keyword(keyword, set) => Some(flags.contains_keyword(keyword) == *set),
        Test::Not(test) => judge_flags(test, flags).map(|passes| !passes),
        Test::Any(tests) => combine(tests, true, |test| judge_flags(test, flags)),
        Test::Every(tests) => combine(tests, false, |test| judge_flags(test, flags)),
        _ => None,
    }
}

fn judge_columns(test: &Test, facts: &Facts<'_>) -> bool {
    match test {
        Test::All | Test::Flag(..) | Test::Keyword(..) => judge_flags(test, facts.flags) == Some(true),
        Test::Recent(recent) => facts.recent == *recent,
        Test::New => facts.recent && !facts.flags.contains(Flag::Seen),
        Test::Internal(relation, day) => compare(*relation, Day::of(facts.entry.internal_date), *day),
        // RFC 8514 §4.3: the internal date stands in where it is not known.
        Test::Saved(relation, day) => {
            let saved = facts.entry.saved.wall().unwrap_or(facts.entry.internal_date);
            compare(*relation, Day::of(saved), *day)
        }
        Test::Larger(size) => facts.entry.size() > *size,
        Test::Smaller(size) => facts.entry.size() < *size,
        Test::Content(content) => facts.entry.content == *content,
        Test::ModSeq(modseq) => facts.entry.modseq >= *modseq,
        Test::Until(wall) => facts.entry.internal_date <= *wall,
        Test::From(wall) => facts.entry.internal_date >= *wall,
        Test::Uid(numbers) => numbers.contains(facts.entry.uid.get()),
        Test::Number(numbers) => numbers.contains(facts.number),
        _ => false,
    }
}

/// How relevant a message is that passes, from 1 to 100 (RFC 6203 §4): the best of what any of it is enough for, the mean of
/// what must all be so. `None` where nothing is matched fuzzily.
pub(super) fn relevancy(test: &Test, facts: &Facts<'_>) -> Option<u8> {
    match test {
        Test::Fuzzy(fuzzy) => facts.score(*fuzzy).filter(|score| *score > 0),
        Test::Any(tests) => tests
            .iter()
            .filter(|test| judge(test, facts) == Some(true))
            .map(|test| relevancy(test, facts).unwrap_or(100))
            .max(),
        Test::Every(tests) => {
            let scores: Vec<u32> =
                tests.iter().filter_map(|test| relevancy(test, facts)).map(u32::from).collect();
            (!scores.is_empty()).then(|| (scores.iter().sum::<u32>() / scores.len() as u32) as u8)
        }
        _ => None,
    }
}

fn compare(relation: DateRelation, of_message: Day, asked: Day) -> bool {
    match relation {
        DateRelation::Before => of_message < asked,
        DateRelation::On => of_message == asked,
        DateRelation::Since => of_message >= asked,
    }
}

fn is_in(texts: &[String], text: &str) -> bool {
    texts.iter().any(|t| t.contains(text))
}
