//! A post office under test, and a client that talks to it line by line.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use directory::sasl::Mechanisms;
use directory::{Directory, Password};
use journey::{Journey, Journeys, Query};
use mail::{Address, Domain};
use mailbox::Mailboxes;
use mta::{Mta, Parts, Port, Service, Settings};
use queue::{Filter, Item, Queue};
use reports::Reports;
use store::{Batch, Store};
use world::tls::{Acceptor, Connector};
use world::{Stream, World};

use crate::faulty::Faulty;
use crate::world::Outside;

/// The password of every account.
pub(crate) const PASSWORD: &str = "a good password";

/// A whole mail server.
#[derive(Clone)]
pub(crate) struct Office {
    pub(crate) mta: Arc<Mta>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) mailboxes: Arc<Mailboxes>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) journeys: Arc<Journeys>,
    pub(crate) reports: Arc<Reports>,
    pub(crate) world: World,
    pub(crate) faults: Faulty,
    outside: Outside,
    ip: IpAddr,
}

/// What an office begins with.
pub(crate) struct Plan {
    pub(crate) hostname: &'static str,
    pub(crate) ip: &'static str,
    pub(crate) users: &'static [&'static str],
    pub(crate) aliases: &'static [(&'static str, &'static [&'static str])],
    pub(crate) tls: bool,
    /// Hosts whose certificates it trusts.
    pub(crate) trusts: &'static [&'static str],
    /// Issuers that its TLS trusts, PEM.
    pub(crate) roots: String,
}

impl Plan {
    /// `mx.alpha.test` at 192.0.2.1 with two users, aliases of each kind.
    pub(crate) fn alpha() -> Self {
        Self {
            hostname: "mx.alpha.test",
            ip: "192.0.2.1",
            users: &["ann@alpha.test", "abe@alpha.test"],
            aliases: &[("both@alpha.test", &["ann@alpha.test", "abe@alpha.test", "ann@alpha.test"])],
            tls: false,
            trusts: &[],
            roots: String::new(),
        }
    }

    /// `mx.beta.test` at 192.0.2.2.
    pub(crate) fn beta() -> Self {
        Self {
            hostname: "mx.beta.test",
            ip: "192.0.2.2",
            users: &["bob@beta.test"],
            aliases: &[],
            tls: false,
            trusts: &[],
            roots: String::new(),
        }
    }
}

impl Office {
    /// Opens an office, with MX on port 25 and submission on 587 of its address.
    pub(crate) async fn open(outside: &Outside, plan: &Plan, change: impl FnOnce(&mut Settings)) -> Self {
        let ip: IpAddr = plan.ip.parse().expect("an address");
        let world = outside.host(ip);
        let faults = Faulty::new(store::memory::open(&world));
        let store: Arc<dyn Store> = Arc::new(faults.clone());
        let directory = Directory::new(Arc::clone(&store), world.clone());
        let directory = Arc::new(directory.with_iterations(NonZeroU32::new(4096).expect("not zero")));
        let mailboxes = Arc::new(Mailboxes::new(Arc::clone(&store)));
        let queue = Arc::new(Queue::new(Arc::clone(&store)));
        let journeys = Arc::new(Journeys::new(Arc::clone(&store)));
        let reports = Arc::new(Reports::new(Arc::clone(&store)));
        let mut settings = Settings::new(plan.hostname.parse().expect("a host name"));
        settings.outbound.own_listeners = vec![SocketAddr::new(ip, 25)];
        // Names are asked for and findings written where a test is about that.
        settings.authentication.check = false;
        change(&mut settings);
        let mta = Mta::new(Parts {
            world: world.clone(),
            store: Arc::clone(&store),
            directory: Arc::clone(&directory),
            mailboxes: Arc::clone(&mailboxes),
            queue: Arc::clone(&queue),
            journeys: Arc::clone(&journeys),
            reports: Arc::clone(&reports),
            settings,
            acceptor: plan.tls.then(|| acceptor(plan.hostname)),
            connector: plan
                .tls
                .then(|| Connector::new((roots(plan.trusts) + &plan.roots).as_bytes()).expect("roots")),
        });
        let outside = outside.clone();
        let office =
            Self { mta, store, directory, mailboxes, queue, journeys, reports, world, faults, outside, ip };
        office.furnish(plan).await;
        office.listen(25, Service::Mx);
        office.listen(587, Service::Submission);
        office
    }

    async fn furnish(&self, plan: &Plan) {
        for user in plan.users {
            let address: Address = user.parse().expect("an address");
            self.add_domain(address.domain().expect("a domain")).await;
            let mut batch = Batch::new();
            let password = Password::new(PASSWORD).expect("a good password");
            let added = self.directory.add_account(&mut batch, &address, Some(&password)).await;
            self.mailboxes.provision(&mut batch, added.expect("a new account"));
            self.store.commit(batch).await.expect("a commit");
        }
        for (alias, targets) in plan.aliases {
            self.add_alias(alias, targets).await;
        }
    }

