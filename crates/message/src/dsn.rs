//! Delivery status notifications: multipart/report (RFC 6522) of message/delivery-status (RFC 3464), or their
//! internationalised forms (RFC 6533) where an address needs them.

mod fields;
mod words;

use mail::{Address, Domain, EnhancedCode, Hold, Id, Recipient, Reply, Wall};

use crate::{date, encoded_word, header, text};

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
    /// What the sender can do about it, in a sentence or two, if that is known better than by the status.
    pub advice: Option<&'a str>,
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
    /// The time by which it was to be delivered (RFC 2852 §5).
    pub deliver_by: Option<Wall>,
    /// How long it was to be held (RFC 4865 §5.1.2).
    pub hold: Option<Hold>,
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

/// What one part of the report is made of.
struct Piece {
    content_type: &'static str,
    encoding: &'static str,
    description: &'static str,
    body: Vec<u8>,
}

/// Builds the report.
pub fn build(report: &Report<'_>) -> Built {
    let smtputf8 = report.to.needs_smtputf8();
    let pieces = [explanation(report), status(report, smtputf8), returned(&report.returned)];
    let boundary = boundary(report.id, &pieces);
    let mut bytes = header(report, smtputf8, &boundary).into_bytes();
    for piece in &pieces {
        let head = format!(
            "--{boundary}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: {}\r\nContent-Description: {}\r\n\r\n",
            piece.content_type, piece.encoding, piece.description
        );
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&piece.body);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Built { bytes, smtputf8 }
}

/// RFC 3464 §2: from nobody who could answer, marked as automatic (RFC 3834 §5).
fn header(report: &Report<'_>, smtputf8: bool, boundary: &str) -> String {
    let report_type = if smtputf8 { "global-delivery-status" } else { "delivery-status" };
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@{host}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\n\
         Message-ID: <{id}@{host}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type={report_type};\r\n boundary=\"{boundary}\"\r\n\r\n",
        host = report.reporting,
        to = report.to,
        subject = encoded_word::encode(&words::subject(report)),
        date = date::format_rfc5322(report.now),
        id = report.id,
    )
}

fn explanation(report: &Report<'_>) -> Piece {
    let text = words::explanation(report);
    let ascii = text.is_ascii();
    Piece {
        content_type: "text/plain; charset=utf-8",
        encoding: if ascii { "7bit" } else { "quoted-printable" },
        description: "What happened",
        body: if ascii { text } else { text::encode_quoted_printable(&text) }.into_bytes(),
    }
}

/// RFC 6533 §4: raw UTF-8 only to a sender who takes it; otherwise addresses are written in ASCII.
fn status(report: &Report<'_>, smtputf8: bool) -> Piece {
    let body = fields::delivery_status(report, smtputf8).into_bytes();
    Piece {
        content_type: if smtputf8 { "message/global-delivery-status" } else { "message/delivery-status" },
        encoding: if body.is_ascii() { "7bit" } else { "8bit" },
        description: "Delivery report for mail programs",
        body,
    }
}

fn returned(what: &Returned<'_>) -> Piece {
    let (Returned::Message(bytes) | Returned::Headers(bytes)) = *what;
    let header_is_ascii = header_section(bytes).is_ascii();
    let (content_type, description) = match (what, header_is_ascii) {
        (Returned::Message(_), true) => ("message/rfc822", "Your message"),
        (Returned::Message(_), false) => ("message/global", "Your message"),
        (Returned::Headers(_), true) => ("text/rfc822-headers", "The beginning of your message"),
        (Returned::Headers(_), false) => ("message/global-headers", "The beginning of your message"),
    };
    let encoding = if bytes.is_ascii() { "7bit" } else { "8bit" };
    Piece { content_type, encoding, description, body: bytes.to_vec() }
}

fn header_section(message: &[u8]) -> &[u8] {
    let length: usize = header::fields(message).map(|field| field.raw.len()).sum();
    &message[..length]
}

/// A boundary that stands in none of the parts.
fn boundary(id: Id, pieces: &[Piece]) -> String {
    let mut boundary = format!("=_{id}");
    let mut turn = 0u32;
    while pieces.iter().any(|piece| contains(&piece.body, boundary.as_bytes())) {
        turn += 1;
        boundary = format!("=_{id}.{turn}");
    }
    boundary
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests;
