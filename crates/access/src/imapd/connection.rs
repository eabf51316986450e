//! One client's connection: the one loop that reads, carries out and writes.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use directory::sasl::{Dialogue, Login};
use imap::{Config, Event, Session};
use mail::{AccountId, Mono};
use mailbox::Mailboxes;
use store::Watch;
use world::{Stream, World};

use super::append::Appending;
use super::notify::Notified;
use super::selected::Selected;
use super::{ALPN, Imapd};
use crate::login::{self, Failures};
use crate::wire::{SMALL_READ, Wire, tls_offer};
use crate::{Parts, Port};

/// Output is written once it has grown to this.
pub(super) const WRITE_AT: usize = 64 * 1024;
/// A busy client costs this much of a buffer.
const LARGE_READ: usize = 32 * 1024;

/// See the module's description.
pub(crate) struct Connection<'a> {
    pub(super) daemon: &'a Imapd,
    wire: Wire,
    pub(super) port: Port,
    pub(super) session: Session,
    pub(super) login: Option<Login>,
    pub(super) selected: Option<Selected>,
    pub(super) appending: Option<Box<Appending>>,
    pub(super) dialogue: Dialogue,
    /// While idling, or after NOTIFY: notices of the account.
    pub(super) watch: Option<Watch>,
    pub(super) idling: bool,
    /// What NOTIFY asked for, if it was ever used.
    pub(super) notified: Option<Box<Notified>>,
    pub(super) failures: Failures,
    /// Whether the last read filled its buffer: then more is coming.
    busy: bool,
}

/// What ended a wait.
enum Woken {
    Input(io::Result<Vec<u8>>),
    Notice,
    Timeout,
    Stopping,
}

impl<'a> Connection<'a> {
    pub(super) fn new(daemon: &'a Imapd, stream: Stream, port: Port) -> Self {
        let parts = &daemon.parts;
        let config = Config {
            hostname: parts.settings.hostname.to_string(),
            tls: tls_offer(parts, &stream),
            mechanisms: login::mechanisms(&parts.directory, &stream, port),
            login_needs_tls: !login::is_allowed(&stream, port),
            message_size: parts.settings.message_size,
            keepalive: parts.settings.keepalive,
            hidden: Arc::clone(&parts.settings.hidden),
            message_limit: parts.settings.message_limit,
            save_limit: super::limited::save_limit(&parts.settings),
        };
        Self {
            daemon,
            session: Session::new(config, parts.world.clock.mono()),
            wire: Wire::new(stream),
            port,
            login: None,
            selected: None,
            appending: None,
            dialogue: Dialogue::default(),
            watch: None,
            idling: false,
            notified: None,
            failures: Failures::default(),
            busy: false,
        }
    }

