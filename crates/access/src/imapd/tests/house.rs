//! A house with one account, and clients.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use directory::sasl::Mechanisms;
use directory::{Directory, Password};
use journey::Journeys;
use mail::{AccountId, Flags, MailboxName, Mono, SpecialUse, Wall, limits};
use mailbox::{Mailboxes, NewEmail};
use store::{Batch, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use world::disk::memory::MemoryDisk;
use world::tls::Acceptor;
use world::{BoxFuture, Stream, World};

use super::faults::Faulty;
use crate::deflate::Deflate;
use crate::imapd::Imapd;
use crate::{Parts, Port, Settings};

pub(crate) const PASSWORD: &str = "correct horse";

/// Stands still unless a test moves it; the wall stands at 2026-11-23T12:00:00Z. Or goes on whenever it is looked at, by the
/// seconds in the second field.
struct TestClock(watch::Sender<Duration>, AtomicU64);

impl world::Clock for TestClock {
    fn mono(&self) -> Mono {
        let by = Duration::from_secs(self.1.load(Ordering::Relaxed));
        if !by.is_zero() {
            self.0.send_modify(|now| *now += by);
        }
        Mono::from_start(*self.0.borrow())
    }

    fn wall(&self) -> Wall {
        Wall::from_civil(2026, 11, 23, 12, 0, 0) + *self.0.borrow()
    }

    fn sleep_until(&self, deadline: Mono) -> BoxFuture<'static, ()> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            let reached = now.wait_for(|now| Mono::from_start(*now) >= deadline).await.is_ok();
            if !reached {
                std::future::pending::<()>().await;
            }
        })
    }
}

