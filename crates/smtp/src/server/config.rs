//! What a server session is told about its place.

use std::time::Duration;

use mail::{Domain, TlsOffer, Wall, limits};

/// Which of the three services a listener offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// Mail from other servers (RFC 5321). Bare CR or LF in a message is refused.
    Mx,
    /// Mail from our users (RFC 6409): AUTH before MAIL; bare CR or LF becomes CRLF.
    Submission,
    /// Mail from a neighbour that takes one reply per recipient (RFC 2033). Bare CR or LF is refused.
    Lmtp,
}

/// How far ahead a message may be held for its sender (RFC 4865 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FutureRelease {
    /// HOLDFOR at most; whole seconds, from 1 to 999,999,999.
    pub longest: Duration,
    /// HOLDUNTIL at most.
    pub latest: Wall,
}

/// Configuration of one server session.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct Config {
    /// How the server calls itself in the greeting and in the reply to EHLO.
    pub hostname: Domain,
    /// The domain that `RCPT TO:<Postmaster>` means (RFC 5321 §4.5.1).
    pub postmaster_domain: Domain,
    /// MX, submission or LMTP.
    pub service: Service,
    /// Whether STARTTLS is offered, or TLS already there.
    pub tls: TlsOffer,
    /// SASL mechanisms to offer, in capitals; none means no AUTH. OAUTHBEARER, XOAUTH2 and names that end in `-PLUS` are
    /// offered only under TLS, so for [`TlsOffer::Active`] list the latter only if the connection has a channel binding.
    pub auth: Vec<&'static str>,
    /// AUTH is neither offered nor taken without TLS (538 5.7.11).
    pub auth_needs_tls: bool,
    /// FUTURERELEASE, which only submission may offer (RFC 4865 §4.2).
    pub future_release: Option<FutureRelease>,
    /// DELIVERBY (RFC 2852).
    pub deliver_by: bool,
    /// MT-PRIORITY, which only those may use whose word on it is trusted (RFC 6710 §4.1).
    pub priority: bool,
    /// XCLIENT: the peer is a proxy that may tell of its clients.
    pub xclient: bool,
    /// Bytes of a message, with line ends, after unstuffing.
    pub max_size: u64,
    /// Recipients of one transaction.
    pub max_recipients: usize,
    /// Protocol errors before the session is closed (421 4.7.0).
    pub max_errors: u32,
    /// Recipients and senders refused by [`super::Answer::Reject`] before the session is closed (421 4.7.0).
    pub max_rejections: u32,
    /// Commands since the last accepted message before the session is closed (421 4.7.0).
    pub max_idle_commands: u32,
    /// Failed AUTH attempts before the session is closed (421 4.7.0).
    pub max_auth_failures: u32,
    /// How long the client may be silent (421 4.4.2).
    pub command_timeout: Duration,
    /// How long one message may take to arrive, from DATA or the first BDAT to its end (421 4.4.2).
    pub message_timeout: Duration,
}

impl Config {
    /// With the default limits, without TLS and AUTH.
    pub fn new(hostname: Domain, service: Service) -> Self {
        Self {
            postmaster_domain: hostname.clone(),
            hostname,
            service,
            tls: TlsOffer::None,
            auth: Vec::new(),
            auth_needs_tls: true,
            future_release: None,
            deliver_by: false,
            priority: false,
            xclient: false,
            max_size: limits::MESSAGE_SIZE,
            max_recipients: limits::RECIPIENTS,
            max_errors: limits::SMTP_ERRORS,
            max_rejections: limits::SMTP_REJECTIONS,
            max_idle_commands: limits::SMTP_IDLE_COMMANDS,
            max_auth_failures: limits::LOGIN_FAILURES,
            command_timeout: limits::SMTP_COMMAND_TIMEOUT,
            message_timeout: limits::SMTP_MESSAGE_TIMEOUT,
        }
    }
}
