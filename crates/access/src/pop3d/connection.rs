//! One client's connection: the one loop that reads, carries out and writes.

use std::io;

use directory::sasl::Dialogue;
use mail::Mono;
use pop3::{Config, Event, Session};
use world::{Either, Stream, World, race};

use super::maildrop::Open;
use super::{ALPN, Pop3d};
use crate::login::{self, Failures};
use crate::wire::{Wire, tls_offer};
use crate::{Parts, Port};

/// Bytes read at once: commands are short.
const READ: usize = 512;
/// Bytes of a message that are written at once.
const MUCH: usize = 32 * 1024;

/// See the module's description.
pub(super) struct Connection<'a> {
    pub(super) daemon: &'a Pop3d,
    wire: Wire,
    pub(super) port: Port,
    pub(super) session: Session,
    pub(super) dialogue: Dialogue,
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
            tls: tls_offer(parts, &stream),
            mechanisms: login::mechanisms(&parts.directory, &stream, port),
            login_needs_tls: !login::is_allowed(&stream, port),
        };
        Self {
            daemon,
            session: Session::new(config, parts.world.clock.mono()),
            wire: Wire::new(stream),
            port,
            dialogue: Dialogue::default(),
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
        self.wire.stream()
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
            if self.session.is_closed() {
                // RFC 1939 §6: by the time the client hears that the session has ended, another may begin.
                self.open = None;
            }
            self.flush().await?;
            if self.session.is_closed() {
                return self.wire.stream_mut()?.shutdown().await;
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
        let stream = self.wire.stream_mut()?;
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
        self.wire.write(&self.daemon.parts.world, &bytes).await
    }

    /// Writes when that is much: what is little goes out with what follows, because each write wakes the client.
    pub(super) async fn flush_much(&mut self) -> io::Result<()> {
        if self.session.output().len() < MUCH { Ok(()) } else { self.flush().await }
    }

    /// STLS: the reply goes out in clear, everything after it under TLS.
    async fn start_tls(&mut self) -> io::Result<()> {
        self.flush().await?;
        let mechanisms = self.wire.secure(&self.daemon.parts, self.port, ALPN).await?;
        self.session.tls_started(mechanisms, self.now());
        Ok(())
    }

    async fn handle(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Login { user, password } => self.login(&user, &password).await,
            Event::AuthStart { mechanism, initial } => self.auth_start(&mechanism, initial.as_deref()).await,
            Event::AuthResponse(response) => self.auth_response(&response).await,
            Event::AuthAborted => {
                self.dialogue.abort();
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