    async fn add_domain(&self, domain: &Domain) {
        if !self.directory.is_local_domain(domain).await.expect("an answer") {
            let mut batch = Batch::new();
            self.directory.add_domain(&mut batch, domain).await.expect("a new domain");
            self.store.commit(batch).await.expect("a commit");
        }
    }

    pub(crate) async fn add_alias(&self, alias: &str, targets: &[&str]) {
        let targets: Vec<Address> = targets.iter().map(|t| t.parse().expect("an address")).collect();
        let alias = Address::new(
            alias.rsplit_once('@').expect("an address").0,
            alias.rsplit_once('@').expect("an address").1.parse().expect("a domain"),
        );
        let mut batch = Batch::new();
        self.directory
            .add_alias(&mut batch, &alias.expect("an address"), &targets)
            .await
            .expect("a new alias");
        self.store.commit(batch).await.expect("a commit");
    }

    pub(crate) async fn remove_account(&self, user: &str) {
        let account = self.directory.account_by_login(user).await.expect("an answer").expect("an account");
        let mut batch = Batch::new();
        let now = self.world.clock.wall();
        self.mailboxes.retire(&mut batch, account.id, now).await.expect("mailboxes");
        self.directory.remove_account(&mut batch, account.id, now).await.expect("an account");
        self.store.commit(batch).await.expect("a commit");
    }

    /// Serves a port from now on.
    pub(crate) fn listen(&self, port: u16, service: Service) {
        self.listen_offering(port, service, Mechanisms::ALL);
    }

    /// The same, with these ways of logging in.
    pub(crate) fn listen_offering(&self, port: u16, service: Service, mechanisms: Mechanisms) {
        let mut arrivals = self.outside.wires.bind(SocketAddr::new(self.ip, port));
        let (mta, tasks) = (Arc::clone(&self.mta), Arc::clone(&self.world.tasks));
        let port = Port { service, plaintext_auth_on_loopback: true, mechanisms };
        self.world.tasks.spawn(Box::pin(async move {
            while let Some(stream) = arrivals.recv().await {
                tasks.spawn(Box::pin(Arc::clone(&mta).serve(stream, port)));
            }
        }));
    }

    /// Starts carrying out the queue.
    pub(crate) fn start_queue(&self) {
        self.world.tasks.spawn(Box::pin(Arc::clone(&self.mta).run_queue()));
    }

    /// Ends the server and starts it again on the same store, with the queue.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(|_| {}).await;
    }

    /// Like [`Office::restart`], with other settings than the defaults.
    pub(crate) async fn restart_with(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = Settings::new("mx.alpha.test".parse().expect("a host name"));
        change(&mut settings);
        self.mta.shutdown();
        self.world.clock.sleep(std::time::Duration::from_mins(1)).await;
        self.queue = Arc::new(Queue::new(Arc::clone(&self.store)));
        self.mta = Mta::new(Parts {
            world: self.world.clone(),
            store: Arc::clone(&self.store),
            directory: Arc::clone(&self.directory),
            mailboxes: Arc::clone(&self.mailboxes),
            queue: Arc::clone(&self.queue),
            journeys: Arc::clone(&self.journeys),
            reports: Arc::clone(&self.reports),
            settings,
            acceptor: None,
            connector: None,
        });
        self.listen(25, Service::Mx);
        self.listen(587, Service::Submission);
        self.start_queue();
    }

    /// A client somewhere on the net.
    pub(crate) async fn client(&self, port: u16) -> Client {
        self.client_from("198.51.100.7", port).await
    }

    pub(crate) async fn client_from(&self, ip: &str, port: u16) -> Client {
        let mut client = self.dial(ip, port);
        client.greeting = client.reply().await;
        client
    }

    /// A client that has not read the greeting yet.
    pub(crate) fn dial(&self, ip: &str, port: u16) -> Client {
        let from = SocketAddr::new(ip.parse().expect("an address"), 50_000);
        let stream = self.outside.wires.dial(from, SocketAddr::new(self.ip, port)).expect("a listener");
        Client { stream, read: Vec::new(), greeting: String::new() }
    }

    /// A client on loopback that has logged in.
    pub(crate) async fn user(&self, login: &str) -> Client {
        let mut client = self.client_from("127.0.0.1", 587).await;
        client.say("EHLO laptop.test").await;
        let reply = client.say(&auth_plain(login)).await;
        assert!(reply.starts_with("235"), "{reply}");
        client
    }

    /// The same under TLS.
    pub(crate) async fn user_under_tls(&self, login: &str, hostname: &str) -> Client {
        let mut client = self.client(587).await;
        client.say("EHLO laptop.test").await;
        assert!(client.say("STARTTLS").await.starts_with("220"));
        let mut client = client.start_tls(hostname).await;
        client.say("EHLO laptop.test").await;
        let reply = client.say(&auth_plain(login)).await;
        assert!(reply.starts_with("235"), "{reply}");
        client
    }

    /// All messages in a user's INBOX.
    pub(crate) async fn inbox(&self, user: &str) -> Vec<String> {
        let account = self.directory.account_by_login(user).await.expect("an answer").expect("an account");
        let view = self.mailboxes.view(account.id, mailbox::INBOX).await.expect("INBOX");
        let mut messages = Vec::new();
        for (_, entry) in view.iter() {
            let mut bytes = Vec::new();
            loop {
                let at = bytes.len() as u64;
                let more =
                    self.mailboxes.read(account.id, mailbox::INBOX, entry, at, 1 << 20).await.expect("bytes");
                if more.is_empty() {
                    break;
                }
                bytes.extend_from_slice(&more);
            }
            messages.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        messages
    }

    /// The first message of a user's INBOX: its id, and what names its content.
    pub(crate) async fn first_in_inbox(&self, user: &str) -> (mail::Id, mail::Id) {
        let account = self.directory.account_by_login(user).await.expect("an answer").expect("an account");
        let view = self.mailboxes.view(account.id, mailbox::INBOX).await.expect("INBOX");
        let entry = view.get(1).expect("a message");
        (entry.id, entry.content)
    }

    /// All queue items.
    pub(crate) async fn queued(&self) -> Vec<Item> {
        self.queue.list(&Filter::default(), None, 1000).await.expect("a page").items
    }

    /// All journeys, oldest first, each as its events' lines.
    pub(crate) async fn told(&self) -> Vec<String> {
        let mut found: Vec<Journey> =
            self.journeys.search(&Query { limit: 1000, ..Query::default() }).await.expect("journeys");
        found.sort_by_key(|journey| journey.id);
        let lines = |journey: &Journey| {
            journey.events.iter().map(|event| event.what.to_string()).collect::<Vec<_>>().join("\n")
        };
        found.iter().map(lines).collect()
    }

    /// Whether nothing is stored but what the office began with: no mail, nothing queued.
    pub(crate) async fn holds_no_mail(&self, users: &[&str]) -> bool {
        for user in users {
            if !self.inbox(user).await.is_empty() {
                return false;
            }
        }
        self.queued().await.is_empty()
    }
}

