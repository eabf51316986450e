//! AUTH (RFC 4954): carries SASL steps between a session and the directory.

use std::sync::Arc;

use directory::Directory;
use directory::sasl::{self, Channel, Exchange, Failure};
use mail::{EnhancedCode, Reply};
use world::Stream;

use crate::Mta;

/// What to tell the client.
pub(crate) enum Step {
    Challenge(Vec<u8>),
    LoggedIn(sasl::Login),
    Refused(Reply),
}

/// The logins of one connection, one at a time.
pub(crate) struct Login {
    directory: Arc<Directory>,
    channel: Channel,
    exchange: Option<Exchange>,
}

/// Mechanisms to offer. In clear the list is what there will be after STARTTLS: the session itself offers -PLUS only
/// under TLS.
pub(crate) fn mechanisms(stream: &Stream) -> Vec<&'static str> {
    match stream.tls() {
        Some(facts) => sasl::mechanisms(&Channel::of(Some(facts))),
        None => sasl::mechanisms(&Channel { tls: true, exporter: Some([0; 32]), server_end_point: None }),
    }
}

/// Whether mechanisms that end in -PLUS can work on this connection.
pub(crate) fn has_binding(stream: &Stream) -> bool {
    stream.tls().is_some_and(|facts| facts.exporter.is_some() || facts.server_end_point.is_some())
}

impl Login {
    pub(crate) fn new(mta: &Mta, stream: &Stream) -> Self {
        Self { directory: Arc::clone(&mta.directory), channel: Channel::of(stream.tls()), exchange: None }
    }

    pub(crate) async fn start(&mut self, mechanism: &str, initial: Option<Vec<u8>>) -> Step {
        let Some(mut exchange) = self.directory.sasl(mechanism, self.channel.clone()) else {
            return Step::Refused(Reply::new(
                504,
                EnhancedCode(5, 5, 4),
                "that mechanism is not offered here",
            ));
        };
        let step = exchange.start(initial.as_deref()).await;
        self.after(exchange, step)
    }

    pub(crate) async fn respond(&mut self, response: &[u8]) -> Step {
        let Some(mut exchange) = self.exchange.take() else {
            return Step::Refused(Reply::new(503, EnhancedCode(5, 5, 1), "no login is under way"));
        };
        let step = exchange.step(response).await;
        self.after(exchange, step)
    }

    pub(crate) fn abort(&mut self) {
        self.exchange = None;
    }

    fn after(&mut self, exchange: Exchange, step: sasl::Step) -> Step {
        match step {
            sasl::Step::Challenge(bytes) => {
                self.exchange = Some(exchange);
                Step::Challenge(bytes)
            }
            sasl::Step::Done(login) => Step::LoggedIn(login),
            sasl::Step::Failed(failure) => Step::Refused(refusal(&failure)),
        }
    }
}

/// RFC 4954 §6.
fn refusal(failure: &Failure) -> Reply {
    let (code, enhanced) = match failure {
        Failure::Refused => (535, EnhancedCode(5, 7, 8)),
        Failure::Malformed => (501, EnhancedCode(5, 5, 2)),
        Failure::Unavailable(_) => (454, EnhancedCode(4, 7, 0)),
    };
    Reply::new(code, enhanced, failure.to_string())
}
