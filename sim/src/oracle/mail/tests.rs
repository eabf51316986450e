//! The oracle has teeth: each promise broken by hand is found, under its name.

use std::sync::Arc;

use journey::What;
use mail::Id;

use super::*;
use crate::actors::remote::{Act, Stage};
use crate::oracle::ledger::{EightBit, Link, Published, Restore, Word};
use crate::small::{Case, To, Trouble};
use crate::tls::{Certificate, Posture};
use crate::town::Guard;

/// One message to somebody here and somebody elsewhere, who takes it or refuses it.
fn evidence(script: &[(Stage, Act)]) -> (Account, Facts) {
    let script = script.to_vec();
    let case = Case { to: To::LocalRemote, large: false, script, trouble: Trouble::None, seed: 1 };
    let (ledger, facts) = case.evidence();
    let account = ledger.account();
    assert_eq!(compare(&account, &facts, Moment::End), [], "nothing is wrong before it is made so");
    (account, facts)
}

/// What is found once something was made wrong.
fn found(script: &[(Stage, Act)], make_wrong: impl FnOnce(&mut Account, &mut Facts)) -> Vec<&'static str> {
    let (mut account, mut facts) = evidence(script);
    make_wrong(&mut account, &mut facts);
    compare(&account, &facts, Moment::End).into_iter().map(|violation| violation.invariant).collect()
}

const REFUSED: &[(Stage, Act)] = &[(Stage::Rcpt, Act::Permanent)];

fn kept<'a>(facts: &'a mut Facts, account: &str) -> &'a mut Kept {
    facts.mail.iter_mut().find(|kept| kept.account == account).expect("a message")
}

fn forget(facts: &mut Facts, unwanted: impl Fn(&What) -> bool) {
    for journey in facts.journeys.values_mut() {
        journey.events.retain(|event| !unwanted(&event.what));
    }
}

#[test]
fn what_is_gone_is_missed() {
    assert!(found(&[], |_, facts| facts.mail.clear()).contains(&"I1"), "a message here");
    assert!(found(&[], |account, _| account.accepted.clear()).contains(&"I1"), "a message elsewhere");
    let untold = |facts: &mut Facts| forget(facts, |what| matches!(what, What::Attempted(_)));
    assert!(found(&[], |_, facts| untold(facts)).contains(&"I1"), "neither queued nor relayed");
    assert!(found(REFUSED, |_, facts| facts.mail.retain(|k| k.account != "ann@alpha.test")).contains(&"I1"));
    let silent = |facts: &mut Facts| forget(facts, |what| matches!(what, What::Reported { .. }));
    let without_report = found(REFUSED, |_, facts| silent(facts));
    assert!(without_report.contains(&"I1") && without_report.contains(&"I15"), "{without_report:?}");
}

#[test]
fn what_is_there_twice_is_seen() {
    let double = |facts: &mut Facts| {
        let copy = kept(facts, "bob@alpha.test").clone();
        facts.mail.push(copy);
    };
    assert_eq!(found(&[], |_, facts| double(facts)), ["I2"]);
    let again = |account: &mut Account, word| {
        account.accepted[0].word = word;
        let copy = account.accepted[0].clone();
        account.accepted.push(Accepted { begun: copy.at, at: copy.at + 1, word: Word::Read, ..copy });
    };
    assert_eq!(found(&[], |account, _| again(account, Word::Read)), ["I3"]);
    assert_eq!(found(&[], |account, _| again(account, Word::Sent)), ["I3"]);
    assert_eq!(found(&[], |account, _| again(account, Word::Kept)), <[&str; 0]>::default());
    let renamed = |facts: &mut Facts| {
        let copy = Kept { id: Id(12345), ..kept(facts, "bob@alpha.test").clone() };
        facts.mail.push(copy);
    };
    assert!(found(&[], |_, facts| renamed(facts)).contains(&"I4"));
}

#[test]
fn other_bytes_and_other_people_are_seen() {
    let cut = |facts: &mut Facts| {
        let kept = kept(facts, "bob@alpha.test");
        kept.bytes.truncate(kept.bytes.len() - 3);
    };
    assert_eq!(found(&[], |_, facts| cut(facts)), ["I5"]);
    let cut = |account: &mut Account| {
        let bytes = &account.accepted[0].bytes;
        account.accepted[0].bytes = Arc::new(bytes[..bytes.len() - 2].to_vec());
    };
    assert_eq!(found(&[], |account, _| cut(account)), ["I5"]);
    let elsewhere = |facts: &mut Facts| {
        let copy = Kept { account: "cleo@alpha.test".into(), ..kept(facts, "bob@alpha.test").clone() };
        facts.mail.push(copy);
    };
    assert!(found(&[], |_, facts| elsewhere(facts)).contains(&"I6"));
    assert!(found(&[], |account, _| account.accepted[0].to.push("z@gamma.test".into())).contains(&"I6"));
}

