//! One connection to a remote host: moves bytes between the socket, the client session and the store.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use journey::TlsResult;
use mail::{BodyType, Domain, EnhancedCode, Envelope, Host, Reply};
use message::convert::{Converter, Obstacle};
use smtp::client::{self, Capabilities, Cause, Event, Outcome, Source, TlsPolicy};
use store::Store;
use world::tls::{Connector, Fault};
use world::{Either, Stream, World, race};

use super::connect::connect;
use super::content::{Content, Converted, form_for};
use super::outcome::Promises;
use super::policy::{Complaint, Guard};
use super::route::Hop;
use crate::intake::tls_facts;
use crate::settings::Sources;

/// What it takes to open connections to one destination.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) world: World,
    pub(crate) connector: Option<Connector>,
    pub(crate) connect_timeout: Duration,
    pub(crate) sources: Sources,
    /// But for the TLS that is asked for: that is each host's own.
    pub(crate) config: client::Config,
}

/// A connection that is ready for a message.
pub(crate) struct Connection {
    pub(crate) world: World,
    stream: Stream,
    session: client::Session,
    /// The host's name.
    pub(crate) host: Domain,
    /// What TLS had to give.
    guard: Guard,
    /// What is to be told of the TLS, though the connection is used.
    pub(crate) complaint: Option<Complaint>,
    buffer: Vec<u8>,
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

impl Ends {
    fn of(stream: &Stream) -> Self {
        Self { peer: stream.peer(), local: stream.local() }
    }
}

/// Why a host could not be used.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// Which address, if one was reached or tried.
    pub(crate) address: SocketAddr,
    /// For the journey and the DSN.
    pub(crate) reply: Reply,
    /// The connection, if there was one: other addresses of the host have not been tried then.
    pub(crate) ends: Option<Ends>,
    /// What is wrong with the host's TLS, if that is why.
    pub(crate) complaint: Option<Complaint>,
    /// Whether the handshake failed, so that clear text may be tried (F10).
    handshake: bool,
}

/// What came of sending a message.
pub(crate) struct Sent {
    /// One per recipient.
    pub(crate) outcomes: Vec<Outcome>,
    /// The form in which it went out, if it was not its own.
    pub(crate) converted: Option<BodyType>,
}

impl Dialer {
    /// Opens a connection to a host and brings it to where a message can be sent. Where TLS is opportunistic and the
    /// handshake fails, one new connection is made in clear (RFC 7435, F10); never under a policy.
    pub(crate) async fn open(&self, hop: &Hop, guard: &Guard) -> Result<Connection, Unusable> {
        let tls = match guard.tls {
            TlsPolicy::Opportunistic if self.connector.is_none() => TlsPolicy::Off,
            policy => policy,
        };
        match self.open_with(hop, &hop.addresses, guard, tls).await {
            Err(failed) if failed.handshake && tls == TlsPolicy::Opportunistic => {
                let mut connection = self.open_with(hop, &[failed.address], guard, TlsPolicy::Off).await?;
                connection.complaint = failed.complaint;
                Ok(connection)
            }
            outcome => outcome,
        }
    }

    async fn open_with(
        &self,
        hop: &Hop,
        addresses: &[SocketAddr],
        guard: &Guard,
        tls: TlsPolicy,
    ) -> Result<Connection, Unusable> {
        let connecting = connect(&self.world, self.connect_timeout, &self.sources, addresses);
        let mut stream = connecting.await.map_err(|(address, error)| {
            let text = format!("connecting to {} [{}] failed: {error}", hop.name, address.ip());
            let reply = Reply::new(451, EnhancedCode(4, 4, 1), text);
            Unusable { address, reply, ends: None, complaint: None, handshake: false }
        })?;
        if tls == TlsPolicy::Active {
            stream = self.handshake(stream, hop, guard).await?;
        }
        let config = client::Config { tls, ehlo: self.ehlo(stream.peer()), ..self.config.clone() };
        let session = client::Session::new(config, self.world.clock.mono());
        let mut connection = Connection {
            world: self.world.clone(),
            stream,
            session,
            host: hop.name.clone(),
            guard: guard.clone(),
            complaint: None,
            buffer: vec![0; 4096],
        };
        loop {
            match connection.next().await {
                Event::Ready(_) => {
                    connection.complaint = guard.complains(connection.stream.tls());
                    return Ok(connection);
                }
                Event::StartTls => {
                    connection.stream = self.handshake(connection.stream, hop, guard).await?;
                    connection.session.tls_started(self.world.clock.mono());
                }
                Event::Failed(failure) => return Err(connection.failed(failure)),
                Event::Closed => return Err(connection.unusable(lost())),
                _ => {}
            }
        }
    }

    /// How we call ourselves on a connection to `peer`: by the name of the address that it comes from.
    fn ehlo(&self, peer: SocketAddr) -> Host {
        let own = self.sources.towards(peer.ip()).and_then(|source| source.hostname.clone());
        own.map_or_else(|| self.config.ehlo.clone(), Host::Domain)
    }

