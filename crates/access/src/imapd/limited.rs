//! How many messages one command works on (RFC 9738).
//!
//! Commands that would touch more do the part with the highest UIDs, from there downwards, and say how far they came. COPY,
//! SORT and THREAD are done as a whole or not at all.

use imap::session::Status;
use imap::{Code, Completion};
use mail::{Uid, limits};
use mailbox::View;

use super::connection::Connection;
use super::stop::Stop;
use crate::Settings;

/// How many messages one COPY or MOVE takes.
pub(super) fn save_limit(settings: &Settings) -> u32 {
    settings.message_limit.min(limits::IMAP_COPY_MESSAGES)
}

/// What a command may work on of what it was asked to.
pub(super) struct Limited {
    /// Sequence numbers, ascending.
    pub(super) ranges: Vec<(u32, u32)>,
    /// Where that is not all: the limit, and the lowest UID within it.
    pub(super) reached: Option<Reached>,
}

/// That there was more than a command works on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub(super) limit: u32,
    pub(super) lowest: Option<Uid>,
}

impl Reached {
    pub(super) fn code(self) -> Code {
        Code::MessageLimit(self.limit, self.lowest)
    }

    /// Where a part would not do.
    pub(super) fn refusal(self) -> Stop {
        Stop::no(self.code(), "Those are too many messages; try fewer of them")
    }
}

pub(super) fn count_of(ranges: &[(u32, u32)]) -> u64 {
    ranges.iter().map(|(low, high)| u64::from(high - low) + 1).sum()
}

impl Limited {
    /// The messages with the highest numbers, at most `limit`.
    pub(super) fn new(view: &View, mut ranges: Vec<(u32, u32)>, limit: u32) -> Self {
        let mut above = count_of(&ranges).saturating_sub(u64::from(limit));
        if above == 0 {
            return Self { ranges, reached: None };
        }
        ranges.retain_mut(|(low, high)| {
            let left_out = above.min(u64::from(*high - *low) + 1);
            above -= left_out;
            *low += left_out as u32;
            *low <= *high
        });
        let lowest = ranges.first().and_then(|&(low, _)| view.get(low)).map(|entry| entry.uid);
        Self { ranges, reached: Some(Reached { limit, lowest }) }
    }

    /// The ranges in pieces of at most so many messages; from the highest downwards where not all is done.
    pub(super) fn pieces(&self, length: u32) -> Vec<(u32, u32)> {
        let cut = |&(low, high): &(u32, u32)| {
            (low..=high)
                .step_by(length as usize)
                .map(move |from| (from, high.min(from.saturating_add(length - 1))))
        };
        let mut pieces: Vec<_> = self.ranges.iter().flat_map(cut).collect();
        if self.reached.is_some() {
            pieces.reverse();
        }
        pieces
    }
}

impl Connection<'_> {
    pub(super) fn message_limit(&self) -> u32 {
        self.parts().settings.message_limit
    }

    /// The end of a command that has done what it may. A code that it has anyway goes before, and the limit is told apart
    /// (RFC 9738 §3.1).
    pub(super) fn within_limit(&mut self, done: Completion, reached: Option<Reached>) -> Completion {
        let Some(reached) = reached else { return done };
        if done.status == Status::Ok && done.code.is_none() {
            return Completion::ok_with(reached.code(), "Done for the last messages only");
        }
        self.session.out().untagged("NO", Some(&reached.code()), "Done for the last messages only");
        done
    }
}
