//! One connection to a remote.

use std::sync::Arc;
use std::time::Duration;

use super::order::Order;
use super::{Act, Host, Stage};
use crate::actors::lines::{Gone, Wire};
use crate::oracle::ledger::{Accepted, EightBit, Link, Word};
use crate::tls::{GREETING, Posture};

/// Beyond this the other side has given up waiting for the reply to the end (RFC 5321 §4.5.3.2.6).
const END_WAIT: u32 = 600;

/// Commands that are known.
const VERBS: [&str; 8] = ["EHLO", "HELO", "STARTTLS", "MAIL", "RCPT", "DATA", "RSET", "QUIT"];

/// How an answer came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// What should be said.
    Good,
    /// Something else.
    Other,
}

/// The transaction under way.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

pub(super) struct Conversation {
    host: Arc<Host>,
    wire: Wire,
    order: Order,
    envelope: Envelope,
    /// What the client knows of us since its last EHLO or HELO.
    eight_bit: EightBit,
    /// Accepted just now: the next command shows that the sender has read it.
    unread: Option<usize>,
    /// The message was read so late that the sender may have gone before its end was (seed 207).
    late: bool,
    /// When the transaction began.
    begun: u64,
    /// When the connection was made, and what was shown on it.
    link: Link,
}

impl Conversation {
    pub(super) fn new(host: Arc<Host>, wire: Wire) -> Self {
        let link = Link { opened: host.ledger.moment(), shown: None };
        Self {
            link,
            host,
            wire,
            order: Order::new(),
            envelope: Envelope::default(),
            eight_bit: EightBit::Unsure,
            unread: None,
            late: false,
            begun: 0,
        }
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.order.says(bytes);
        let mut left = bytes;
        // One byte after the other, until trouble is over.
        while let (Some(pace), [byte, rest @ ..]) = (self.host.spell.pace(), left) {
            self.host.ledger.saw("remote.slow-bytes");
            self.wire.say(&[*byte]).await?;
            self.host.world.clock.sleep(Duration::from_secs(pace.into())).await;
            left = rest;
        }
        self.wire.say(left).await
    }

    /// To its end. An error is how most of them end.
    pub(super) async fn hold(mut self) {
        let greeting = format!("220 {} ready", self.host.plan.host);
        let mut going_on = self.answer(Stage::Greeting, &greeting).await.is_ok();
        while going_on {
            going_on = self.command().await.is_ok();
        }
        self.wire.close().await;
    }

    async fn command(&mut self) -> Result<(), Gone> {
        let line = self.wire.text().await?;
        if let Some(number) = self.unread.take() {
            self.host.ledger.word(number, Word::Read);
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        if !VERBS.contains(&&*verb) {
            return self.odd_line(&line).await;
        }
        self.order.hears(verb == "DATA");
        match &*verb {
            "EHLO" => self.hello().await,
            "HELO" => self.greet(Stage::PlainHello, "250 hello").await,
            "STARTTLS" => self.start_tls().await,
            "MAIL" => self.mail(&line).await,
            "RCPT" => self.rcpt(&line).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.envelope = Envelope::default();
                self.answer(Stage::Reset, "250 2.0.0 forgotten").await.map(drop)
            }
            _ => {
                self.answer(Stage::Quit, "221 2.0.0 goodbye").await?;
                Err(Gone::Closed)
            }
        }
    }

    /// No command: part of a message, if we have misled the client to send it now (seeds 1010930, 1049353, 1069738, 1077331
    /// and 1104102).
    async fn odd_line(&mut self, line: &str) -> Result<(), Gone> {
        if line.starts_with(GREETING) && self.host.plan.certificate.is_some() {
            // A reply too many was taken for the one to STARTTLS.
            return Err(Gone::Closed);
        }
        if self.order.awaits_message() {
            self.host.ledger.saw("remote.misled");
            if line == "." {
                self.order.hears(false);
            }
        } else {
            self.host.ledger.wrong("I7", format!("{} was told {line:?}", self.host.plan.host));
        }
        self.say(b"500 5.5.1 what?\r\n").await
    }

    async fn hello(&mut self) -> Result<(), Gone> {
        let mut reply = format!("250-{}", self.host.plan.host);
        for extension in ["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "ENHANCEDSTATUSCODES"] {
            if self.host.offers() {
                reply.push_str("\r\n250-");
                reply.push_str(extension);
            }
        }
        if self.offers_tls() {
            reply.push_str("\r\n250-STARTTLS");
        }
        let small = self.host.plan.missing > 0 && !self.host.offers();
        reply += if small { "\r\n250 SIZE 1500" } else { "\r\n250 SIZE" };
        self.greet(Stage::Hello, &reply).await
    }

