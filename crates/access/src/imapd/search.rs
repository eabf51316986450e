//! SEARCH (RFC 3501 §6.4.4, RFC 9051 §6.4.4, RFC 4731, RFC 5182), and SORT and THREAD of what it finds (RFC 5256).
//!
//! Each message is judged first by what the view holds, then by the index of words, then by its header, then by its text;
//! most are decided before anything is read ([`judge()`]).

mod content;
mod index;
mod judge;
mod plan;
mod sort;
mod tell;
mod thread;

use imap::command::{Returns, Search};
use imap::{Code, Numbers};
use mailbox::Entry;

use super::connection::Connection;
use super::selected::Selected;
use super::stop::{Done, Stop};
use super::sync::Moment;
use crate::turn::take_turn;
use index::{Known, READ_AT_MOST};
use judge::{Facts, judge};
use plan::Plan;
use tell::Hit;

/// Other sessions of this thread get their turn after this many messages, or this many that were read.
const TURN: u32 = 256;
const TURN_OF_READ: u32 = 16;

impl Connection<'_> {
    pub(super) async fn search(&mut self, search: Search) -> Done {
        let (uid, asks_modseq) = (search.uid, search.key.asks_modseq());
        // RFC 9051 §6.4.4: ESEARCH takes the place of SEARCH, with ALL where nothing else is asked for.
        let rev2 = self.session.enabled().rev2;
        let returns = search.returns.or(rev2.then(|| Returns { all: true, ..Returns::default() }));
        let found = self.found(search).await?;
        self.tell_found("SEARCH", uid, returns, &found, asks_modseq);
        Self::done("Searched")
    }

    /// What a search finds.
    async fn found(&mut self, search: Search) -> Result<Vec<Hit>, Stop> {
        self.sync(Moment::NumbersStay).await?;
        let now = self.world().clock.wall();
        let selected = self.selected.as_mut().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        let plan = Plan::new(search.key, search.charset.as_deref().unwrap_or("US-ASCII"), selected, now);
        // RFC 5182 §2.1: a search that fails leaves no result.
        if search.returns.is_some_and(|returns| returns.save) {
            selected.saved = Numbers::default();
        }
        // RFC 3501 §6.4.4: NO [BADCHARSET] if the charset is not known.
        let plan = plan.ok_or(Stop::no(Code::BadCharset, "That charset is not known"))?;
        let mut known = if plan.reads && self.undecided(&plan) > READ_AT_MOST {
            Some(self.known(&plan).await?)
        } else {
            None
        };
        self.find(&plan, known.as_mut()).await
    }

    /// How many messages would have to be read without the index; no more are counted than decide.
    fn undecided(&self, plan: &Plan) -> usize {
        let Some(selected) = &self.selected else { return 0 };
        let is_open = |number, entry| judge(&plan.test, &facts(selected, number, entry)).is_none();
        selected.view.iter().filter(|(number, entry)| is_open(*number, entry)).take(READ_AT_MOST + 1).count()
    }

    /// The messages that pass, ascending.
    async fn find(&mut self, plan: &Plan, mut known: Option<&mut Known>) -> Result<Vec<Hit>, Stop> {
        let Some(view) = self.selected.as_ref().map(|selected| selected.view.clone()) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut read = 0;
        let mut progress = self.begin_progress(view.len());
        for (number, entry) in view.iter() {
            if number % TURN == 0 {
                take_turn().await;
                self.tell_progress(&mut progress, number as usize - 1).await?;
            }
            let recent = self.selected.as_ref().is_some_and(|selected| selected.is_recent(entry.uid));
            let mut facts = Facts::new(number, entry, view.flags(entry.flags), recent);
            facts.indexed = known.as_mut().and_then(|known| known.of(entry));
            let passes = if let Some(passes) = judge(&plan.test, &facts) {
                passes
            } else {
                read += 1;
                if read % TURN_OF_READ == 0 {
                    take_turn().await;
                    self.tell_progress(&mut progress, number as usize - 1).await?;
                }
                self.read_and_judge(&plan.test, entry, &mut facts).await?
            };
            if passes {
                found.push(Hit { number, uid: entry.uid, modseq: entry.modseq });
            }
        }
        Ok(found)
    }

    async fn read_and_judge(
        &self,
        test: &plan::Test,
        entry: &Entry,
        facts: &mut Facts<'_>,
    ) -> Result<bool, Stop> {
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

/// What the view knows of a message.
fn facts<'a>(selected: &'a Selected, number: u32, entry: &'a Entry) -> Facts<'a> {
    Facts::new(number, entry, selected.view.flags(entry.flags), selected.is_recent(entry.uid))
}
