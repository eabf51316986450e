//! What a server session tells its driver, and what the driver decides.

use std::net::IpAddr;

use mail::{BodyType, DeliverBy, Domain, Hold, Recipient, Reply, ReturnContent, ReversePath};

/// What happened. Events marked *answer* stop the session until [`super::Session::answer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// HELO, EHLO or LHLO, already answered with 250.
    Hello {
        /// What the client calls itself: printable, without spaces, at most 255 bytes; claims, not facts.
        client: String,
        /// EHLO or LHLO.
        extended: bool,
    },
    /// *Answer:* Challenge, AuthOk, Reject (535 5.7.8). AUTH with a mechanism from the configured list.
    AuthStart {
        /// In capitals.
        mechanism: &'static str,
        /// The initial response, decoded; `Some(vec![])` for `=`.
        initial: Option<Vec<u8>>,
    },
    /// *Answer:* as for `AuthStart`. The client's response to a challenge, decoded.
    AuthResponse(Vec<u8>),
    /// The exchange ended without a decision: `*`, bad base64, line too long. Forget it, and an account it gave.
    AuthAborted,
    /// *Answer:* Accept, AcceptWith, Reject. MAIL, well-formed and within SIZE.
    MailFrom {
        /// The sender, or nothing.
        reverse_path: ReversePath,
        /// Its parameters.
        params: MailParams,
    },
    /// *Answer:* Accept, AcceptWith, Reject. RCPT, well-formed and within the number of recipients.
    RcptTo(Recipient),
    /// *Answer:* Accept, Reject. DATA or the first BDAT, with at least one accepted recipient. Accepting means to be
    /// ready for [`Event::Body`].
    DataStart,
    /// The next bytes of the message: unstuffed, lines ending in CRLF (the last one may not, after BDAT).
    Body(Vec<u8>),
    /// *Answer:* Accept, AcceptWith, Reject, and for LMTP Each. The message is complete. Answer Accept when it is
    /// durable. After the answer the transaction is over.
    BodyEnd,
    /// The message cannot be taken, for the reason in the reply, which is sent at its end: drop what came of it.
    /// The transaction is over.
    BodyRefused(Reply),
    /// The transaction is over without a message: RSET, HELO, STARTTLS, QUIT or a lost connection within one.
    Reset,
    /// Write the output, then do the handshake on the same socket, then [`super::Session::tls_started`].
    /// Nothing read before may be used after.
    StartTls,
    /// *Answer:* Accept, AuthOk(None) where the login it names is one, Reject. A proxy in front tells whose connection it
    /// is; everything said before is forgotten, and a greeting follows.
    XClient(XClient),
    /// QUIT.
    Quit,
    /// The session itself refused something, for the journey and the log.
    Violation {
        /// The start of the command line, without control characters and secrets.
        command: String,
        /// What the client was told.
        reply: Reply,
    },
}

/// The parameters of MAIL.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MailParams {
    /// SIZE= as declared, in bytes (RFC 1870).
    pub size: Option<u64>,
    /// BODY= (RFC 6152).
    pub body: BodyType,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// RET= (RFC 3461 §4.3).
    pub ret: Option<ReturnContent>,
    /// ENVID= as received, checked xtext (RFC 3461 §4.4).
    pub envid: Option<String>,
    /// AUTH= (RFC 4954 §5), decoded: who first submitted the message; `Some(null)` for `<>`.
    pub auth: Option<ReversePath>,
    /// REQUIRETLS (RFC 8689); only under TLS.
    pub require_tls: bool,
    /// HOLDFOR= or HOLDUNTIL=, within what is offered (RFC 4865).
    pub hold: Option<Hold>,
    /// BY= (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
    /// MT-PRIORITY=, from -9 to 9 (RFC 6710).
    pub priority: Option<i8>,
}

/// What a proxy tells of its client (XCLIENT); nothing for what it does not say or does not know.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct XClient {
    /// The name its address points back to; `Some(None)` if it has none.
    pub name: Option<Option<Domain>>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: Option<u16>,
    /// Whether it said EHLO.
    pub extended: Option<bool>,
    /// What it called itself, as in [`Event::Hello`].
    pub helo: Option<String>,
    /// Who is logged in.
    pub login: Option<String>,
}

/// The driver's decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Yes, with the usual words.
    Accept,
    /// Yes, with these words behind the usual codes, such as `queued as 1234`. To `DataStart` the same as Accept.
    AcceptWith(String),
    /// No: a 4xx or 5xx reply. A 421 also closes the session (RFC 5321 §3.8).
    Reject(Reply),
    /// To `BodyEnd` over LMTP: one reply per recipient of the envelope, in its order (RFC 2033 §4.2).
    Each(Vec<Reply>),
    /// To AUTH: a challenge, sent in base64 with 334.
    Challenge(Vec<u8>),
    /// To AUTH: success, with the mechanism's final data if it has some (sent as a last challenge, RFC 4954 §4).
    AuthOk(Option<Vec<u8>>),
}
