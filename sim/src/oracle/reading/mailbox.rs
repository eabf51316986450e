//! One mailbox, as all readers together know it: the history of (UIDVALIDITY, UID) over the whole seed.

use std::collections::BTreeMap;

use super::Told;
use super::fact::{Fact, Tick};

/// Flags as a set of bits.
pub type Marks = u8;

/// The flags that readers use, each with its bit; what is not among them counts as [`OTHER`].
pub const MARKS: [(&str, Marks); 7] = [
    ("\\Seen", 1),
    ("\\Deleted", 2),
    ("\\Flagged", 4),
    ("\\Answered", 8),
    ("\\Draft", 16),
    ("$Forwarded", 32),
    ("work", 64),
];

/// \Deleted.
pub const DELETED: Marks = 2;
/// \Seen.
pub const SEEN: Marks = 1;
/// A flag that nobody in the simulation ever sets.
pub const OTHER: Marks = 128;

/// What flags are called on the wire.
pub fn names(marks: Marks) -> String {
    let set = MARKS.iter().filter(|(_, bit)| marks & bit != 0);
    set.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// The bits of flags as they came; \Recent is nobody's.
pub fn marks<'a>(names: impl Iterator<Item = &'a str>) -> Marks {
    let bit = |name: &str| match MARKS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, bit)) => *bit,
        None if name.eq_ignore_ascii_case("\\Recent") => 0,
        None => OTHER,
    };
    names.map(bit).fold(0, |all, bit| all | bit)
}

/// One message under its UID.
#[derive(Clone, Debug)]
pub struct Message {
    /// When it was first known to be there.
    pub known: Tick,
    /// Whether it is in the mailbox.
    pub present: Fact,
    /// Each of its flags.
    pub marks: [Fact; 8],
    /// RFC822.SIZE.
    pub size: Option<u64>,
    /// Hash of its bytes.
    pub body: Option<u64>,
    /// Which message of the seed it is.
    pub token: Option<u64>,
}

impl Message {
    fn new(marks: Option<Marks>, known: Tick) -> Self {
        let fact = |bit: usize| marks.map_or_else(Fact::unknown, |m| Fact::settled(m & (1 << bit) != 0));
        Self {
            known,
            present: Fact::settled(true),
            marks: std::array::from_fn(fact),
            size: None,
            body: None,
            token: None,
        }
    }

    /// What never changes: fills in what was not known, and says what differs (I8).
    pub(super) fn compare(&mut self, told: Told) -> Option<String> {
        differs(&mut self.body, told.body)
            .map(|_| "has other bytes than before".to_owned())
            .or(differs(&mut self.size, told.size).map(|(was, is)| format!("had {was} bytes, now {is}")))
            .or(differs(&mut self.token, told.token).map(|(was, is)| format!("was t{was} and is t{is}")))
    }

    /// Flags that it has for certain at least since `since`.
    pub fn certain(&self, since: Tick) -> Marks {
        (0..8).filter(|&bit| self.marks[bit].is(true, since)).map(|bit| 1 << bit).sum()
    }

    /// Flags that it may have.
    pub fn possible(&self, since: Tick) -> Marks {
        (0..8).filter(|&bit| self.marks[bit].may_be(true, since)).map(|bit| 1 << bit).sum()
    }
}

/// Fills in what was not known; both if they differ.
fn differs(known: &mut Option<u64>, told: Option<u64>) -> Option<(u64, u64)> {
    let told = told?;
    let was = *known.get_or_insert(told);
    (was != told).then_some((was, told))
}

/// See the module's description.
#[derive(Debug)]
pub struct Mailbox {
    /// The account's address, the mailbox's name when first seen, and UIDVALIDITY, for people.
    pub label: String,
    /// By UID.
    pub messages: BTreeMap<u32, Message>,
    /// The highest UIDNEXT that was told, and when that was known.
    uid_next: (u32, Tick),
    /// A whole listing showed all UIDs below the first number; that was known at the second.
    complete_below: (u32, Tick),
    /// EXPUNGE or CLOSE under way: whatever is \Deleted may go.
    pub purging: Vec<super::Op>,
    /// When the last one ended that may have been carried out.
    pub purged: Tick,
    /// After renames and deletions whose order nobody knows: only bytes and order are still checked.
    pub unclear: bool,
}

impl Mailbox {
    pub(super) fn new(label: String) -> Self {
        Self {
            label,
            messages: BTreeMap::new(),
            uid_next: (1, 0),
            complete_below: (1, 0),
            purging: Vec::new(),
            purged: 0,
            unclear: false,
        }
    }

    /// UIDNEXT as told to somebody who asked after `since`. What is wrong with it, if anything (I8).
    pub(super) fn told_uid_next(&mut self, uid_next: u32, since: Tick, now: Tick) -> Option<String> {
        let (highest, when) = self.uid_next;
        if uid_next < highest && when < since {
            return Some(format!("UIDNEXT is {uid_next} after it was {highest}"));
        }
        if uid_next > highest {
            self.uid_next = (uid_next, now);
        }
        None
    }

    /// The message of a UID that somebody saw who asked after `since`. Says if it should not exist (I8).
    pub(super) fn saw(&mut self, uid: u32, since: Tick, now: Tick) -> (&mut Message, Option<String>) {
        let (below, when) = self.complete_below;
        let label = &self.label;
        let mut wrong = None;
        let message = self.messages.entry(uid).or_insert_with(|| {
            if uid < below && when < since {
                wrong = Some(format!(
                    "{label}: UID {uid} appeared after a listing with UIDNEXT {below} lacked it"
                ));
            }
            Message::new(None, now)
        });
        if uid >= self.uid_next.0 {
            self.uid_next = (uid + 1, now);
        }
        if !message.present.observe(true, since, now) {
            wrong = Some(format!("{label}: UID {uid} was gone and is there again"));
        }
        (message, wrong)
    }

    /// A message that a command made which began at `began`, with what is known of it. Says what is wrong (I8).
    pub(super) fn born(&mut self, uid: u32, told: Told, began: Tick, now: Tick) -> Option<String> {
        let (below, when) = self.complete_below;
        let label = &self.label;
        let fresh = !self.messages.contains_key(&uid);
        let message = self.messages.entry(uid).or_insert_with(|| Message::new(told.marks, now));
        if self.uid_next.0 <= uid {
            self.uid_next = (uid + 1, now);
        }
        if fresh && uid < below && when < began {
            return Some(format!(
                "{label}: a new message got UID {uid}, below the UIDNEXT {below} told before"
            ));
        }
        message.compare(told).map(|what| format!("{label}: UID {uid} {what}"))
    }

    /// A whole listing, asked for after `since`: `uids` ascending, below `uid_next`.
    pub(super) fn listed(&mut self, uids: &[u32], uid_next: u32, since: Tick, now: Tick) -> Vec<String> {
        let mut wrong = Vec::new();
        for (uid, message) in &mut self.messages {
            let missing = *uid < uid_next && uids.binary_search(uid).is_err();
            if missing && !message.present.observe(false, since, now) && !self.unclear {
                wrong.push(format!(
                    "{}: UID {uid} ({:?}) is missing and nobody took it away",
                    self.label, message.token
                ));
            }
        }
        if uid_next > self.complete_below.0 {
            self.complete_below = (uid_next, now);
        }
        wrong
    }
}
