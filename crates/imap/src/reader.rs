//! Finds where commands end: lines, and the literals within them (RFC 3501 §2.2.1, §4.3; RFC 7888).
//!
//! Bytes wait here until a command is whole; then it is handed out in one piece, literals in place. The message of
//! an APPEND never waits here: it is handed out in the pieces in which it came.

use mail::limits;

use crate::Text;
use crate::command::Append;
use crate::grammar::{self, Error, Place, Segment};

/// RFC 7888 §5: the largest literal that may come without asking before login.
pub const NON_SYNC_LITERAL: u64 = 4096;

/// The beginning of a literal at the end of a line: `{12}` or `{12+}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Bytes to come.
    pub length: u64,
    /// Whether the client waits for a continuation request before it sends them.
    pub synchronising: bool,
}

impl Announced {
    /// `"{" number ["+"] "}"` at the end of a line.
    pub(crate) fn at_end(line: &[u8]) -> Option<Self> {
        let inner = line.strip_suffix(b"}")?;
        let open = inner.iter().rposition(|&b| b == b'{')?;
        let inner = &inner[open + 1..];
        let (digits, synchronising) = match inner.strip_suffix(b"+") {
            Some(digits) => (digits, false),
            None => (inner, true),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        // Digits beyond 64 bits are a number that fits nowhere.
        let length = std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX / 2);
        Some(Self { length, synchronising })
    }
}

/// What stands at the front of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing whole yet.
    Nothing,
    /// A whole command with its line end.
    Command(Vec<u8>),
    /// A literal is announced and fits: ask for it.
    WantsContinuation,
    /// An APPEND or REPLACE up to its first message, the tag, and how the message comes.
    Append(String, Result<(Append, Segment), Error>, Announced),
    /// What comes behind a literal of such a command, and how the next one comes; `None` at the command's end.
    Segment(Result<Segment, Error>, Option<Announced>),
    /// A literal that does not fit; the tag, if there is one. The line is gone.
    LiteralTooBig(Option<String>, Announced),
    /// A line that does not fit; the tag, if there is one. Where the next command begins is not known.
    LineTooLong(Option<String>),
}

/// How much a command may have; tighter before login (attacks A12).
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of all lines of a command.
    pub line: usize,
    /// Bytes of all its literals.
    pub literals: usize,
    /// Bytes of a literal that comes without asking.
    pub non_sync: u64,
}

impl Bounds {
    /// Before login.
    pub const BEFORE_LOGIN: Self = Self {
        line: limits::IMAP_LINE_BEFORE_LOGIN,
        literals: NON_SYNC_LITERAL as usize,
        non_sync: NON_SYNC_LITERAL,
    };
    /// After login.
    pub const AFTER_LOGIN: Self =
        Self { line: limits::IMAP_LINE, literals: limits::IMAP_LITERALS, non_sync: u64::MAX };
}

/// A line has no end within its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Input that has come and not been worked through.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// Where the current command begins.
    start: usize,
    /// Bytes of the current command that have been looked at, literals included.
    scanned: usize,
    /// Bytes of the current command's literals.
    literals: usize,
}

impl Reader {
    /// Takes bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether bytes wait.
    pub fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives memory back while nothing waits.
    pub fn release(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }

    fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn consume(&mut self, bytes: usize) -> Vec<u8> {
        let taken = self.waiting()[..bytes].to_vec();
        self.discard(bytes);
        taken
    }