pub(crate) struct House {
    pub(crate) parts: Parts,
    pub(crate) account: AccountId,
    pub(super) faulty: Arc<Faulty>,
    clock: Arc<TestClock>,
    imapd: Arc<Imapd>,
    port: Mutex<Port>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(None).await
    }

    /// Offers STARTTLS.
    pub(crate) async fn with_tls() -> Self {
        let (chain, key) = world::tls::self_signed(&["mx.test".to_owned()]).expect("a good name");
        Self::with(Some(Acceptor::from_pem(chain.as_bytes(), key.as_bytes()).expect("just made"))).await
    }

    /// Takes no larger messages.
    pub(crate) async fn with_message_size(message_size: u64) -> Self {
        let mut house = Self::with(None).await;
        house.parts.settings.message_size = message_size;
        house.imapd = Imapd::new(house.parts.clone());
        house
    }

    /// Commands work on no more messages.
    pub(crate) async fn with_message_limit(message_limit: u32) -> Self {
        let mut house = Self::with(None).await;
        house.parts.settings.message_limit = message_limit;
        house.imapd = Imapd::new(house.parts.clone());
        house
    }

    async fn with(acceptor: Option<Acceptor>) -> Self {
        let clock = Arc::new(TestClock(watch::Sender::new(Duration::from_secs(1000)), AtomicU64::new(0)));
        let mut world = world::real::world(&["127.0.0.1:9".parse().expect("an address")]);
        world.clock = clock.clone();
        world.disk = Arc::new(MemoryDisk::new());
        let faulty = Arc::new(Faulty::new(store::memory::open(&world)));
        let parts = Parts { acceptor, ..parts(world, faulty.clone()) };
        add_domain(&parts).await;
        let account = add_account(&parts, "u@x.test").await;
        let port = Mutex::new(Port { plaintext_auth_on_loopback: true, ..Port::default() });
        Self { imapd: Imapd::new(parts.clone()), faulty, parts, account, clock, port }
    }

    /// Demands TLS before login, which nobody offers here.
    pub(crate) fn demand_tls(&self) {
        self.port.lock().unwrap_or_else(PoisonError::into_inner).plaintext_auth_on_loopback = false;
    }

    /// Offers these ways of logging in only.
    pub(crate) fn offer(&self, mechanisms: Mechanisms) {
        self.port.lock().unwrap_or_else(PoisonError::into_inner).mechanisms = mechanisms;
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.0.send_modify(|now| *now += by);
    }

    /// From now on, so many seconds go by whenever the clock is looked at.
    pub(crate) fn hurry(&self, seconds: u64) {
        self.clock.1.store(seconds, Ordering::Relaxed);
    }

    pub(crate) fn shutdown(&self) {
        self.imapd.shutdown();
    }

    pub(crate) fn serve(&self, stream: Stream) {
        let port = *self.port.lock().unwrap_or_else(PoisonError::into_inner);
        self.parts.world.tasks.spawn(Box::pin(self.imapd.clone().serve(stream, port)));
    }

    /// Bytes of the task of one session, without what it allocates.
    pub(crate) fn session_size(&self) -> usize {
        let (_, theirs) = tokio::io::duplex(1);
        let address = "127.0.0.1:1143".parse().expect("an address");
        let stream = Stream::new(Box::new(theirs), address, address);
        size_of_val(&self.imapd.clone().serve(stream, Port::default()))
    }

    /// A new connection, its greeting read.
    pub(crate) async fn connect(&self) -> Client {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let address = "127.0.0.1:1143".parse().expect("an address");
        let stream = Stream::new(Box::new(theirs), address, address);
        self.serve(stream);
        let mut client = Client { stream: ours, came: Vec::new(), tag: 0, deflate: None };
        assert!(client.line().await.starts_with("* OK [CAPABILITY IMAP4rev1"));
        client
    }

    /// A new connection, logged in.
    pub(crate) async fn client(&self) -> Client {
        self.client_of("u@x.test").await
    }

    /// The same of another account.
    pub(crate) async fn client_of(&self, address: &str) -> Client {
        let mut client = self.connect().await;
        let reply = client.run(&format!("LOGIN {address} \"{PASSWORD}\"")).await;
        assert!(reply.starts_with("OK [CAPABILITY"), "{reply}");
        client
    }

    /// One more account, with its mailboxes.
    pub(crate) async fn add(&self, address: &str) -> AccountId {
        add_account(&self.parts, address).await
    }

    /// A new connection with INBOX selected.
    pub(crate) async fn in_inbox(&self) -> Client {
        let mut client = self.client().await;
        let reply = client.run("SELECT INBOX").await;
        assert!(reply.ends_with("OK [READ-WRITE] Selected"), "{reply}");
        client
    }

    /// Delivers a message, with trace headers of its own in front.
    pub(crate) async fn deliver(&self, mailbox: &str, message: &str, flags: Flags) {
        self.deliver_with(mailbox, "", message, flags).await;
    }

    pub(crate) async fn deliver_with(&self, mailbox: &str, prefix: &str, message: &str, flags: Flags) {
        let name = MailboxName::new(mailbox).expect("a good name");
        let id = self.parts.mailboxes.named(self.account, &name).await.expect("a working store");
        let mut writer = self.parts.store.stage();
        writer.write(message.as_bytes()).await.expect("space");
        let staged = writer.finish().await.expect("space");
        let mut batch = Batch::new();
        let email = NewEmail {
            prefix: Bytes::copy_from_slice(prefix.as_bytes()),
            blob_length: staged.len(),
            blob: batch.blob(staged),
            internal_date: Wall::from_civil(2026, 11, 22, 10, 30, 0),
            saved: self.parts.world.clock.wall(),
            flags,
            summary: message::Parser::parse(message.as_bytes()).encode().into(),
            id: self.parts.store.next_id(),
            content: self.parts.store.next_id(),
        };
        self.parts.mailboxes.append(&mut batch, self.account, id.expect("a mailbox"), &email);
        self.parts.store.commit(batch).await.expect("a commit");
    }

    /// Creates a mailbox for something.
    pub(crate) async fn create(&self, name: &str, special_use: SpecialUse) {
        let mut batch = Batch::new();
        let name = MailboxName::new(name).expect("a good name");
        let created = self.parts.mailboxes.create(&mut batch, self.account, &name, Some(special_use)).await;
        created.expect("a new mailbox");
        self.parts.store.commit(batch).await.expect("a commit");
    }

    /// Delivers `count` small messages to INBOX.
    pub(crate) async fn fill(&self, count: usize) {
        for n in 1..=count {
            self.deliver("INBOX", &format!("Subject: {n}\r\n\r\nbody {n}\r\n"), Flags::new()).await;
        }
    }
}

fn parts(world: World, store: Arc<dyn Store>) -> Parts {
    let directory = Directory::new(store.clone(), world.clone());
    Parts {
        directory: Arc::new(directory.with_iterations(4096.try_into().expect("not zero"))),
        mailboxes: Arc::new(Mailboxes::new(store.clone())),
        journeys: Arc::new(Journeys::new(store.clone())),
        search: Arc::new(search::Shelf::new(&world, "/search".as_ref())),
        store,
        world,
        acceptor: None,
        settings: Settings {
            hostname: "mx.test".parse().expect("a domain"),
            message_size: 50_000_000,
            keepalive: Duration::from_mins(4),
            hidden: [].into(),
            message_limit: limits::IMAP_MESSAGES,
        },
    }
}