    pub(super) fn parts(&self) -> &'a Parts {
        &self.daemon.parts
    }

    pub(super) fn world(&self) -> &'a World {
        &self.daemon.parts.world
    }

    pub(super) fn mailboxes(&self) -> &'a Mailboxes {
        &self.daemon.parts.mailboxes
    }

    /// Who is logged in. The session hands out no command that needs it before.
    pub(super) fn account(&self) -> AccountId {
        self.login.as_ref().expect("the session asks for login first").account
    }

    pub(super) fn stream(&self) -> io::Result<&Stream> {
        self.wire.stream()
    }

    pub(super) fn now(&self) -> Mono {
        self.world().clock.mono()
    }

    /// To the end of the connection.
    pub(super) async fn run(&mut self) -> io::Result<()> {
        // Whether the client was silent since it was last told something.
        let mut silent = false;
        loop {
            while let Some(event) = self.session.poll_event(self.now()) {
                // On the heap, so that a silent session does not carry the space of a busy one.
                Box::pin(self.handle(event)).await?;
                if self.session.output_length() >= WRITE_AT {
                    Box::pin(self.flush()).await?;
                }
            }
            Box::pin(self.flush()).await?;
            if self.session.is_closed() {
                return self.wire.stream_mut()?.shutdown().await;
            }
            self.session.release();
            if self.idling || silent {
                self.wire.release();
            }
            let woken = self.wait().await;
            silent = matches!(woken, Woken::Notice);
            match woken {
                Woken::Input(bytes) => {
                    let bytes = bytes?;
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    self.session.handle_input(&bytes, self.now());
                }
                Woken::Notice => {
                    Box::pin(self.noticed()).await?;
                    self.session.spoke(self.now());
                }
                Woken::Timeout => self.session.handle_timeout(self.now()),
                Woken::Stopping => self.session.bye(None, "The server is going down; come back soon"),
            }
        }
    }

    /// Waits for the client, for news of its mailbox, or for time to run out. The futures stand here side by side and
    /// not in nested races, which would hold each of them twice: this is all that a silent session keeps.
    async fn wait(&mut self) -> Woken {
        let deadline = self.session.poll_timeout();
        let is_notified = self.is_notified();
        let clock = &self.daemon.parts.world.clock;
        let mut stopping = self.daemon.stopping.subscribe();
        let size = if self.busy { LARGE_READ } else { SMALL_READ };
        let mut input = pin!(self.wire.read(size));
        let mut notice = pin!(self.watch.as_mut().map(Watch::changed));
        let news = self.idling || is_notified;
        let shared = self.selected.as_mut().and_then(|selected| selected.watch.as_mut());
        let mut shared = pin!(shared.filter(|_| news).map(Watch::changed));
        // On the heap: most sessions have none.
        let others = self.notified.iter_mut().filter(|_| is_notified).flat_map(|n| n.watches());
        let mut others: Vec<_> = others.map(|watch| Box::pin(watch.changed())).collect();
        let mut timeout = pin!(deadline.map(|due| clock.sleep_until(due)));
        let mut stop = pin!(stopping.wait_for(|&stopping| stopping));
        let woken = poll_fn(|context| {
            if let Poll::Ready(bytes) = input.as_mut().poll(context) {
                return Poll::Ready(Woken::Input(bytes));
            }
            if notice.as_mut().as_pin_mut().is_some_and(|n| n.poll(context).is_ready()) {
                return Poll::Ready(Woken::Notice);
            }
            if shared.as_mut().as_pin_mut().is_some_and(|n| n.poll(context).is_ready()) {
                return Poll::Ready(Woken::Notice);
            }
            if others.iter_mut().any(|watch| watch.as_mut().poll(context).is_ready()) {
                return Poll::Ready(Woken::Notice);
            }
            if timeout.as_mut().as_pin_mut().is_some_and(|t| t.poll(context).is_ready()) {
                return Poll::Ready(Woken::Timeout);
            }
            stop.as_mut().poll(context).map(|_| Woken::Stopping)
        })
        .await;
        if let Woken::Input(Ok(bytes)) = &woken {
            self.busy = bytes.len() == size || bytes.len() >= LARGE_READ / 2;
        }
        woken
    }

    /// Writes what waits to be written. One write for all replies of a burst.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.session.output_length() == 0 {
            return Ok(());
        }
        let mut bytes = std::mem::take(self.session.output());
        self.wire.write(&self.daemon.parts.world, &bytes).await?;
        bytes.clear();
        *self.session.output() = bytes;
        Ok(())
    }

    /// STARTTLS: the reply goes out in clear, everything after it under TLS.
    pub(super) async fn start_tls(&mut self) -> io::Result<()> {
        self.flush().await?;
        let mechanisms = self.wire.secure(&self.daemon.parts, self.port, ALPN).await?;
        self.session.tls_started(mechanisms, self.now());
        Ok(())
    }

    /// COMPRESS: the reply goes out as it is, everything after it compressed (RFC 4978 §3).
    async fn compress(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.wire.compress();
        self.session.compress_started();
        Ok(())
    }

    /// RFC 8437 §4.1: the reply is the last that is compressed.
    async fn unauthenticate(&mut self) -> io::Result<()> {
        self.leave_account();
        self.flush().await?;
        let plain = self.wire.compress_no_more();
        self.session.handle_input(&plain, self.now());
        Ok(())
    }

    async fn handle(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Command(command) => self.carry_out(command).await,
            Event::Unauthenticate => self.unauthenticate().await,
            Event::Login { user, password } => self.login(&user, &password).await,
            Event::AuthStart { mechanism, initial } => self.auth_start(&mechanism, initial.as_deref()).await,
            Event::AuthResponse(response) => self.auth_response(&response).await,
            Event::AuthAborted => {
                self.dialogue.abort();
                Ok(())
            }
            Event::AppendStart(append) => self.append_start(append).await,
            Event::AppendMessage(message) => self.append_message(message).await,
            Event::AppendUrl(url) => self.append_url(&url).await,
            Event::AppendLiteral(length) => self.append_literal(length).await,
            Event::AppendData(bytes) => self.append_data(&bytes).await,
            Event::AppendEnd => self.append_end().await,
            Event::AppendAborted => {
                self.appending = None;
                Ok(())
            }
            Event::StartTls => self.start_tls().await,
            Event::Compress => self.compress().await,
            Event::IdleStart => self.idle_start().await,
            Event::IdleEnd => self.idle_end().await,
        }
    }
}
