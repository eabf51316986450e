//! SEARCH (RFC 3501 §6.4.4, RFC 4731, RFC 5182), and SORT and THREAD of what it finds (RFC 5256).
//!
//! Each message is judged first by what the view holds, then by its header, then by its text; most are decided
//! before anything is read ([`judge()`]).

mod content;
mod judge;
mod plan;
mod sort;
mod tell;
mod thread;

use imap::command::Search;
use imap::{Code, Numbers};
use mailbox::Entry;

use super::connection::Connection;
use super::stop::{Done, Stop};
use super::sync::Moment;
use crate::turn::take_turn;
use judge::{Facts, judge};
use plan::Test;
use tell::Hit;

/// Other sessions of this thread get their turn after this many messages, or this many that were read.
const TURN: u32 = 256;
const TURN_OF_READ: u32 = 16;

impl Connection<'_> {
    pub(super) async fn search(&mut self, search: Search) -> Done {
        let (uid, returns, asks_modseq) = (search.uid, search.returns, search.key.asks_modseq());
        let found = self.found(search).await?;
        self.tell_found("SEARCH", uid, returns, &found, asks_modseq);
        Self::done("Searched")
    }

    /// What a search finds.
    async fn found(&mut self, search: Search) -> Result<Vec<Hit>, Stop> {
        self.sync(Moment::NumbersStay).await?;
        let now = self.world().clock.wall();
        let selected = self.selected.as_mut().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        let charset = plan::charset(search.charset.as_deref().unwrap_or("US-ASCII"));
        let test = charset.map(|charset| plan::compile(search.key, charset, selected, now));
        // RFC 5182 §2.1: a search that fails leaves no result.
        if search.returns.is_some_and(|returns| returns.save) {
            selected.saved = Numbers::default();
        }
        // RFC 3501 §6.4.4: NO [BADCHARSET] if the charset is not known.
        let test = test.ok_or(Stop::no(Code::BadCharset, "That charset is not known"))?;
        self.find(&test).await
    }

    /// The messages that pass, ascending.
    async fn find(&self, test: &Test) -> Result<Vec<Hit>, Stop> {
        let Some(selected) = &self.selected else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut read = 0;
        for (number, entry) in selected.view.iter() {
            if number % TURN == 0 {
                take_turn().await;
            }
            let recent = selected.is_recent(entry.uid);
            let mut facts = Facts::new(number, entry, selected.view.flags(entry.flags), recent);
            let passes = if let Some(passes) = judge(test, &facts) {
                passes
            } else {
                read += 1;
                if read % TURN_OF_READ == 0 {
                    take_turn().await;
                }
                self.read_and_judge(test, entry, &mut facts).await?
            };
            if passes {
                found.push(Hit { number, uid: entry.uid, modseq: entry.modseq });
            }
        }
        Ok(found)
    }

    async fn read_and_judge(&self, test: &Test, entry: &Entry, facts: &mut Facts<'_>) -> Result<bool, Stop> {
        let read = match self.header_text(entry).await {
            Ok(header) => {
                facts.header = Some(header);
                match judge(test, facts) {
                    Some(passes) => return Ok(passes),
                    None => self.body_text(entry).await,
                }
            }
            Err(stop) => Err(stop),
        };
        match read {
            Ok(body) => facts.body = Some(body),
            // Expunged meanwhile, or damaged: it matches nothing that would have to be read.
            Err(Stop::Answer(answer)) if answer.code != Some(Code::Unavailable) => return Ok(false),
            Err(stop) => return Err(stop),
        }
        Ok(judge(test, facts).unwrap_or(false))
    }
}