    fn offers_tls(&self) -> bool {
        let has_some = self.host.plan.certificate.is_some() && self.link.shown.is_none();
        has_some && self.host.spell.posture() != Posture::NotOffered
    }

    /// STARTTLS, and the handshake (RFC 3207).
    async fn start_tls(&mut self) -> Result<(), Gone> {
        self.envelope = Envelope::default();
        let posture = self.host.spell.posture();
        let own =
            self.host.plan.certificate.clone().filter(|_| self.offers_tls() && posture != Posture::Refused);
        let Some(own) = own else { return self.say(b"454 4.7.0 TLS is not available\r\n").await };
        self.say(b"220 2.0.0 go\r\n").await?;
        let greeting = self.wire.text().await?;
        let shown = posture.shows(&own).filter(|_| greeting.starts_with(GREETING));
        let shown = shown.ok_or(Gone::Closed)?;
        self.wire.say(shown.line().as_bytes()).await?;
        self.host.ledger.saw("remote.tls");
        self.link.shown = Some(shown);
        Ok(())
    }

    /// Answers EHLO or HELO.
    async fn greet(&mut self, stage: Stage, good: &str) -> Result<(), Gone> {
        self.envelope = Envelope::default();
        let understood = self.order.is_kept();
        let said = self.answer(stage, good).await?;
        self.eight_bit = match said {
            Said::Good if understood && good.contains("8BITMIME") => EightBit::Offered,
            Said::Good if understood => EightBit::Missing,
            _ => EightBit::Unsure,
        };
        Ok(())
    }

    async fn mail(&mut self, line: &str) -> Result<(), Gone> {
        self.envelope = Envelope::default();
        self.begun = self.host.ledger.moment();
        if self.answer(Stage::Mail, "250 2.1.0 ok").await? == Said::Good {
            self.envelope.from = Some(path(line));
        }
        Ok(())
    }

