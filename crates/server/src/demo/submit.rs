//! Sending mail as a mail client does: submission with STARTTLS and AUTH (RFC 6409).

use mail::{Address, Envelope, Host, Recipient, Reply, ReversePath};
use smtp::client::{Config, Credentials, Event, Session, TlsPolicy};
use world::{Stream, World};

use super::client::Door;

/// Bytes of one read.
const CHUNK: usize = 4096;

/// Sends one message and gives the server's last word on it.
pub(super) async fn submit(
    world: &World,
    door: &Door,
    (user, password): (&str, &str),
    to: &str,
    message: &[u8],
) -> Result<Reply, String> {
    let parse = |text: &str| text.parse::<Address>().map_err(|e| format!("{text}: {e}"));
    let envelope = Envelope {
        reverse_path: ReversePath(Some(parse(user)?)),
        recipients: vec![Recipient::plain(parse(to)?)],
        ..Envelope::default()
    };
    let mut config = Config::new(Host::Literal([127, 0, 0, 1].into()));
    config.tls = TlsPolicy::Required;
    config.auth = Some(Credentials { username: user.into(), password: password.into() });
    let session = Session::new(config, world.clock.mono());
    let stream = Some(door.connect(world).await?);
    Driver { world, door, session, stream, envelope: Some(envelope), message, result: None }.run().await
}

/// Carries bytes between a session and its stream until the session is over.
struct Driver<'a> {
    world: &'a World,
    door: &'a Door,
    session: Session,
    /// Always there, except during the handshake.
    stream: Option<Stream>,
    /// Until it is sent.
    envelope: Option<Envelope>,
    message: &'a [u8],
    result: Option<Reply>,
}

impl Driver<'_> {
    async fn run(mut self) -> Result<Reply, String> {
        loop {
            while let Some(event) = self.session.poll_event() {
                self.handle(event).await?;
            }
            self.flush().await?;
            if self.session.is_closed() {
                return self.result.ok_or_else(|| "the server hung up".into());
            }
            self.read().await?;
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), String> {
        let now = self.world.clock.mono();
        match event {
            Event::StartTls => {
                self.flush().await?;
                let clear = self.stream.take().ok_or("the connection is gone")?;
                self.stream = Some(self.door.secure(self.world, clear).await?);
                self.session.tls_started(self.world.clock.mono());
            }
            Event::Ready(_) => match self.envelope.take() {
                Some(envelope) => {
                    let size = self.message.len() as u64;
                    self.session.send(envelope, size, !self.message.is_ascii(), now);
                }
                None => self.session.quit(now),
            },
            Event::DataWanted => {
                self.session.body(self.message, now);
                self.session.body_end(now);
            }
            Event::MessageResult(outcomes) => {
                self.result = outcomes.into_iter().next().map(|outcome| outcome.reply);
            }
            Event::Failed(failure) if self.result.is_none() => return Err(failure.reply.to_string()),
            Event::RcptResult { .. } | Event::Failed(_) | Event::Closed => {}
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), String> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while let Some(bytes) = self.session.poll_output() {
            stream.write_all(&bytes).await.map_err(|e| format!("the connection broke: {e}"))?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), String> {
        let stream = self.stream.as_mut().ok_or("the connection is gone")?;
        let mut buffer = [0; CHUNK];
        let reading = stream.read(&mut buffer);
        let read = match self.session.poll_timeout() {
            Some(deadline) => self.world.clock.before(deadline, reading).await,
            None => Some(reading.await),
        };
        let now = self.world.clock.mono();
        match read {
            None => self.session.handle_timeout(now),
            Some(Ok(0) | Err(_)) => self.session.handle_eof(),
            Some(Ok(n)) => self.session.handle_input(&buffer[..n], now),
        }
        Ok(())
    }
}
