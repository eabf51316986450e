//! UIDBATCHES (RFC 10022): ranges of UIDs that hold equally many messages each.
//!
//! A batch costs one look into the view, whatever its size. Batches join: each begins where the one above ends, the first
//! at the highest UID, and the last ends with 1, so that clients know it for the last (§3.1.4).

use std::collections::VecDeque;

use imap::{Code, Completion};
use mail::{Uid, limits};
use mailbox::View;

use super::connection::Connection;
use super::selected::largest_uid;
use super::stop::{Done, Stop};

/// What is asked: how many messages a batch has, and which batches.
type Asked = (u32, Option<(u32, u32)>);

/// What UIDBATCHES has told of the selected mailbox, to know commands that come again for nothing (RFC 10022 §3.1.1).
#[derive(Default)]
pub(super) struct Batched(VecDeque<Told>);

struct Told {
    asked: Asked,
    /// The highest UID at that time.
    highest: u32,
    /// How many messages there were.
    count: u32,
}

impl Told {
    fn new(asked: Asked, view: &View) -> Self {
        Self { asked, highest: largest_uid(view), count: count(view) }
    }

    /// RFC 10022 §3.1.1: whether half a batch has come or gone since.
    fn is_outdated(&self, view: &View) -> bool {
        let first_new = self.highest.checked_add(1).and_then(Uid::new);
        let known = first_new.map_or(count(view), |uid| view.sequence_from(uid) - 1);
        let (arrived, gone) = (count(view) - known, self.count.saturating_sub(known));
        u64::from(arrived.max(gone)) * 2 >= u64::from(self.asked.0)
    }
}

impl Batched {
    /// Whether this may be told now; then it counts as told.
    fn admit(&mut self, asked: Asked, view: &View) -> bool {
        if let Some(at) = self.0.iter().position(|told| told.asked == asked) {
            if !self.0[at].is_outdated(view) {
                return false;
            }
            self.0.remove(at);
        }
        if self.0.len() == limits::IMAP_BATCHES_KNOWN {
            self.0.pop_front();
        }
        self.0.push_back(Told::new(asked, view));
        true
    }
}

fn count(view: &View) -> u32 {
    u32::try_from(view.len()).unwrap_or(u32::MAX)
}

/// The sequence numbers at which those batches begin, from the highest downwards; §3.1: the first begins with the last
/// message.
fn tops(count: u32, (size, batches): Asked) -> impl Iterator<Item = u32> {
    let (first, last) = batches.unwrap_or((1, u32::MAX));
    let skipped = u64::from(first - 1) * u64::from(size);
    let top = u64::from(count).saturating_sub(skipped) as u32;
    let all = std::iter::successors(Some(top), move |top| Some(top.saturating_sub(size)));
    all.take_while(|top| *top > 0).take((last - first) as usize + 1)
}

/// The batches: the highest and the lowest UID of each. `uid` knows the UID of a sequence number.
fn ranges(count: u32, asked: Asked, uid: impl Fn(u32) -> Option<u32>) -> impl Iterator<Item = (u32, u32)> {
    tops(count, asked).filter_map(move |top| {
        let below = top.checked_sub(asked.0).filter(|below| *below > 0);
        let low = below.map_or(Some(1), |below| uid(below)?.checked_add(1))?;
        Some((uid(top)?, low))
    })
}

/// How many messages those batches hold.
fn span(count: u32, asked: Asked) -> u64 {
    tops(count, asked).map(|top| u64::from(top.min(asked.0))).sum()
}

impl Connection<'_> {
    pub(super) async fn uid_batches(&mut self, size: u32, batches: Option<(u32, u32)>) -> Done {
        if batches.is_some_and(|(first, last)| first > last) {
            // RFC 10022 §3.1.5.
            let wrong = Completion::bad("A range of batches goes from the lower to the higher");
            return Err(Stop::Answer(Completion { code: Some(Code::ClientBug), ..wrong }));
        }
        if size < limits::IMAP_BATCH_LEAST {
            return Err(Stop::no(Code::TooFew, "A batch has at least 500 messages"));
        }
        // The client hears of what has changed first, so that the batches are those of what it knows.
        self.sync(super::sync::Moment::NumbersMay).await?;
        let limit = self.message_limit().max(limits::IMAP_BATCHED_LEAST);
        let selected = self.selected.as_mut().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        let (asked, view) = ((size, batches), &selected.view);
        // RFC 10022 §3.1.7; §3.2 expects the limit of RFC 9738.
        if span(count(view), asked) > u64::from(limit) {
            return Err(Stop::no(Code::TooMany, "Those are too many messages; ask for fewer batches"));
        }
        if !selected.batched.admit(asked, view) {
            return Err(Stop::no(Code::Limit, "Those batches were told already, and little has changed"));
        }
        let tag = self.session.tag().to_owned();
        let mut out = self.session.out();
        out.text("* UIDBATCHES (TAG ").string(tag.as_bytes()).text(")");
        let uid = |number| view.get(number).map(|entry| entry.uid.get());
        let mut first = true;
        for (high, low) in ranges(count(view), asked, uid) {
            let separator = if std::mem::take(&mut first) { " " } else { "," };
            out.text(separator).number(u64::from(high)).text(":").number(u64::from(low));
        }
        out.end();
        Self::done("Batches told")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 10022 §3.1.1: the mailbox has 6823 messages.
    #[test]
    fn the_batches_of_the_example() {
        let uid = |number: u32| match number {
            6823 => Some(215_295),
            4823 => Some(99_695),
            2823 => Some(20_350),
            823 => Some(7829),
            _ => panic!("message {number} is not looked at"),
        };
        let all = [(215_295, 99_696), (99_695, 20_351), (20_350, 7830), (7829, 1)];
        for (batches, expected) in [
            (None, all.as_slice()),
            // §3.1.5: those that there are.
            (Some((1, 5)), &all),
            (Some((2, 3)), &all[1..3]),
            (Some((4, 4)), &all[3..]),
            // §3.1.6.
            (Some((6, 8)), &[]),
            (Some((u32::MAX, u32::MAX)), &[]),
        ] {
            assert_eq!(ranges(6823, (2000, batches), uid).collect::<Vec<_>>(), expected, "{batches:?}");
        }
    }

    #[test]
    fn sizes() {
        let same = |number: u32| Some(number);
        for (count, size, batches, expected, spanned) in [
            (0, 500, None, vec![], 0),
            (1, 500, None, vec![(1, 1)], 1),
            // §3.1.3.3.1: one range of all.
            (500, 500, None, vec![(500, 1)], 500),
            (501, 500, None, vec![(501, 2), (1, 1)], 501),
            (501, u32::MAX, Some((1, u32::MAX)), vec![(501, 1)], 501),
            (1000, 500, Some((2, 9)), vec![(500, 1)], 500),
        ] {
            let asked = (size, batches);
            assert_eq!(ranges(count, asked, same).collect::<Vec<_>>(), expected, "{count} {size}");
            assert_eq!(span(count, asked), spanned, "{count} {size}");
        }
        // §3.1.5: the 10th to the 20th batch of 100,000 messages.
        let some: Vec<_> = ranges(100_000, (2000, Some((10, 20))), same).collect();
        assert_eq!((some[0], some[10], some.len()), ((82_000, 80_001), (62_000, 60_001), 11));
    }
}
