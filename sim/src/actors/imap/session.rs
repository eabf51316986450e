//! One session of a client: the connection, what was told of the selected mailbox, and commands with what they change.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use world::World;

use super::talk::{Fetched, Heard, Talk, Verdict};
use super::{Plan, Shared};
use crate::actors::lines::{Gone, Wire};
use crate::oracle::reading::{BoxId, Marks, Op, Reading, Tick, Told};

/// How often a client tries to log in before it gives up: offices are down for minutes at most.
const TRIES: u32 = 60;

/// What stands before the names of others' mailboxes (RFC 2342 §5).
pub(super) const OTHERS: &str = "Other Users/";

/// One message of the selected mailbox, as this client knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) uid: Option<u32>,
    pub(super) marks: Option<Marks>,
    pub(super) token: Option<u64>,
}

/// The selected mailbox, as this client knows it: its place in the list is the message's number.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) id: BoxId,
    pub(super) name: String,
    pub(super) validity: u32,
    pub(super) read_only: bool,
    pub(super) messages: Vec<Known>,
    /// What is told now can be as old as this.
    pub(super) as_of: Tick,
}

/// When the server may tell of messages that are gone (RFC 9051 §7.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Not now: FETCH, STORE or SEARCH by number.
    Stay,
    May,
}

/// A command that is about to be sent.
pub(super) struct Command {
    line: String,
    numbers: Numbers,
    op: Option<Op>,
    /// What it changes is by the way: its OK says nothing of that.
    aside: bool,
}

impl Command {
    pub(super) fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), numbers: Numbers::May, op: None, aside: false }
    }

    pub(super) fn numbers(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }

    pub(super) fn changing(self, op: Op) -> Self {
        Self { op: Some(op), ..self }
    }

    /// With what it may also change.
    pub(super) fn changing_aside(self, op: Op) -> Self {
        Self { op: Some(op), aside: true, ..self }
    }
}

/// How a command ended, and what came on the way.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) verdict: Verdict,
    pub(super) code: String,
    pub(super) began: Tick,
    /// Codes of untagged conditions.
    pub(super) said: Vec<String>,
    pub(super) found: Option<Vec<u32>>,
    pub(super) heard: Vec<Heard>,
    /// Whether anything was told of the selected mailbox.
    pub(super) news: bool,
    /// Messages, by place, of which FETCH told.
    pub(super) told: Vec<usize>,
}

impl Done {
    pub(super) fn new(began: Tick) -> Self {
        Self {
            verdict: Verdict::Ok,
            code: String::new(),
            began,
            said: Vec::new(),
            found: None,
            heard: Vec::new(),
            news: false,
            told: Vec::new(),
        }
    }

    pub(super) fn ok(&self) -> bool {
        self.verdict == Verdict::Ok
    }

    /// The value of a code such as `UIDNEXT 7`.
    pub(super) fn said(&self, word: &str) -> Option<u32> {
        self.said.iter().find_map(|code| code.strip_prefix(word)?.trim().parse().ok())
    }
}

/// See the module's description.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) talk: Option<Talk>,
    pub(super) selected: Option<Picture>,
    /// Who it is that uses the account's mailboxes, if not the owner.
    pub(super) guest: Option<String>,
    tag: u32,
    /// For people, and in tags.
    name: String,
}

/// Whether a refusal leaves no doubt that nothing was done.
fn is_certain(code: &str) -> bool {
    let certain = [
        "NONEXISTENT",
        "ALREADYEXISTS",
        "TRYCREATE",
        "CANNOT",
        "READ-ONLY",
        "TOOBIG",
        "CLIENTBUG",
        "OVERQUOTA",
    ];
    certain.iter().any(|known| code.starts_with(known))
}

