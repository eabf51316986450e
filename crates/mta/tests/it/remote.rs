//! A remote server that does as its script says, and keeps a truthful ledger of what it took.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use world::tls::Acceptor;
use world::{Clock, Stream, Tasks};

use crate::office::acceptor;
use crate::world::Outside;

/// A message that a remote took with 250.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: String,
}

/// What happened at a remote.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Messages it took, whether or not it could say so.
    pub(crate) taken: Vec<Taken>,
    /// Connections it saw.
    pub(crate) connections: usize,
    /// Where they came from.
    pub(crate) peers: Vec<IpAddr>,
    /// When it took each message.
    pub(crate) times: Vec<Duration>,
    /// Every command line, in order.
    pub(crate) commands: Vec<String>,
    /// Connections open now, and how many it bears; 421 beyond.
    open: usize,
    pub(crate) at_once: Option<usize>,
    /// Recipients of one transaction that it has room for; 452 beyond.
    pub(crate) room: Option<usize>,
}

/// A scripted remote. Replies are found by the beginning of the command line (`connect` for the greeting, `.` for the
/// end of the data); the first match counts. `drop` closes without a reply; `take and drop` after noting the message.
/// A reply that begins with `slow ` comes after ten seconds. What stands for `body` is said when the message begins to come,
/// though nothing asked for it. A 220 to STARTTLS is followed by a handshake if it was
/// given a certificate; `junk` behind it is said in clear instead, and `silence` is what it says.
#[derive(Clone)]
pub(crate) struct Remote {
    /// For STARTTLS; without it the client's first flight is answered with silence and a close.
    acceptor: Arc<Mutex<Option<Acceptor>>>,
    script: Arc<Mutex<Vec<(String, String)>>>,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
}

impl Remote {
    /// Listens at an address, such as `192.0.2.9:25`.
    pub(crate) fn bind(outside: &Outside, address: &str, script: &[(&str, &str)]) -> Self {
        Self { acceptor: Arc::default(), script: Arc::default(), ledger: Arc::default() }
            .serve(outside, address, script)
    }

    /// The same for a host that offers STARTTLS and has a certificate for `name`.
    pub(crate) fn bind_tls(outside: &Outside, address: &str, name: &str) -> Self {
        let acceptor = Arc::new(Mutex::new(Some(acceptor(name))));
        let remote = Self { acceptor, script: Arc::default(), ledger: Arc::default() };
        remote.serve(
            outside,
            address,
            &[("EHLO", "250-remote.test\r\n250-PIPELINING\r\n250 STARTTLS"), ("STARTTLS", "220 go on")],
        )
    }

    fn serve(self, outside: &Outside, address: &str, script: &[(&str, &str)]) -> Self {
        let remote = self;
        remote.follow(script);
        let arrivals = outside.wires.bind(address.parse().expect("an address"));
        let time = outside.time.clone();
        outside.time.spawn(Box::pin(serve(remote.clone(), arrivals, time)));
        remote
    }

    /// Changes the script.
    pub(crate) fn follow(&self, script: &[(&str, &str)]) {
        let lines = script.iter().map(|(command, reply)| ((*command).to_owned(), (*reply).to_owned()));
        *self.script.lock().expect("no panics") = lines.collect();
    }

    /// Offers TLS with this certificate from now on.
    pub(crate) fn certify(&self, acceptor: &Acceptor) {
        *self.acceptor.lock().expect("no panics") = Some(acceptor.clone());
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.ledger.lock().expect("no panics").taken.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.ledger.lock().expect("no panics").connections
    }

    fn scripted(&self, command: &str) -> Option<String> {
        let script = self.script.lock().expect("no panics");
        script.iter().find(|(start, _)| command.starts_with(start)).map(|(_, reply)| reply.clone())
    }

    fn reply(&self, command: &str) -> String {
        self.scripted(command).unwrap_or_else(|| {
            match command.split(' ').next().unwrap_or_default() {
                "connect" => "220 remote.test ready",
                "EHLO" => "250-remote.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 2.0.0 ok",
            }
            .to_owned()
        })
    }
}

async fn serve(remote: Remote, mut arrivals: mpsc::UnboundedReceiver<Stream>, time: crate::time::Time) {
    while let Some(stream) = arrivals.recv().await {
        let mut ledger = remote.ledger.lock().expect("no panics");
        ledger.connections += 1;
        ledger.peers.push(stream.peer().ip());
        ledger.open += 1;
        let welcome = ledger.at_once.is_none_or(|most| ledger.open <= most);
        drop(ledger);
        let (remote, clock) = (remote.clone(), time.clone());
        time.spawn(Box::pin(async move {
            let conversation = Conversation { remote: remote.clone(), stream, read: Vec::new(), clock };
            conversation.hold(welcome).await.unwrap_or_default();
            remote.ledger.lock().expect("no panics").open -= 1;
        }));
    }
}