    async fn rcpt(&mut self, line: &str) -> Result<(), Gone> {
        let to = path(line);
        let Some(from) = self.envelope.from.clone() else {
            return self.say(b"503 5.5.1 MAIL first\r\n").await;
        };
        if let Some(refusal) = self.host.refusal(&from, &to) {
            return self.say(format!("{refusal}\r\n").as_bytes()).await;
        }
        if self.answer(Stage::Rcpt, "250 2.1.5 ok").await? == Said::Good {
            self.envelope.to.push(to);
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), Gone> {
        if self.envelope.to.is_empty() {
            return self.say(b"503 5.5.1 RCPT first\r\n").await;
        }
        if self.answer(Stage::Data, "354 go on").await? != Said::Good {
            return Ok(());
        }
        if self.order.has_accepted() {
            let from = self.envelope.from.as_deref().unwrap_or_default();
            self.envelope.to.iter().for_each(|to| self.host.ledger.premature(from, to));
        }
        self.body_act().await?;
        let bytes = self.wire.until_dot().await?;
        self.order.hears(false);
        self.end(bytes).await
    }

    /// What happens while the message comes; mostly nothing.
    async fn body_act(&mut self) -> Result<(), Gone> {
        let act = self.host.act(Stage::Body);
        match act {
            Act::DropBefore | Act::DropAfter | Act::Close => {
                self.wire.line().await?;
                self.note(act);
                Err(Gone::Closed)
            }
            Act::Slow(seconds) => {
                self.late = seconds >= END_WAIT / 2;
                self.wait(seconds).await;
                Ok(())
            }
            Act::Temporary | Act::Permanent | Act::GoAway => {
                self.wire.line().await?;
                self.note(act);
                self.say(refusal(act).as_bytes()).await?;
                Err(Gone::Closed)
            }
            _ => Ok(()),
        }
    }

    /// The end of the message was read. What is accepted is written down first, whatever is said then.
    async fn end(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        let act = self.host.act(Stage::End);
        let envelope = std::mem::take(&mut self.envelope);
        let refused = matches!(act, Act::Temporary | Act::Permanent | Act::GoAway | Act::DropBefore);
        let in_doubt = std::mem::take(&mut self.late)
            || self.host.spell.pace().is_some()
            || !self.order.is_kept()
            || match act {
                Act::Slow(seconds) => seconds >= END_WAIT / 2,
                // A reply before closing may find that the sender, tired of waiting for DATA, has gone.
                Act::DropAfter | Act::Close | Act::Garbage | Act::Endless | Act::Odd | Act::TooMuch => true,
                _ => false,
            };
        let mut number = None;
        if !refused {
            number = Some(self.host.ledger.accept(Accepted {
                begun: self.begun,
                at: 0,
                host: self.host.plan.host.clone(),
                from: envelope.from.unwrap_or_default(),
                to: envelope.to,
                bytes: Arc::new(bytes),
                eight_bit: self.eight_bit,
                word: Word::Kept,
                link: self.link.clone(),
            }));
            self.host.ledger.saw(if in_doubt { "remote.accepted-in-doubt" } else { "remote.accepted" });
        }
        let answered = self.speak(act, "250 2.0.0 accepted").await;
        if let Some(number) = number.filter(|_| answered.is_ok() || act == Act::Close) {
            self.unread = Some(number);
            if !in_doubt {
                self.host.ledger.word(number, Word::Sent);
            }
        }
        answered.map(drop)
    }

    async fn answer(&mut self, stage: Stage, good: &str) -> Result<Said, Gone> {
        let act = self.host.act(stage);
        self.speak(act, good).await
    }

    /// Says what should be said, or what else the act is.
    async fn speak(&mut self, act: Act, good: &str) -> Result<Said, Gone> {
        self.note(act);
        match act {
            Act::Fine => self.say(format!("{good}\r\n").as_bytes()).await?,
            Act::Lines => self.lines(good).await?,
            Act::Split => self.split(good).await?,
            Act::Slow(seconds) => {
                self.wait(seconds).await;
                self.say(format!("{good}\r\n").as_bytes()).await?;
            }
            Act::Close => {
                self.say(format!("{good}\r\n").as_bytes()).await?;
                return Err(Gone::Closed);
            }
            Act::TooMuch => {
                self.say(format!("{good}\r\n250 and more\r\n").as_bytes()).await?;
            }
            Act::DropBefore | Act::DropAfter => return Err(Gone::Closed),
            other => return self.say_wrong(other, good).await,
        }
        Ok(Said::Good)
    }

    async fn say_wrong(&mut self, act: Act, good: &str) -> Result<Said, Gone> {
        match act {
            Act::Garbage => self.say(b"\x00\xffhello there\r\n25 ok\r\n").await?,
            Act::Endless => self.say("250-and so on\r\n".repeat(1500).as_bytes()).await?,
            Act::Odd if good.starts_with('3') => self.say(b"250 2.0.0 fine\r\n").await?,
            Act::Odd => self.say(b"354 2.0.0 go on\r\n").await?,
            refused => {
                self.say(refusal(refused).as_bytes()).await?;
                if refused == Act::GoAway {
                    return Err(Gone::Closed);
                }
            }
        }
        Ok(Said::Other)
    }

    async fn lines(&mut self, good: &str) -> Result<(), Gone> {
        // EHLO's reply has several lines anyway.
        let text = if good.contains('\n') {
            good.to_owned()
        } else {
            let code = &good[..3];
            format!("{code}-first\r\n{code}-{}\r\n{good}", "x".repeat(400))
        };
        self.say(format!("{text}\r\n").as_bytes()).await
    }

    async fn split(&mut self, good: &str) -> Result<(), Gone> {
        let text = format!("{good}\r\n");
        // Not every byte of a long reply: what matters is that no border is safe.
        let step = text.len() / 30 + 1;
        for piece in text.as_bytes().chunks(step) {
            self.say(piece).await?;
            self.host.world.clock.sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Not longer than it takes until the trouble is over, or nothing would ever end.
    async fn wait(&self, seconds: u32) {
        for _ in 0..seconds.div_ceil(30) {
            self.host.world.clock.sleep(Duration::from_secs(u64::from(seconds.min(30)))).await;
            if self.host.ledger.is_healed() && self.host.plan.script.is_empty() {
                return;
            }
        }
    }

    fn note(&self, act: Act) {
        self.host.ledger.saw(match act {
            Act::Fine => return,
            Act::Lines | Act::Split => "remote.odd-reply",
            Act::Slow(_) => "remote.slow",
            Act::Close => "remote.closed-after-reply",
            Act::TooMuch | Act::Garbage | Act::Endless | Act::Odd => "remote.wrong-reply",
            Act::Temporary => "remote.4xx",
            Act::Permanent => "remote.5xx",
            Act::GoAway => "remote.421",
            Act::DropBefore => "remote.drop-before",
            Act::DropAfter => "remote.drop-after",
        });
    }
}

fn refusal(act: Act) -> &'static str {
    match act {
        Act::Permanent => "554 5.7.0 not wanted here\r\n",
        Act::GoAway => "421 4.3.2 closing\r\n",
        _ => "451 4.3.0 not now\r\n",
    }
}

/// What stands between the angle brackets.
fn path(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or("", |(path, _)| path).to_owned()
}
