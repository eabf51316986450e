//! SEARCH (RFC 3501 §6.4.4, RFC 9051 §6.4.4, RFC 4731, RFC 5182), ESEARCH (RFC 7377), and SORT and THREAD of what it finds (RFC 5256).
//!
//! Each message is judged first by what the view holds, then by the index of words, then by its header, then by its text;
//! most are decided before anything is read ([`judge()`]).

mod content;
mod index;
mod judge;
mod many;
mod plan;
mod sort;
mod tell;
mod thread;

use imap::command::{Returns, Search};
use imap::{Code, Completion, Numbers};
use mailbox::Entry;

use super::connection::Connection;
use super::limited::{Limited, Reached, count_of};
use super::progress::Progress;
use super::selected::Selected;
use super::stop::{Done, Stop};
use super::sync::Moment;
use crate::turn::take_turn;
use index::{Known, READ_AT_MOST};
use judge::{Facts, judge, judge_flags, relevancy};
use plan::Plan;
use tell::Hit;

/// Other sessions of this thread get their turn after this many messages (some ten microseconds), or this many that were read.
const TURN: usize = 4096;
/// The same where each takes a few nanoseconds.
const TURN_OF_FLAGS: usize = if cfg!(test) { 64 } else { 65_536 };
const TURN_OF_READ: u32 = 16;

/// What a search found.
struct Found {
    /// Ascending.
    hits: Vec<Hit>,
    /// If not all was searched.
    reached: Option<Reached>,
    /// How many messages were looked at.
    searched: u64,
}

impl Connection<'_> {
    pub(super) async fn search(&mut self, search: Search) -> Done {
        let (uid, asks_modseq) = (search.uid, search.key.asks_modseq());
        // RFC 9051 §6.4.4: ESEARCH takes the place of SEARCH, with ALL where nothing else is asked for.
        let rev2 = self.session.enabled().rev2;
        let returns = search.returns.or(rev2.then(|| Returns { all: true, ..Returns::default() }));
        let found = self.found(search).await?;
        self.tell_found("SEARCH", uid, returns, &found.hits, asks_modseq);
        Ok(self.within_limit(Completion::ok("Searched"), found.reached))
    }

    /// What a search finds in the selected mailbox.
    async fn found(&mut self, search: Search) -> Result<Found, Stop> {
        self.sync(Moment::NumbersStay).await?;
        let now = self.world().clock.wall();
        let missing = || Stop::no(Code::ClientBug, "Select a mailbox first");
        let mut selected = self.selected.take().ok_or_else(missing)?;
        let plan = Plan::new(search.key, search.charset.as_deref().unwrap_or("US-ASCII"), &selected, now);
        // RFC 5182 §2.1: a search that fails leaves no result.
        if search.returns.is_some_and(|returns| returns.save) {
            selected.saved = Numbers::default();
        }
        let found = match plan {
            Some(plan) => {
                let mut progress = self.begin_progress(count_of(&plan.candidates(&selected)) as usize);
                self.found_in(&selected, &plan, self.message_limit(), &mut progress).await
            }
            // RFC 3501 §6.4.4: NO [BADCHARSET] if the charset is not known.
            None => Err(Stop::no(Code::BadCharset, "That charset is not known")),
        };
        self.selected = Some(selected);
        found
    }

    /// All that a search by SORT or THREAD finds; of a part there is no order (RFC 9738 §3.3).
    async fn found_whole(&mut self, search: Search) -> Result<Vec<Hit>, Stop> {
        let found = self.found(search).await?;
        match found.reached {
            Some(Reached { limit, .. }) => Err(Reached { limit, lowest: None }.refusal()),
            None => Ok(found.hits),
        }
    }

    /// What a search finds in a mailbox, as it is in that view, among so many messages.
    async fn found_in(
        &mut self,
        selected: &Selected,
        plan: &Plan,
        limit: u32,
        progress: &mut Progress,
    ) -> Result<Found, Stop> {
        let limited = Limited::new(&selected.view, plan.candidates(selected), limit);
        let mut known = if plan.reads && undecided(selected, &limited.ranges, plan) > READ_AT_MOST {
            let known = self.known(selected, plan).await?;
            // Making it told of itself.
            progress.put_off(self.now());
            Some(known)
        } else {
            None
        };
        let by_flags = selected.view.flag_sets().iter().map(|flags| judge_flags(&plan.test, flags)).collect();
        let hits = match by_flags {
            Some(passes) => self.find_by_flags(selected, &limited.ranges, passes, progress).await?,
            None => self.find(selected, &limited.ranges, plan, known.as_mut(), progress).await?,
        };
        Ok(Found { hits, reached: limited.reached, searched: count_of(&limited.ranges) })
    }

    /// The messages that pass, ascending.
    async fn find(
        &mut self,
        selected: &Selected,
        ranges: &[(u32, u32)],
        plan: &Plan,
        mut known: Option<&mut Known>,
        progress: &mut Progress,
    ) -> Result<Vec<Hit>, Stop> {
        let (mut found, mut read) = (Vec::new(), 0);
        let mut messages = selected.entries(ranges).enumerate();
        loop {
            match judge_on(&mut messages, selected, plan, known.as_deref_mut(), &mut found) {
                Next::End => return Ok(found),
                Next::Turn(at) => self.pause(progress, at).await?,
                Next::Read(at, number, entry) => {
                    read += 1;
                    if read % TURN_OF_READ == 0 {
                        self.pause(progress, at).await?;
                    }
                    let mut facts = facts(selected, number, entry);
                    facts.indexed = known.as_mut().and_then(|known| known.of(entry));
                    if self.read_and_judge(selected, plan, entry, &mut facts).await? {
                        found.push(hit(plan, &facts, number, entry));
                    }
                }
            }
        }
    }

    /// The messages whose set of flags `passes`, ascending: where flags alone decide, each set is judged once.
    async fn find_by_flags(
        &mut self,
        selected: &Selected,
        ranges: &[(u32, u32)],
        passes: Vec<bool>,
        progress: &mut Progress,
    ) -> Result<Vec<Hit>, Stop> {
        // Room that is not used costs no memory; growing costs more than judging.
        let room = (count_of(ranges) as usize).min(selected.view.len());
        let (mut found, mut done) = (Vec::with_capacity(room), 0);
        let mut messages = selected.entries(ranges);
        loop {
            let before = done;
            for (number, entry) in messages.by_ref().take(TURN_OF_FLAGS) {
                done += 1;
                if passes.get(entry.flags.0 as usize) == Some(&true) {
                    found.push(Hit { number, uid: entry.uid, modseq: entry.modseq, relevancy: 100 });
                }
            }
            if done - before < TURN_OF_FLAGS {
                return Ok(found);
            }
            self.pause(progress, done).await?;
        }
    }

    /// Lets others have their turn, and says how far it is.
    async fn pause(&mut self, progress: &mut Progress, done: usize) -> Result<(), Stop> {
        take_turn().await;
        self.tell_progress(progress, done).await
    }

    async fn read_and_judge(
        &self,
        selected: &Selected,
        plan: &Plan,
        entry: &Entry,
        facts: &mut Facts<'_>,
    ) -> Result<bool, Stop> {
        let test = &plan.test;
        if !plan.fuzzy.is_empty() && facts.indexed.is_none() {
            match self.scores(selected.at(), entry, &plan.fuzzy).await {
                Ok(scores) => facts.read().scores = Some(scores),
                Err(Stop::Answer(answer)) if answer.code != Some(Code::Unavailable) => return Ok(false),
                Err(stop) => return Err(stop),
            }
            if let Some(passes) = judge(test, facts) {
                return Ok(passes);
            }
        }
        let read = match self.header_text(selected.at(), entry).await {
            Ok(header) => {
                facts.read().header = Some(header);
                match judge(test, facts) {
                    Some(passes) => return Ok(passes),
                    None => self.body_text(selected.at(), entry).await,
                }
            }
            Err(stop) => Err(stop),
        };
        match read {
            Ok(body) => facts.read().body = Some(body),
            // Expunged meanwhile, or damaged: it matches nothing that would have to be read.
            Err(Stop::Answer(answer)) if answer.code != Some(Code::Unavailable) => return Ok(false),
            Err(stop) => return Err(stop),
        }
        Ok(judge(test, facts).unwrap_or(false))
    }
}

