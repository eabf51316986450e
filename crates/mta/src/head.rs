//! The header section of a message that streams in: held back until it is whole, so that it can be looked at, and edited
//! before it is kept. What is not named in [`Edit`] stays byte for byte as it came.

use mail::{Domain, limits};
use mailauth::results;
use message::header;

/// The header section is longer than anyone needs, so nothing in it could be mended within bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// What is done to a header section before it is kept.
pub(crate) enum Edit {
    /// Submitted mail: a missing Date and Message-ID are added, Bcc is taken out (RFC 6409 §8, RFC 5322 §3.6.3). The
    /// values are to be added where they are missing.
    Mend { date: String, message_id: String },
    /// Mail from elsewhere: fields that pretend to be findings of this host are taken out (RFC 8601 §5).
    Clean(Domain),
}

/// A header section that has come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    /// As it came.
    pub(crate) came: Vec<u8>,
    /// As it is kept.
    pub(crate) kept: Vec<u8>,
    /// What came behind it: the empty line and the beginning of the body.
    pub(crate) rest: Vec<u8>,
}

/// Holds the header section back until it is whole.
pub(crate) struct Head {
    held: Vec<u8>,
    edit: Edit,
}

impl Head {
    pub(crate) fn new(edit: Edit) -> Self {
        Self { held: Vec::new(), edit }
    }

    /// Takes bytes; gives the section and what came behind it once it is whole. Not to be called again after that.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Whole>, TooLong> {
        let seen = self.held.len().saturating_sub(3);
        self.held.extend_from_slice(bytes);
        let end = match section_end(&self.held, seen) {
            Some(end) => end,
            None if self.held.len() > limits::HEADER_SECTION_HELD => return Err(TooLong),
            None => return Ok(None),
        };
        if end > limits::HEADER_SECTION_HELD {
            return Err(TooLong);
        }
        Ok(Some(self.whole(end)))
    }

    /// The message ended within its header section.
    pub(crate) fn finish(&mut self) -> Whole {
        self.whole(self.held.len())
    }

    fn whole(&mut self, end: usize) -> Whole {
        let mut came = std::mem::take(&mut self.held);
        let rest = came.split_off(end);
        let kept = match &self.edit {
            Edit::Mend { date, message_id } => mended(&came, date, message_id),
            Edit::Clean(host) => cleaned(&came, host),
        };
        Whole { came, kept, rest }
    }
}

fn mended(section: &[u8], date: &str, message_id: &str) -> Vec<u8> {
    let mut kept = Vec::with_capacity(section.len() + 160);
    let (mut has_date, mut has_id) = (false, false);
    for field in header::fields(section) {
        if field.is("bcc") || field.is("resent-bcc") {
            continue;
        }
        has_date |= field.is("date");
        has_id |= field.is("message-id");
        kept.extend_from_slice(field.raw);
    }
    let date = if has_date { String::new() } else { format!("Date: {date}\r\n") };
    let id = if has_id { String::new() } else { format!("Message-ID: {message_id}\r\n") };
    kept.splice(0..0, [date, id].concat().into_bytes());
    kept
}

fn cleaned(section: &[u8], host: &Domain) -> Vec<u8> {
    let mut kept = section.to_vec();
    for claim in results::claims(section, std::slice::from_ref(host)).into_iter().rev() {
        kept.drain(claim.range);
    }
    kept
}

/// Where the header section ends: before the empty line. `from` is where to look on.
fn section_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(0);
    }
    bytes[from..].windows(4).position(|four| four == b"\r\n\r\n").map(|at| from + at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(edit: Edit, message: &str, chunk: usize) -> String {
        let mut head = Head::new(edit);
        let mut out = Vec::new();
        let mut whole = false;
        let keep = |out: &mut Vec<u8>, whole: Whole| {
            assert!(message.as_bytes().starts_with(&whole.came), "the section as it came");
            out.extend([whole.kept, whole.rest].concat());
        };
        for bytes in message.as_bytes().chunks(chunk) {
            if whole {
                out.extend_from_slice(bytes);
            } else if let Some(section) = head.feed(bytes).expect("short enough") {
                keep(&mut out, section);
                whole = true;
            }
        }
        if !whole {
            keep(&mut out, head.finish());
        }
        String::from_utf8(out).expect("text")
    }

    fn mend() -> Edit {
        Edit::Mend { date: "D".into(), message_id: "<i@h>".into() }
    }

    fn clean() -> Edit {
        Edit::Clean("mx.h.test".parse().expect("a domain"))
    }

    #[test]
    fn headers_are_mended_and_the_rest_is_kept() {
        for (message, expected) in [
            ("From: a\r\n\r\nbody\r\n", "Date: D\r\nMessage-ID: <i@h>\r\nFrom: a\r\n\r\nbody\r\n"),
            ("date : x\r\nMESSAGE-ID: <y>\r\n\r\n", "date : x\r\nMESSAGE-ID: <y>\r\n\r\n"),
            (
                "Date: x\r\nBcc: s@x,\r\n\tt@x\r\nMessage-ID: <y>\r\nbCC : u\r\n\r\nBcc: stays\r\n",
                "Date: x\r\nMessage-ID: <y>\r\n\r\nBcc: stays\r\n",
            ),
            (
                "Message-ID: <y>\r\nX: a\r\n Date: folded\r\n\r\n",
                "Date: D\r\nMessage-ID: <y>\r\nX: a\r\n Date: folded\r\n\r\n",
            ),
            ("\r\nonly body\r\n\r\n", "Date: D\r\nMessage-ID: <i@h>\r\n\r\nonly body\r\n\r\n"),
            ("Date: x\r\nMessage-ID: y\r\nBcc: z\r\n", "Date: x\r\nMessage-ID: y\r\n"),
            ("", "Date: D\r\nMessage-ID: <i@h>\r\n"),
        ] {
            for chunk in [1, 2, 3, 7, 1000] {
                assert_eq!(edit(mend(), message, chunk), expected, "{message:?} by {chunk}");
            }
        }
    }

    /// RFC 8601 §5: what pretends to be our own finding goes, other hosts' findings stay.
    #[test]
    fn findings_in_our_name_are_taken_out() {
        let ours = "Authentication-Results: mx.h.test; spf=pass\r\n smtp.mailfrom=x\r\n";
        let loud = "AUTHENTICATION-results: (c) MX.H.test 1; none\r\n";
        let other = "Authentication-Results: mx.other.test; dkim=pass\r\n";
        for (message, expected) in [
            (format!("{ours}From: a\r\n\r\n{ours}"), format!("From: a\r\n\r\n{ours}")),
            (format!("From: a\r\n{loud}{other}\r\nb\r\n"), format!("From: a\r\n{other}\r\nb\r\n")),
            (format!("From: a\r\n{ours}"), "From: a\r\n".to_owned()),
            ("\r\nbody\r\n".to_owned(), "\r\nbody\r\n".to_owned()),
        ] {
            for chunk in [1, 3, 1000] {
                assert_eq!(edit(clean(), &message, chunk), expected, "{message:?} by {chunk}");
            }
        }
    }

    #[test]
    fn an_endless_header_section_is_refused() {
        for edit in [mend(), clean()] {
            let mut head = Head::new(edit);
            let chunk = vec![b'x'; 65_536];
            let refused = (0..33).any(|_| head.feed(&chunk) == Err(TooLong));
            assert!(refused);
        }
    }
}
