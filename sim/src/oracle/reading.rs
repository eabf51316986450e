//! What everybody who reads mail has been told, put together: the checks of I8, I9 and I11 that need more than one
//! connection's view, and of P1 for what readers change.
//!
//! Readers tell what they are about to change ([`Reading::begin`]), how that ended ([`Op`]'s methods on `Reading`), and
//! what they saw, always with the [`Tick`] at which they asked. Everything that does not fit is a [`Violation`]: a
//! message that is gone although nobody took it away (F33: POP3 before QUIT), one that came back, flags that nobody set
//! or that lost an acknowledged change, a UID given twice, other bytes under the same UID.
//!
//! A mailbox is known by account, name and UIDVALIDITY, not by anything of the server's inside. Only RENAME is looked
//! at more closely: Posthouse keeps messages and UIDs and gives the new name a new UIDVALIDITY.

mod deeds;
mod fact;
mod judge;
mod mailbox;
mod names;
mod restored;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::Mono;

pub use deeds::Deed;
pub use fact::{Fact, Tick};
pub use mailbox::{DELETED, MARKS, Mailbox, Marks, Message, OTHER, SEEN, marks, names as mark_names};

use super::Violation;
use crate::office::Office;
use deeds::Deeds;
use names::Names;

/// A mailbox of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoxId(usize);

/// A change that somebody has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Op(u64);

/// How long a command whose answer never came may still be at work: connections have at most minutes to be noticed.
const HAUNTS: Duration = Duration::from_mins(10);

/// One thing that a change would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Flags of a message get set and cleared.
    Marks {
        /// Where.
        mailbox: BoxId,
        /// Which message.
        uid: u32,
        /// Flags that it has afterwards.
        set: Marks,
        /// Flags that it has not afterwards.
        clear: Marks,
    },
    /// A message goes.
    Gone {
        /// Where.
        mailbox: BoxId,
        /// Which message.
        uid: u32,
    },
    /// All that is \Deleted goes.
    Purge {
        /// Where.
        mailbox: BoxId,
        /// Only of these UIDs, if given (UID EXPUNGE).
        only: Option<Vec<u32>>,
    },
    /// A mailbox comes to be.
    Create {
        /// Whose.
        account: String,
        /// Its name.
        name: String,
    },
    /// A mailbox goes.
    Delete {
        /// Whose.
        account: String,
        /// Its name.
        name: String,
    },
    /// A mailbox gets another name.
    Rename {
        /// Whose.
        account: String,
        /// Its name before.
        from: String,
        /// Its name afterwards.
        to: String,
        /// Whether it is what RENAME names, not only below that, where there may be nothing.
        sure: bool,
    },
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It was acknowledged.
    Done,
    /// It was refused, and that leaves no doubt.
    Refused,
    /// Nobody knows whether it happened; it no longer will.
    Unknown,
}

/// What a FETCH, or anything like it, told of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Its flags.
    pub marks: Option<Marks>,
    /// RFC822.SIZE.
    pub size: Option<u64>,
    /// Hash of all its bytes.
    pub body: Option<u64>,
    /// Its token.
    pub token: Option<u64>,
}

/// An open change.
#[derive(Debug)]
struct Open {
    began: Tick,
    effects: Vec<Effect>,
}

/// See the module's description. Shared by all readers of a seed as `Arc<Reading>`.
#[derive(Default)]
pub struct Reading(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    now: Tick,
    boxes: Vec<Mailbox>,
    names: Names,
    open: BTreeMap<Op, Open>,
    /// Changes whose end nobody will hear of, and until when they may still happen.
    haunting: Vec<(Mono, Op)>,
    /// What clients did to messages.
    deeds: Deeds,
    /// What owners append: whose it is, and its bytes.
    appended: BTreeMap<u64, (String, Vec<u8>)>,
    /// What owners read.
    texts: BTreeSet<(String, Vec<u8>)>,
    /// What came, or went, by one command.
    together: together::Together,
    /// What restores must not have taken away.
    owed: restored::Owed,
    violations: Vec<Violation>,
}

impl Reading {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment now; later than all before. Take it before asking the server for anything.
    pub fn tick(&self) -> Tick {
        self.lock().tick()
    }

    /// Time has come to `at`: changes that were never answered are over by and by.
    pub fn passed(&self, at: Mono) {
        let mut inner = self.lock();
        let (over, rest) =
            std::mem::take(&mut inner.haunting).into_iter().partition(|(until, _)| *until <= at);
        inner.haunting = rest;
        let over: Vec<(Mono, Op)> = over;
        for (_, op) in over {
            inner.end(op, Ending::Unknown);
        }
    }

