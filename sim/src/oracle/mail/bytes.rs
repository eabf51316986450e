//! I5: what is stored, queued or handed on is what came in, behind our trace fields and nothing else; but for the body where
//! a remote takes no 8-bit messages (F38).

use crate::actors::letter;
use crate::oracle::ledger::EightBit;

/// Fields that an office may put in front: RFC 5321 §4.4, RFC 8601 §4.1.
const TRACE: [&str; 4] = ["return-path", "delivered-to", "received", "authentication-results"];

/// What a letter, which is no MIME, gets at the end of its header section when it is converted (RFC 2045 §4, RFC 1428 §3).
const MIME: &[u8] = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n";
/// Characters of a line of quoted-printable (RFC 2045 §6.7 rule 5).
const QUOTED_LINE: usize = 76;

/// What is wrong with a copy of a message; nothing if it is the message behind trace fields.
pub(super) fn complaint(copy: &[u8], message: &[u8]) -> Option<String> {
    let Some(head) = copy.strip_suffix(message) else { return Some(difference(copy, message)) };
    not_trace(head)
}

/// What is wrong with the copy that a remote got: 8 bits come as they are, or converted if it does not take them.
pub(super) fn complaint_elsewhere(copy: &[u8], message: &[u8], takes: EightBit) -> Option<String> {
    let converted = match takes {
        _ if message.is_ascii() => false,
        EightBit::Offered => false,
        EightBit::Missing => true,
        EightBit::Unsure => copy.is_ascii(),
    };
    if converted { complaint_converted(copy, message) } else { complaint(copy, message) }
}

/// The same text in quoted-printable, the same fields and those that say so.
fn complaint_converted(copy: &[u8], message: &[u8]) -> Option<String> {
    if !copy.is_ascii() {
        return Some("it has 8 bits, which are not taken there".to_owned());
    }
    let (head, own) = (letter::head(copy), letter::head(message));
    let Some(front) = head.strip_suffix(&*[own, MIME].concat()) else {
        return Some(format!("converted, its fields are {:?}", String::from_utf8_lossy(head)));
    };
    match unquoted(&copy[head.len()..]) {
        None => Some("it is no quoted-printable".to_owned()),
        Some(text) if text != message[own.len()..] => {
            Some(format!("converted, {}", difference(&text, message)))
        }
        Some(_) => not_trace(front),
    }
}

/// Whether a message was converted on its way.
pub(super) fn is_converted(copy: &[u8]) -> bool {
    letter::head(copy).ends_with(MIME)
}

/// What quoted-printable stands for, read by a few lines of its own; nothing if it is not well-formed (RFC 2045 §6.7).
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r\n")?;
        let (line, is_soft) = line.strip_suffix(b"=").map_or((line, false), |line| (line, true));
        if line.len() + usize::from(is_soft) > QUOTED_LINE || !is_soft && line.ends_with(b" ") {
            return None;
        }
        let mut rest = line;
        while let Some((&byte, more)) = rest.split_first() {
            rest = more;
            out.push(match byte {
                b'=' => {
                    let (digits, more) = rest.split_at_checked(2)?;
                    rest = more;
                    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
                }
                b' '..=b'~' => byte,
                _ => return None,
            });
        }
        if !is_soft {
            out.extend_from_slice(b"\r\n");
        }
    }
    Some(out)
}

/// What in front of a message is no trace field.
fn not_trace(head: &[u8]) -> Option<String> {
    if !head.is_empty() && !head.ends_with(b"\r\n") {
        return Some("what is in front of it ends within a line".to_owned());
    }
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
        assert!(with("Received: x").is_some());
        assert!(complaint(b"Received: x\r\nFrom: <a@b>\r\n\r\nh\r\n", message).is_some());
    }

    /// What a remote may get of an 8-bit message, by what it has offered.
    #[test]
    fn eight_bits_are_converted_where_they_are_not_taken() {
        use EightBit::{Missing, Offered, Unsure};
        let message = "From: <a@b>\r\n\r\ngr\u{fc}n = \r\n.\r\n".as_bytes();
        let mime = std::str::from_utf8(MIME).expect("ASCII");
        let good = format!("Received: x\r\nFrom: <a@b>\r\n{mime}\r\ngr=C3=BC=\r\nn =3D=20\r\n.\r\n");
        let with = |old: &str, new: &str| {
            assert!(good.contains(old), "{old:?}");
            good.replace(old, new).into_bytes()
        };
        let as_it_is = [b"Received: x\r\n", message].concat();
        for (copy, fine) in [
            (as_it_is, [true, false, true]),
            (with("", ""), [false, true, true]),
            (with("=C3=BC", "=C3=BD"), [false; 3]),
            (with("=20\r\n", " \r\n"), [false; 3]),
            (with("\r\n.\r\n", "\r\n"), [false; 3]),
            (with("=C3", "=C"), [false; 3]),
            (with("=\r\nn", &format!("{}\r\nn", "=20".repeat(26))), [false; 3]),
            (with("Received", "Bcc"), [false; 3]),
            (with("<a@b>", "<c@b>"), [false; 3]),
            (with("MIME-Version: 1.0\r\n", ""), [false; 3]),
            (with("quoted-printable", "base64"), [false; 3]),
            (with("unknown-8bit", "utf-8"), [false; 3]),
            (with("n =3D", "\u{fc}n =3D"), [false; 3]),
        ] {
            let found = [Offered, Missing, Unsure].map(|takes| complaint_elsewhere(&copy, message, takes));
            let text = String::from_utf8_lossy(&copy).into_owned();
            assert_eq!(found.clone().map(|complaint| complaint.is_none()), fine, "{text:?}: {found:?}");
        }
        let line = |length| unquoted(format!("{}\r\n", "x".repeat(length)).as_bytes());
        assert!(line(QUOTED_LINE).is_some() && line(QUOTED_LINE + 1).is_none());
        // What has 7 bits is never touched.
        let plain = b"From: <a@b>\r\n\r\na=\r\n";
        let converted = [b"From: <a@b>\r\n", MIME, b"\r\na=3D\r\n"].concat();
        for takes in [Offered, Missing, Unsure] {
            assert_eq!(complaint_elsewhere(plain, plain, takes), None);
            assert!(complaint_elsewhere(&converted, plain, takes).is_some());
        }
    }
}