async fn add_domain(parts: &Parts) {
    let mut batch = Batch::new();
    let domain = "x.test".parse().expect("a domain");
    parts.directory.add_domain(&mut batch, &domain).await.expect("a new domain");
    parts.store.commit(batch).await.expect("a commit");
}

async fn add_account(parts: &Parts, address: &str) -> AccountId {
    let mut batch = Batch::new();
    let password = Password::new(PASSWORD).expect("a good password");
    let address = address.parse().expect("an address");
    let added = parts.directory.add_account(&mut batch, &address, Some(&password)).await;
    let account = added.expect("a free address");
    parts.mailboxes.provision(&mut batch, account);
    parts.store.commit(batch).await.expect("a commit");
    account
}

/// A line of an expectation, without the source's indentation.
fn unindented(line: &str) -> &str {
    if line.starts_with("    ") { line.trim_start() } else { line }
}

/// A client that sends one command at a time.
pub(crate) struct Client {
    stream: DuplexStream,
    came: Vec<u8>,
    tag: u32,
    deflate: Option<Deflate>,
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let Some(deflate) = &mut self.deflate else {
            return self.stream.write_all(bytes).await.expect("an open connection");
        };
        let (mut rest, mut more) = (bytes, true);
        while more {
            let packed;
            (packed, more) = deflate.pack(&mut rest).expect("room");
            self.stream.write_all(&packed).await.expect("an open connection");
        }
    }

    /// Compresses from now on, or no more.
    pub(crate) fn compress(&mut self, whether: bool) {
        assert!(self.came.is_empty(), "nothing came before its time");
        self.deflate = whether.then(Deflate::default);
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let length = self.stream.read(&mut buffer).await.expect("an open connection");
        match &mut self.deflate {
            None => self.came.extend_from_slice(&buffer[..length]),
            Some(deflate) => {
                deflate.take(buffer[..length].to_vec());
                while deflate.has_input() {
                    self.came.extend(deflate.expand(1000).expect("compressed bytes"));
                }
            }
        }
        length > 0
    }

    /// The next line, without its end; empty at the end of the connection.
    pub(crate) async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.came.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.came.drain(..end + 2).collect();
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            if !self.more().await {
                return String::new();
            }
        }
    }

    /// The tag of the next command.
    pub(crate) fn next_tag(&self) -> String {
        format!("t{}", self.tag + 1)
    }

    /// Sends a command; what comes back up to its end, lines separated by `\n`, the tag left out.
    pub(crate) async fn run(&mut self, command: &str) -> String {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.send(format!("{tag}{command}\r\n").as_bytes()).await;
        self.reply(&tag).await
    }

    pub(crate) async fn reply(&mut self, tag: &str) -> String {
        let mut reply = String::new();
        loop {
            let line = self.line().await;
            if let Some(end) = line.strip_prefix(tag) {
                return reply + end;
            }
            assert!(!line.is_empty() || !self.came.is_empty(), "the connection ended after {reply:?}");
            reply.push_str(&line);
            reply.push('\n');
        }
    }

    /// Sends a command and compares all that comes back.
    /// Makes a mailbox, whatever it is called within.
    pub(crate) async fn create(&mut self, name: &str) {
        let answer = self.run(&format!("CREATE {name}")).await;
        assert!(answer.starts_with("OK [MAILBOXID (") && answer.ends_with("Mailbox created"), "{answer}");
    }

    pub(crate) async fn check(&mut self, command: &str, expected: &str) {
        let reply = self.run(command).await;
        let expected: Vec<&str> = expected.lines().map(unindented).collect();
        assert_eq!(reply, expected.join("\n"), "{command}");
    }

    /// Whether nothing has come; looks only at what is there after others had their turn.
    pub(crate) async fn is_silent(&mut self) -> bool {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let mut buffer = [0; 1];
        let read = self.stream.read(&mut buffer);
        match world::race(read, std::future::ready(())).await {
            world::Either::Left(length) => {
                let length = length.expect("an open connection");
                self.came.extend_from_slice(&buffer[..length]);
                self.came.is_empty() && length == 0
            }
            world::Either::Right(()) => self.came.is_empty(),
        }
    }
}
