//! What a client session is told about its task.

use std::fmt;
use std::time::Duration;

use mail::{Host, limits};

/// Which protocol the peer speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: LHLO, and a reply per recipient.
    Lmtp,
}

/// What TLS is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsPolicy {
    /// No STARTTLS.
    Off,
    /// STARTTLS where it is offered.
    Opportunistic,
    /// STARTTLS, or a temporary failure.
    Required,
    /// The connection began with TLS.
    Active,
}

/// A login at a smarthost.
#[derive(Clone)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How long to wait for each reply (RFC 5321 §4.5.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// The greeting.
    pub greeting: Duration,
    /// EHLO, STARTTLS, AUTH, RSET, QUIT.
    pub hello: Duration,
    /// MAIL.
    pub mail: Duration,
    /// RCPT.
    pub rcpt: Duration,
    /// The 354 to DATA.
    pub data_start: Duration,
    /// Between two calls of `body` (the peer takes no bytes).
    pub data_block: Duration,
    /// The reply to the final dot.
    pub data_end: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            greeting: limits::SMTP_GREETING_WAIT,
            hello: limits::SMTP_HELLO_WAIT,
            mail: limits::SMTP_MAIL_WAIT,
            rcpt: limits::SMTP_RCPT_WAIT,
            data_start: limits::SMTP_DATA_START_WAIT,
            data_block: limits::SMTP_DATA_BLOCK_WAIT,
            data_end: limits::SMTP_DATA_END_WAIT,
        }
    }
}

/// Configuration of one client session.
#[derive(Clone, Debug)]
pub struct Config {
    /// How we call ourselves: a name that resolves to us, or an address literal (RFC 5321 §4.1.4).
    pub ehlo: Host,
    /// SMTP or LMTP.
    pub service: Service,
    /// What TLS is wanted for.
    pub tls: TlsPolicy,
    /// Logs in, or fails. Without TLS no password is sent.
    pub auth: Option<Credentials>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Config {
    /// For a remote MX: opportunistic TLS, no AUTH, the standard's timeouts.
    pub fn new(ehlo: Host) -> Self {
        Self {
            ehlo,
            service: Service::Smtp,
            tls: TlsPolicy::Opportunistic,
            auth: None,
            timeouts: Timeouts::default(),
        }
    }
}
