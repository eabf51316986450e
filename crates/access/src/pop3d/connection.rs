//! One client's connection: the one loop that reads, carries out and writes.

use std::io;
use std::time::Duration;

use directory::sasl::Exchange;
use mail::Mono;
use pop3::{Config, Event, Session, TlsOffer};
use world::{Either, Stream, World, race};

use super::maildrop::Open;
use super::{ALPN, Pop3d};
use crate::login::{self, Failures};
use crate::{Parts, Port};

/// A client that takes nothing for this long is gone (F19).
const WRITE_TIMEOUT: Duration = Duration::from_mins(5);
/// Bytes read at once: commands are short.
const READ: usize = 2048;

/// See the module's description.
pub(super) struct Connection<'a> {
    pub(super) daemon: &'a Pop3d,
    /// Only absent during a handshake.
    stream: Option<Stream>,
    pub(super) session: Session,
    pub(super) exchange: Option<Exchange>,
    pub(super) failures: Failures,
    pub(super) open: Option<Open>,
}

/// What ended a wait.
enum Woken {
    Input(Vec<u8>),
    Timeout,
    Stopping,
}

impl<'a> Connection<'a> {
    pub(super) fn new(daemon: &'a Pop3d, stream: Stream, port: Port) -> Self {
        let parts = &daemon.parts;
        let config = Config {
            hostname: parts.settings.hostname.to_string(),
            tls: match (&parts.acceptor, stream.tls()) {
                (_, Some(_)) => TlsOffer::Active,
                (Some(_), None) => TlsOffer::Offered,
                (None, None) => TlsOffer::None,
            },
            mechanisms: login::mechanisms(&stream),
            login_needs_tls: !login::is_allowed(&stream, port),
        };
        Self {
            daemon,
            session: Session::new(config, parts.world.clock.mono()),
            stream: Some(stream),
            exchange: None,
            failures: Failures::default(),
            open: None,
        }
    }

    pub(super) fn parts(&self) -> &'a Parts {
        &self.daemon.parts
    }

    pub(super) fn world(&self) -> &'a World {
        &self.daemon.parts.world
    }

    pub(super) fn stream(&self) -> io::Result<&Stream> {
        self.stream.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    pub(super) fn now(&self) -> Mono {
        self.world().clock.mono()
    }

    /// To the end of the connection.
    pub(super) async fn run(mut self) -> io::Result<()> {
        loop {
            while let Some(event) = self.session.poll_event(self.now()) {
                // On the heap, so that a silent session does not carry the space of a busy one.
                Box::pin(self.handle(event)).await?;
            }
            self.flush().await?;
            if self.session.is_closed() {
                return self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?.shutdown().await;
            }
            if !self.session.wants_input() {
                continue;
            }
            match self.wait().await? {
                Woken::Input(bytes) if bytes.is_empty() => return Ok(()),
                Woken::Input(bytes) => self.session.handle_input(&bytes, self.now()),
                Woken::Timeout => self.session.handle_timeout(self.now()),
                Woken::Stopping => self.session.bye("[SYS/TEMP] The server is going down; come back soon"),
            }
        }
    }

    /// Waits for the client, or for time to run out.
    async fn wait(&mut self) -> io::Result<Woken> {
        let deadline = self.session.poll_timeout();
        let clock = self.world().clock.clone();
        let mut stopping = self.daemon.stopping.subscribe();
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let stop = async {
            if stopping.wait_for(|&stopping| stopping).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let mut buffer = [0; READ];
        Ok(match race(stream.read(&mut buffer), race(clock.sleep_until(deadline), stop)).await {
            Either::Left(length) => Woken::Input(buffer[..length?].to_vec()),
            Either::Right(Either::Left(())) => Woken::Timeout,
            Either::Right(Either::Right(())) => Woken::Stopping,
        })
    }

    /// Writes what waits to be written. One write for all replies of a burst.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(self.session.output());
        if bytes.is_empty() {
            return Ok(());
        }
        let clock = self.world().clock.clone();
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let written = clock.within(WRITE_TIMEOUT, stream.write_all(&bytes)).await;
        written.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    /// STLS: the reply goes out in clear, everything after it under TLS.
    async fn start_tls(&mut self) -> io::Result<()> {
        self.flush().await?;
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        let acceptor = self.parts().acceptor.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let clock = self.world().clock.clone();
        let handshake = clock.within(mail::limits::LOGIN_TIMEOUT, acceptor.accept(stream, ALPN)).await;
        let stream = handshake.ok_or(io::ErrorKind::TimedOut)??;
        self.session.tls_started(login::mechanisms(&stream), self.now());
        self.stream = Some(stream);
        Ok(())
    }

    async fn handle(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Login { user, password } => self.login(&user, &password).await,
            Event::AuthStart { mechanism, initial } => self.auth_start(&mechanism, initial.as_deref()).await,
            Event::AuthResponse(response) => self.auth_response(&response).await,
            Event::AuthAborted => {
                self.exchange = None;
                Ok(())
            }
            Event::StartTls => self.start_tls().await,
            Event::Retrieve { uid } => self.retrieve(uid).await,
            Event::Update { deleted } => {
                let done = self.remove(&deleted).await;
                self.session.updated(done);
                Ok(())
            }
        }
    }
}
