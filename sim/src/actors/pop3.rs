//! People who fetch their mail by POP3: what they delete must go after QUIT's `+OK` and stay without QUIT (I11, F33),
//! unique ids must name the same bytes for ever, and what is listed must be what is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use world::{Rng, World};

use super::imap::hash;
use super::letter;
use super::lines::{Gone, Wire};
use crate::oracle::ledger::Ledger;
use crate::oracle::reading::{BoxId, Effect, Reading, Tick, Told};

/// How often a visit is tried that never got as far as the login.
const TRIES: u32 = 30;

/// What one account's program does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Who logs in.
    pub account: String,
    /// With which password.
    pub password: String,
    /// The office's POP3 port.
    pub office: SocketAddr,
    /// Nobody pauses any more when so much time has passed.
    pub span: Duration,
    /// One visit after the other.
    pub steps: Vec<Visit>,
}

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Milliseconds to wait before.
    pub pause: u32,
    /// Which messages are read: a bit for each place, round and round.
    pub read: u8,
    /// Which of those read are deleted.
    pub delete: u8,
    /// Whether RSET takes all that back, and only the first is deleted then.
    pub reset: bool,
    /// How it ends.
    pub end: End,
}

/// How a visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// QUIT, and its answer is heard.
    Quit,
    /// QUIT, and nobody listens any more.
    QuitAndGo,
    /// Without QUIT.
    Drop,
}

impl Plan {
    /// A plan of up to `visits` visits within about `span`.
    pub fn draw(
        rng: &dyn Rng,
        (account, password, office): (&str, &str, SocketAddr),
        visits: u64,
        span: Duration,
    ) -> Self {
        let count = 1 + rng.below(visits.max(1));
        let pace = span.as_millis() as u64 / count;
        let steps = (0..count).map(|_| Visit::draw(rng, pace)).collect();
        Self { account: account.into(), password: password.into(), office, span, steps }
    }
}

impl Visit {
    fn draw(rng: &dyn Rng, pace: u64) -> Self {
        let end = match rng.below(10) {
            0..7 => End::Quit,
            7 => End::QuitAndGo,
            _ => End::Drop,
        };
        let byte = || rng.below(256) as u8;
        let delete = if rng.below(3) == 0 { 0 } else { byte() & byte() };
        Self {
            pause: rng.below(2 * pace + 1) as u32,
            read: byte() | delete,
            delete,
            reset: rng.below(6) == 0,
            end,
        }
    }
}

/// One message of the maildrop.
struct Message {
    number: u32,
    size: u64,
    uid: u32,
    token: Option<u64>,
}

/// An open maildrop.
struct Drop<'a> {
    wire: Wire,
    plan: &'a Plan,
    ledger: &'a Ledger,
    reading: &'a Reading,
    /// When the login was asked for: what is told is not older.
    since: Tick,
    mailbox: Option<BoxId>,
    messages: Vec<Message>,
}

/// Makes all visits.
pub async fn run(world: World, plan: Plan, ledger: Arc<Ledger>, reading: Arc<Reading>) {
    let end = world.clock.mono() + plan.span;
    for visit in &plan.steps {
        let pause = Duration::from_millis(visit.pause.into());
        world.clock.sleep_until(end.min(world.clock.mono() + pause)).await;
        for _ in 0..TRIES {
            reading.passed(world.clock.mono());
            if let Ok(Some(mut open)) = log_in(&world, &plan, &ledger, &reading).await {
                if open.visit(*visit, &world).await.is_err() {
                    ledger.saw("pop3.lost");
                }
                break;
            }
            world.clock.sleep(Duration::from_millis(1000 + world.rng.below(20_000))).await;
        }
    }
}

