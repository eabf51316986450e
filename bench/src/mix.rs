//! `bench mix`: what clients do all day, in the order and with the shares of the stress tool imaptest, over many
//! connections. `bench logins`: connections that log in and out, and nothing else.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Arguments;
use crate::imap::Session;
use crate::letters::{Numbers, letter};

/// Who one client is, and how long it goes on.
struct Client<'a> {
    address: &'a str,
    password: &'a str,
    user: &'a str,
    numbers: Numbers,
    end: Instant,
    commands: u64,
    refused: u64,
}

/// `bench mix --imap ADDRESS --users U,U,… --password P --connections N --seconds N`
pub(crate) fn run(arguments: &Arguments) -> Outcome<Value> {
    clients(arguments, |client| {
        while Instant::now() < client.end {
            client.session()?;
        }
        Ok(())
    })
}

/// `bench logins`, with the arguments of `bench mix`.
pub(crate) fn logins(arguments: &Arguments) -> Outcome<Value> {
    clients(arguments, |client| {
        while Instant::now() < client.end {
            Session::connect(client.address, client.user, client.password)?.command("LOGOUT")?;
            client.commands += 1;
        }
        Ok(())
    })
}

/// Lets all clients work at once, and adds up what they did.
fn clients(arguments: &Arguments, work: impl Fn(&mut Client<'_>) -> Outcome<()> + Sync) -> Outcome<Value> {
    let (address, users) = (arguments.text("imap")?, arguments.list("users")?);
    let (password, connections): (_, usize) = (arguments.text("password")?, arguments.number("connections")?);
    let (begin, length) = (Instant::now(), Duration::from_secs_f64(arguments.number("seconds")?));
    let (commands, refused) = thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|number| {
                let user = &users[number % users.len()];
                let numbers = Numbers::new(number as u64 + 1);
                let (end, work) = (begin + length, &work);
                scope.spawn(move || {
                    let mut client =
                        Client { address, password, user, numbers, end, commands: 0, refused: 0 };
                    work(&mut client).map(|()| (client.commands, client.refused))
                })
            })
            .collect();
        threads.into_iter().try_fold((0, 0), |(commands, refused), thread| {
            let (more, no) = thread.join().expect("no client panics")?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((commands + more, refused + no))
        })
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(
        json!({ "commands": commands, "refused": refused, "seconds": seconds, "rate": commands as f64 / seconds }),
    )
}

impl Client<'_> {
    /// From LOGIN to LOGOUT, as imaptest does by default: half of the clients LIST, STATUS and STORE, a third COPY, all do the rest.
    fn session(&mut self) -> Outcome<()> {
        let mut session = Session::connect(self.address, self.user, self.password)?;
        self.commands += 1;
        if self.numbers.percent(50) {
            self.ask(&mut session, "LIST \"\" \"*\"")?;
        }
        if self.numbers.percent(50) {
            self.ask(&mut session, "STATUS INBOX (MESSAGES UNSEEN RECENT)")?;
        }
        self.ask(&mut session, "SELECT INBOX")?;
        let first = self.one(&session);
        let last = (first + 9).min(session.exists.max(1));
        self.ask(
            &mut session,
            &format!("FETCH {first}:{last} (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"),
        )?;
        let one = self.one(&session);
        self.ask(&mut session, &format!("FETCH {one} (BODY.PEEK[])"))?;
        if self.numbers.percent(50) {
            let one = self.one(&session);
            let flag =
                ["\\Seen", "\\Flagged", "\\Answered"][usize::try_from(self.numbers.below(3)).unwrap_or(0)];
            self.ask(&mut session, &format!("STORE {one} +FLAGS ({flag})"))?;
        }
        session.append("INBOX", &letter(self.numbers.below(100_000)))?;
        self.commands += 1;
        let mut gone = 1;
        if self.numbers.percent(33) {
            let one = self.one(&session);
            self.ask(&mut session, &format!("COPY {one} INBOX"))?;
            gone += 1;
        }
        for _ in 0..gone {
            let one = self.one(&session);
            self.ask(&mut session, &format!("STORE {one} +FLAGS.SILENT (\\Deleted)"))?;
        }
        self.ask(&mut session, "EXPUNGE")?;
        self.ask(&mut session, "LOGOUT")
    }

    /// A message of the mailbox.
    fn one(&mut self, session: &Session) -> usize {
        1 + usize::try_from(self.numbers.below(session.exists as u64)).unwrap_or(0)
    }

    /// A refusal is no error: another client may have removed the message meanwhile.
    fn ask(&mut self, session: &mut Session, command: &str) -> Outcome<()> {
        self.commands += 1;
        self.refused += u64::from(session.ask(command)?.is_none());
        Ok(())
    }
}
