//! A message for clients that know ASCII alone: the header fields of all its parts in another form (RFC 6856 §2.1, RFC 6858).

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use mail::{AccountId, limits};
use mailbox::{Entry, Error, INBOX};
use message::{Part, Summary, surrogate};

use super::connection::Connection;
use crate::turn::take_turn;

/// Other sessions of this thread get their turn after this many parts.
const TURN: usize = 64;

/// What stands in the place of header sections; ascending, none overlaps another.
#[derive(Default)]
pub(super) struct Shown {
    sections: VecDeque<(Range<u64>, Vec<u8>)>,
    /// Bytes of all of them.
    held: usize,
    /// Where the last section that was looked at ends.
    end: u64,
}

impl Shown {
    /// The next header section of the message, if it needs another form. Whether there is room for it.
    pub(super) fn take(&mut self, range: Range<u64>, section: &[u8]) -> bool {
        let overlaps = range.start < self.end;
        self.end = range.end.max(self.end);
        if overlaps || section.is_ascii() {
            return true;
        }
        let other = surrogate(section);
        self.held += other.len();
        self.sections.push_back((range, other));
        self.held <= limits::HEADER_SECTION_HELD
    }

    /// The octets of a message of `size` as it is shown.
    pub(super) fn size(&self, size: u64) -> u64 {
        let (mut less, mut more) = (0, 0);
        for (range, other) in &self.sections {
            less += range.end - range.start;
            more += other.len() as u64;
        }
        (size + more).saturating_sub(less)
    }

    /// What is sent for `bytes`, which begin `at` so many octets of the message. Pieces come in their order.
    pub(super) fn pass<'a>(&mut self, at: u64, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let end = at + bytes.len() as u64;
        if self.sections.front().is_none_or(|(range, _)| range.start >= end) {
            return Cow::Borrowed(bytes);
        }
        let piece = |from: u64, to: u64| &bytes[(from - at) as usize..(to - at) as usize];
        let (mut sent, mut done) = (Vec::with_capacity(bytes.len()), at);
        while let Some((range, other)) = self.sections.front().filter(|(range, _)| range.start < end) {
            if range.start >= at {
                sent.extend_from_slice(piece(done, range.start));
                sent.extend_from_slice(other);
            }
            done = range.end.min(end);
            if range.end > end {
                return Cow::Owned(sent);
            }
            self.sections.pop_front();
        }
        sent.extend_from_slice(piece(done, end));
        Cow::Owned(sent)
    }
}

/// The header sections of the parts below, in the order in which they stand.
fn sections(part: &Part, found: &mut Vec<Range<u64>>) {
    for child in &part.children {
        found.push(child.header.clone());
        sections(child, found);
    }
}

impl Connection<'_> {
    /// Adds what is shown for the header sections of the message's parts. Whether there is room for all.
    pub(super) async fn show_parts(
        &self,
        account: AccountId,
        entry: &Entry,
        shown: &mut Shown,
    ) -> Result<bool, Error> {
        let encoded = self.parts().mailboxes.summary(account, INBOX, entry.uid).await?;
        let summary = Summary::decode(&encoded)
            .map_err(|_| Error::Store(store::Error::Damaged(format!("the summary of UID {}", entry.uid))))?;
        let mut found = Vec::new();
        sections(&summary.root, &mut found);
        for (at, range) in found.into_iter().enumerate() {
            if at % TURN == TURN - 1 {
                take_turn().await;
            }
            let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            if length > limits::HEADER_SECTION_HELD {
                return Ok(false);
            }
            let section = self.section(account, entry, range.clone()).await?;
            if !shown.take(range, &section) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn section(&self, account: AccountId, entry: &Entry, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let mut section = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let bytes = self.chunk(account, entry, at).await?;
            let wanted = bytes.len().min((range.end - at) as usize);
            section.extend_from_slice(&bytes[..wanted]);
            at += wanted as u64;
        }
        Ok(section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_replaced_wherever_the_pieces_end() {
        let message = "Subject: ü\r\n\r\nbody\r\nX: ä\r\n\r\nSubject: ö\r\n\r\nend ü\r\n".as_bytes();
        let shown = "Subject: =?utf-8?B?w7w=?=\r\n\r\nbody\r\n\r\nSubject: =?utf-8?B?w7Y=?=\r\n\r\nend ü\r\n";
        for length in 1..=message.len() {
            let mut it = Shown::default();
            // The third lies in what was looked at already.
            for range in [0..15, 21..30, 25..30, 30..45] {
                assert!(it.take(range.clone(), &message[range.start as usize..range.end as usize]));
            }
            assert_eq!(it.size(message.len() as u64), shown.len() as u64);
            let pieces = (0..).step_by(length).zip(message.chunks(length));
            let sent: Vec<u8> = pieces.flat_map(|(at, bytes)| it.pass(at, bytes).into_owned()).collect();
            assert_eq!(String::from_utf8_lossy(&sent), shown, "{length}");
        }
    }

    #[test]
    fn what_is_held_is_bounded() {
        let section = format!("Subject: {}\r\n\r\n", "ü".repeat(limits::HEADER_SECTION_HELD / 6));
        let mut it = Shown::default();
        assert!(it.take(0..section.len() as u64, section.as_bytes()));
        let after = section.len() as u64;
        assert!(it.take(after..after + 2, b"\r\n"));
        assert!(!it.take(after + 2..after * 3, section.repeat(2).as_bytes()));
    }
}