    /// The server's process ended: whatever was under way has happened or never will.
    pub fn restarted(&self) {
        let mut inner = self.lock();
        inner.haunting.clear();
        let all: Vec<Op> = inner.open.keys().copied().collect();
        for op in all {
            inner.end(op, Ending::Unknown);
        }
    }

    /// Notes each death of an office. Never ends.
    pub async fn watch(&self, office: &Office) {
        loop {
            office.up().await;
            office.dead().await;
            self.restarted();
        }
    }

    /// Somebody is about to ask for a change.
    pub fn begin(&self, effects: Vec<Effect>) -> Op {
        self.lock().begin(effects)
    }

    /// The change was acknowledged.
    pub fn done(&self, op: Op) {
        self.lock().end(op, Ending::Done);
    }

    /// The change was refused for a reason that leaves no doubt.
    pub fn refused(&self, op: Op) {
        self.lock().end(op, Ending::Refused);
    }

    /// It has ended, and nobody said whether it was carried out.
    pub fn perhaps(&self, op: Op) {
        self.lock().end(op, Ending::Unknown);
    }

    /// The change may have been carried out, or will be: no answer came, or one that leaves that open.
    pub fn lost(&self, op: Op, at: Mono) {
        let mut inner = self.lock();
        if inner.open.contains_key(&op) {
            inner.haunting.push((at + HAUNTS, op));
        }
    }

    /// A mailbox was opened or asked about: its name, UIDVALIDITY, and UIDNEXT if that was told.
    pub fn opened(
        &self,
        account: &str,
        name: &str,
        validity: u32,
        uid_next: Option<u32>,
        since: Tick,
    ) -> BoxId {
        self.lock().opened(account, name, (validity, uid_next), since)
    }

    /// There is no mailbox of that name.
    pub fn no_mailbox(&self, account: &str, name: &str, since: Tick) {
        let mut inner = self.lock();
        let now = inner.tick();
        let wrong = inner.names.missing(account, name, since, now);
        inner.wrong("P1", wrong);
    }

    /// A message was seen.
    pub fn saw(&self, mailbox: BoxId, uid: u32, told: Told, since: Tick) {
        self.lock().saw(mailbox, uid, told, since);
    }

    /// A message was told to be gone.
    pub fn gone(&self, mailbox: BoxId, uid: u32, since: Tick) {
        let mut inner = self.lock();
        let now = inner.tick();
        let known = &mut inner.boxes[mailbox.0];
        let (label, unclear) = (known.label.clone(), known.unclear);
        if let Some(message) = known.messages.get_mut(&uid)
            && !message.present.observe(false, since, now)
            && !unclear
        {
            inner.wrong("P1", Some(format!("{label}: UID {uid} was expunged and nobody asked for that")));
        }
    }

    /// A command that began at `began` made a message, and was acknowledged.
    pub fn born(&self, mailbox: BoxId, uid: u32, told: Told, began: Tick) {
        self.lock().born(mailbox, uid, told, began);
    }

    /// COPY or MOVE, asked for at `began`, was acknowledged: what one message became.
    pub fn copied(&self, (from, old): (BoxId, u32), (to, new): (BoxId, u32), began: Tick) {
        let mut inner = self.lock();
        inner.deeds.became((from, old), (to, new));
        let Some(original) = inner.boxes[from.0].messages.get(&old) else { return };
        let settled = original.certain(began) == original.possible(began);
        let marks = settled.then(|| original.certain(began));
        let told = Told { marks, size: original.size, body: original.body, token: original.token };
        inner.born(to, new, told, began);
    }

    /// A message is about to be appended by its owner.
    pub fn appending(&self, account: &str, token: u64, bytes: &[u8]) {
        self.lock().appended.insert(token, (account.to_owned(), bytes.to_vec()));
    }

    /// A reader got all bytes of a message.
    pub fn text(&self, account: &str, bytes: Vec<u8>) {
        self.lock().texts.insert((account.to_owned(), bytes));
    }

    /// Tokens of the messages that were ever seen in the newest mailbox of that name, and of those that may be there
    /// without anybody's having looked.
    pub fn tokens(&self, account: &str, name: &str) -> Vec<u64> {
        let inner = self.lock();
        let mut tokens = inner.together.brought(account);
        if let Some(id) = inner.names.newest(account, name) {
            tokens.extend(inner.boxes[id.0].messages.values().filter_map(|message| message.token));
        }
        tokens
    }

