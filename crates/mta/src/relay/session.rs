//! One connection to a remote host: moves bytes between the socket, the client session and the store.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use mail::{BodyType, Domain, EnhancedCode, Envelope, Host, Reply};
use queue::Item;
use smtp::client::{self, Event, Outcome, Source, TlsPolicy};
use store::{BlobId, Store};
use world::tls::{Connector, Demand};
use world::{Stream, World};

use super::connect::connect;
use super::route::Hop;
use crate::settings::Sources;

/// Bytes of the message read from the store and given to the session at once.
const CHUNK: usize = 64 * 1024;

/// What it takes to open connections to one destination.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) world: World,
    pub(crate) connector: Option<Connector>,
    pub(crate) connect_timeout: Duration,
    pub(crate) sources: Sources,
    pub(crate) config: client::Config,
    pub(crate) verified: bool,
}

/// A connection that is ready for a message.
pub(crate) struct Connection {
    pub(crate) world: World,
    stream: Stream,
    session: client::Session,
    /// The host's name.
    pub(crate) host: Domain,
    buffer: Vec<u8>,
}

/// Why a host could not be used.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// Which address, if one was reached or tried.
    pub(crate) address: SocketAddr,
    /// For the journey and the DSN.
    pub(crate) reply: Reply,
    /// Whether there was a connection: other addresses of the host have not been tried then.
    pub(crate) connected: bool,
    /// Whether the handshake failed, so that clear text may be tried (F10).
    handshake: bool,
}

/// What is to be sent: the bytes in front and the body in the store.
pub(crate) struct Content {
    pub(crate) prefix: Bytes,
    pub(crate) blob: BlobId,
    /// Bytes of the body, without the prefix.
    pub(crate) length: u64,
    pub(crate) eight_bit: bool,
}

impl Content {
    /// What a queue item sends.
    pub(crate) fn of(item: &Item) -> Self {
        Self {
            prefix: Bytes::from(item.prefix.clone()),
            blob: item.blob,
            length: item.size,
            eight_bit: item.body != BodyType::SevenBit,
        }
    }
}

impl Dialer {
    /// Opens a connection to a host and brings it to where a message can be sent. Where TLS is opportunistic and the
    /// handshake fails, one new connection is made in clear (RFC 7435, F10).
    pub(crate) async fn open(&self, hop: &Hop) -> Result<Connection, Unusable> {
        match self.open_with(hop, &hop.addresses, self.tls()).await {
            Err(failed) if failed.handshake && self.config.tls == TlsPolicy::Opportunistic => {
                self.open_with(hop, &[failed.address], TlsPolicy::Off).await
            }
            outcome => outcome,
        }
    }

    fn tls(&self) -> TlsPolicy {
        match self.config.tls {
            TlsPolicy::Opportunistic if self.connector.is_none() => TlsPolicy::Off,
            policy => policy,
        }
    }

    async fn open_with(
        &self,
        hop: &Hop,
        addresses: &[SocketAddr],
        tls: TlsPolicy,
    ) -> Result<Connection, Unusable> {
        let connecting = connect(&self.world, self.connect_timeout, &self.sources, addresses);
        let mut stream = connecting.await.map_err(|(address, error)| {
            let text = format!("connecting to {} [{}] failed: {error}", hop.name, address.ip());
            let reply = Reply::new(451, EnhancedCode(4, 4, 1), text);
            Unusable { address, reply, connected: false, handshake: false }
        })?;
        if tls == TlsPolicy::Active {
            stream = self.handshake(stream, &hop.name).await?;
        }
        let config = client::Config { tls, ehlo: self.ehlo(stream.peer()), ..self.config.clone() };
        let session = client::Session::new(config, self.world.clock.mono());
        let mut connection = Connection {
            world: self.world.clone(),
            stream,
            session,
            host: hop.name.clone(),
            buffer: vec![0; 4096],
        };
        loop {
            match connection.next().await {
                Event::Ready(_) => return Ok(connection),
                Event::StartTls => {
                    connection.stream = self.handshake(connection.stream, &hop.name).await?;
                    connection.session.tls_started(self.world.clock.mono());
                }
                Event::Failed(failure) => return Err(connection.unusable(failure.reply)),
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

    async fn handshake(&self, stream: Stream, name: &Domain) -> Result<Stream, Unusable> {
        let address = stream.peer();
        let failed = |why: &str| Unusable {
            address,
            reply: Reply::new(
                451,
                EnhancedCode(4, 7, 5),
                format!("the TLS handshake with {name} failed: {why}"),
            ),
            connected: true,
            handshake: true,
        };
        let Some(connector) = &self.connector else { return Err(failed("TLS is not set up here")) };
        let demand = if self.verified { Demand::TrustedFor(name.clone()) } else { Demand::Nothing };
        let patience = self.config.timeouts.hello;
        match self.world.clock.within(patience, connector.connect(stream, name, demand)).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(error)) => Err(failed(&error.to_string())),
            None => Err(failed("no answer in time")),
        }
    }
}

impl Connection {
    /// Where the other end is.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.stream.peer()
    }

    /// What TLS agreed on.
    pub(crate) fn tls(&self) -> Option<&world::tls::Facts> {
        self.stream.tls()
    }

    /// Whether the host reports about recipients itself, as NOTIFY asks (RFC 3461 §4).
    pub(crate) fn reports(&self) -> bool {
        self.session.capabilities().dsn
    }

    /// Sends one message: an outcome per recipient. An error is our own store's: nothing was completed, and the
    /// connection has been given up without the final dot (F7).
    pub(crate) async fn send(
        &mut self,
        store: &dyn Store,
        envelope: Envelope,
        content: &Content,
    ) -> Result<Vec<Outcome>, store::Error> {
        let size = content.prefix.len() as u64 + content.length;
        let recipients = envelope.recipients.len();
        self.session.send(envelope, size, content.eight_bit, self.world.clock.mono());
        loop {
            match self.next().await {
                Event::DataWanted => {
                    if let Some(outcomes) = self.send_body(store, content).await? {
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

    /// Gives the body to the session; outcomes if the peer's word came before the end.
    async fn send_body(
        &mut self,
        store: &dyn Store,
        content: &Content,
    ) -> Result<Option<Vec<Outcome>>, store::Error> {
        self.session.body(&content.prefix, self.world.clock.mono());
        let mut offset = 0;
        while offset < content.length {
            let length = CHUNK.min((content.length - offset) as usize);
            let bytes = match store.read_blob(content.blob, offset, length).await {
                Ok(bytes) if bytes.is_empty() => {
                    Err(store::Error::Damaged("a body that is too short".into()))
                }
                outcome => outcome,
            };
            let bytes = bytes.inspect_err(|_| self.session.abort())?;
            offset += bytes.len() as u64;
            self.session.body(&bytes, self.world.clock.mono());
            self.flush().await;
            if let Some(Event::MessageResult(outcomes)) = self.session.poll_event() {
                return Ok(Some(outcomes));
            }
        }
        self.session.body_end(self.world.clock.mono());
        Ok(None)
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
        let now = self.world.clock.mono();
        match read {
            Some(Ok(n @ 1..)) => self.session.handle_input(&self.buffer[..n], now),
            Some(_) => self.session.handle_eof(),
            None => self.session.handle_timeout(now),
        }
    }

    fn unusable(&self, reply: Reply) -> Unusable {
        Unusable { address: self.stream.peer(), reply, connected: true, handshake: false }
    }
}

fn lost() -> Reply {
    Reply::new(451, EnhancedCode(4, 4, 2), "the connection was lost")
}
