//! A connection to the office, up to where a message can be sent.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Errand, Point, Port, Prelude, Step};
use crate::actors::lines::{Gone, Wire};

/// A reply: its code and its lines without it.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

impl Reply {
    pub(super) fn class(&self) -> u16 {
        self.code / 100
    }

    /// The last word of the last line: the name that the office gave the message.
    pub(super) fn last_word(&self) -> &str {
        self.lines.last().and_then(|line| line.rsplit(' ').next()).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" / "))
    }
}

/// What the office offers.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent extensions")]
pub(super) struct Offers {
    pub(super) pipelining: bool,
    pub(super) chunking: bool,
    pub(super) eight_bit: bool,
    pub(super) dsn: bool,
    pub(super) size: bool,
}

/// An open connection.
pub(super) struct Session {
    pub(super) wire: Wire,
    pub(super) offers: Offers,
    port: Port,
    /// Who logged in.
    user: Option<String>,
}

impl Session {
    /// Connects, says hello, and logs in where that is due.
    pub(super) async fn open(errand: Errand<'_>, mishap: Option<Point>) -> Result<Self, Gone> {
        let step = errand.step;
        let wire = Wire::dial(errand.world, address(errand)).await?;
        let mut session = Self { wire, offers: Offers::default(), port: step.port, user: None };
        session.expect(errand, 2).await?;
        if mishap == Some(Point::Greeting) {
            errand.ledger.saw("submitter.hangs-up");
            return Err(Gone::Closed);
        }
        session.hello(errand).await?;
        if step.port == Port::Submission {
            session.log_in(errand).await?;
        }
        Ok(session)
    }

    /// Whether a step can use this connection.
    pub(super) fn fits(&self, step: &Step) -> bool {
        let user = (step.port == Port::Submission).then_some(&step.from);
        self.port == step.port && self.user.as_ref() == user
    }

    pub(super) async fn hello(&mut self, errand: Errand<'_>) -> Result<(), Gone> {
        let verb = if self.port == Port::Lmtp { "LHLO" } else { "EHLO" };
        self.say(&format!("{verb} {}", errand.plan.name)).await?;
        let reply = self.expect(errand, 2).await?;
        let has = |word: &str| reply.lines.iter().any(|line| line.split(' ').next() == Some(word));
        self.offers = Offers {
            pipelining: has("PIPELINING"),
            chunking: has("CHUNKING"),
            eight_bit: has("8BITMIME"),
            dsn: has("DSN"),
            size: has("SIZE"),
        };
        Ok(())
    }

    async fn log_in(&mut self, errand: Errand<'_>) -> Result<(), Gone> {
        let user = &errand.step.from;
        let words = BASE64.encode(format!("\0{user}\0{}", errand.plan.people.password));
        self.say(&format!("AUTH PLAIN {words}")).await?;
        let reply = self.reply(errand).await?;
        if reply.code != 235 {
            if reply.class() == 5 && !errand.ledger.was_locked(user) {
                errand.ledger.wrong("I7", format!("{user} cannot log in: {}", reply.text()));
            }
            return Err(Gone::Closed);
        }
        self.user = Some(user.clone());
        Ok(())
    }

    pub(super) async fn say(&mut self, line: &str) -> Result<(), Gone> {
        self.wire.say(format!("{line}\r\n").as_bytes()).await
    }

    /// The next reply, whatever it is. 421 ends everything (RFC 5321 §3.8).
    pub(super) async fn reply(&mut self, errand: Errand<'_>) -> Result<Reply, Gone> {
        let mut lines = Vec::new();
        loop {
            let line = self.wire.text().await?;
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let Some(code) = code.filter(|code| (200..600).contains(code)) else {
                errand.ledger.wrong("I7", format!("not a reply: {line:?}"));
                return Err(Gone::Closed);
            };
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return if code == 421 { Err(Gone::Closed) } else { Ok(Reply { code, lines }) };
            }
        }
    }

    /// A reply of that class; with any other the connection is of no use now.
    async fn expect(&mut self, errand: Errand<'_>, class: u16) -> Result<Reply, Gone> {
        let reply = self.reply(errand).await?;
        if reply.class() == class { Ok(reply) } else { Err(Gone::Closed) }
    }

    /// Does something that must leave no trace.
    pub(super) async fn play(&mut self, errand: Errand<'_>, prelude: Prelude) -> Result<(), Gone> {
        errand.ledger.saw("submitter.prelude");
        let victim = errand.plan.people.users.first().cloned().unwrap_or_default();
        let start = [format!("MAIL FROM:<{}>", errand.step.from), format!("RCPT TO:<{victim}>")];
        match prelude {
            Prelude::Reset => {
                self.ask_all(errand, &start).await?;
                self.ask_all(errand, &["RSET".into()]).await
            }
            Prelude::Hello => {
                self.ask_all(errand, &start).await?;
                self.hello(errand).await
            }
            Prelude::Refused => {
                self.ask_all(errand, &start).await?;
                self.refused_message(errand).await
            }
            Prelude::Junk => {
                let junk =
                    ["NOOP", "DATA", "RCPT TO:<x@y.test>", "WHAT is this", "VRFY x", "BDAT 4 LAST\r\nhi"];
                self.ask_all(errand, &junk.map(str::to_owned)).await
            }
        }
    }

    async fn ask_all(&mut self, errand: Errand<'_>, lines: &[String]) -> Result<(), Gone> {
        for line in lines {
            self.say(line).await?;
            self.reply(errand).await?;
        }
        Ok(())
    }

    /// A message that nobody takes: with two authors (attack A15), or one that goes round in a circle (F23).
    async fn refused_message(&mut self, errand: Errand<'_>) -> Result<(), Gone> {
        self.say("DATA").await?;
        if self.reply(errand).await?.code != 354 {
            return self.ask_all(errand, &["RSET".into()]).await;
        }
        let circles = errand.step.token.is_multiple_of(2);
        let (invariant, what, head) = if circles {
            (
                "I15",
                "a message that has passed 101 hops was taken",
                "Received: from a by b; now\r\n".repeat(101),
            )
        } else {
            ("I4", "a message with two authors was taken", "From: <c@d.test>\r\n".into())
        };
        let from = if errand.step.from.is_empty() { "a@b.test" } else { &errand.step.from };
        let message = format!("{head}From: <{from}>\r\n\r\nthis must not exist\r\n.\r\n");
        self.wire.say(message.as_bytes()).await?;
        if self.reply(errand).await?.class() == 2 {
            errand.ledger.wrong(invariant, what.into());
        }
        Ok(())
    }

    /// Says goodbye.
    pub(super) async fn quit(mut self) {
        if self.say("QUIT").await.is_ok() {
            drop(self.wire.line().await);
        }
        self.wire.close().await;
    }
}

fn address(errand: Errand<'_>) -> SocketAddr {
    let office = &errand.plan.office;
    match errand.step.port {
        Port::Mx => office.mx,
        Port::Submission => office.submission.unwrap_or(office.mx),
        Port::Lmtp => office.lmtp.unwrap_or(office.mx),
    }
}
