//! A second office: what it holds is what another server has accepted, for the first one's ledger. A real server keeps no
//! ledger of its own; its word is as good as what it still has when everything is over (P1).

use std::sync::Arc;

use super::bytes::field;
use super::{Audit, Facts, Violation};
use crate::actors::letter;
use crate::oracle::ledger::{Accepted, EightBit, Ledger, Link, Word};

/// Writes down what a neighbour of `office` has of it, and says what is wrong with the neighbour itself.
pub fn neighbour(ledger: &Ledger, facts: &Facts, office: &str) -> Vec<Violation> {
    let account = ledger.account();
    let mut audit = Audit::new(&account, facts);
    audit.unreadable();
    audit.drained();
    for kept in &facts.mail {
        let path = |name| field(&kept.bytes, name).unwrap_or_default().trim_matches(['<', '>']).to_owned();
        ledger.saw("office.relayed-to-office");
        ledger.accept(Accepted {
            begun: 0,
            at: 0,
            host: facts.office.clone(),
            from: path("Return-Path:"),
            to: vec![path("Delivered-To:")],
            bytes: Arc::new(as_it_came(&kept.bytes, office).to_vec()),
            eight_bit: EightBit::Offered,
            // Nobody noted how far its word came.
            word: Word::Kept,
            link: Link { opened: 0, shown: None },
        });
    }
    audit.out
}

/// Without the fields that the neighbour put in front of the Received field of `office`.
fn as_it_came<'a>(message: &'a [u8], office: &str) -> &'a [u8] {
    let mut at = 0;
    while let Some(rest) = letter::head(message).get(at..).filter(|rest| !rest.is_empty()) {
        if letter::trace(rest).is_some_and(|(host, _)| host == office) && rest.starts_with(b"Received:") {
            return &message[at..];
        }
        at += rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |end| end + 1);
    }
    message
}
