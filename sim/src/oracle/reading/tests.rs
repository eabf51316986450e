//! What several readers saw at the same time, and what is wrong with it: histories of single messages.

use super::*;
use crate::oracle::ledger::Ledger;

const WHO: &str = "ann@a.test";

struct History {
    reading: Reading,
    inbox: BoxId,
}

impl History {
    fn new() -> Self {
        let reading = Reading::default();
        let inbox = reading.opened(WHO, "INBOX", 7, Some(1), reading.tick());
        Self { reading, inbox }
    }

    /// APPEND of UID 1 was acknowledged.
    fn appended(&self, marks: Marks, began: Tick) {
        let told = Told { marks: Some(marks), ..Told::default() };
        self.reading.born(self.inbox, 1, told, began);
    }

    fn expunge(&self) -> Op {
        self.reading.begin(vec![Effect::Purge { mailbox: self.inbox, only: None }])
    }

    /// A fresh look finds UID 1, or not.
    fn looked(&self, found: bool) {
        let since = self.reading.tick();
        if found {
            self.reading.saw(self.inbox, 1, Told::default(), since);
        }
        self.reading.listed(self.inbox, if found { &[1] } else { &[] }, 2, since);
    }

    fn wrong(&self) -> Vec<&'static str> {
        self.reading.violations().iter().map(|violation| violation.invariant).collect()
    }
}

/// Seeds 1022164 and 2038000: EXPUNGE and APPEND at the same time, in either order.
#[test]
fn an_expunge_may_or_may_not_take_what_comes_meanwhile() {
    for (marks, found, expected) in
        [(DELETED, true, None), (DELETED, false, None), (SEEN, true, None), (SEEN, false, Some("P1"))]
    {
        for heard_before_its_end in [true, false] {
            let history = History::new();
            let began = history.reading.tick();
            let expunge = history.expunge();
            if heard_before_its_end {
                history.appended(marks, began);
                history.reading.done(expunge);
            } else {
                history.reading.done(expunge);
                history.appended(marks, began);
            }
            history.looked(found);
            let label = format!("marks {marks}, found {found}, heard before {heard_before_its_end}");
            assert_eq!(history.wrong(), Vec::from_iter(expected), "{label}");
        }
    }
}

#[test]
fn an_expunge_takes_what_was_there_and_nothing_that_comes_later() {
    for (found, expected) in [(false, None), (true, Some("I8"))] {
        let history = History::new();
        history.appended(DELETED, history.reading.tick());
        history.reading.done(history.expunge());
        history.looked(found);
        assert_eq!(history.wrong(), Vec::from_iter(expected), "before: found {found}");
    }
    for (found, expected) in [(true, None), (false, Some("P1"))] {
        let history = History::new();
        history.reading.done(history.expunge());
        history.appended(DELETED, history.reading.tick());
        history.looked(found);
        assert_eq!(history.wrong(), Vec::from_iter(expected), "after: found {found}");
    }
}

/// Seed 1074195.
#[test]
fn a_refused_rename_takes_nothing_from_the_one_before() {
    let reading = Reading::default();
    let old = reading.opened(WHO, "Lists", 8, Some(2), reading.tick());
    let rename = || {
        reading.begin(vec![Effect::Rename {
            account: WHO.into(),
            from: "Lists".into(),
            to: "Work".into(),
            sure: true,
        }])
    };
    reading.done(rename());
    reading.refused(rename());
    assert_eq!(reading.opened(WHO, "Work", 9, Some(2), reading.tick()), old);
}

/// F31: what is put in place has greater UIDVALIDITYs; with `sure` unset, a clock excuses that.
#[test]
fn after_a_restore_no_uidvalidity_comes_again() {
    for (validity, sure, expected) in
        [(8, true, None), (7, true, Some("I8")), (6, true, Some("I8")), (7, false, None)]
    {
        let history = History::new();
        history.appended(SEEN, history.reading.tick());
        history.reading.restored(history.reading.tick(), sure);
        history.reading.opened(WHO, "INBOX", validity, Some(9), history.reading.tick());
        assert_eq!(history.wrong(), Vec::from_iter(expected), "{validity} {sure}");
    }
}

