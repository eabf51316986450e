//! What the messages of a run look like: everything follows from a token and a shape, so that whoever finds one can say
//! which it is and whether a byte is missing.

use serde::{Deserialize, Serialize};

use crate::rng::Dice;

/// What a message's body is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent traits")]
pub struct Shape {
    /// Bytes of the body, roughly.
    pub size: u32,
    /// With bytes above 127.
    pub eight_bit: bool,
    /// With lines that begin with dots, also single ones.
    pub dots: bool,
    /// With lines of several thousand characters.
    pub long_lines: bool,
    /// With a Bcc field, which submission takes out (RFC 5322 §3.6.3).
    pub bcc: bool,
}

/// A message as it is sent, and as it must be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What goes over the wire, before dots are doubled; ends with CRLF.
    pub sent: Vec<u8>,
    /// What a reader gets behind the trace fields.
    pub kept: Vec<u8>,
}

impl Shape {
    /// Mostly small, sometimes over `large` bytes so that a body gets a file of its own.
    pub fn draw(dice: &mut Dice, large: u32) -> Self {
        let size = match dice.below(40) {
            0 => large + dice.below(u64::from(large)) as u32,
            1..4 => dice.below(16_000) as u32,
            4..7 => 0,
            _ => dice.below(600) as u32,
        };
        Self {
            size,
            eight_bit: dice.below(6) == 0,
            dots: dice.below(4) == 0,
            long_lines: dice.below(12) == 0,
            bcc: dice.below(8) == 0,
        }
    }

    /// Writes the message.
    pub fn letter(self, token: u64, from: &str, to: &str, submitted: bool) -> Letter {
        let from = if from.is_empty() { "postmaster@nowhere.test" } else { from };
        let head = format!("From: <{from}>\r\nTo: <{to}>\r\n");
        let bcc = if self.bcc { "Bcc: <hidden@secret.test>,\r\n <other@secret.test>\r\n" } else { "" };
        let rest = format!(
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <t{token}@sim.test>\r\nSubject: t{token}\r\n\
             X-Token: t{token}\r\n\r\n"
        );
        let body = self.body(token);
        let put = |parts: &[&[u8]]| parts.concat();
        let sent = put(&[head.as_bytes(), bcc.as_bytes(), rest.as_bytes(), &body]);
        let kept = if submitted { put(&[head.as_bytes(), rest.as_bytes(), &body]) } else { sent.clone() };
        Letter { sent, kept }
    }

    fn body(self, token: u64) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.size as usize + 100);
        let mut state = token.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut line = 0u64;
        while body.len() < self.size as usize {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.line(&mut body, token, line, state >> 33);
            line += 1;
        }
        body
    }

    fn line(self, body: &mut Vec<u8>, token: u64, line: u64, dice: u64) {
        if self.dots && dice.is_multiple_of(3) {
            body.extend_from_slice(&b"..."[..=(dice >> 8) as usize % 3]);
            if (dice >> 16).is_multiple_of(2) {
                body.extend_from_slice(b"\r\n");
                return;
            }
        }
        body.extend_from_slice(format!("{token} {line} {dice:x} ").as_bytes());
        if self.eight_bit {
            body.extend_from_slice("Grüße, 日本 ".as_bytes());
        }
        let times = if self.long_lines && (dice >> 12).is_multiple_of(5) { 60 } else { (dice >> 20) % 3 };
        // A large body has long lines, too: what is tested is its way, not the count of its lines.
        let times = if self.size > 10_000 { times + 10 } else { times };
        for _ in 0..times {
            body.extend_from_slice(b"the quick brown fox jumps over the lazy dog and runs; ");
        }
        body.extend_from_slice(b"\r\n");
    }
}

/// Doubles the dots that begin lines (RFC 5321 §4.5.2).
pub fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|&b| b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out
}

/// The header section of a message, up to and without the empty line.
pub fn head(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    &message[..end.map_or(message.len(), |at| at + 2)]
}

/// The first field of that name (with its colon, such as `X-Token:`) in a header section, unfolded and trimmed.
pub fn field(head: &[u8], name: &str) -> Option<String> {
    let mut lines = head.split_inclusive(|&b| b == b'\n').peekable();
    while let Some(line) = lines.next() {
        if line.len() < name.len() || !line[..name.len()].eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        let mut value = String::from_utf8_lossy(&line[name.len()..]).trim().to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
            value.push(' ');
            value.push_str(String::from_utf8_lossy(more).trim());
        }
        return Some(value);
    }
    None
}

/// The token of a message, out of its header section.
pub fn token(head: &[u8]) -> Option<u64> {
    field(head, "X-Token:")?.strip_prefix('t')?.parse().ok()
}

/// The host that put the topmost Received field there, and the name it gave the message.
pub fn trace(head: &[u8]) -> Option<(String, mail::Id)> {
    let received = field(head, "Received:")?;
    let word_after = |word: &str| {
        let rest = received.split_once(word)?.1;
        Some(rest.split([' ', ';']).next().unwrap_or_default())
    };
    Some((word_after(" by ")?.to_owned(), word_after(" id ")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_who_it_is() {
        let shape = Shape { size: 9000, eight_bit: true, dots: true, long_lines: false, bcc: true };
        let letter = shape.letter(17, "a@b.test", "c@d.test", true);
        assert_eq!(token(head(&letter.kept)), Some(17));
        assert!(letter.sent.len() > letter.kept.len() && letter.kept.ends_with(b"\r\n"));
        assert!(letter.sent.windows(3).any(|w| w == b"\n.\r"), "a line of a single dot");
        let received = b"Received: from x ([192.0.2.1])\r\n\tby mx.a.test with ESMTP id 0000000000022\r\n\tfor <a@b>;\r\n\tnow\r\n";
        assert_eq!(trace(received), Some(("mx.a.test".into(), mail::Id(66))));
        assert_eq!(stuffed(b".\r\na.\r\n..b"), b"..\r\na.\r\n...b");
    }
}