async fn log_in<'a>(
    world: &World,
    plan: &'a Plan,
    ledger: &'a Ledger,
    reading: &'a Reading,
) -> Result<Option<Drop<'a>>, Gone> {
    let wire = Wire::dial(world, plan.office).await?;
    let mut open =
        Drop { wire, plan, ledger, reading, since: reading.tick(), mailbox: None, messages: Vec::new() };
    if !open.wire.text().await?.starts_with("+OK")
        || open.ask(&format!("USER {}", plan.account)).await?.is_none()
    {
        return Ok(None);
    }
    open.since = reading.tick();
    // [IN-USE] while another visit has the maildrop, or its connection has not been given up yet.
    let logged_in = open.ask(&format!("PASS {}", plan.password)).await?.is_some();
    Ok(logged_in.then_some(open))
}

impl Drop<'_> {
    fn complain(&self, invariant: &'static str, what: &str) {
        self.reading.violation(invariant, format!("POP3 {}: {what}", self.plan.account));
    }

    /// Sends a command; what stands behind `+OK`, or nothing for `-ERR`.
    async fn ask(&mut self, command: &str) -> Result<Option<String>, Gone> {
        self.say(command).await.map(Result::ok)
    }

    /// Sends a command; what stands behind `+OK`, or behind `-ERR`.
    async fn say(&mut self, command: &str) -> Result<Result<String, String>, Gone> {
        self.wire.say(format!("{command}\r\n").as_bytes()).await?;
        let reply = self.wire.text().await?;
        let rest = |prefix: &str| reply.strip_prefix(prefix).map(|rest| rest.trim().to_owned());
        match (rest("+OK"), rest("-ERR")) {
            (Some(rest), _) => Ok(Ok(rest)),
            (None, Some(rest)) => Ok(Err(rest)),
            (None, None) => {
                self.complain("I9", &format!("{command} was answered with {reply:?}"));
                Err(Gone::Closed)
            }
        }
    }

    /// A command that works in an open maildrop, unless the server ends: then it says so and closes (RFC 3206 §4,
    /// seeds 1071192 and 1094782).
    async fn must(&mut self, command: &str) -> Result<String, Gone> {
        let why = match self.say(command).await? {
            Ok(rest) => return Ok(rest),
            Err(why) => why,
        };
        if !why.starts_with("[SYS/TEMP]") || self.wire.line().await != Err(Gone::Closed) {
            self.complain("I9", &format!("{command} was refused: {why}"));
        }
        Err(Gone::Closed)
    }

    /// A listing: the words of each line.
    async fn list(&mut self, command: &str) -> Result<Vec<(u32, String)>, Gone> {
        self.must(command).await?;
        let mut lines = Vec::new();
        loop {
            let line = self.wire.text().await?;
            if line == "." {
                return Ok(lines);
            }
            let (number, rest) = line.split_once(' ').unwrap_or((&line, ""));
            lines.push((number.parse().unwrap_or(0), rest.to_owned()));
        }
    }

    async fn visit(&mut self, visit: Visit, world: &World) -> Result<(), Gone> {
        self.look().await?;
        let chosen = |bits: u8, at: usize| bits & (1 << (at % 8)) != 0;
        for at in (0..self.messages.len()).filter(|at| chosen(visit.read, *at)) {
            self.read(at).await?;
        }
        if visit.reset {
            world.clock.sleep(Duration::from_millis(world.rng.below(60_000))).await;
        }
        let doomed: Vec<usize> = (0..self.messages.len())
            .filter(|&at| chosen(visit.delete, at) && self.messages[at].token.is_some())
            .collect();
        let doomed = self.delete(doomed, visit.reset).await?;
        match visit.end {
            End::Drop => {
                self.ledger.saw("pop3.no-quit");
                Ok(())
            }
            how => self.quit(doomed, how == End::Quit, world).await,
        }
    }

    /// STAT, LIST and UIDL tell of the same messages.
    async fn look(&mut self) -> Result<(), Gone> {
        let stat = self.must("STAT").await?;
        let sizes = self.list("LIST").await?;
        let ids = self.list("UIDL").await?;
        let numbers = |list: &[(u32, String)]| list.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        let total: u64 = sizes.iter().filter_map(|(_, size)| size.parse::<u64>().ok()).sum();
        if numbers(&sizes) != numbers(&ids) || stat != format!("{} {total}", sizes.len()) {
            self.complain("I9", &format!("STAT {stat}, LIST {sizes:?}, UIDL {ids:?}"));
        }
        for ((number, size), (_, id)) in sizes.iter().zip(&ids) {
            let (validity, uid) = id.split_once('.').unwrap_or((id, ""));
            let (Ok(validity), Ok(uid), Ok(size)) = (validity.parse(), uid.parse(), size.parse()) else {
                self.complain("I9", &format!("no message is {number} {size} {id}"));
                continue;
            };
            let opened = || self.reading.opened(&self.plan.account, "INBOX", validity, None, self.since);
            let mailbox = *self.mailbox.get_or_insert_with(opened);
            let told = Told { size: Some(size), ..Told::default() };
            self.reading.saw(mailbox, uid, told, self.since);
            let token = self.reading.token(mailbox, uid).filter(|token| *token > 0);
            self.messages.push(Message { number: *number, size, uid, token });
        }
        if let (Some(mailbox), Some(last)) = (self.mailbox, self.messages.last()) {
            let uids: Vec<u32> = self.messages.iter().map(|message| message.uid).collect();
            self.reading.listed(mailbox, &uids, last.uid + 1, self.since);
        }
        Ok(())
    }

    /// RETR.
    async fn read(&mut self, at: usize) -> Result<(), Gone> {
        let (number, size, uid) = (self.messages[at].number, self.messages[at].size, self.messages[at].uid);
        // Another program may have removed it meanwhile.
        if self.ask(&format!("RETR {number}")).await?.is_none() {
            return Ok(());
        }
        let bytes = self.wire.until_dot().await?;
        if bytes.len() as u64 != size {
            self.complain("I5", &format!("UID {uid} has {} octets, and LIST told {size}", bytes.len()));
        }
        let token = letter::token(letter::head(&bytes));
        self.messages[at].token = token;
        let told = Told { size: Some(size), body: Some(hash(&bytes)), token: token.or(Some(0)), marks: None };
        if let Some(mailbox) = self.mailbox {
            self.reading.saw(mailbox, uid, told, self.since);
        }
        self.reading.text(&self.plan.account, bytes);
        Ok(())
    }

    /// DELE of some; with `reset`, all but the first are kept after all. The UIDs and tokens that go.
    async fn delete(&mut self, doomed: Vec<usize>, reset: bool) -> Result<Vec<(u32, u64)>, Gone> {
        let mut gone = Vec::new();
        for at in doomed {
            let (number, uid, token) =
                (self.messages[at].number, self.messages[at].uid, self.messages[at].token);
            if self.ask(&format!("DELE {number}")).await?.is_some() {
                gone.push((number, uid, token.unwrap_or_default()));
            }
        }
        if reset && !gone.is_empty() {
            self.ask("RSET").await?;
            self.ledger.saw("pop3.reset");
            gone.truncate(1);
            for (number, ..) in &gone {
                self.ask(&format!("DELE {number}")).await?;
            }
        }
        Ok(gone.into_iter().map(|(_, uid, token)| (uid, token)).collect())
    }

    /// QUIT: from now on the deletions may happen, and with its `+OK` they have.
    async fn quit(&mut self, doomed: Vec<(u32, u64)>, listen: bool, world: &World) -> Result<(), Gone> {
        let Some(mailbox) = self.mailbox.filter(|_| !doomed.is_empty()) else {
            return self.ask("QUIT").await.map(drop);
        };
        for (_, token) in &doomed {
            self.ledger.removed(&self.plan.account, *token);
        }
        let gone = doomed.iter().map(|&(uid, _)| Effect::Gone { mailbox, uid });
        let op = self.reading.begin(gone.collect());
        if !listen {
            self.reading.lost(op, world.clock.mono());
            return self.wire.say(b"QUIT\r\n").await;
        }
        let answer = self.ask("QUIT").await;
        match answer {
            Ok(Some(_)) => {
                self.ledger.saw("pop3.deleted");
                self.reading.done(op);
            }
            _ => self.reading.lost(op, world.clock.mono()),
        }
        answer.map(drop)
    }
}
