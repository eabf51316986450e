//! AUTH (RFC 4954): carries SASL steps between a session and the directory.

use std::net::IpAddr;
use std::sync::Arc;

use directory::sasl::{self, Channel, Dialogue, Failure, Progress};
use directory::{Directory, Scope};
use mail::{EnhancedCode, Reply};
use world::Stream;

use crate::{Mta, Port};

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
    dialogue: Dialogue,
    mechanism: &'static str,
}

/// Mechanisms to offer. In clear the list is what there will be after STARTTLS: the session itself offers -PLUS and
/// bearer tokens only under TLS.
pub(crate) fn mechanisms(directory: &Directory, stream: &Stream, port: Port) -> Vec<&'static str> {
    let channel = match stream.tls() {
        Some(_) => channel(stream, port),
        None => Channel { tls: true, exporter: Some([0; 32]), ..channel(stream, port) },
    };
    directory.mechanisms(&channel)
}

/// Whether mechanisms that end in -PLUS can work on this connection.
pub(crate) fn has_binding(stream: &Stream) -> bool {
    stream.tls().is_some_and(|facts| facts.exporter.is_some() || facts.server_end_point.is_some())
}

fn channel(stream: &Stream, port: Port) -> Channel {
    Channel::of(stream.peer().ip(), stream.tls()).offering(port.mechanisms)
}

impl Login {
    pub(crate) fn new(mta: &Mta, stream: &Stream, port: Port) -> Self {
        Self {
            directory: Arc::clone(&mta.directory),
            channel: channel(stream, port).serving(Scope::Submission),
            dialogue: Dialogue::default(),
            mechanism: "",
        }
    }

    /// Begins a login of a client at `peer`, who is not always at the other end of the connection: there may be a proxy.
    pub(crate) async fn start(
        &mut self,
        peer: IpAddr,
        mechanism: &'static str,
        initial: Option<Vec<u8>>,
    ) -> Step {
        self.mechanism = mechanism;
        let channel = Channel { peer: Some(peer.to_canonical()), ..self.channel.clone() };
        told(self.dialogue.start(&self.directory, channel, mechanism, initial.as_deref()).await)
    }

    pub(crate) async fn respond(&mut self, response: &[u8]) -> Step {
        told(self.dialogue.respond(response).await)
    }

    /// The mechanism of the last login.
    pub(crate) fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    pub(crate) fn abort(&mut self) {
        self.dialogue.abort();
    }
}

fn told(progress: Progress) -> Step {
    match progress {
        Progress::Challenge(bytes) => Step::Challenge(bytes),
        Progress::Done(login) => Step::LoggedIn(login),
        Progress::Failed { failure, .. } => Step::Refused(refusal(&failure)),
        Progress::NotOffered => {
            Step::Refused(Reply::new(504, EnhancedCode(5, 5, 4), "that mechanism is not offered here"))
        }
        Progress::NotUnderWay => {
            Step::Refused(Reply::new(503, EnhancedCode(5, 5, 1), "no login is under way"))
        }
    }
}

/// RFC 4954 §6.
fn refusal(failure: &Failure) -> Reply {
    let (code, enhanced) = match failure {
        Failure::Refused => (535, EnhancedCode(5, 7, 8)),
        Failure::Malformed => (501, EnhancedCode(5, 5, 2)),
        Failure::Throttled | Failure::Unavailable(_) => (454, EnhancedCode(4, 7, 0)),
    };
    Reply::new(code, enhanced, failure.to_string())
}