/// With the certificate of a host.
pub(crate) fn acceptor(hostname: &str) -> Acceptor {
    let (chain, key) = certificate(hostname);
    Acceptor::from_pem(chain.as_bytes(), key.as_bytes()).expect("a good certificate")
}

/// A host's certificate and key, the same each time.
fn certificate(hostname: &str) -> (String, String) {
    static MADE: Mutex<BTreeMap<String, (String, String)>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().expect("no panics");
    let make = || world::tls::self_signed(&[hostname.to_owned()]).expect("a certificate");
    made.entry(hostname.to_owned()).or_insert_with(make).clone()
}

fn roots(hosts: &[&str]) -> String {
    hosts.iter().map(|host| certificate(host).0).collect()
}

/// Talks SMTP by hand.
pub(crate) struct Client {
    stream: Stream,
    read: Vec<u8>,
    pub(crate) greeting: String,
}

impl Client {
    /// Sends a line and gives the whole reply, lines separated by `\n`.
    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        self.reply().await
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("an open connection");
    }

    /// The next reply; empty if the connection ended.
    pub(crate) async fn reply(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.line().await else { return lines.join("\n") };
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return lines.join("\n");
            }
        }
    }

    /// The handshake after STARTTLS; the certificate is not looked at.
    pub(crate) async fn start_tls(self, name: &str) -> Self {
        let connector = Connector::new(b"").expect("roots");
        let demand = world::tls::Demand::Nothing;
        let stream = connector.connect(self.stream, &name.parse().expect("a name"), demand).await;
        Self { stream: stream.expect("a handshake"), ..self }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(n @ 1..) => self.read.extend_from_slice(&buffer[..n]),
                _ => return None,
            }
        }
    }

    /// Sends a whole message; the last reply.
    pub(crate) async fn mail(&mut self, from: &str, to: &[&str], message: &str) -> String {
        let reply = self.say(&format!("MAIL FROM:<{from}>")).await;
        if !reply.starts_with("250") {
            return reply;
        }
        for to in to {
            let reply = self.say(&format!("RCPT TO:<{to}>")).await;
            if !reply.starts_with("250") {
                return reply;
            }
        }
        self.data(message).await
    }

    /// DATA and the message; the reply to its end.
    pub(crate) async fn data(&mut self, message: &str) -> String {
        let reply = self.say("DATA").await;
        assert!(reply.starts_with("354"), "{reply}");
        self.send(message).await;
        self.say(".").await
    }
}

/// RFC 4616, with the initial response.
pub(crate) fn auth_plain(login: &str) -> String {
    format!("AUTH PLAIN {}", BASE64.encode(format!("\0{login}\0{PASSWORD}")))
}

/// A small message from one to the other.
pub(crate) fn message(from: &str, to: &str, subject: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@test>\r\n\r\nHello.\r\n"
    )
}