    async fn handshake(&self, stream: Stream, hop: &Hop, guard: &Guard) -> Result<Stream, Unusable> {
        let ends = Ends::of(&stream);
        let failed = |why: &str, complaint: Option<Complaint>| Unusable {
            address: ends.peer,
            reply: Reply::new(
                451,
                EnhancedCode(4, 7, 5),
                format!("the TLS handshake with {} failed: {why}", hop.name),
            ),
            ends: Some(ends),
            complaint: complaint.or_else(|| Some(Complaint::new(TlsResult::ValidationFailure, why))),
            handshake: true,
        };
        let Some(connector) = &self.connector else { return Err(failed("TLS is not set up here", None)) };
        let patience = self.config.timeouts.hello;
        let shaking = connector.connect(stream, &guard.name, guard.demand.clone());
        match self.world.clock.within(patience, shaking).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(error)) => Err(failed(&error.to_string(), Fault::of(&error).map(Complaint::of))),
            None => Err(failed("no answer in time", None)),
        }
    }
}

impl Connection {
    /// Where the other end is.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.stream.peer()
    }

    /// Both ends.
    pub(crate) fn ends(&self) -> Ends {
        Ends::of(&self.stream)
    }

    /// What TLS agreed on and has proven, for the journey.
    pub(crate) fn tls(&self) -> Option<journey::Tls> {
        self.stream.tls().map(|facts| tls_facts(facts, self.guard.verified_by(facts)))
    }

    /// What the host takes over with a message.
    pub(crate) fn promises(&self) -> Promises {
        let offered = self.offered();
        Promises { reports: offered.dsn, keeps_time: offered.deliver_by.is_some() }
    }

    /// What the host offers.
    pub(crate) fn offered(&self) -> &Capabilities {
        self.session.capabilities()
    }

    /// Sends one message, in a form that the host takes. An error is our own store's: nothing was completed, and the
    /// connection has been given up without the final dot (F7).
    pub(crate) async fn send(
        &mut self,
        store: &dyn Store,
        mut envelope: Envelope,
        content: &Content,
    ) -> Result<Sent, store::Error> {
        let form = match form_for(content.needs, self.offered()) {
            Some(target) => Some(content.convert(store, target).await?),
            None => None,
        };
        let (converted, obstacle) = match form {
            Some(Ok(converted)) => (Some(converted), None),
            Some(Err(obstacle)) => (None, Some(obstacle)),
            None => (None, None),
        };
        envelope.body = converted.as_ref().map_or(content.needs, |converted| converted.body);
        let size = converted.as_ref().map_or(content.size(), |converted| converted.size);
        let eight_bit = envelope.body != BodyType::SevenBit;
        let body = converted.as_ref().map(|converted| converted.body);
        let recipients = envelope.recipients.len();
        self.glance().await;
        self.session.send(envelope, size, eight_bit, self.world.clock.mono());
        let outcomes = self.carry(store, recipients, content, converted).await?;
        Ok(match obstacle {
            Some(obstacle) => Sent { outcomes: explained(outcomes, obstacle), converted: None },
            None => Sent { outcomes, converted: body },
        })
    }

    /// From MAIL to the last reply.
    async fn carry(
        &mut self,
        store: &dyn Store,
        recipients: usize,
        content: &Content,
        mut converted: Option<Converted>,
    ) -> Result<Vec<Outcome>, store::Error> {
        loop {
            match self.next().await {
                Event::DataWanted => {
                    let converter = converted.take().map(|converted| converted.converter);
                    if let Some(outcomes) = self.send_body(store, content, converter).await? {
                        return Ok(outcomes);
                    }
                }
                Event::MessageResult(outcomes) => return Ok(outcomes),
                Event::Closed => {
                    return Ok(vec![Outcome { reply: lost(), source: Source::Local }; recipients]);
                }
                _ => {}
            }
        }
    }

    /// Gives the body to the session; outcomes if the peer's word came before the end. Each time it is our turn, what has
    /// come already is looked at: a reply to something else must not be read as the one to the end of the message.
    async fn send_body(
        &mut self,
        store: &dyn Store,
        content: &Content,
        mut converter: Option<Converter>,
    ) -> Result<Option<Vec<Outcome>>, store::Error> {
        self.glance().await;
        if let Some(outcomes) = self.interrupted() {
            return Ok(Some(outcomes));
        }
        let mut chunks = content.chunks(store);
        while let Some(bytes) = chunks.next().await.inspect_err(|_| self.session.abort())? {
            let outcomes = match &mut converter {
                Some(converter) => {
                    let mut out = Vec::with_capacity(bytes.len());
                    converter.feed(&bytes, &mut out);
                    self.give(&out).await
                }
                None => self.give(&bytes).await,
            };
            if outcomes.is_some() {
                return Ok(outcomes);
            }
        }
        self.session.body_end(self.world.clock.mono());
        Ok(None)
    }

    /// Sends some of the body, and waits until more may follow. What has come by then is looked at: a reply to something
    /// else must not be read as the one to the end of the message.
    async fn give(&mut self, bytes: &[u8]) -> Option<Vec<Outcome>> {
        self.session.body(bytes, self.world.clock.mono());
        self.flush().await;
        self.glance().await;
        loop {
            if let Some(outcomes) = self.interrupted() {
                return Some(outcomes);
            }
            if self.session.wants_body() || self.session.is_closed() {
                return None;
            }
            self.receive().await;
        }
    }

    /// What the peer's word before the end of the message, or its going, came to.
    fn interrupted(&mut self) -> Option<Vec<Outcome>> {
        match self.session.poll_event() {
            Some(Event::MessageResult(outcomes)) => Some(outcomes),
            _ => None,
        }
    }

    /// Waits until the connection can take another message; `false` if it cannot any more.
    pub(crate) async fn ready_again(&mut self) -> bool {
        loop {
            match self.next().await {
                Event::Ready(_) => return true,
                Event::Failed(_) | Event::Closed => return false,
                _ => {}
            }
        }
    }

    /// Says QUIT and hangs up.
    pub(crate) async fn quit(mut self) {
        self.session.quit(self.world.clock.mono());
        while !matches!(self.next().await, Event::Closed | Event::Failed(_)) {}
        drop(self.stream.shutdown().await);
    }

    /// The session's next event, moving bytes until there is one. [`Event::Closed`] for ever once it is over.
    async fn next(&mut self) -> Event {
        loop {
            self.flush().await;
            if let Some(event) = self.session.poll_event() {
                return event;
            }
            if self.session.is_closed() {
                return Event::Closed;
            }
            self.receive().await;
        }
    }

    async fn flush(&mut self) {
        let Some(output) = self.session.poll_output() else { return };
        let deadline = self.session.poll_timeout();
        let written = match deadline {
            Some(deadline) => self.world.clock.before(deadline, self.stream.write_all(&output)).await,
            None => Some(self.stream.write_all(&output).await),
        };
        match written {
            Some(Ok(())) => {}
            Some(Err(_)) => self.last_words().await,
            None => self.session.handle_timeout(self.world.clock.mono()),
        }
    }

    /// The peer takes no more bytes; perhaps it said why before it closed.
    async fn last_words(&mut self) {
        let patience = Duration::from_secs(5);
        if let Some(Ok(n @ 1..)) = self.world.clock.within(patience, self.stream.read(&mut self.buffer)).await
        {
            self.session.handle_input(&self.buffer[..n], self.world.clock.mono());
        }
        self.session.handle_eof();
    }

    async fn receive(&mut self) {
        let read: Option<io::Result<usize>> = match self.session.poll_timeout() {
            Some(deadline) => self.world.clock.before(deadline, self.stream.read(&mut self.buffer)).await,
            None => Some(self.stream.read(&mut self.buffer).await),
        };
        match read {
            Some(read) => self.take(&read),
            None => self.session.handle_timeout(self.world.clock.mono()),
        }
    }

    /// Reads what has come already, without waiting.
    async fn glance(&mut self) {
        let at_once = std::future::ready(());
        if let Either::Left(read) = race(self.stream.read(&mut self.buffer), at_once).await {
            self.take(&read);
        }
    }

    fn take(&mut self, read: &io::Result<usize>) {
        match read {
            Ok(n @ 1..) => self.session.handle_input(&self.buffer[..*n], self.world.clock.mono()),
            Ok(0) | Err(_) => self.session.handle_eof(),
        }
    }

    fn unusable(&self, reply: Reply) -> Unusable {
        let ends = self.ends();
        Unusable { address: ends.peer, reply, ends: Some(ends), complaint: None, handshake: false }
    }

    /// The session gave up.
    fn failed(&self, failure: client::Failure) -> Unusable {
        let result = match failure.reply.enhanced {
            _ if failure.cause != Cause::Tls => None,
            Some(EnhancedCode(4, 7, 4)) => Some(TlsResult::StarttlsNotSupported),
            _ => Some(TlsResult::ValidationFailure),
        };
        let complaint = result.map(|result| Complaint::new(result, failure.reply.text.clone()));
        Unusable { complaint, ..self.unusable(failure.reply) }
    }
}

/// The session's own refusal, with the reason why no other form would do.
fn explained(mut outcomes: Vec<Outcome>, obstacle: Obstacle) -> Vec<Outcome> {
    for outcome in outcomes.iter_mut().filter(|outcome| outcome.reply.status() == EnhancedCode(5, 6, 3)) {
        let text = format!("{}; the message cannot be converted, as {}", outcome.reply.text, obstacle.0);
        outcome.reply.text = text;
    }
    outcomes
}

fn lost() -> Reply {
    Reply::new(451, EnhancedCode(4, 4, 2), "the connection was lost")
}
