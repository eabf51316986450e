//! Mends the header section of submitted mail while it streams in (RFC 6409 §8): a missing Date and Message-ID are
//! added, Bcc is taken out (RFC 5322 §3.6.3). Everything else stays byte for byte as it came.

use mail::limits;

/// The header section is longer than anyone needs, so nothing in it could be mended within bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Holds the header section back until it is whole.
pub(crate) struct Fixup {
    held: Vec<u8>,
    date: String,
    message_id: String,
}

impl Fixup {
    /// `date` and `message_id` are the values (without names) to add where they are missing.
    pub(crate) fn new(date: String, message_id: String) -> Self {
        Self { held: Vec::new(), date, message_id }
    }

    /// Takes bytes; gives the mended header section and what came behind it once the section is whole.
    /// Not to be called again after that.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, TooLong> {
        let seen = self.held.len().saturating_sub(3);
        self.held.extend_from_slice(bytes);
        let end = match section_end(&self.held, seen) {
            Some(end) => end,
            None if self.held.len() > limits::HEADER_SECTION_LENGTH => return Err(TooLong),
            None => return Ok(None),
        };
        if end > limits::HEADER_SECTION_LENGTH {
            return Err(TooLong);
        }
        Ok(Some(self.mended(end)))
    }

    /// The message ended within its header section: gives that mended.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let end = self.held.len();
        self.mended(end)
    }

    fn mended(&mut self, end: usize) -> Vec<u8> {
        let (section, rest) = self.held.split_at(end);
        let mut kept = Vec::with_capacity(self.held.len() + 160);
        let (mut has_date, mut has_id) = (false, false);
        for field in fields(section) {
            match name(field) {
                n if n.eq_ignore_ascii_case(b"bcc") || n.eq_ignore_ascii_case(b"resent-bcc") => continue,
                n if n.eq_ignore_ascii_case(b"date") => has_date = true,
                n if n.eq_ignore_ascii_case(b"message-id") => has_id = true,
                _ => {}
            }
            kept.extend_from_slice(field);
        }
        let date = if has_date { String::new() } else { format!("Date: {}\r\n", self.date) };
        let id = if has_id { String::new() } else { format!("Message-ID: {}\r\n", self.message_id) };
        kept.splice(0..0, [date, id].concat().into_bytes());
        kept.extend_from_slice(rest);
        self.held = Vec::new();
        kept
    }
}

/// Where the header section ends: before the empty line. `from` is where to look on.
fn section_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(0);
    }
    bytes[from..].windows(4).position(|four| four == b"\r\n\r\n").map(|at| from + at + 2)
}

/// Fields with their folded lines and line ends (RFC 5322 §2.2.3), as slices that together are the whole section.
fn fields(mut section: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            end += section[end..].iter().position(|&b| b == b'\n').map_or(section.len() - end, |at| at + 1);
            if !section.get(end).is_some_and(|b| matches!(b, b' ' | b'\t')) {
                break;
            }
        }
        let (field, rest) = section.split_at(end);
        section = rest;
        (!field.is_empty()).then_some(field)
    })
}

fn name(field: &[u8]) -> &[u8] {
    field.split(|&b| b == b':').next().unwrap_or_default().trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mend(message: &str, chunk: usize) -> String {
        let mut fixup = Fixup::new("D".into(), "<i@h>".into());
        let mut out = Vec::new();
        let mut whole = false;
        for bytes in message.as_bytes().chunks(chunk) {
            if whole {
                out.extend_from_slice(bytes);
            } else if let Some(mended) = fixup.feed(bytes).expect("short enough") {
                out = mended;
                whole = true;
            }
        }
        if !whole {
            out = fixup.finish();
        }
        String::from_utf8(out).expect("text")
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
                assert_eq!(mend(message, chunk), expected, "{message:?} by {chunk}");
            }
        }
    }

    #[test]
    fn an_endless_header_section_is_refused() {
        let mut fixup = Fixup::new(String::new(), String::new());
        let chunk = vec![b'x'; 65_536];
        let refused = (0..17).any(|_| fixup.feed(&chunk) == Err(TooLong));
        assert!(refused);
    }
}