/// Where judging without reading comes to, with how many messages were before.
enum Next<'a> {
    End,
    /// Others get their turn.
    Turn(usize),
    /// This one is not decided by what is known of it.
    Read(usize, u32, &'a Entry),
}

/// Judges messages by what is known of them without reading, [`TURN`] at most. Apart from the reading, so that nothing of it is
/// kept across a wait: this goes over each message of the mailbox.
fn judge_on<'a>(
    messages: &mut impl Iterator<Item = (usize, (u32, &'a Entry))>,
    selected: &Selected,
    plan: &Plan,
    mut known: Option<&mut Known>,
    found: &mut Vec<Hit>,
) -> Next<'a> {
    for (at, (number, entry)) in messages {
        let mut facts = facts(selected, number, entry);
        facts.indexed = known.as_mut().and_then(|known| known.of(entry));
        match judge(&plan.test, &facts) {
            Some(true) => found.push(hit(plan, &facts, number, entry)),
            Some(false) => {}
            None => return Next::Read(at, number, entry),
        }
        if at % TURN == TURN - 1 {
            return Next::Turn(at);
        }
    }
    Next::End
}

/// A message that passes.
fn hit(plan: &Plan, facts: &Facts<'_>, number: u32, entry: &Entry) -> Hit {
    let relevancy = if plan.fuzzy.is_empty() { None } else { relevancy(&plan.test, facts) };
    Hit { number, uid: entry.uid, modseq: entry.modseq, relevancy: relevancy.unwrap_or(100) }
}

/// What the view knows of a message.
fn facts<'a>(selected: &'a Selected, number: u32, entry: &'a Entry) -> Facts<'a> {
    Facts::new(number, entry, selected.view.flags(entry.flags), selected.is_recent(entry.uid))
}

/// How many messages would have to be read without the index; no more are counted than decide.
fn undecided(selected: &Selected, ranges: &[(u32, u32)], plan: &Plan) -> usize {
    let is_open = |number, entry| judge(&plan.test, &facts(selected, number, entry)).is_none();
    let open = selected.entries(ranges).filter(|(number, entry)| is_open(*number, entry));
    open.take(READ_AT_MOST + 1).count()
}
