//! What was read and not yet worked through.

use mail::limits;

/// Capacity that an idle session may keep.
const KEPT: usize = 2048;

/// Unprocessed bytes of one connection.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
    /// Pending bytes known to hold no LF.
    searched: usize,
    /// Bytes of an over-long line thrown away so far.
    swallowed: usize,
}

/// What stands at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// No whole line yet.
    Incomplete,
    /// A line without its CRLF.
    Complete(Vec<u8>),
    /// A line that ended in LF alone.
    BareLf(Vec<u8>),
    /// The end of a line that was longer than the limit.
    TooLong,
    /// A line that does not end: hang up.
    Endless,
}

impl Input {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Memory that is held, in bytes.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        self.searched = 0;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Forgets everything, as STARTTLS demands (RFC 3207 §4.2).
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.searched = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
    }

    /// Takes the next line of at most `limit` bytes with its end.
    pub(crate) fn take_line(&mut self, limit: usize) -> Line {
        let pending = self.pending();
        let Some(at) = pending[self.searched..].iter().position(|b| *b == b'\n').map(|p| p + self.searched)
        else {
            return self.wait_for_line(limit);
        };
        if self.swallowed > 0 || at + 1 > limit {
            self.swallowed = 0;
            self.consume(at + 1);
            return Line::TooLong;
        }
        let line = match pending[..at].strip_suffix(b"\r") {
            Some(line) => Line::Complete(line.to_vec()),
            None => Line::BareLf(pending[..at].to_vec()),
        };
        self.consume(at + 1);
        line
    }

    fn wait_for_line(&mut self, limit: usize) -> Line {
        let length = self.pending().len();
        if self.swallowed == 0 && length < limit {
            self.searched = length;
            return Line::Incomplete;
        }
        self.swallowed += length;
        self.clear();
        if self.swallowed > limits::SMTP_LINE_SWALLOWED { Line::Endless } else { Line::Incomplete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_whatever_the_chunks() {
        let stream = b"one\r\ntwo\n\r\n0123456789\r\nfour\r\n";
        for size in 1..stream.len() {
            let (mut input, mut lines) = (Input::default(), Vec::new());
            for chunk in stream.chunks(size) {
                input.push(chunk);
                loop {
                    match input.take_line(8) {
                        Line::Incomplete => break,
                        line => lines.push(line),
                    }
                }
            }
            let whole = |s: &str| Line::Complete(s.as_bytes().to_vec());
            let bare = Line::BareLf(b"two".to_vec());
            assert_eq!(
                lines,
                [whole("one"), bare, whole(""), Line::TooLong, whole("four")],
                "chunks of {size}"
            );
        }
    }

    #[test]
    fn an_endless_line_keeps_no_memory_and_ends() {
        let mut input = Input::default();
        for round in 0.. {
            input.push(&[b'x'; 4096]);
            match input.take_line(512) {
                Line::Incomplete => assert!(input.is_empty()),
                line => {
                    assert_eq!(line, Line::Endless);
                    assert_eq!(round, limits::SMTP_LINE_SWALLOWED / 4096);
                    return;
                }
            }
        }
    }
}
