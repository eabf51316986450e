//! SORT (RFC 5256 §3, RFC 5957, RFC 5267 §3).

use imap::Code;
use imap::command::{Sort, SortBy, SortWhat};
use mail::limits;
use mailbox::Entry;
use message::{Address, Summary, header, subject};

use super::super::connection::Connection;
use super::super::progress::Progress;
use super::super::stop::{Done, Stop};
use super::TURN_OF_READ;
use super::plan::fold;
use super::tell::Hit;
use crate::turn::take_turn;

/// What is compared of a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i64),
    Text(String),
}

impl Value {
    /// What it takes beside its own size.
    fn bytes(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Text(text) => text.len(),
        }
    }
}

impl Connection<'_> {
    pub(in super::super) async fn sort(&mut self, sort: Sort) -> Done {
        let Sort { search, by } = sort;
        let (uid, returns, asks_modseq) = (search.uid, search.returns, search.key.asks_modseq());
        let found = self.found_whole(search).await?;
        let by = decisive(by);
        let reads = by.iter().any(|by| reads(by.what));
        let mut valued = Vec::with_capacity(found.len());
        let mut budget = Budget::default();
        let mut progress = self.begin_progress(found.len());
        for (at, hit) in found.into_iter().enumerate() {
            if let Some((entry, summary)) = self.summary_of(at, hit, reads, &mut progress).await? {
                let values: Vec<Value> = by.iter().map(|by| value(by.what, hit, &entry, &summary)).collect();
                budget.take(values.iter().map(Value::bytes).sum())?;
                valued.push((values, hit));
            }
        }
        // RFC 5256 §3: what is equal stands by number. Stable, and the messages came by number.
        valued.sort_by(|(a, _), (b, _)| compare(&by, a, b));
        let sorted: Vec<Hit> = valued.into_iter().map(|(_, hit)| hit).collect();
        self.tell_found("SORT", uid, returns, &sorted, asks_modseq);
        Self::done("Sorted")
    }

    /// The `at`th message found, with what was found out about it at delivery if that is asked for; of one that is gone or
    /// damaged, nothing of that.
    pub(super) async fn summary_of(
        &mut self,
        at: usize,
        hit: Hit,
        read: bool,
        progress: &mut Progress,
    ) -> Result<Option<(Entry, Summary)>, Stop> {
        let view = self.selected.as_ref().map(|selected| &selected.view);
        let Some((_, &entry)) = view.and_then(|view| view.by_uid(hit.uid)) else { return Ok(None) };
        if !read {
            return Ok(Some((entry, Summary::default())));
        }
        if at % TURN_OF_READ as usize == TURN_OF_READ as usize - 1 {
            take_turn().await;
            self.tell_progress(progress, at).await?;
        }
        match self.summary(&entry).await {
            Err(Stop::Answer(answer)) if answer.code != Some(imap::Code::Unavailable) => {
                Ok(Some((entry, Summary::default())))
            }
            summary => Ok(Some((entry, summary?))),
        }
    }
}

/// Bytes of texts that a command keeps to compare them.
#[derive(Default)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Stop> {
        self.0 += bytes;
        if self.0 > limits::IMAP_SORT_BYTES {
            return Err(Stop::no(Code::Limit, "That is too much to sort; try fewer messages"));
        }
        Ok(())
    }
}

/// What the same thing says a second time decides nothing.
fn decisive(by: Vec<SortBy>) -> Vec<SortBy> {
    let mut decisive: Vec<SortBy> = Vec::new();
    for one in by {
        if decisive.iter().all(|before| before.what != one.what) {
            decisive.push(one);
        }
    }
    decisive
}

fn reads(what: SortWhat) -> bool {
    !matches!(what, SortWhat::Arrival | SortWhat::Size | SortWhat::Relevancy)
}

fn compare(by: &[SortBy], a: &[Value], b: &[Value]) -> std::cmp::Ordering {
    let each =
        by.iter().zip(a.iter().zip(b)).map(|(by, (a, b))| if by.reverse { b.cmp(a) } else { a.cmp(b) });
    each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

fn value(what: SortWhat, hit: Hit, entry: &Entry, summary: &Summary) -> Value {
    let envelope = &summary.envelope;
    match what {
        SortWhat::Arrival => Value::Number(entry.internal_date.millis()),
        // RFC 5256 §2.2: without a date that can be read, the internal date.
        SortWhat::Date => Value::Number(summary.date.unwrap_or(entry.internal_date).millis()),
        SortWhat::Size => Value::Number(i64::try_from(entry.size()).unwrap_or(i64::MAX)),
        // RFC 6203 §6: the highest first.
        SortWhat::Relevancy => Value::Number(-i64::from(hit.relevancy)),
        SortWhat::Subject => Value::Text(subject::base(envelope.subject.as_deref().unwrap_or_default()).text),
        SortWhat::Cc => Value::Text(mailbox_of(&envelope.cc)),
        SortWhat::From => Value::Text(mailbox_of(&envelope.from)),
        SortWhat::To => Value::Text(mailbox_of(&envelope.to)),
        SortWhat::DisplayFrom => Value::Text(display_of(&envelope.from)),
        SortWhat::DisplayTo => Value::Text(display_of(&envelope.to)),
    }
}

/// RFC 5256 §3: the local-part of the first address.
fn mailbox_of(addresses: &[Address]) -> String {
    fold(addresses.first().and_then(|address| address.mailbox.as_deref()).unwrap_or_default())
}

/// RFC 5957 §3: the display name of the first address, or the address where it has none.
fn display_of(addresses: &[Address]) -> String {
    let Some(first) = addresses.first() else { return String::new() };
    if let Some(name) = first.name.as_deref().filter(|name| !name.is_empty()) {
        return fold(&header::decode_rfc2047(name.as_bytes()));
    }
    let (mailbox, host) = (first.mailbox.as_deref().unwrap_or_default(), first.host.as_deref());
    fold(&host.map_or_else(|| mailbox.to_owned(), |host| format!("{mailbox}@{host}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_bounded() {
        let mut budget = Budget::default();
        assert!(budget.take(limits::IMAP_SORT_BYTES).is_ok());
        let refused = budget.take(1);
        assert!(matches!(refused, Err(Stop::Answer(answer)) if answer.code == Some(Code::Limit)));
    }

    #[test]
    fn what_is_said_twice_decides_once() {
        let by = |what, reverse| SortBy { what, reverse };
        let said = vec![by(SortWhat::Size, true), by(SortWhat::Date, false), by(SortWhat::Size, false)];
        assert_eq!(decisive(said), [by(SortWhat::Size, true), by(SortWhat::Date, false)]);
    }
}
