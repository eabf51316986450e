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
    /// Once it was read.
    pub(super) header: Option<HeaderText>,
    /// Its texts, folded, once they were read.
    pub(super) body: Option<Vec<String>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(number: u32, entry: &'a Entry, flags: &'a Flags, recent: bool) -> Self {
        Self { number, entry, flags, recent, indexed: None, header: None, body: None }
    }

    /// What the index says of a term; `None` if only the text can say it.
    fn verdict(&self, term: usize) -> Option<bool> {
        match self.indexed.as_ref()?.verdict(term) {
            Verdict::Yes => Some(true),
            Verdict::No => Some(false),
            Verdict::Maybe => None,
        }
    }

    /// Whether the day of its Date field, if it has one, is as asked.
    fn sent(&self, relation: DateRelation, asked: Day) -> Option<bool> {
        let sent = match &self.indexed {
            Some(indexed) => indexed.sent(),
            None => self.header.as_ref()?.sent,
        };
        Some(sent.is_some_and(|sent| compare(relation, sent, asked)))
    }
}

/// `None` while it depends on what has not been read.
pub(super) fn judge(test: &Test, facts: &Facts<'_>) -> Option<bool> {
    match test {
        Test::Not(test) => judge(test, facts).map(|passes| !passes),
        Test::Any(tests) => combine(tests, facts, true),
        Test::Every(tests) => combine(tests, facts, false),
        Test::Sent(relation, day) => facts.sent(*relation, *day),
        Test::Header { field, contains, term } => {
            facts.verdict(*term).or_else(|| Some(facts.header.as_ref()?.contains(field, contains)))
        }
        Test::Body { contains, term } => {
            facts.verdict(*term).or_else(|| Some(is_in(facts.body.as_ref()?, contains)))
        }
        Test::Text { contains, term } => facts.verdict(*term).or_else(|| {
            if facts.header.as_ref()?.contains_anywhere(contains) {
                return Some(true);
            }
            Some(is_in(facts.body.as_ref()?, contains))
        }),
        columns => Some(judge_columns(columns, facts)),
    }
}

/// Any or every: one that `decides` is enough, whatever is unknown.
fn combine(tests: &[Test], facts: &Facts<'_>, decides: bool) -> Option<bool> {
    let mut all_known = true;
    for test in tests {
        match judge(test, facts) {
            Some(passes) if passes == decides => return Some(decides),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decides)
}

fn judge_columns(test: &Test, facts: &Facts<'_>) -> bool {
    match test {
        Test::All => true,
        Test::Flag(flag, set) => facts.flags.contains(*flag) == *set,
        Test::Keyword(keyword, set) => facts.flags.contains_keyword(keyword) == *set,
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
