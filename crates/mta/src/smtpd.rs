//! The one read/write loop of a server connection: bytes to the session, events to [`Receiver`], replies back.
//! Decides nothing itself.

use std::sync::Arc;
use std::time::Duration;

use mail::{EnhancedCode, Reply, TlsOffer, Wall};
use smtp::server::{Answer, Config, Event, FutureRelease, Service, Session};
use tokio::sync::watch;
use world::{Either, Stream, race};

use crate::login::{self, Login};
use crate::receive::Receiver;
use crate::settings::Settings;
use crate::{Mta, Port};

/// How long the client may take for a TLS handshake, or to take our last words.
const PATIENCE: Duration = Duration::from_mins(1);
/// The protocol's name in TLS (ALPN); a client that offers only others is refused (attack A6).
const ALPN: &[u8] = b"smtp";

/// Serves one connection to its end.
pub(crate) async fn serve(mta: &Arc<Mta>, stream: Stream, port: Port) {
    // In a box: the future would hold it several times.
    Box::new(Smtpd::new(Arc::clone(mta), stream, port)).run().await;
}

struct Smtpd {
    mta: Arc<Mta>,
    stream: Stream,
    port: Port,
    session: Session,
    receiver: Receiver,
    login: Login,
    shutdown: watch::Receiver<bool>,
}

/// What ended the waiting.
enum Wake {
    /// Bytes came, and the session has them.
    Bytes,
    End,
    Timeout,
    Shutdown,
}

impl Smtpd {
    fn new(mta: Arc<Mta>, stream: Stream, port: Port) -> Self {
        let now = mta.world.clock.mono();
        let session = Session::new(config(&mta, &stream, port), now);
        Self {
            receiver: Receiver::new(Arc::clone(&mta), &stream, port.service),
            login: Login::new(&mta, &stream, port),
            session,
            shutdown: mta.shutdown.subscribe(),
            stream,
            port,
            mta,
        }
    }

    async fn run(mut self: Box<Self>) {
        Box::pin(self.greet()).await;
        loop {
            while let Some(event) = self.session.poll_event() {
                if event == Event::StartTls {
                    match Box::pin(self.start_tls()).await {
                        Some(secured) => self = secured,
                        None => return,
                    }
                } else if let Some(answer) = self.on_event(event).await {
                    self.session.answer(answer, self.mta.world.clock.mono());
                }
            }
            // Replies to everything that was pipelined share this one write.
            if !self.write().await || self.session.is_closed() {
                break;
            }
            self.read().await;
        }
        Box::pin(self.receiver.end()).await;
        let goodbye = self.stream.shutdown();
        drop(self.mta.world.clock.within(PATIENCE, goodbye).await);
    }

    /// Says no instead of the greeting where that is decided already.
    async fn greet(&mut self) {
        self.hold_greeting().await;
        if !self.session.is_closed()
            && let Err(reply) = self.receiver.connect().await
        {
            self.session = Session::refuse(&reply);
        }
    }

    /// Waits for a moment whether the client speaks first. Under TLS it has spoken already, and as it must.
    async fn hold_greeting(&mut self) {
        let delay = self.receiver.greeting_delay();
        if delay.is_zero() || self.stream.tls().is_some() {
            return;
        }
        let wait = self.mta.world.clock.sleep(delay);
        match race(self.stream.read_with(|bytes| !bytes.is_empty()), wait).await {
            Either::Left(Ok(true)) => self.session = Session::refuse(&self.receiver.spoke_first()),
            Either::Left(_) => self.session.handle_eof(),
            Either::Right(()) => {}
        }
    }

    /// Carries one event to whoever decides on it.
    async fn on_event(&mut self, event: Event) -> Option<Answer> {
        match event {
            Event::Hello { client, extended } => self.receiver.hello(client, extended),
            Event::AuthStart { mechanism, initial } => {
                return Some(Box::pin(self.auth_start(mechanism, initial)).await);
            }
            Event::AuthResponse(response) => return Some(Box::pin(self.auth_response(&response)).await),
            Event::AuthAborted => self.auth_aborted(),
            Event::MailFrom { reverse_path, params } => {
                return Some(Box::pin(self.receiver.mail(reverse_path, params)).await);
            }
            Event::XClient(told) => return Some(Box::pin(self.receiver.xclient(told)).await),
            Event::RcptTo(recipient) => return Some(Box::pin(self.receiver.recipient(recipient)).await),
            Event::DataStart => {
                return Some(Box::pin(self.receiver.data_start(self.session.envelope())).await);
            }
            Event::Body(bytes) => self.receiver.body(&bytes).await,
            Event::BodyEnd => return Some(Box::pin(self.receiver.body_end(self.session.envelope())).await),
            Event::BodyRefused(reply) => self.receiver.body_refused(&reply),
            Event::Reset => self.receiver.reset(),
            Event::Violation { command, reply } => self.receiver.violation(&command, &reply),
            Event::StartTls | Event::Quit => {}
        }
        None
    }