/// P11: what a client appended before the backup is in what was restored, or cannot be read there.
#[test]
fn what_was_appended_before_a_backup_comes_back() {
    use crate::actors::imap::APPENDED;
    use crate::coverage::Coverage;
    use crate::oracle::book::Book;
    let ledger = Ledger::new(Book::default(), Coverage::default());
    let token = APPENDED + 1;
    for (found, in_backup, expected) in [
        (Some(Some(token)), true, None),
        (Some(None), true, None),
        (None, true, Some("P11")),
        (None, false, None),
    ] {
        let history = History::new();
        history.reading.appending(WHO, token, b"mail");
        let early = history.reading.tick();
        let told = Told { marks: Some(SEEN), token: Some(token), ..Told::default() };
        history.reading.born(history.inbox, 1, told, early);
        let backup = if in_backup { history.reading.tick() } else { early };
        history.reading.restored(backup, true);
        let since = history.reading.tick();
        let inbox = history.reading.opened(WHO, "INBOX", 8, Some(2), since);
        if let Some(token) = found {
            history.reading.saw(inbox, 1, Told { token, ..Told::default() }, since);
        }
        let judged = history.reading.judge(&ledger, &[WHO.to_owned()].into());
        let wrong: Vec<_> = judged.iter().map(|violation| violation.invariant).collect();
        assert_eq!(wrong, Vec::from_iter(expected), "{found:?} {in_backup}");
    }
}

/// RFC 3502, RFC 8508 §3.4: what one command brings and takes, found in the store at the end.
#[test]
fn what_one_command_does_is_whole() {
    use crate::actors::imap::APPENDED;
    use crate::coverage::Coverage;
    use crate::oracle::book::Book;
    use crate::oracle::mail::{Facts, Kept};
    let [old, first, second] = [APPENDED + 1, APPENDED + 2, APPENDED + 3];
    let kept = |token: &u64| Kept {
        account: WHO.into(),
        mailbox: "INBOX".into(),
        uid: 1,
        id: mail::Id(1),
        bytes: format!("X-Token: t{token}\r\n\r\n").into_bytes(),
        unreadable: None,
    };
    for (replaces, there, taken, expected) in [
        (false, vec![], None, None),
        (false, vec![first, second], None, None),
        (false, vec![second], None, Some("I4")),
        (false, vec![second], Some(first), None),
        (true, vec![old], None, None),
        (true, vec![first], None, None),
        (true, vec![old, first], None, Some("I4")),
        (true, vec![], None, Some("P1")),
        (true, vec![], Some(old), None),
        (true, vec![], Some(first), None),
    ] {
        let ledger = Ledger::new(Book::default(), Coverage::default());
        let history = History::new();
        if replaces {
            ledger.removed(WHO, old);
            history.reading.together(WHO, &[first], Some(old));
        } else {
            history.reading.together(WHO, &[first, second], None);
        }
        taken.inspect(|token| ledger.removed(WHO, *token));
        let facts = Facts { mail: there.iter().map(kept).collect(), ..Facts::default() };
        let wrong: Vec<_> = history.reading.torn(&ledger, &facts).iter().map(|it| it.invariant).collect();
        assert_eq!(wrong, Vec::from_iter(expected), "{replaces} {there:?} {taken:?}");
    }
    let history = History::new();
    history.reading.refused_for_good(&[first]);
    let ledger = Ledger::new(Book::default(), Coverage::default());
    let facts = Facts { mail: vec![kept(&first)], ..Facts::default() };
    assert_eq!(history.reading.torn(&ledger, &facts).len(), 1, "what was refused is there");
}
