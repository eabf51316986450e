//! What a client session tells its driver.

use mail::Reply;

use super::Capabilities;

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Write the output, do the handshake, then call `tls_started`.
    StartTls,
    /// A message may be sent now: after the greeting, and again after each [`Event::MessageResult`] if the
    /// connection can still be used. Otherwise [`Event::Failed`] or [`Event::Closed`] comes.
    Ready(Capabilities),
    /// The peer's word on one recipient, by its place in the envelope. Told again in the result.
    RcptResult {
        /// Place in `envelope.recipients`.
        index: usize,
        /// The peer's reply.
        reply: Reply,
    },
    /// At least one recipient was accepted: call `body` and `body_end`.
    DataWanted,
    /// The transaction is over: one outcome per recipient, in the envelope's order. Every `send` ends in exactly one.
    /// It may come in place of [`Event::DataWanted`] or while the body is being sent: stop sending then.
    MessageResult(Vec<Outcome>),
    /// The connection is of no further use. After a [`Event::MessageResult`] if a transaction was under way.
    Failed(Failure),
    /// After QUIT.
    Closed,
}

/// How it went with one recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// 2xx: the peer has it. 4xx: try again. 5xx: give up (after other hosts, if `source` is `Local`).
    pub reply: Reply,
    /// Whose words these are.
    pub source: Source,
}

/// Where an outcome comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The peer said it.
    Peer,
    /// We say it: the connection broke, or the peer lacks an extension that the message needs.
    Local,
    /// The final dot was sent and no reply came: the peer may have the message or not (promise F6). A 4xx; note it
    /// as a possible duplicate.
    Uncertain,
}

/// Why a connection is of no further use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What went wrong.
    pub cause: Cause,
    /// The peer's reply, or our words for it. Before a message was sent: temporary means try again later, permanent
    /// means the next host, then give up.
    pub reply: Reply,
}

/// What ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The peer refused us: greeting, EHLO, AUTH, or 421 at any time.
    Refused,
    /// The peer closed, or the connection broke.
    Lost,
    /// No reply in time.
    Timeout,
    /// A reply that is not one, or too long, or out of turn (promise F9).
    Protocol,
    /// TLS is required and not offered, or bytes came in between (attacks A3).
    Tls,
    /// The configured login cannot be used here, or was refused. The reply is ours and temporary.
    Auth,
}
