//! Random commands against a model of the session: a small pure function from what a server may remember and a
//! command to the reply and to what it remembers next (attacks A2).
//!
//! The model knows no session, no bytes and no grammar; it is what RFC 5321 §4.1.4 and the extensions say about the
//! order of commands. `SMTP_MODEL_STEPS` plays another number of random steps than the usual one:
//!
//! ```sh
//! SMTP_MODEL_STEPS=10000000 cargo nextest run --release -p smtp random_streams_agree_with_the_model
//! ```

use super::*;

/// Steps of the ordinary test, over all services.
const STEPS: u64 = 100_000;

/// Commands whose syntax is good, but for the last ones; what they lead to depends on the order alone.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Helo,
    Ehlo,
    Lhlo,
    /// With the handshake behind it if it is accepted.
    StartTls,
    Auth,
    AuthRefused,
    AuthAborted,
    XClient,
    XClientLogin,
    Mail,
    MailBinary,
    MailRequireTls,
    MailRefused,
    Rcpt,
    RcptRefused,
    /// With a message behind it if it is accepted.
    Data,
    Chunk,
    LastChunk,
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    Quit,
    Nonsense,
    BadPath,
    BareLf,
}

use Step::*;

const ALL: [Step; 27] = [
    Helo,
    Ehlo,
    Lhlo,
    StartTls,
    Auth,
    AuthRefused,
    AuthAborted,
    XClient,
    XClientLogin,
    Mail,
    MailBinary,
    MailRequireTls,
    MailRefused,
    Rcpt,
    RcptRefused,
    Data,
    Chunk,
    LastChunk,
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    Quit,
    Nonsense,
    BadPath,
    BareLf,
];

/// All that a session may remember.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Memory {
    service: Service,
    tls: bool,
    authenticated: bool,
    /// Whether the greeting was EHLO or LHLO; nothing before it.
    hello: Option<bool>,
    transaction: Option<Transaction>,
    closed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Transaction {
    recipients: usize,
    binary: bool,
    chunks: bool,
}

/// The codes of the replies, in order: one, for LMTP one for each recipient, or two for a dialogue.
#[derive(Debug, PartialEq)]
struct Replies {
    first: u16,
    then: Option<(usize, u16)>,
}

fn one(code: u16) -> Replies {
    Replies { first: code, then: None }
}

impl Memory {
    fn new(service: Service) -> Self {
        Self { service, tls: false, authenticated: false, hello: None, transaction: None, closed: false }
    }

    fn is_extended(self) -> bool {
        self.hello == Some(true)
    }

    /// The model: what is said to `step`, and what is remembered then.
    fn next(self, step: Step) -> (Replies, Self) {
        match step {
            Helo | Ehlo | Lhlo => self.greeted(step),
            StartTls => self.secured(),
            Auth | AuthRefused | AuthAborted => self.logged_in(step),
            XClient | XClientLogin if self.transaction.is_some() => (one(503), self),
            XClient | XClientLogin => {
                let authenticated = step == XClientLogin;
                (one(220), Self { authenticated, hello: None, ..self })
            }
            Mail | MailBinary | MailRequireTls | MailRefused | BadPath => self.sender(step),
            Rcpt | RcptRefused => self.recipient(step),
            Data => self.data(),
            Chunk | LastChunk => self.chunk(step),
            Rset => (one(250), Self { transaction: None, ..self }),
            Noop => (one(250), self),
            Vrfy => (one(252), self),
            Expn => (one(502), self),
            Help => (one(214), self),
            Quit => (one(221), Self { closed: true, transaction: None, ..self }),
            Nonsense | BareLf => (one(500), self),
        }
    }

    /// RFC 5321 §4.1.4, RFC 2033 §4.1.
    fn greeted(self, step: Step) -> (Replies, Self) {
        if (step == Lhlo) != (self.service == Service::Lmtp) {
            return (one(500), self);
        }
        (one(250), Self { hello: Some(step != Helo), transaction: None, ..self })
    }

    /// RFC 3207 §4.2: everything is forgotten.
    fn secured(self) -> (Replies, Self) {
        if self.tls || !self.is_extended() || self.transaction.is_some() {
            return (one(503), self);
        }
        (one(220), Self { tls: true, ..Self::new(self.service) })
    }

    /// RFC 4954 §4, RFC 8314 §3.3.
    fn logged_in(self, step: Step) -> (Replies, Self) {
        match step {
            _ if self.service != Service::Submission => (one(502), self),
            _ if self.authenticated || self.transaction.is_some() || !self.is_extended() => (one(503), self),
            _ if !self.tls => (one(538), self),
            Auth => (one(235), Self { authenticated: true, ..self }),
            AuthAborted => (Replies { first: 334, then: Some((1, 501)) }, self),
            _ => (one(535), self),
        }
    }

