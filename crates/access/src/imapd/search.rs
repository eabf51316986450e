//! SEARCH (RFC 3501 §6.4.4).
//!
//! Each message is judged first by what the view holds, then by its header, then by its text; most are decided
//! before anything is read ([`judge()`]).

mod content;
mod judge;
mod plan;

use imap::command::Search;
use imap::{Code, Completion};
use mailbox::Entry;

use super::connection::Connection;
use super::stop::{Done, Stop};
use super::sync::Moment;
use super::turn::take_turn;
use judge::{Facts, judge};
use plan::Test;

/// Other sessions of this thread get their turn after this many messages, or this many that were read.
const TURN: u32 = 256;
const TURN_OF_READ: u32 = 16;

impl Connection<'_> {
    pub(super) async fn search(&mut self, search: Search) -> Done {
        self.sync(Moment::NumbersStay).await?;
        let selected = self.selected.as_ref().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        // RFC 3501 §6.4.4: NO [BADCHARSET] if the charset is not known.
        let charset = search.charset.as_deref().unwrap_or("US-ASCII");
        let Some(charset) = plan::charset(charset) else {
            return Ok(Completion::no(Code::BadCharset, "That charset is not known"));
        };
        let test = plan::compile(search.key, charset, selected);
        let found = self.find(&test, search.uid).await?;
        let mut out = self.session.out();
        out.text("* SEARCH");
        for number in found {
            out.text(" ").number(u64::from(number));
        }
        out.end();
        Self::done("Searched")
    }

    /// The numbers (or UIDs) of the messages that pass, ascending.
    async fn find(&self, test: &Test, uid: bool) -> Result<Vec<u32>, Stop> {
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
                found.push(if uid { entry.uid.get() } else { number });
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