#[test]
fn false_reports_are_seen() {
    let taken = |account: &mut Account, facts: &Facts| {
        let sent = facts.mail.iter().find(|kept| kept.account == "bob@alpha.test").expect("a message");
        let at = sent.bytes.windows(9).position(|nine| nine == b"Received:").expect("our trace field");
        account.accepted.push(Accepted {
            begun: 999,
            at: 1000,
            host: "mx.gamma.test".into(),
            from: "ann@alpha.test".into(),
            to: vec!["x@gamma.test".into()],
            bytes: Arc::new(sent.bytes[at..].to_vec()),
            eight_bit: EightBit::Offered,
            word: Word::Read,
            link: Link { opened: 0, shown: None },
        });
    };
    assert_eq!(found(REFUSED, |account, facts| taken(account, facts)), ["I7"]);
    let other = |facts: &mut Facts| {
        let report = kept(facts, "ann@alpha.test");
        let text = String::from_utf8_lossy(&report.bytes).replace("Action: failed", "Action: delayed");
        report.bytes = text.into_bytes();
    };
    assert_eq!(found(REFUSED, |_, facts| other(facts)), ["I7"]);
}

#[test]
fn what_a_restore_may_take_and_what_it_must_hold_is_known() {
    let restored = |backup, at| Restore { backup, at, released: u64::MAX };
    let gone = |account: &mut Account, facts: &mut Facts, backup| {
        account.restores.push(restored(backup, u64::MAX));
        facts.mail.clear();
        facts.journeys.clear();
    };
    assert_eq!(found(&[], |account, facts| gone(account, facts, 0)), <[&str; 0]>::default());
    assert!(found(&[], |account, facts| gone(account, facts, u64::MAX)).contains(&"I1"));
    let left = |account: &mut Account, released| {
        let at = account.tries[0].at + 1;
        account.restores.push(Restore { released, ..restored(u64::MAX, at) });
    };
    assert_eq!(found(&[], |account, _| left(account, u64::MAX)), ["P11"]);
    assert_eq!(found(&[], |account, _| left(account, 0)), <[&str; 0]>::default());
}

#[test]
fn damage_excuses_what_has_it_and_nothing_else() {
    let lost = |account: &mut Account, facts: &mut Facts, is_damaged: bool| {
        let kept = kept(facts, "bob@alpha.test");
        (kept.bytes, kept.unreadable) = (Vec::new(), Some("damaged".into()));
        account.damaged.messages.extend(is_damaged.then_some(kept.id));
    };
    assert_eq!(found(&[], |account, facts| lost(account, facts, false)), ["I1"]);
    assert_eq!(found(&[], |account, facts| lost(account, facts, true)), <[&str; 0]>::default());
}

#[test]
fn mail_that_went_against_a_policy_is_seen() {
    let host = "mx.gamma.test";
    let own = Certificate::of(host);
    let none = <[&str; 0]>::default();
    let over = |guard: Guard, named: &str, posture: Posture| {
        let keys = [(host.to_owned(), own.key)].into();
        let published = Published { guard, hosts: [named.to_owned()].into(), keys };
        found(&[], |account, _| {
            account.guards.insert("gamma.test".into(), published.clone());
            account.accepted.iter_mut().for_each(|accepted| accepted.link.shown = posture.shows(&own));
        })
    };
    let sts = Guard::Sts { known: true };
    assert_eq!(over(sts, host, Posture::Good), none);
    assert_eq!(over(sts, "mx9.gamma.test", Posture::Good), ["I17"], "a host that is not named");
    assert_eq!(over(sts, host, Posture::OtherKey), none);
    assert_eq!(over(Guard::Dane, host, Posture::WrongName), none);
    for posture in [Posture::NotOffered, Posture::Untrusted] {
        assert_eq!(over(sts, host, posture), ["I17"], "{posture:?}");
        assert_eq!(over(Guard::Dane, host, posture), ["I17"], "{posture:?}");
        assert_eq!(over(Guard::Offered, host, posture), none);
    }
    assert_eq!(over(sts, host, Posture::Expired), ["I17"]);
    assert_eq!(over(Guard::Dane, host, Posture::OtherKey), ["I17"]);
}
