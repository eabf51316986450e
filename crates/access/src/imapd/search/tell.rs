//! How the result of a SEARCH is told and kept.

use imap::Numbers;
use imap::command::Returns;
use imap::response::Writer;
use mail::{MailboxName, ModSeq, Uid, UidValidity};

use super::super::connection::Connection;

/// A message that passed.
#[derive(Clone, Copy)]
pub(super) struct Hit {
    pub(super) number: u32,
    pub(super) uid: Uid,
    pub(super) modseq: ModSeq,
    /// From 1 to 100 (RFC 6203 §4).
    pub(super) relevancy: u8,
}

impl Hit {
    pub(super) fn called(self, uid: bool) -> u32 {
        if uid { self.uid.get() } else { self.number }
    }
}

fn highest(hits: &[Hit]) -> Option<ModSeq> {
    hits.iter().map(|hit| hit.modseq).max()
}

impl Connection<'_> {
    /// Tells what was found, in that order.
    pub(super) fn tell_found(
        &mut self,
        name: &str,
        uid: bool,
        returns: Option<Returns>,
        found: &[Hit],
        with_modseq: bool,
    ) {
        match returns {
            Some(returns) => self.tell_extended(uid, returns, found, with_modseq, None),
            None => self.tell_plain(name, uid, found, with_modseq),
        }
    }

    /// `* SEARCH 2 5 6 (MODSEQ 917162500)` (RFC 3501 §7.2.5, RFC 7162 §3.1.6), or SORT.
    fn tell_plain(&mut self, name: &str, uid: bool, found: &[Hit], with_modseq: bool) {
        let mut out = self.session.out();
        out.text("* ").text(name);
        for hit in found {
            out.text(" ").number(u64::from(hit.called(uid)));
        }
        if let Some(modseq) = highest(found).filter(|_| with_modseq) {
            out.text(" (MODSEQ ").number(modseq.0).text(")");
        }
        out.end();
    }

    /// `* ESEARCH (TAG "a") UID MIN 7 MAX 9 ALL 7:9 COUNT 3` (RFC 4731 §3.1), and the result for `$` (RFC 5182 §2.4).
    /// Of a mailbox that ESEARCH names, with its name, and nothing where nothing was found (RFC 7377 §2.1).
    pub(super) fn tell_extended(
        &mut self,
        uid: bool,
        returns: Returns,
        found: &[Hit],
        with_modseq: bool,
        of: Option<(&MailboxName, UidValidity)>,
    ) {
        let partial = returns.partial.map(|partial| (partial, &found[partial.places(found.len())]));
        let some = some(returns, found, partial.map_or(&[], |(_, hits)| hits));
        let names_some = returns.min || returns.max || partial.is_some();
        let told = if returns.all || returns.count || !names_some { found } else { &some };
        if let Some(selected) = self.selected.as_mut().filter(|_| returns.save) {
            let mut uids: Vec<u32> = told.iter().map(|hit| hit.uid.get()).collect();
            uids.sort_unstable();
            uids.dedup();
            selected.saved = uids.into_iter().collect();
        }
        // RFC 5182 §2.1: SAVE alone asks for no response.
        let silent = of.is_some() && found.is_empty();
        if silent || returns == (Returns { save: true, ..Returns::default() }) {
            return;
        }
        let tag = self.session.tag().to_owned();
        let mut out = self.session.out();
        out.text("* ESEARCH (TAG ").string(tag.as_bytes());
        if let Some((name, validity)) = of {
            out.text(" MAILBOX ").mailbox(name).text(" UIDVALIDITY ").text(&validity.to_string());
        }
        out.text(")").text(if uid { " UID" } else { "" });
        // RFC 4731 §3.1: where nothing was found, only COUNT is told.
        if let (Some(first), Some(last)) = (found.first(), found.last()) {
            if returns.min {
                out.text(" MIN ").number(u64::from(first.called(uid)));
            }
            if returns.max {
                out.text(" MAX ").number(u64::from(last.called(uid)));
            }
            if returns.all {
                let all: Numbers = found.iter().map(|hit| hit.called(uid)).collect();
                out.text(" ALL ").text(&all.to_string());
            }
        }
        if let Some((partial, hits)) = partial {
            let hits: Numbers = hits.iter().map(|hit| hit.called(uid)).collect();
            let set = if hits.is_empty() { "NIL".into() } else { hits.to_string() };
            out.text(" PARTIAL (").text(&partial.to_string()).text(" ").text(&set).text(")");
        }
        if returns.relevancy {
            let scored = partial.filter(|_| !returns.all).map_or(found, |(_, hits)| hits);
            write_relevancy(&mut out, scored);
        }
        if returns.count {
            out.text(" COUNT ").number(found.len() as u64);
        }
        if let Some(modseq) = highest(told).filter(|_| with_modseq) {
            out.text(" MODSEQ ").number(modseq.0);
        }
        out.end();
    }
}

/// `RELEVANCY (99 42 4)` (RFC 6203 §7)
fn write_relevancy(out: &mut Writer<'_>, scored: &[Hit]) {
    out.text(" RELEVANCY (");
    let mut first = true;
    for hit in scored {
        out.keyword("", &mut first).number(u64::from(hit.relevancy));
    }
    out.text(")");
}

/// What MIN, MAX and PARTIAL alone speak of (RFC 4731 §3.2, RFC 5182 §2.4, RFC 9394 §3.2).
fn some(returns: Returns, found: &[Hit], partial: &[Hit]) -> Vec<Hit> {
    let (first, last) = (found.first().filter(|_| returns.min), found.last().filter(|_| returns.max));
    first.into_iter().chain(last).chain(partial).copied().collect()
}
