//! I6: from whom a message comes to a remote. It is its sender; or, where an alias led there, an address of the alias's
//! domain that stands for the sender, so that SPF speaks of the forwarder (SRS).

use super::Audit;
use crate::oracle::book::{Final, domain};
use crate::oracle::ledger::{Accepted, Kind, Rcpt, Try};

/// Digits of the hash and of the day.
const DIGITS: (usize, usize) = (8, 2);

impl Audit<'_> {
    /// Whether the reverse-path with which a remote got a message is right for each of its recipients there.
    pub(super) fn is_from(&self, attempt: &Try, accepted: &Accepted) -> bool {
        let right = |to: &String| attempt.to.iter().any(|rcpt| self.leads(attempt, rcpt, to, accepted));
        accepted.to.iter().all(right)
    }

    /// Whether a recipient of a try explains what came to `to`.
    fn leads(&self, attempt: &Try, rcpt: &Rcpt, to: &str, accepted: &Accepted) -> bool {
        let book = &self.account.book;
        let is_same = accepted.from == attempt.from;
        if !book.is_ours(&rcpt.address) {
            return rcpt.address == to && is_same;
        }
        let end = Final::Remote(to.to_owned());
        if !book.is_unsure(&rcpt.address) && !book.resolve(&rcpt.address).contains(&end) {
            return false;
        }
        let forwarder = domain(&rcpt.address).to_lowercase();
        let (same, rewritten) = self.forms(attempt, accepted.begun);
        same && is_same || rewritten && stands_for(&accepted.from, &attempt.from, &forwarder)
    }

    /// Whether a forwarded message may keep its reverse-path, and whether it may get another one. No domain here has SPF:
    /// where the office has asked, it knows that, unless names could not be asked. Where it did not ask it cannot know.
    fn forms(&self, attempt: &Try, until: u64) -> (bool, bool) {
        let has_no_need = attempt.from.is_empty() || self.account.book.is_ours(&attempt.from);
        match attempt.asked {
            _ if has_no_need => (true, false),
            false => (false, true),
            true => (true, self.account.any_fault(&[Kind::Names], 0, until)),
        }
    }

    /// Whether a remote has said too early that it took something of this sender, or of who stands for it.
    pub(super) fn is_misled(&self, sender: &str, address: &str) -> bool {
        let ours = &self.account.book.domains;
        let is_sender = |from: &str| from == sender || ours.iter().any(|ours| stands_for(from, sender, ours));
        self.account.premature.iter().any(|(from, to)| to == address && is_sender(from))
    }
}

/// Whether a reverse-path was rewritten.
pub(super) fn is_rewritten(path: &str) -> bool {
    path.starts_with("SRS0=")
}

/// Whether a path is `SRS0=hash=day=domain=local@forwarder`, made of the sender's domain and local-part. Its own few lines:
/// what the hash is good for is seen when a report must find its way back.
fn stands_for(path: &str, sender: &str, forwarder: &str) -> bool {
    let (Some((local, host)), Some((user, home))) = (path.rsplit_once('@'), sender.rsplit_once('@')) else {
        return false;
    };
    let is_number = |text: &str, length| {
        text.len() == length && text.bytes().all(|digit| matches!(digit, b'A'..=b'Z' | b'2'..=b'7'))
    };
    let parts: Vec<&str> = local.splitn(5, '=').collect();
    match parts[..] {
        ["SRS0", hash, day, from, name] => {
            let made = is_number(hash, DIGITS.0) && is_number(day, DIGITS.1);
            made && from == home && name == user && host == forwarder
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::coverage::Coverage;
    use crate::oracle::book::Book;
    use crate::oracle::ledger::{EightBit, Fate, Ledger, Link, Word};
    use crate::oracle::mail::Facts;

    const GOOD: &str = "SRS0=ABCDEFG7=2Z=far.test=u=x@a.test";

    #[test]
    fn a_rewritten_sender_is_made_of_the_old_one() {
        for (path, is_one) in [
            (GOOD, true),
            ("SRS0=ABCDEFG7=2Z=far.test=u=y@a.test", false),
            ("SRS0=ABCDEFG7=2Z=far.test=u@a.test", false),
            ("SRS0=ABCDEFG7=2Z=near.test=u=x@a.test", false),
            ("SRS0=ABCDEFG7=2Z=far.test=u=x@b.test", false),
            ("SRS0=ABCDEFG=2Z=far.test=u=x@a.test", false),
            ("SRS0=ABCDEFG1=2Z=far.test=u=x@a.test", false),
            ("SRS0=ABCDEFG7=2=far.test=u=x@a.test", false),
            ("SRS1=ABCDEFG7=2Z=far.test=u=x@a.test", false),
            ("SRS0+ABCDEFG7=2Z=far.test=u=x@a.test", false),
            ("u=x@far.test", false),
            ("", false),
        ] {
            assert_eq!(stands_for(path, "u=x@far.test", "a.test"), is_one, "{path}");
        }
        assert!(!stands_for("SRS0=ABCDEFG7=2Z==@a.test", "", "a.test"));
    }

    /// Of whom the office has asked, from whom the message was and came, to whom it was sent and came; whether that is right
    /// while names can be asked, and while they cannot.
    #[test]
    fn only_a_forwarded_message_comes_from_who_stands_for_its_sender() {
        let (far, own) = ("u=x@far.test", "ann@a.test");
        let own_rewritten = "SRS0=ABCDEFG7=2Z=a.test=ann@a.test";
        let (direct, alias, there) = ("y@far.test", "Away@A.test", "x@far.test");
        for (asked, from, came, sent_to, came_to, right) in [
            (true, far, far, alias, there, [true, true]),
            (true, far, GOOD, alias, there, [false, true]),
            (false, far, far, alias, there, [false, false]),
            (false, far, GOOD, alias, there, [true, true]),
            (false, far, far, direct, direct, [true, true]),
            (false, far, GOOD, direct, direct, [false, false]),
            (true, far, GOOD, alias, direct, [false, false]),
            (false, own, own, alias, there, [true, true]),
            (false, own, own_rewritten, alias, there, [false, false]),
            (false, "", "", alias, there, [true, true]),
            (true, far, own, alias, there, [false, false]),
        ] {
            let found = [false, true].map(|trouble| {
                let book = Book::new(&["ann@a.test"], &[("away@a.test", &["x@far.test"])]);
                let ledger = Ledger::new(book, Coverage::default());
                if trouble {
                    ledger.fault(Kind::Names);
                }
                let (attempt, accepted) = (attempt(asked, from, sent_to), accepted(came, came_to));
                let (account, facts) = (ledger.account(), Facts::default());
                Audit::new(&account, &facts).is_from(&attempt, &accepted)
            });
            assert_eq!(found, right, "asked: {asked}, <{from}> to {sent_to}: <{came}> to {came_to}");
        }
    }

    fn attempt(asked: bool, from: &str, to: &str) -> Try {
        let address = to.to_owned();
        let rcpt = Rcpt { address, accepted: true, notify_failure: true, fate: Fate::Unanswered };
        let (office, kept) = ("mx.a.test".to_owned(), Arc::default());
        Try { at: 1, settled: 2, token: 1, office, from: from.to_owned(), asked, to: vec![rcpt], kept }
    }

    fn accepted(from: &str, to: &str) -> Accepted {
        Accepted {
            begun: 10,
            at: 11,
            host: "mx.far.test".to_owned(),
            from: from.to_owned(),
            to: vec![to.to_owned()],
            bytes: Arc::default(),
            eight_bit: EightBit::Offered,
            word: Word::Read,
            link: Link { opened: 0, shown: None },
        }
    }
}