    /// All messages of a mailbox, in order of their numbers, below `uid_next`.
    pub fn listed(&self, mailbox: BoxId, uids: &[u32], uid_next: u32, since: Tick) {
        let mut inner = self.lock();
        let now = inner.tick();
        if !uids.is_sorted_by(|a, b| a < b) {
            let label = &inner.boxes[mailbox.0].label;
            let wrong = format!("{label}: UIDs do not ascend: {uids:?}");
            inner.wrong("I8", Some(wrong));
            return;
        }
        for wrong in inner.boxes[mailbox.0].listed(uids, uid_next, since, now) {
            inner.wrong("P1", Some(wrong));
        }
    }

    /// What somebody knows of a message: its token.
    pub fn token(&self, mailbox: BoxId, uid: u32) -> Option<u64> {
        self.lock().boxes[mailbox.0].messages.get(&uid)?.token
    }

    /// Something that only one reader can tell.
    pub fn violation(&self, invariant: &'static str, what: String) {
        self.lock().wrong(invariant, Some(what));
    }

    /// All that did not fit so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    /// Looks at a mailbox of the history.
    pub fn with_mailbox<T>(&self, mailbox: BoxId, look: impl FnOnce(&Mailbox) -> T) -> T {
        look(&self.lock().boxes[mailbox.0])
    }
}

impl Inner {
    fn tick(&mut self) -> Tick {
        self.now += 1;
        self.now
    }

    fn wrong(&mut self, invariant: &'static str, what: Option<String>) {
        if let Some(what) = what {
            self.violations.push(Violation { invariant, what });
        }
    }

    fn begin(&mut self, effects: Vec<Effect>) -> Op {
        let began = self.tick();
        let op = Op(began);
        self.open.insert(op, Open { began, effects: Vec::new() });
        for effect in effects {
            self.begin_effect(op, effect, began);
        }
        op
    }

    fn begin_effect(&mut self, op: Op, effect: Effect, began: Tick) {
        match &effect {
            Effect::Marks { mailbox, uid, set, clear } => {
                if let Some(message) = self.boxes[mailbox.0].messages.get_mut(uid) {
                    each_mark(*set, *clear, |bit, value| message.marks[bit].begin(value));
                }
                if set & DELETED != 0 {
                    self.threaten(*mailbox, *uid);
                }
            }
            Effect::Gone { mailbox, uid } => {
                if let Some(message) = self.boxes[mailbox.0].messages.get_mut(uid) {
                    message.present.begin(false);
                }
            }
            Effect::Purge { mailbox, only } => {
                let uids = only.clone().unwrap_or_else(|| {
                    self.boxes[mailbox.0].purging.push(op);
                    let known = self.boxes[mailbox.0].messages.iter();
                    let doomed = known.filter(|(_, message)| message.possible(began) & DELETED != 0);
                    doomed.map(|(uid, _)| *uid).collect()
                });
                for uid in uids {
                    self.begin_effect(op, Effect::Gone { mailbox: *mailbox, uid }, began);
                }
            }
            Effect::Create { account, name } => self.names.creating(account, name),
            Effect::Delete { account, name } => {
                self.names.deleting(account, name);
                self.forgive_owed(account);
            }
            Effect::Rename { account, from, to, .. } => {
                self.names.renaming((account, from, to), began, &mut self.boxes);
            }
        }
        if let Some(open) = self.open.get_mut(&op) {
            open.effects.push(effect);
        }
    }

    /// A message that may be \Deleted falls to every EXPUNGE under way.
    fn threaten(&mut self, mailbox: BoxId, uid: u32) {
        let now = self.now;
        let known = &self.boxes[mailbox.0];
        let may_go = known.messages.get(&uid).is_some_and(|m| m.possible(now) & DELETED != 0);
        for op in known.purging.clone().into_iter().filter(|_| may_go) {
            let gone = Effect::Gone { mailbox, uid };
            if self.open.get(&op).is_some_and(|open| !open.effects.contains(&gone)) {
                self.begin_effect(op, gone, now);
            }
        }
    }

    /// EXPUNGE and CLOSE take what is \Deleted, also what their session was never told of (RFC 3501 §6.4.2, §6.4.3): a
    /// message heard of only now that was there at `since` may have gone before (seeds 1022164 and 1022201).
    fn threaten_new(&mut self, mailbox: BoxId, uid: u32, since: Tick) {
        let now = self.now;
        let known = &mut self.boxes[mailbox.0];
        let purged = known.purged > since;
        if let Some(message) = known.messages.get_mut(&uid)
            && purged
            && message.possible(since) & DELETED != 0
        {
            message.present.begin(false);
            message.present.end(false, since, now, false);
        }
    }

