//! What was acknowledged, to whom and by whom: written by the actors at the moment they know it, compared with the state
//! afterwards. Everything has a number, in the order in which it happened.

mod older;
mod remote;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::Id;
use store::BlobId;

use super::Violation;
use super::book::Book;
use crate::coverage::Coverage;
use crate::office::Office;

pub use older::{Damage, Restore};
pub use remote::{Accepted, EightBit, Link, Published, Word};

/// What a submitter knows of one recipient of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The end of the message may have been read by the office, and no answer came: it may exist, once (F2).
    Unanswered,
    /// 250, and under which name: it must exist (P1).
    Taken(Id),
    /// A refusal of the whole message that may be tried again: it must not exist, unless the disk failed just then.
    Deferred,
    /// Refused for good, or the office never saw the end: it must not exist (I4).
    Not,
}

/// One recipient of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rcpt {
    /// As it stood in RCPT.
    pub address: String,
    /// Whether it was read that it was accepted.
    pub accepted: bool,
    /// Whether a report about a failure may be sent (RFC 3461 §4.1).
    pub notify_failure: bool,
    /// What became of it.
    pub fate: Fate,
}

/// One transaction that came to the end of its message.
#[derive(Clone, Debug)]
pub struct Try {
    /// When the end of the message began to be sent.
    pub at: u64,
    /// When its answer was known; `u64::MAX` as long as it is not.
    pub settled: u64,
    /// Which message.
    pub token: u64,
    /// To which office, by its name.
    pub office: String,
    /// MAIL FROM, empty for the null reverse-path.
    pub from: String,
    /// Whether the office asks who the sender is: of strangers, not of its users and neighbours.
    pub asked: bool,
    /// Recipients accepted at RCPT, as far as known.
    pub to: Vec<Rcpt>,
    /// What a reader must find behind the trace fields.
    pub kept: Arc<Vec<u8>>,
}

/// A fault that excuses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An office lost power, was killed, or ended because its store failed.
    Crash,
    /// The disk failed an operation.
    Disk,
    /// A connection was cut, or bytes on it were lost.
    Net,
    /// The wall clock jumped.
    Clock,
    /// Names could not be asked.
    Names,
    /// Another server, or what a domain publishes, was not as it should be.
    Peer,
}

/// Something that went wrong on purpose, from one moment to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// When it began.
    pub from: u64,
    /// When it ended; `u64::MAX` while it goes on.
    pub to: u64,
}

/// What everybody writes into. Shared as `Arc<Ledger>`.
#[derive(Default)]
pub struct Ledger {
    state: Mutex<State>,
    healed: AtomicBool,
    coverage: Coverage,
}

#[derive(Default)]
struct State {
    now: u64,
    book: Book,
    tries: Vec<Try>,
    accepted: Vec<Accepted>,
    faults: Vec<Fault>,
    locked: BTreeSet<String>,
    removed: BTreeSet<(String, u64)>,
    removals: BTreeMap<(String, u64), u32>,
    copied: BTreeSet<(String, u64)>,
    blind: BTreeSet<String>,
    premature: BTreeSet<(String, String)>,
    restores: Vec<Restore>,
    guards: BTreeMap<String, Published>,
    damaged: Damage,
    undeleted: BTreeSet<String>,
    squeezed: BTreeSet<String>,
    wrong: Vec<Violation>,
}

/// A copy of everything, for the oracle.
pub struct Account {
    /// Who lives here.
    pub book: Book,
    /// All tries.
    pub tries: Vec<Try>,
    /// What remotes accepted.
    pub accepted: Vec<Accepted>,
    /// What went wrong on purpose, in order.
    pub faults: Vec<Fault>,
    /// (account, token): a client took it out of the mailbox, or may have.
    pub removed: BTreeSet<(String, u64)>,
    /// (account, token): how many clients' commands took it out of the mailbox, or may have.
    pub removals: BTreeMap<(String, u64), u32>,
    /// (account, token): a client made a copy, or may have.
    pub copied: BTreeSet<(String, u64)>,
    /// Accounts of which a client copied or removed what nobody ever read: their messages cannot be counted.
    pub blind: BTreeSet<String>,
    /// (sender, recipient): a remote said that it took a message before it had it.
    pub premature: BTreeSet<(String, String)>,
    /// Older states that were put in place, in order.
    pub restores: Vec<Restore>,
    /// What domains elsewhere ask for.
    pub guards: BTreeMap<String, Published>,
    /// What nobody need be able to read.
    pub damaged: Damage,
    /// Accounts whose operator brought back what was removed, or tried to.
    pub undeleted: BTreeSet<String>,
    /// Accounts that an operator left no room.
    pub squeezed: BTreeSet<String>,
}

