//! Mailbox names of all accounts: which have a mailbox, and which UIDVALIDITY they had.

use std::collections::BTreeMap;

use super::fact::{Fact, Tick};
use super::mailbox::Mailbox;
use super::{BoxId, Ending};

/// A mailbox under one name and UIDVALIDITY.
struct Seen {
    validity: u32,
    id: BoxId,
    /// Whether it is there under both.
    alive: Fact,
}

/// One name of one account.
struct Name {
    exists: Fact,
    /// In the order in which they were seen.
    seen: Vec<Seen>,
    /// The highest UIDVALIDITY told, and when that was known.
    highest: (u32, Tick),
    /// The highest UIDVALIDITY before an older state was put in place, and when that was.
    before_restore: Option<(u32, Tick)>,
    /// Mailboxes that a rename has brought or may bring here, and when it began.
    heirs: Vec<(BoxId, Tick)>,
    /// A CREATE made, or may have made, a mailbox that nobody has seen yet.
    created: bool,
}

/// See the module's description.
#[derive(Default)]
pub(super) struct Names {
    all: BTreeMap<(String, String), Name>,
    /// When an older state was put in place.
    restored: Tick,
}

impl Names {
    fn name(&mut self, account: &str, name: &str) -> &mut Name {
        let key = (account.to_owned(), name.to_owned());
        self.all.entry(key).or_insert_with(|| Name {
            exists: Fact::unknown(),
            seen: Vec::new(),
            highest: (0, 0),
            before_restore: None,
            heirs: Vec::new(),
            created: false,
        })
    }

    /// The mailbox seen last under a name.
    pub(super) fn newest(&self, account: &str, name: &str) -> Option<BoxId> {
        self.all.get(&(account.to_owned(), name.to_owned()))?.seen.last().map(|seen| seen.id)
    }

    /// An older state is in place: names are as they were then, and whatever has one of them is another mailbox (F31). Of
    /// names of which it is `sure`, every UIDVALIDITY is from now on greater than all before.
    pub(super) fn restored(&mut self, now: Tick, sure: bool) {
        self.restored = now;
        for name in self.all.values_mut() {
            name.exists = Fact::unknown();
            for seen in &mut name.seen {
                seen.alive = Fact::unknown();
            }
            name.heirs.clear();
            name.created = false;
            name.before_restore = sure.then_some((name.highest.0, now));
        }
    }

    /// CREATE begins.
    pub(super) fn creating(&mut self, account: &str, name: &str) {
        let name = self.name(account, name);
        name.exists.begin(true);
        name.created = true;
    }

    /// DELETE begins.
    pub(super) fn deleting(&mut self, account: &str, name: &str) {
        let name = self.name(account, name);
        name.exists.begin(false);
        for seen in &mut name.seen {
            seen.alive.begin(false);
        }
    }

    /// RENAME begins: what is at `from` may soon be at `to`.
    pub(super) fn renaming(
        &mut self,
        (account, from, to): (&str, &str, &str),
        began: Tick,
        boxes: &mut [Mailbox],
    ) {
        let heir = self.name(account, from).holder(boxes);
        self.deleting(account, from);
        let to = self.name(account, to);
        to.exists.begin(true);
        to.heirs.extend(heir.map(|id| (id, began)));
    }

    /// CREATE (or RENAME's new name) ends.
    pub(super) fn created(&mut self, account: &str, name: &str, began: Tick, now: Tick, how: Ending) {
        self.name(account, name).exists.end(true, began, now, how == Ending::Done);
    }

    /// DELETE ends.
    pub(super) fn deleted(&mut self, account: &str, name: &str, began: Tick, now: Tick, how: Ending) {
        let name = self.name(account, name);
        name.exists.end(false, began, now, how == Ending::Done);
        for seen in &mut name.seen {
            seen.alive.end(false, began, now, how == Ending::Done);
        }
    }

