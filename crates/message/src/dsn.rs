//! Delivery status notifications: multipart/report (RFC 6522) of message/delivery-status (RFC 3464), or their
//! internationalised forms (RFC 6533) where an address needs them.

use mail::{Address, Domain, EnhancedCode, Id, Recipient, Reply, Wall};

/// What became of a recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It will not be delivered.
    Failed,
    /// Not yet; trying goes on.
    Delayed,
    /// It is in the mailbox.
    Delivered,
    /// Handed to a system that sends no DSNs.
    Relayed,
    /// Delivered to several addresses behind this one.
    Expanded,
}

/// What is told about one recipient.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// As it stood in the envelope; its `original` becomes Original-Recipient (RFC 3461 §6.3).
    pub recipient: &'a Recipient,
    /// What became of it.
    pub action: Action,
    /// Why, in digits (RFC 3463).
    pub status: EnhancedCode,
    /// The host that said so, unless it was this server.
    pub remote: Option<&'a str>,
    /// What that host (or this server) said.
    pub reply: Option<&'a Reply>,
    /// When it was last tried.
    pub last_attempt: Option<Wall>,
    /// Until when trying goes on, for [`Action::Delayed`].
    pub retry_until: Option<Wall>,
}

/// What of the message goes back.
#[derive(Clone, Copy, Debug)]
pub enum Returned<'a> {
    /// The whole message.
    Message(&'a [u8]),
    /// Its header section, or the beginning of it.
    Headers(&'a [u8]),
}

/// A report about one message to its sender.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// This server.
    pub reporting: &'a Domain,
    /// The sender: the message's reverse-path. The report itself must be sent from `<>` (RFC 3464 §2).
    pub to: &'a Address,
    /// Names the report: its Message-ID and boundary come from it.
    pub id: Id,
    /// When the report is written.
    pub now: Wall,
    /// When the message came in.
    pub arrival: Wall,
    /// ENVID as received, in xtext (RFC 3461 §4.4).
    pub envid: Option<&'a str>,
    /// The message's subject, decoded, for people.
    pub subject: Option<&'a str>,
    /// At least one.
    pub entries: Vec<Entry<'a>>,
    /// What goes back.
    pub returned: Returned<'a>,
}

/// The report as a message with CRLF line ends, and whether it needs SMTPUTF8 to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The message.
    pub bytes: Vec<u8>,
    /// Whether an address in its header needs SMTPUTF8.
    pub smtputf8: bool,
}

/// Builds the report.
pub fn build(report: &Report<'_>) -> Built {
    let _ = report;
    todo!()
}