impl Ledger {
    /// A ledger of an office that has these people; what is interesting is counted in `coverage`.
    pub fn new(book: Book, coverage: Coverage) -> Self {
        let state = State { book, ..State::default() };
        Self { state: Mutex::new(state), healed: AtomicBool::new(false), coverage }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who lives here now.
    pub fn book(&self) -> Book {
        self.lock().book.clone()
    }

    /// An operator changes what an address leads to, or is about to. From then on nobody is blamed for an answer about it.
    pub fn change_book(&self, address: &str, change: impl FnOnce(&mut Book)) {
        let mut state = self.lock();
        state.book.changed.insert(address.to_lowercase());
        change(&mut state.book);
    }

    /// An operator takes an account's right to log in away, or is about to.
    pub fn locked(&self, account: &str) {
        self.lock().locked.insert(account.to_owned());
    }

    /// Whether that was ever so: refusals of its owner prove nothing.
    pub fn was_locked(&self, account: &str) -> bool {
        self.lock().locked.contains(account)
    }

    /// A message is about to end: until its answer is known it may exist. Gives the try's number.
    pub fn begin(&self, mut attempt: Try) -> usize {
        let mut state = self.lock();
        attempt.at = state.tick();
        state.tries.push(attempt);
        state.tries.len() - 1
    }

    /// What became of a try's recipient.
    pub fn settle(&self, number: usize, address: &str, fate: Fate) {
        let mut state = self.lock();
        let now = state.tick();
        if let Some(attempt) = state.tries.get_mut(number) {
            attempt.settled = now;
            for rcpt in attempt.to.iter_mut().filter(|rcpt| rcpt.address == address) {
                rcpt.fate = fate;
            }
        }
    }

    /// What a domain elsewhere publishes, from the beginning.
    pub fn publishes(&self, domain: &str, published: Published) {
        self.lock().guards.insert(domain.to_owned(), published);
    }

    /// A remote accepts a message. Gives the acceptance's number.
    pub fn accept(&self, mut accepted: Accepted) -> usize {
        let mut state = self.lock();
        accepted.at = state.tick();
        state.accepted.push(accepted);
        state.accepted.len() - 1
    }

    /// This moment, in the ledger's own count.
    pub fn moment(&self) -> u64 {
        self.lock().tick()
    }

    /// How far the remote's word came.
    pub fn word(&self, number: usize, word: Word) {
        if let Some(accepted) = self.lock().accepted.get_mut(number) {
            accepted.word = word;
        }
    }

    /// A fault happens now.
    pub fn fault(&self, kind: Kind) {
        let mut state = self.lock();
        let at = state.tick();
        state.faults.push(Fault { kind, from: at, to: at });
    }

    /// From now on faults of a kind may happen at any moment. Gives the trouble's number.
    pub fn trouble_begins(&self, kind: Kind) -> usize {
        let mut state = self.lock();
        let from = state.tick();
        state.faults.push(Fault { kind, from, to: u64::MAX });
        state.faults.len() - 1
    }

    /// That trouble is over.
    pub fn trouble_ends(&self, number: usize) {
        let mut state = self.lock();
        let now = state.tick();
        if let Some(fault) = state.faults.get_mut(number) {
            fault.to = fault.to.min(now);
        }
    }

    /// All trouble is over, but for connections that were made in it.
    pub fn all_trouble_ends(&self) {
        let mut state = self.lock();
        let now = state.tick();
        for fault in state.faults.iter_mut().filter(|fault| fault.kind != Kind::Net) {
            fault.to = fault.to.min(now);
        }
    }

    /// Notes each death and each new start of an office. Both: what it sent before it died may arrive in between. Ends
    /// when the office is stopped for good, which excuses nothing.
    pub async fn watch(&self, office: &Office) {
        office.up().await;
        loop {
            office.down().await;
            if office.is_stopped() {
                return;
            }
            self.fault(Kind::Crash);
            office.up().await;
            self.fault(Kind::Crash);
        }
    }

    /// A client takes a message out of an account's mailbox, or tries to. Say so before the command is sent.
    pub fn removed(&self, account: &str, token: u64) {
        let mut state = self.lock();
        state.removed.insert((account.to_owned(), token));
        *state.removals.entry((account.to_owned(), token)).or_default() += 1;
    }

    /// A client copies a message within an account, or tries to. Say so before the command is sent.
    pub fn copied(&self, account: &str, token: u64) {
        self.lock().copied.insert((account.to_owned(), token));
    }

    /// A client copied or removed what nobody has ever read.
    pub fn blind(&self, account: &str) {
        self.lock().blind.insert(account.to_owned());
    }

    /// The state of a backup that was begun at `backup` is in place, with its queue on hold.
    pub fn restored(&self, backup: u64) {
        let mut state = self.lock();
        let at = state.tick();
        state.restores.push(Restore { backup, at, released: u64::MAX });
    }

    /// A body is about to be damaged, and with it these messages.
    pub fn damaged(&self, body: BlobId, messages: &BTreeSet<Id>) {
        let damaged = &mut self.lock().damaged;
        damaged.bodies.insert(body);
        damaged.messages.extend(messages);
    }

    /// What was damaged so far.
    pub fn damage(&self) -> Damage {
        self.lock().damaged.clone()
    }

    /// An operator lets held mail go, or tries to. Say so before the command is sent.
    pub fn released(&self) {
        let mut state = self.lock();
        let now = state.tick();
        for restore in &mut state.restores {
            restore.released = restore.released.min(now);
        }
    }

    /// Whether a fault of a kind has ever been.
    pub fn has_been(&self, kind: Kind) -> bool {
        self.lock().faults.iter().any(|fault| fault.kind == kind)
    }

    /// Whether an older state was ever put in place.
    pub fn was_restored(&self) -> bool {
        !self.lock().restores.is_empty()
    }

    /// An operator is about to bring back what was removed from an account: of these messages, one each must be there
    /// afterwards. Gives those whose removal had been noted.
    pub fn undeleting(&self, account: &str, tokens: &BTreeSet<u64>) -> BTreeSet<u64> {
        let mut state = self.lock();
        state.undeleted.insert(account.to_owned());
        tokens.iter().copied().filter(|token| state.removed.remove(&(account.to_owned(), *token))).collect()
    }

    /// An operator is about to leave an account no room.
    pub fn squeezing(&self, account: &str) {
        self.lock().squeezed.insert(account.to_owned());
    }

    /// A remote has sent what must be read as its acceptance of a message that it does not have yet. On a network that is
    /// well it comes together with the 354 before it, and nobody may be deceived.
    pub fn premature(&self, from: &str, to: &str) {
        let mut state = self.lock();
        if state.faults.iter().any(|fault| fault.kind == Kind::Net && fault.to >= state.now) {
            state.premature.insert((from.to_owned(), to.to_owned()));
        }
    }

    /// Something was said to an actor that is plainly wrong.
    pub fn wrong(&self, invariant: &'static str, what: String) {
        self.lock().wrong.push(Violation::new(invariant, what));
    }

    /// What was plainly wrong so far.
    pub fn wrongs(&self) -> Vec<Violation> {
        self.lock().wrong.clone()
    }

    /// Something interesting happened (I20).
    pub fn saw(&self, what: &'static str) {
        self.coverage.hit(what);
    }

    /// From now on remotes and submitters make no more trouble: the liveness phase begins (I19).
    pub fn heal(&self) {
        self.all_trouble_ends();
        self.healed.store(true, Ordering::Relaxed);
    }

    /// Whether the time of trouble is over.
    pub fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// Recipients that were acknowledged so far, for the run's figures.
    pub fn acknowledged(&self) -> u64 {
        let state = self.lock();
        let taken = |rcpt: &&Rcpt| matches!(rcpt.fate, Fate::Taken(_));
        state.tries.iter().flat_map(|attempt| &attempt.to).filter(taken).count() as u64
    }

    /// A copy of everything.
    pub fn account(&self) -> Account {
        let state = self.lock();
        Account {
            book: state.book.clone(),
            tries: state.tries.clone(),
            accepted: state.accepted.clone(),
            faults: state.faults.clone(),
            removed: state.removed.clone(),
            removals: state.removals.clone(),
            copied: state.copied.clone(),
            blind: state.blind.clone(),
            premature: state.premature.clone(),
            restores: state.restores.clone(),
            guards: state.guards.clone(),
            damaged: state.damaged.clone(),
            undeleted: state.undeleted.clone(),
            squeezed: state.squeezed.clone(),
        }
    }
}

impl State {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }
}

impl Account {
    /// Whether a restore may have taken a message away: it need not have been in the backup, and came before the restore.
    pub fn may_be_gone(&self, attempt: &Try) -> bool {
        let lost = |restore: &Restore| restore.backup <= attempt.settled && attempt.at <= restore.at;
        self.restores.iter().any(lost)
    }

    /// Whether a fault of one of these kinds may have happened between two moments.
    pub fn any_fault(&self, kinds: &[Kind], from: u64, to: u64) -> bool {
        self.faults.iter().any(|fault| fault.from <= to && fault.to >= from && kinds.contains(&fault.kind))
    }
}