    /// RENAME ends.
    pub(super) fn renamed(
        &mut self,
        (account, from, to): (&str, &str, &str),
        began: Tick,
        now: Tick,
        how: Ending,
    ) {
        self.deleted(account, from, began, now, how);
        self.created(account, to, began, now, how);
        if how == Ending::Refused {
            // What an earlier RENAME brought stays (seed 1074195).
            self.name(account, to).heirs.retain(|(_, at)| *at != began);
        }
    }

    /// There is no mailbox of that name. What is wrong with that, if anything.
    pub(super) fn missing(&mut self, account: &str, name: &str, since: Tick, now: Tick) -> Option<String> {
        let found = self.name(account, name);
        (!found.exists.observe(false, since, now))
            .then(|| format!("{account}: mailbox {name} is missing and nobody deleted it"))
    }

    /// The mailbox behind a name and UIDVALIDITY that somebody was told who asked after `since`.
    pub(super) fn opened(
        &mut self,
        account: &str,
        name: &str,
        validity: u32,
        (since, now): (Tick, Tick),
        boxes: &mut Vec<Mailbox>,
    ) -> (BoxId, Option<String>) {
        let label = format!("{account} {name} ({validity})");
        // A late word of what was there before tells nothing of what is (seed 306474).
        let is_late = since < self.restored;
        let found = self.name(account, name);
        let there = found.exists.observe(true, since, now);
        let wrong = (!there).then(|| format!("{label} is there although it was deleted"));
        let wrong = found.changed_to(validity, since, now).map(|what| format!("{label}: {what}")).or(wrong);
        if let Some(seen) = found.seen.iter().find(|seen| seen.validity == validity) {
            return (seen.id, wrong);
        }
        let id = found.heir(boxes).unwrap_or_else(|| {
            let mut mailbox = Mailbox::new(label);
            mailbox.unclear = is_late;
            boxes.push(mailbox);
            BoxId(boxes.len() - 1)
        });
        let alive = if is_late { Fact::unknown() } else { Fact::settled(true) };
        found.seen.push(Seen { validity, id, alive });
        found.created = false;
        (id, wrong)
    }
}

impl Name {
    /// The mailbox that has this name now, if that is certain. Else the one that may have it is unclear from now on.
    fn holder(&self, boxes: &mut [Mailbox]) -> Option<BoxId> {
        let last = self.seen.last().filter(|seen| seen.alive.may_be(true, Tick::MAX - 1))?;
        if !self.created && !last.alive.may_be(false, Tick::MAX - 1) {
            return Some(last.id);
        }
        boxes[last.id.0].unclear = true;
        None
    }

    /// What is wrong with this UIDVALIDITY after those before: it only grows, and not while the mailbox lives (F28).
    fn changed_to(&mut self, validity: u32, since: Tick, now: Tick) -> Option<String> {
        let (highest, when) = self.highest;
        if let Some((old, at)) = self.before_restore
            && validity <= old
            && at < since
        {
            return Some(format!("UIDVALIDITY was {old} before an older state was put in place"));
        }
        if validity < highest {
            return (when < since).then(|| format!("UIDVALIDITY was {highest} before"));
        }
        if validity == highest {
            return None;
        }
        self.highest = (validity, now);
        let before = self.seen.last_mut()?;
        if before.alive.may_be(false, since) {
            before.alive.observe(false, since, now);
            return None;
        }
        Some(format!("UIDVALIDITY was {highest}, and nobody deleted or renamed the mailbox"))
    }

    /// The mailbox that a rename brought here, if that is certain. Else those that it may be are unclear from now on.
    fn heir(&mut self, boxes: &mut [Mailbox]) -> Option<BoxId> {
        let heirs = std::mem::take(&mut self.heirs);
        if let [(only, _)] = heirs[..]
            && !self.created
        {
            return Some(only);
        }
        for (id, _) in heirs {
            boxes[id.0].unclear = true;
        }
        None
    }
}
