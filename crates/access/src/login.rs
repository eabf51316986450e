//! Logging in, the same for IMAP and POP3: when it is allowed, and what failures cost (attacks A10, A11).

use directory::Directory;
use directory::sasl::{Channel, Failure, Login};
use mail::limits;
use world::Stream;

use crate::Port;

/// Whether passwords may be sent on this connection: under TLS, or on loopback where the operator allows it.
pub fn is_allowed(stream: &Stream, port: Port) -> bool {
    stream.tls().is_some() || port.plaintext_auth_on_loopback && stream.peer().ip().is_loopback()
}

/// The channel that a connection offers to bind to. App passwords need to be told the service, too.
pub fn channel(stream: &Stream, port: Port) -> Channel {
    Channel::of(stream.peer().ip(), stream.tls()).offering(port.mechanisms)
}

/// Mechanisms to offer on a connection once it may log in, best first.
pub fn mechanisms(directory: &Directory, stream: &Stream, port: Port) -> Vec<&'static str> {
    directory.mechanisms(&channel(stream, port))
}

/// The failed logins of one connection.
#[derive(Debug, Default)]
pub struct Failures(u32);

impl Failures {
    /// Counts a failed login and logs it; the directory has let the client wait for it. Whether the connection has used
    /// up its budget and is to be closed.
    pub fn add(
        &mut self,
        service: &'static str,
        stream: &Stream,
        name: Option<&str>,
        failure: &Failure,
    ) -> bool {
        let name = name.unwrap_or("?");
        tracing::info!(service, peer = %stream.peer().ip(), name = ?name, why = %failure, "refused a login");
        self.0 += 1;
        self.0 >= limits::LOGIN_FAILURES
    }
}

/// Tells of a successful login.
pub fn succeeded(service: &'static str, stream: &Stream, login: &Login) {
    tracing::info!(service, peer = %stream.peer().ip(), account = %login.address, "logged in");
}

/// Whether a failure counts against the client: a store that is down does not.
pub fn counts(failure: &Failure) -> bool {
    !matches!(failure, Failure::Unavailable(_))
}