struct Conversation {
    remote: Remote,
    stream: Stream,
    read: Vec<u8>,
    clock: crate::time::Time,
}

impl Conversation {
    /// `None` ends it.
    async fn hold(mut self, welcome: bool) -> Option<()> {
        if !welcome {
            self.stream.write_all(b"421 4.7.0 too many connections\r\n").await.ok()?;
            return None;
        }
        self.remote.ledger.lock().expect("no panics").commands.push("(connected)".into());
        self.answer("connect").await?;
        let mut envelope = Taken { from: String::new(), to: Vec::new(), data: String::new() };
        let mut has_sender = false;
        loop {
            let line = self.line().await?;
            self.remote.ledger.lock().expect("no panics").commands.push(line.clone());
            // Pipelined commands behind a refused one are out of turn (RFC 2920 §3.1).
            let early = line.starts_with("RCPT") && !has_sender || line == "DATA" && envelope.to.is_empty();
            if early {
                self.stream.write_all(b"503 5.5.1 out of turn\r\n").await.ok()?;
                continue;
            }
            let room = self.remote.ledger.lock().expect("no panics").room;
            if line.starts_with("RCPT") && room.is_some_and(|room| envelope.to.len() >= room) {
                self.stream.write_all(b"452 4.5.3 too many recipients\r\n").await.ok()?;
                continue;
            }
            let reply = self.answer(&line).await?;
            match line.split(':').next().unwrap_or_default() {
                "MAIL FROM" => {
                    has_sender = reply.starts_with('2');
                    envelope = Taken { from: path(&line), to: Vec::new(), data: String::new() };
                }
                "STARTTLS" if reply.starts_with("220") => self = self.start_tls(&reply).await?,
                "RCPT TO" if reply.starts_with('2') => envelope.to.push(path(&line)),
                "DATA" if reply.starts_with('3') => {
                    envelope.data = self.data().await?;
                    let reply = self.remote.reply(".");
                    if reply.starts_with('2') || reply.starts_with("slow 2") || reply == "take and drop" {
                        let mut ledger = self.remote.ledger.lock().expect("no panics");
                        ledger.taken.push(envelope.clone());
                        ledger.times.push(self.clock.elapsed());
                    }
                    self.answer(".").await?;
                }
                "QUIT" => return None,
                _ => {}
            }
        }
    }

    async fn start_tls(mut self, reply: &str) -> Option<Self> {
        if reply.ends_with("junk") {
            self.stream.write_all(b"250 in clear\r\n").await.ok()?;
        }
        if reply.ends_with("silence") {
            self.clock.sleep_until(self.clock.mono() + Duration::from_hours(1)).await;
        }
        let acceptor = self.remote.acceptor.lock().expect("no panics").clone();
        let Some(acceptor) = acceptor else {
            // The client's first flight is answered with silence and a close.
            self.stream.read(&mut [0; 4096]).await.ok()?;
            return None;
        };
        self.stream = acceptor.accept(self.stream, b"smtp").await.ok()?;
        self.remote.ledger.lock().expect("no panics").commands.push("(handshake)".into());
        Some(self)
    }

    async fn answer(&mut self, command: &str) -> Option<String> {
        let reply = self.remote.reply(command);
        if reply.ends_with("drop") {
            return None;
        }
        let reply = match reply.strip_prefix("slow ") {
            Some(reply) => {
                self.clock.sleep_until(self.clock.mono() + Duration::from_secs(10)).await;
                reply.to_owned()
            }
            None => reply,
        };
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
        Some(reply)
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let mut buffer = [0; 4096];
            let n = self.stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
            self.read.extend_from_slice(&buffer[..n]);
        }
    }

    async fn data(&mut self) -> Option<String> {
        let mut data = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Some(data);
            }
            let early = self.remote.scripted("body").filter(|_| data.is_empty());
            if let Some(early) = early {
                self.stream.write_all(early.as_bytes()).await.ok()?;
            }
            data += line.strip_prefix('.').unwrap_or(&line);
            data += "\r\n";
        }
    }
}

fn path(line: &str) -> String {
    let start = line.find('<').map_or(0, |at| at + 1);
    line[start..].split('>').next().unwrap_or_default().to_owned()
}