    fn end(&mut self, op: Op, how: Ending) {
        let Some(Open { began, effects }) = self.open.remove(&op) else { return };
        let now = self.tick();
        let purges = effects.iter().any(|effect| matches!(effect, Effect::Purge { .. }));
        for effect in &effects {
            match effect {
                Effect::Create { account, name } => self.names.created(account, name, began, now, how),
                Effect::Delete { account, name } => self.names.deleted(account, name, began, now, how),
                Effect::Rename { account, from, to, sure } => {
                    let how = if *sure || how != Ending::Done { how } else { Ending::Unknown };
                    self.names.renamed((account, from, to), began, now, how);
                }
                Effect::Purge { mailbox, .. } => {
                    let mailbox = &mut self.boxes[mailbox.0];
                    mailbox.purging.retain(|other| *other != op);
                    if how != Ending::Refused {
                        mailbox.purged = now;
                    }
                }
                Effect::Marks { .. } | Effect::Gone { .. } => {
                    self.end_for_message(effect, began, now, (how == Ending::Done, purges));
                }
            }
        }
    }

    /// EXPUNGE and its kin are certain to have taken only what was there and \Deleted all the time: what was appended while one
    /// was at work may have come after it (seed 2038000).
    fn end_for_message(&mut self, effect: &Effect, began: Tick, now: Tick, (done, purges): (bool, bool)) {
        let (Effect::Marks { mailbox, uid, .. } | Effect::Gone { mailbox, uid }) = effect else { return };
        let Some(message) = self.boxes[mailbox.0].messages.get_mut(uid) else { return };
        if let Effect::Marks { set, clear, .. } = effect {
            each_mark(*set, *clear, |bit, value| message.marks[bit].end(value, began, now, done));
        } else {
            let doomed = message.known <= began && message.certain(began) & DELETED != 0;
            let certain = !purges || doomed;
            message.present.end(false, began, now, done && certain);
        }
    }

    fn opened(&mut self, account: &str, name: &str, told: (u32, Option<u32>), since: Tick) -> BoxId {
        let now = self.tick();
        let (id, wrong) = self.names.opened(account, name, told.0, (since, now), &mut self.boxes);
        self.wrong("I8", wrong);
        let mailbox = &mut self.boxes[id.0];
        if let Some(uid_next) = told.1 {
            let wrong = mailbox.told_uid_next(uid_next, since, now);
            let wrong = wrong.map(|what| format!("{}: {what}", mailbox.label));
            self.wrong("I8", wrong);
        }
        id
    }

    fn born(&mut self, id: BoxId, uid: u32, told: Told, began: Tick) {
        let now = self.tick();
        let is_new = !self.boxes[id.0].messages.contains_key(&uid);
        let wrong = self.boxes[id.0].born(uid, told, began, now);
        self.wrong("I8", wrong);
        self.threaten(id, uid);
        if is_new {
            self.threaten_new(id, uid, began);
        }
    }

    fn saw(&mut self, id: BoxId, uid: u32, told: Told, since: Tick) {
        let now = self.tick();
        let mailbox = &mut self.boxes[id.0];
        let is_new = !mailbox.messages.contains_key(&uid);
        let (label, unclear) = (mailbox.label.clone(), mailbox.unclear);
        let (message, back) = mailbox.saw(uid, since, now);
        let other = message.compare(told).map(|what| format!("{label}: UID {uid} {what}"));
        self.wrong("I8", other.or(back));
        if let Some(marks) = told.marks {
            let message = self.boxes[id.0].messages.get_mut(&uid).expect("seen above");
            let before = (message.certain(since), message.possible(since));
            let bits = (0..8).filter(|&bit| !message.marks[bit].observe(marks & (1 << bit) != 0, since, now));
            let odd: Marks = bits.map(|bit| 1 << bit).sum();
            let what = (odd != 0 && !unclear).then(|| {
                let (certain, possible) = (mark_names(before.0), mark_names(before.1));
                let told = mark_names(marks);
                format!("{label}: UID {uid} has flags ({told}), but must have ({certain}) and can have ({possible})")
            });
            self.wrong("P1", what);
        }
        self.threaten(id, uid);
        if is_new {
            self.threaten_new(id, uid, since);
        }
    }
}

/// Calls `each` with every flag's place and new value.
fn each_mark(set: Marks, clear: Marks, mut each: impl FnMut(usize, bool)) {
    for bit in 0..8 {
        if set & (1 << bit) != 0 {
            each(bit, true);
        } else if clear & (1 << bit) != 0 {
            each(bit, false);
        }
    }
}

#[cfg(test)]
mod tests;