/// A message's bytes as one number.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, name: String) -> Self {
        Self { shared, talk: None, selected: None, guest: None, tag: 0, name }
    }

    pub(super) fn world(&self) -> &World {
        &self.shared.world
    }

    pub(super) fn reading(&self) -> &Reading {
        &self.shared.reading
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// What a mailbox of the account is called on this connection (RFC 2342 §5).
    pub(super) fn wire_name(&self, name: &str) -> String {
        match self.guest {
            Some(_) => format!("{OTHERS}{}/{name}", self.plan().account),
            None => name.to_owned(),
        }
    }

    /// The connection broke, or is given up.
    pub(super) fn drop_connection(&mut self) {
        self.talk = None;
        self.selected = None;
    }

    /// Connects and logs in, again and again until it works.
    pub(super) async fn connect(&mut self) -> Result<(), Gone> {
        let mut tries = 0;
        while self.talk.is_none() {
            if self.try_connect().await != Ok(true) {
                self.drop_connection();
                tries += 1;
                if tries > TRIES {
                    return Err(Gone::Silent);
                }
                let pause = Duration::from_millis(500 + self.world().rng.below(20_000));
                self.world().clock.sleep(pause).await;
            }
        }
        Ok(())
    }

    async fn try_connect(&mut self) -> Result<bool, Gone> {
        let wire = Wire::dial(self.world(), self.plan().office).await?;
        let mut talk = Talk::new(wire);
        if !matches!(talk.hear().await?, Heard::Said(_)) {
            return Ok(false);
        }
        self.talk = Some(talk);
        let who = self.guest.as_ref().unwrap_or(&self.plan().account);
        let login = format!("LOGIN {who} \"{}\"", self.plan().password);
        if !self.run(Command::new(login)).await?.ok() {
            return Ok(false);
        }
        // Half of the programs are of another age (RFC 9051 Appendix A).
        let is_old = self.name.bytes().last().is_none_or(|last| last % 2 == 1);
        Ok(is_old || self.run(Command::new("ENABLE IMAP4rev2")).await?.ok())
    }

    /// Sends one command and hears it out.
    pub(super) async fn run(&mut self, command: Command) -> Result<Done, Gone> {
        let mut done = self.run_all(vec![command]).await?;
        done.pop().ok_or(Gone::Closed)
    }

    /// Sends commands at once and hears them out, one after the other (RFC 9051 §5.5).
    pub(super) async fn run_all(&mut self, commands: Vec<Command>) -> Result<Vec<Done>, Gone> {
        self.reading().passed(self.world().clock.mono());
        let began = self.reading().tick();
        let mut lines = String::new();
        let first = self.tag + 1;
        for command in &commands {
            self.tag += 1;
            lines.extend([&*self.name, &self.tag.to_string(), " ", &command.line, "\r\n"]);
        }
        let mut ends = Vec::new();
        let mut outcome = self.say(lines.as_bytes()).await;
        for (command, tag) in commands.into_iter().zip(first..) {
            let tag = format!("{}{tag}", self.name);
            let end = match outcome {
                Ok(()) => self.hear_out(&tag, &command, began).await,
                Err(gone) => Err(gone),
            };
            self.conclude(command.op.zip(Some(command.aside)), end.as_ref().ok());
            outcome = end.map(|done| ends.push(done));
        }
        if outcome.is_err() {
            self.drop_connection();
        }
        outcome.map(|()| ends)
    }

    /// Sends a command that is not answered at once. Its tag, and when it was sent.
    pub(super) async fn begin(&mut self, line: &str) -> Result<(String, Command, Tick), Gone> {
        self.reading().passed(self.world().clock.mono());
        let began = self.reading().tick();
        self.tag += 1;
        let tag = format!("{}{}", self.name, self.tag);
        if let Err(gone) = self.say(format!("{tag} {line}\r\n").as_bytes()).await {
            return self.lose(gone);
        }
        Ok((tag, Command::new(line), began))
    }

    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.talk.as_mut().ok_or(Gone::Closed)?.say(bytes).await
    }

    /// What a command's end means for what it would change.
    pub(super) fn conclude(&self, op: Option<(Op, bool)>, done: Option<&Done>) {
        let Some((op, aside)) = op else { return };
        match done {
            Some(done) if done.ok() && aside => self.reading().perhaps(op),
            Some(done) if done.ok() => self.reading().done(op),
            Some(done) if done.verdict == Verdict::Bad || is_certain(&done.code) => {
                self.reading().refused(op);
            }
            _ => self.reading().lost(op, self.world().clock.mono()),
        }
    }

    /// Hears until the end of a command.
    pub(super) async fn hear_out(&mut self, tag: &str, command: &Command, began: Tick) -> Result<Done, Gone> {
        let mut done = Done::new(began);
        loop {
            match self.talk.as_mut().ok_or(Gone::Closed)?.hear().await? {
                Heard::Tagged { tag: theirs, verdict, code } if theirs == tag => {
                    (done.verdict, done.code) = (verdict, code);
                    break;
                }
                Heard::Bye => return Err(Gone::Closed),
                heard => self.take(heard, command, &mut done),
            }
        }
        if done.verdict == Verdict::Bad {
            self.complain("I7", &format!("BAD to {:?}", command.line));
        }
        // A command that failed need not have told of messages that are gone, and those may still be read (RFC 2180 §4.1,
        // RFC 3501 §5.2; seeds 1009386 and 1043303).
        if command.numbers == Numbers::May
            && done.ok()
            && let Some(picture) = &mut self.selected
        {
            picture.as_of = began;
        }
        Ok(done)
    }

    pub(super) fn complain(&self, invariant: &'static str, what: &str) {
        let mailbox = self.selected.as_ref().map_or("-", |picture| &picture.name);
        let who = &self.plan().account;
        self.reading().violation(invariant, format!("IMAP {who} {} in {mailbox}: {what}", self.name));
    }

    /// An untagged response.
    pub(super) fn take(&mut self, heard: Heard, command: &Command, done: &mut Done) {
        match heard {
            Heard::Said(code) => done.said.push(code),
            Heard::Search(numbers) => done.found = Some(numbers),
            Heard::Exists(_) | Heard::Expunge(_) | Heard::Fetch(..) => self.take_news(heard, command, done),
            Heard::Tagged { .. } | Heard::Nonsense(_) | Heard::Continue => {
                self.complain("I9", &format!("{heard:?} during {:?}", command.line));
            }
            other => done.heard.push(other),
        }
    }

    /// What is told of the selected mailbox.
    fn take_news(&mut self, heard: Heard, command: &Command, done: &mut Done) {
        // A SELECT tells of its mailbox before it says which it is.
        let Some(count) = self.selected.as_ref().map(|picture| picture.messages.len()) else {
            return done.heard.push(heard);
        };
        done.news = true;
        match heard {
            Heard::Exists(now) if (now as usize) < count => {
                self.complain("I9", &format!("EXISTS {now} after {count}"));
            }
            Heard::Exists(now) => self.messages().resize(now as usize, Known::default()),
            Heard::Expunge(number) if command.numbers == Numbers::Stay => {
                self.complain("I9", &format!("EXPUNGE {number} during {:?} (RFC 9051 §7.5.1)", command.line));
            }
            Heard::Expunge(number) | Heard::Fetch(number, _) if number == 0 || number as usize > count => {
                self.complain("I9", &format!("number {number} of {count} during {:?}", command.line));
            }
            Heard::Expunge(number) => {
                let gone = self.messages().remove(number as usize - 1);
                done.told.iter_mut().filter(|at| **at >= number as usize).for_each(|at| *at -= 1);
                if let (Some(uid), Some(picture)) = (gone.uid, &self.selected) {
                    self.reading().gone(picture.id, uid, done.began);
                }
            }
            Heard::Fetch(number, told) => {
                done.told.push(number as usize - 1);
                self.take_fetched(number as usize - 1, told);
            }
            _ => {}
        }
    }

    fn messages(&mut self) -> &mut Vec<Known> {
        &mut self.selected.as_mut().expect("only called with a mailbox selected").messages
    }

    fn take_fetched(&mut self, place: usize, told: Fetched) {
        let known = &mut self.messages()[place];
        if let (Some(was), Some(is)) = (known.uid, told.uid)
            && was != is
        {
            self.complain("I9", &format!("number {} was UID {was} and is UID {is}", place + 1));
            return;
        }
        known.uid = known.uid.or(told.uid);
        known.marks = told.marks.or(known.marks);
        known.token = known.token.or(told.token);
        let (Some(uid), Some(picture)) = (known.uid, &self.selected) else { return };
        let (id, as_of) = (picture.id, picture.as_of);
        if let (Some(body), Some(size)) = (&told.body, told.size)
            && body.len() as u64 != size
        {
            self.complain("I5", &format!("UID {uid} has {} bytes, and RFC822.SIZE {size}", body.len()));
        }
        let size = told.size.or(told.body.as_ref().map(|body| body.len() as u64));
        let saw = Told { marks: told.marks, size, body: told.body.as_deref().map(hash), token: told.token };
        self.reading().saw(id, uid, saw, as_of);
        if let Some(body) = told.body {
            self.reading().text(&self.plan().account, body);
        }
    }
}