    fn sender(self, step: Step) -> (Replies, Self) {
        let code = match step {
            _ if self.hello.is_none() || self.transaction.is_some() => 503,
            _ if self.service == Service::Submission && !self.authenticated => 530,
            BadPath => 501,
            MailBinary | MailRequireTls if !self.is_extended() => 555,
            MailRequireTls if !self.tls => 555,
            MailRefused => 550,
            _ => {
                let transaction = Transaction { binary: step == MailBinary, ..Transaction::default() };
                return (one(250), Self { transaction: Some(transaction), ..self });
            }
        };
        (one(code), self)
    }

    fn recipient(self, step: Step) -> (Replies, Self) {
        match self.transaction {
            None | Some(Transaction { chunks: true, .. }) => (one(503), self),
            Some(_) if step == RcptRefused => (one(550), self),
            Some(all) => {
                let transaction = Transaction { recipients: all.recipients + 1, ..all };
                (one(250), Self { transaction: Some(transaction), ..self })
            }
        }
    }

    /// RFC 5321 §4.1.1.4, RFC 3030 §2 and §3.
    fn data(self) -> (Replies, Self) {
        match self.transaction {
            Some(Transaction { recipients: 1.., chunks: false, binary: false }) => {
                let (_, after) = self.taken();
                (Replies { first: 354, then: Some((self.replies(), 250)) }, after)
            }
            _ => (one(503), self),
        }
    }

    fn chunk(self, step: Step) -> (Replies, Self) {
        match self.transaction {
            None | Some(Transaction { recipients: 0, .. }) => (one(503), self),
            Some(_) if step == LastChunk => self.taken(),
            Some(all) => {
                let transaction = Transaction { chunks: true, ..all };
                (one(250), Self { transaction: Some(transaction), ..self })
            }
        }
    }

    /// The message is taken, and the transaction over.
    fn taken(self) -> (Replies, Self) {
        let more = self.replies() - 1;
        let then = (more > 0).then_some((more, 250));
        (Replies { first: 250, then }, Self { transaction: None, ..self })
    }

    /// How many replies follow a message (RFC 2033 §4.2).
    fn replies(self) -> usize {
        let recipients = self.transaction.map_or(1, |all| all.recipients);
        if self.service == Service::Lmtp { recipients } else { 1 }
    }
}

fn wire(step: Step) -> &'static [u8] {
    match step {
        Helo => b"HELO c\r\n",
        Ehlo => b"EHLO c\r\n",
        Lhlo => b"LHLO c\r\n",
        StartTls => b"STARTTLS\r\n",
        Auth => b"AUTH PLAIN AHVzZXIAcGFzcw==\r\n",
        AuthRefused => b"AUTH PLAIN AHVzZXIAbm8=\r\n",
        AuthAborted => b"AUTH LOGIN\r\n",
        XClient => b"XCLIENT ADDR=192.0.2.7\r\n",
        XClientLogin => b"XCLIENT ADDR=192.0.2.7 LOGIN=user\r\n",
        Mail => b"MAIL FROM:<a@x.test>\r\n",
        MailBinary => b"MAIL FROM:<a@x.test> BODY=BINARYMIME\r\n",
        MailRequireTls => b"MAIL FROM:<a@x.test> REQUIRETLS\r\n",
        MailRefused => b"MAIL FROM:<refused@x.test>\r\n",
        Rcpt => b"RCPT TO:<b@y.test>\r\n",
        RcptRefused => b"RCPT TO:<refused@y.test>\r\n",
        Data => b"DATA\r\n",
        // What looks like a command is a part of the message.
        Chunk => b"BDAT 6\r\nRSET\r\n",
        LastChunk => b"BDAT 6 LAST\r\nQUIT\r\n",
        Rset => b"RSET\r\n",
        Noop => b"NOOP\r\n",
        Vrfy => b"VRFY a\r\n",
        Expn => b"EXPN a\r\n",
        Help => b"HELP\r\n",
        Quit => b"QUIT\r\n",
        Nonsense => b"NONSENSE\r\n",
        BadPath => b"MAIL FROM:a@x.test\r\n",
        BareLf => b"NOOP\n",
    }
}

fn endless(service: Service) -> Config {
    let most = u32::MAX;
    Config {
        tls: TlsOffer::Offered,
        auth: if service == Service::Submission { vec!["PLAIN", "LOGIN"] } else { Vec::new() },
        xclient: true,
        max_errors: most,
        max_rejections: most,
        max_idle_commands: most,
        max_auth_failures: most,
        max_recipients: usize::MAX,
        ..config(service)
    }
}

/// A session and its model.
struct Pair {
    driver: Driver,
    memory: Memory,
}

impl Pair {
    fn new(service: Service) -> Self {
        Self { driver: Driver::new(endless(service)), memory: Memory::new(service) }
    }

