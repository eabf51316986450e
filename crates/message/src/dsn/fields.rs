//! The part for programs: message/delivery-status (RFC 3464 §2).

use std::fmt::Write as _;

use mail::{Address, Hold};

use super::{Action, Entry, Report};
use crate::{date, text};

/// Characters of a field's line before it is folded.
const LINE: usize = 76;
/// Bytes of another system's words that go into one field.
const WORDS: usize = 1000;

/// The per-message group and one group a recipient. `raw_utf8` if the sender takes message/global-delivery-status.
pub(super) fn delivery_status(report: &Report<'_>, raw_utf8: bool) -> String {
    let mut out = String::new();
    if let Some(envid) = report.envid {
        field(&mut out, "Original-Envelope-Id", &decode_xtext(envid));
    }
    field(&mut out, "Reporting-MTA", &format!("dns; {}", report.reporting));
    field(&mut out, "Arrival-Date", &date::format_rfc5322(report.arrival));
    if let Some(at) = report.deliver_by {
        field(&mut out, "Deliver-By-Date", &date::format_rfc5322(at));
    }
    match report.hold {
        Some(Hold::For(time)) => {
            field(&mut out, "Future-Release-Request", &format!("for;{}", time.as_secs()));
        }
        Some(Hold::Until(at)) => {
            field(&mut out, "Future-Release-Request", &format!("until;{}", at.to_rfc3339()));
        }
        None => {}
    }
    for entry in &report.entries {
        out.push_str("\r\n");
        recipient_fields(&mut out, entry, raw_utf8);
    }
    out
}

/// RFC 3464 §2.3
fn recipient_fields(out: &mut String, entry: &Entry<'_>, raw_utf8: bool) {
    if let Some((kind, address)) = entry.recipient.original.as_deref().and_then(|o| o.split_once(';')) {
        let address =
            if kind.eq_ignore_ascii_case("utf-8") { address.to_owned() } else { decode_xtext(address) };
        field(out, "Original-Recipient", &format!("{kind}; {address}"));
    }
    field(out, "Final-Recipient", &typed_address(&entry.recipient.address, raw_utf8));
    field(out, "Action", action(entry.action));
    field(out, "Status", &entry.status.to_string());
    if let Some(remote) = entry.remote {
        field(out, "Remote-MTA", &format!("dns; {remote}"));
    }
    if let Some(reply) = entry.reply {
        // Our own words are no SMTP reply of another system (RFC 3464 §2.3.6).
        let kind = if entry.remote.is_some() { "smtp" } else { "X-Posthouse" };
        field(out, "Diagnostic-Code", &format!("{kind}; {reply}"));
    }
    if let Some(at) = entry.last_attempt {
        field(out, "Last-Attempt-Date", &date::format_rfc5322(at));
    }
    if let (Action::Delayed, Some(until)) = (entry.action, entry.retry_until) {
        field(out, "Will-Retry-Until", &date::format_rfc5322(until));
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Failed => "failed",
        Action::Delayed => "delayed",
        Action::Delivered => "delivered",
        Action::Relayed => "relayed",
        Action::Expanded => "expanded",
    }
}

/// RFC 6533 §3: `utf-8` addresses, in ASCII by `\x{..}` where the report is 7-bit.
fn typed_address(address: &Address, raw_utf8: bool) -> String {
    match (address.needs_smtputf8(), raw_utf8) {
        (false, _) => format!("rfc822; {address}"),
        (true, true) => format!("utf-8; {address}"),
        (true, false) => format!("utf-8; {}", unitext(&address.to_string())),
    }
}

fn unitext(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() && c != '\\' {
            out.push(c);
        } else {
            write!(out, "\\x{{{:02X}}}", u32::from(c)).expect("a String takes everything");
        }
    }
    out
}

/// RFC 3461 §4: `+` and two hexadecimal digits stand for a byte. What is not valid stays.
fn decode_xtext(xtext: &str) -> String {
    let bytes = xtext.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        let digits = bytes.get(at + 1).copied().zip(bytes.get(at + 2).copied());
        match digits.and_then(|(high, low)| text::hex_byte(high, low)) {
            Some(byte) if b == b'+' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(b);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// One field, folded at spaces. Whatever the source of the value: control characters become spaces.
fn field(out: &mut String, name: &str, value: &str) {
    let value: String = value.chars().take(WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut line = format!("{name}:");
    for word in value.split(' ').filter(|word| !word.is_empty()) {
        if line.len() + 1 + word.len() > LINE && line.len() > name.len() + 1 {
            out.push_str(&line);
            out.push_str("\r\n");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push_str("\r\n");
}