    async fn auth_start(&mut self, mechanism: &'static str, initial: Option<Vec<u8>>) -> Answer {
        let step = self.login.start(self.receiver.peer(), mechanism, initial).await;
        self.after_login_step(step)
    }

    async fn auth_response(&mut self, response: &[u8]) -> Answer {
        let step = self.login.respond(response).await;
        self.after_login_step(step)
    }

    fn after_login_step(&mut self, step: login::Step) -> Answer {
        match step {
            login::Step::Challenge(bytes) => Answer::Challenge(bytes),
            login::Step::LoggedIn(account) => {
                self.receiver.logged_in(account, self.login.mechanism());
                Answer::AuthOk(None)
            }
            login::Step::Refused(reply) => {
                self.receiver.login_refused(&reply);
                Answer::Reject(reply)
            }
        }
    }

    fn auth_aborted(&mut self) {
        self.login.abort();
        self.receiver.logged_out();
    }

    /// Flushes, does the handshake, and forgets what was said in clear (RFC 3207 §4.2). `None` if it failed.
    async fn start_tls(mut self: Box<Self>) -> Option<Box<Self>> {
        if !self.write().await {
            return None;
        }
        let acceptor = self.mta.acceptor.clone()?;
        let mut this = *self;
        let handshake = acceptor.accept(this.stream, ALPN);
        let stream = this.mta.world.clock.within(PATIENCE, handshake).await?.ok()?;
        let binding = login::has_binding(&stream);
        this.session.tls_started(binding, this.mta.world.clock.mono());
        this.receiver.tls_started(&stream);
        this.login = Login::new(&this.mta, &stream, this.port);
        Some(Box::new(Self { stream, ..this }))
    }

    /// Writes what the session has to say; `false` if the client is gone or takes nothing.
    async fn write(&mut self) -> bool {
        let Some(output) = self.session.poll_output() else { return true };
        let written = self.mta.world.clock.within(PATIENCE, self.stream.write_all(&output)).await;
        matches!(written, Some(Ok(())))
    }

    /// Waits for bytes, the session's deadline or the server's end, and tells the session.
    async fn read(&mut self) {
        let wake = self.wait().await;
        let now = self.mta.world.clock.mono();
        match wake {
            Wake::Bytes => {}
            Wake::End => self.session.handle_eof(),
            Wake::Timeout => self.session.handle_timeout(now),
            // RFC 5321 §3.8: 421 at the next moment that loses nothing.
            Wake::Shutdown => self.session.close(&Reply::new(
                421,
                EnhancedCode(4, 3, 2),
                "the server is shutting down, try again soon",
            )),
        }
    }

    async fn wait(&mut self) -> Wake {
        let deadline = self.session.poll_timeout();
        let mid_message = self.receiver.is_mid_message();
        let clock = &self.mta.world.clock;
        let shutdown = &mut self.shutdown;
        // Built on first poll only: when bytes are there already, neither timer nor signal is touched.
        let timeout = async {
            match deadline {
                Some(deadline) => clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let closing = async {
            if mid_message || shutdown.wait_for(|down| *down).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let session = &mut self.session;
        let read = self.stream.read_with(|bytes| match bytes {
            [] => Wake::End,
            bytes => {
                session.handle_input(bytes, clock.mono());
                Wake::Bytes
            }
        });
        match race(read, race(timeout, closing)).await {
            Either::Left(woken) => woken.unwrap_or(Wake::End),
            Either::Right(Either::Left(())) => Wake::Timeout,
            Either::Right(Either::Right(())) => Wake::Shutdown,
        }
    }
}

/// What the session is told about its place.
fn config(mta: &Mta, stream: &Stream, port: Port) -> Config {
    let settings = mta.settings();
    let mut config = Config::new(settings.hostname.clone(), port.service);
    config.max_size = settings.message_size;
    config.max_recipients = settings.recipients;
    config.tls = TlsOffer::of(stream.tls().is_some(), mta.acceptor.is_some());
    config.xclient = settings.xclient_networks.iter().any(|network| network.contains(stream.peer().ip()));
    // RFC 6710 §4.1, RFC 2852 §7: only who is trusted may choose what comes before others' mail.
    let trusted = port.service == Service::Submission
        || (port.service == Service::Mx && settings.trusts(stream.peer().ip()));
    (config.deliver_by, config.priority) = (trusted, trusted);
    if port.service == Service::Submission {
        config.future_release = future_release(&settings, mta.world.clock.wall());
        config.auth = login::mechanisms(&mta.directory, stream, port);
        let loopback = stream.peer().ip().to_canonical().is_loopback();
        config.auth_needs_tls = !(port.plaintext_auth_on_loopback && loopback);
    }
    config
}

/// RFC 4865 §4.2: on submission only.
fn future_release(settings: &Settings, now: Wall) -> Option<FutureRelease> {
    let longest = settings.future_release;
    // To the whole second, so that what is told is what is taken.
    let latest = Wall::from_secs((now + longest).secs());
    (longest >= Duration::from_secs(1)).then_some(FutureRelease { longest, latest })
}