    /// Plays a step in both and compares every reply and all that can be seen; what differs, if anything does.
    fn play(&mut self, step: Step) -> Result<(), String> {
        let (replies, after) = self.memory.next(step);
        self.driver.output.clear();
        self.driver.log.clear();
        self.driver.feed(wire(step));
        match (step, replies.first) {
            (_, 354) => self.driver.feed(b"Subject: x\r\n\r\n.\r\n"),
            (_, 334) => self.driver.feed(b"*\r\n"),
            (StartTls, 220) => self.driver.session.tls_started(true, self.driver.now),
            _ => {}
        }
        let mut expected = vec![replies.first];
        let (more, code) = replies.then.unwrap_or((0, 0));
        expected.extend(std::iter::repeat_n(code, more));
        let seen = self.seen();
        let session = (codes(&self.driver.output), seen);
        self.memory = after;
        if session == (expected.clone(), after) {
            Ok(())
        } else {
            Err(format!("{step:?}: the session {session:?}, the model {:?}", (expected, after)))
        }
    }

    /// What the session remembers, as far as it shows.
    fn seen(&self) -> Memory {
        let session = &self.driver.session;
        let transaction = Transaction {
            recipients: session.envelope().recipients.len(),
            binary: session.envelope().body == mail::BodyType::BinaryMime,
            chunks: session.transfer.is_some(),
        };
        Memory {
            service: session.config.service,
            tls: session.is_tls(),
            authenticated: session.is_authenticated(),
            hello: session.hello.as_ref().map(|hello| hello.extended),
            transaction: session.in_transaction.then_some(transaction),
            closed: session.is_closed(),
        }
    }
}

/// The codes of all replies.
fn codes(output: &[u8]) -> Vec<u16> {
    let lines = output.split(|byte| *byte == b'\n').filter(|line| line.get(3) == Some(&b' '));
    lines.map(|line| line[..3].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'))).collect()
}

const SERVICES: [Service; 3] = [Service::Mx, Service::Submission, Service::Lmtp];

/// Every order of two commands behind everything that opens further ones, and of three from the beginning.
#[test]
fn all_short_orders_agree_with_the_model() {
    for service in SERVICES {
        let hello = if service == Service::Lmtp { Lhlo } else { Ehlo };
        let secured = [hello, StartTls, hello, Auth, MailRequireTls, Rcpt, Rcpt, Chunk];
        let begun = [hello, Mail, Rcpt];
        let ways = (0..=secured.len()).map(|length| &secured[..length]);
        for before in
            ways.chain([&begun[..], &[hello, MailBinary, Rcpt], &[Helo, Mail], &[XClientLogin, hello]])
        {
            all_orders(service, before, 2);
        }
    }
    all_orders(Service::Mx, &[], 3);
}

fn all_orders(service: Service, before: &[Step], length: u32) {
    for number in 0..ALL.len().pow(length) {
        let orders = (0..length).map(|at| ALL[number / ALL.len().pow(at) % ALL.len()]);
        let steps: Vec<Step> = before.iter().copied().chain(orders).collect();
        let mut pair = Pair::new(service);
        for step in &steps {
            if !pair.memory.closed {
                assert_eq!(pair.play(*step), Ok(()), "{service:?}: {steps:?}");
            }
        }
    }
}

/// Random numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound
    }

    /// Mostly what leads on from here, so that long transactions come up.
    fn step(&mut self, memory: &Memory) -> Step {
        if self.below(3) == 0 {
            return ALL[self.below(ALL.len())];
        }
        let hello = if memory.service == Service::Lmtp { Lhlo } else { Ehlo };
        match memory.transaction {
            Some(Transaction { recipients: 1.., binary, chunks }) => {
                let on = if binary || chunks { [Chunk, LastChunk, Chunk] } else { [Rcpt, Data, Chunk] };
                on[self.below(3)]
            }
            Some(_) => Rcpt,
            None if memory.hello.is_none() => hello,
            None if !memory.tls && self.below(4) == 0 => StartTls,
            None if memory.service == Service::Submission && !memory.authenticated => {
                if memory.tls {
                    Auth
                } else {
                    StartTls
                }
            }
            None => [Mail, MailBinary, MailRequireTls][self.below(3)],
        }
    }
}

#[test]
fn random_streams_agree_with_the_model() {
    let steps = std::env::var("SMTP_MODEL_STEPS").ok().map(|count| count.parse().expect("a number"));
    let (mut dice, mut messages) = (Dice(0x9e37_79b9_7f4a_7c15), 0_u64);
    let mut pair = Pair::new(Service::Mx);
    let mut history = Vec::new();
    for _ in 0..steps.unwrap_or(STEPS) {
        if pair.memory.closed || history.len() == 1000 {
            pair = Pair::new(SERVICES[dice.below(3)]);
            history.clear();
        }
        let step = dice.step(&pair.memory);
        history.push(step);
        let had = pair.memory.transaction.is_some();
        assert_eq!(pair.play(step), Ok(()), "{:?}: {history:?}", pair.memory.service);
        messages += u64::from(had && matches!(step, Data | LastChunk) && pair.memory.transaction.is_none());
    }
    assert!(messages > steps.unwrap_or(STEPS) / 100, "only {messages} messages went the whole way");
}
