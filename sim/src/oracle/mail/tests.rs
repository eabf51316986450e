//! The oracle has teeth: each promise broken by hand is found, under its name.

use std::sync::Arc;

use journey::What;
use mail::Id;

use super::*;
use crate::actors::remote::{Act, Stage};
use crate::oracle::ledger::{EightBit, Link, Word};
use crate::small::{Case, To, Trouble};

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
