//! I5: what is stored, queued or handed on is what came in, behind our trace fields and nothing else.

use crate::actors::letter;

/// Fields that an office may put in front: RFC 5321 §4.4, RFC 8601 §4.1.
const TRACE: [&str; 4] = ["return-path", "delivered-to", "received", "authentication-results"];

/// What is wrong with a copy of a message; nothing if it is the message behind trace fields.
pub(super) fn complaint(copy: &[u8], message: &[u8]) -> Option<String> {
    let Some(head) = copy.strip_suffix(message) else { return Some(difference(copy, message)) };
    let mut lines = head.split_inclusive(|&b| b == b'\n');
    let bad = lines.find(|line| !(is_trace(line) || line.starts_with(b"\t") || line.starts_with(b" ")))?;
    Some(format!("there is {:?} in front of it", String::from_utf8_lossy(bad)))
}

fn is_trace(line: &[u8]) -> bool {
    let name = line.split(|&b| b == b':').next().unwrap_or_default();
    TRACE.iter().any(|trace| name.eq_ignore_ascii_case(trace.as_bytes()))
}

fn difference(copy: &[u8], message: &[u8]) -> String {
    let same = copy.iter().rev().zip(message.iter().rev()).take_while(|(a, b)| a == b).count();
    format!(
        "{} bytes with {} of {} bytes of the message at their end; they end with {:?}",
        copy.len(),
        same,
        message.len(),
        String::from_utf8_lossy(&copy[copy.len().saturating_sub(60)..])
    )
}

/// The trace fields in front of a message, and the fields of its own header section.
pub(super) fn field(copy: &[u8], name: &str) -> Option<String> {
    letter::field(letter::head(copy), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trace_fields_may_stand_in_front() {
        let message = b"From: <a@b>\r\n\r\nhi\r\n";
        let with = |head: &str| complaint(&[head.as_bytes(), message].concat(), message);
        assert_eq!(with("Return-Path: <>\r\nReceived: from x\r\n\tby y\r\n"), None);
        assert_eq!(with(""), None);
        assert!(with("Bcc: x\r\n").is_some());
        assert!(complaint(b"Received: x\r\nFrom: <a@b>\r\n\r\nh\r\n", message).is_some());
    }
}