    fn discard(&mut self, bytes: usize) {
        self.start += bytes;
        self.scanned = 0;
        self.literals = 0;
        if self.is_empty() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// Looks for the next command; `text` says how it writes mailbox names. A line may end in a bare LF (quirk: people who type; no IMAP syntax gives a bare
    /// LF another meaning, so nothing can hide behind it).
    pub fn poll(&mut self, bounds: Bounds, text: Text) -> Found {
        self.poll_up_to(bounds, text, None)
    }

    /// Looks for what comes behind a streamed literal of an APPEND that stands at this place (and takes one message only).
    pub fn poll_segment(&mut self, bounds: Bounds, text: Text, after: (Place, bool)) -> Found {
        match self.poll_up_to(bounds, text, Some(after)) {
            Found::Command(bytes) => {
                let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let cut_off = Err(Error("The literal is cut off"));
                Found::Segment(grammar::append_more(text, line, after.0, after.1).unwrap_or(cut_off), None)
            }
            found => found,
        }
    }

    fn poll_up_to(&mut self, bounds: Bounds, text: Text, after: Option<(Place, bool)>) -> Found {
        loop {
            if self.scanned > self.waiting().len() {
                return Found::Nothing; // Within a literal.
            }
            let Some(at) = self.waiting()[self.scanned..].iter().position(|&b| b == b'\n') else {
                return self.no_line_yet(bounds);
            };
            let end = self.scanned + at;
            if end - self.literals > bounds.line {
                return Found::LineTooLong(self.tag());
            }
            let line = &self.waiting()[..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Some(announced) = Announced::at_end(line) else {
                return Found::Command(self.consume(end + 1));
            };
            if let Some(found) = self.streamed(end, announced, text, after) {
                return found;
            }
            if let Some(found) = self.literal(end, announced, bounds) {
                return found;
            }
        }
    }

    fn no_line_yet(&self, bounds: Bounds) -> Found {
        if self.waiting().len() - self.literals > bounds.line {
            Found::LineTooLong(self.tag())
        } else {
            Found::Nothing
        }
    }

    fn tag(&self) -> Option<String> {
        grammar::tag_of(self.waiting()).map(str::to_owned)
    }

    /// A line that ends in the beginning of a literal that is streamed.
    fn streamed(
        &mut self,
        end: usize,
        announced: Announced,
        text: Text,
        after: Option<(Place, bool)>,
    ) -> Option<Found> {
        let line = &self.waiting()[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some((place, only)) = after {
            let parsed = grammar::append_more(text, line, place, only)?;
            self.discard(end + 1);
            return Some(Found::Segment(parsed, Some(announced)));
        }
        let parsed = grammar::append_start(text, line)?;
        let tag = self.tag().unwrap_or_default();
        self.discard(end + 1);
        Some(Found::Append(tag, parsed, announced))
    }

    fn literal(&mut self, end: usize, announced: Announced, bounds: Bounds) -> Option<Found> {
        let too_big = self.literals as u64 + announced.length > bounds.literals as u64;
        if too_big || !announced.synchronising && announced.length > bounds.non_sync {
            let tag = self.tag();
            self.discard(end + 1);
            return Some(Found::LiteralTooBig(tag, announced));
        }
        self.literals += announced.length as usize;
        self.scanned = end + 1 + announced.length as usize;
        announced.synchronising.then_some(Found::WantsContinuation)
    }

    /// Takes one line, without its end, as in AUTHENTICATE and IDLE. `Err` if it is longer than `limit`.
    pub fn line(&mut self, limit: usize) -> Result<Option<Vec<u8>>, TooLong> {
        match self.waiting().iter().position(|&b| b == b'\n') {
            Some(end) if end <= limit => {
                let mut line = self.consume(end + 1);
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                Ok(Some(line))
            }
            None if self.waiting().len() <= limit => Ok(None),
            _ => Err(TooLong),
        }
    }

    /// Takes what there is of a streamed literal, at most `most` bytes.
    pub fn chunk(&mut self, most: u64) -> Vec<u8> {
        let there = self.waiting().len();
        let bytes = usize::try_from(most).map_or(there, |most| most.min(there));
        self.consume(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], sizes: &[usize]) -> Vec<Found> {
        let (mut reader, mut found, mut rest, mut turn) = (Reader::default(), Vec::new(), input, 0);
        while !rest.is_empty() {
            let size = sizes[turn % sizes.len()].clamp(1, rest.len());
            turn += 1;
            reader.push(&rest[..size]);
            rest = &rest[size..];
            loop {
                match reader.poll(Bounds::BEFORE_LOGIN, Text::Ascii) {
                    Found::Nothing => break,
                    Found::LineTooLong(tag) => {
                        found.push(Found::LineTooLong(tag));
                        return found;
                    }
                    other => found.push(other),
                }
            }
        }
        found
    }

    #[test]
    fn commands_end_after_their_literals() {
        let found = all(b"a LOGIN {3}\r\nx\r\n {2+}\r\nyz\r\nb NOOP\r\n", &[1000]);
        assert_eq!(
            found,
            [
                Found::WantsContinuation,
                Found::Command(b"a LOGIN {3}\r\nx\r\n {2+}\r\nyz\r\n".to_vec()),
                Found::Command(b"b NOOP\r\n".to_vec()),
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let big = Announced { length: 5000, synchronising: true };
        assert_eq!(all(b"a LOGIN {5000}\r\n", &[7]), [Found::LiteralTooBig(Some("a".into()), big)]);
        let huge = Announced { length: u64::MAX / 2, synchronising: false };
        let text = b"a LOGIN {99999999999999999999+}\r\n";
        assert_eq!(all(text, &[7]), [Found::LiteralTooBig(Some("a".into()), huge)]);
        let long = [b"a LOGIN ".as_slice(), &[b'x'; 9000]].concat();
        assert_eq!(all(&long, &[1000]), [Found::LineTooLong(Some("a".into()))]);
        let many = b"a LOGIN {4000+}\r\n".iter().copied().chain([b'x'; 4000]).chain(*b" {4000+}\r\n");
        assert!(matches!(all(&many.collect::<Vec<_>>(), &[100])[..], [Found::LiteralTooBig(..)]));
    }

    proptest::proptest! {
        #[test]
        fn chunking_does_not_matter(
            pieces in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::strategy::Just("a NOOP\r\n".to_owned()),
                    proptest::strategy::Just("b LOGIN {3+}\r\nx\ny {1}\r\nz\r\n".to_owned()),
                    proptest::strategy::Just("c APPEND {5}\r\nINBOX {10+}\r\n".to_owned()),
                    "[ -~]{0,30}\r\n",
                ],
                0..8,
            ),
            sizes in proptest::collection::vec(1usize..20, 1..10),
        ) {
            let input = pieces.concat();
            proptest::prop_assert_eq!(all(input.as_bytes(), &sizes), all(input.as_bytes(), &[input.len().max(1)]));
        }

        #[test]
        fn nothing_panics(input in proptest::collection::vec(0u8.., 0..200), sizes in proptest::collection::vec(1usize..9, 1..5)) {
            drop(all(&input, &sizes));
        }
    }
}
