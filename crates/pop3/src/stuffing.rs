//! A message on its way into a multi-line response: dot-stuffed (RFC 1939 §3), for TOP only its beginning (§7).

/// Bytes for the reply's first and last line.
const ROOM: usize = 64;

/// Where in the message the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// At the beginning of a line.
    Start,
    /// Behind a CR that is the line's first byte.
    StartCr,
    /// Within a line.
    Middle,
}

/// Passes a message on chunk by chunk; keeps no bytes.
#[derive(Debug)]
pub(crate) struct Stuffing {
    line: Line,
    ends_in_crlf: bool,
    last_was_cr: bool,
    in_header: bool,
    /// Lines of the body that may still come; `None` for all.
    lines: Option<u32>,
}

impl Stuffing {
    pub(crate) fn new(lines: Option<u32>) -> Self {
        Self { line: Line::Start, ends_in_crlf: true, last_was_cr: false, in_header: true, lines }
    }

    /// Whether more of the message is wanted.
    pub(crate) fn wants_more(&self) -> bool {
        self.in_header || self.lines != Some(0)
    }

    /// Puts a chunk into `output`. A lone LF also counts as a line's end: were the dot behind one left
    /// alone, a client that takes it for one would see the response end there.
    pub(crate) fn take(&mut self, chunk: &[u8], output: &mut Vec<u8>) {
        output.reserve(chunk.len() + chunk.len() / 64 + ROOM);
        match self.lines {
            None => self.take_all(chunk, output),
            Some(_) => self.take_lines(chunk, output),
        }
    }

    /// Nothing but dots behind line ends has to be looked for.
    fn take_all(&mut self, chunk: &[u8], output: &mut Vec<u8>) {
        if self.line == Line::Start && chunk.starts_with(b".") {
            output.push(b'.');
        }
        let mut passed = 0;
        for end in memchr::memmem::find_iter(chunk, b"\n.") {
            output.extend_from_slice(&chunk[passed..=end]);
            output.push(b'.');
            passed = end + 1;
        }
        output.extend_from_slice(&chunk[passed..]);
        let Some((_, but_last)) = chunk.split_last() else { return };
        let last_line = match memchr::memrchr(b'\n', but_last) {
            Some(end) => {
                (self.line, self.last_was_cr) = (Line::Start, false);
                &chunk[end + 1..]
            }
            None => chunk,
        };
        self.pass(last_line);
    }

    fn take_lines(&mut self, chunk: &[u8], output: &mut Vec<u8>) {
        for piece in chunk.split_inclusive(|&b| b == b'\n') {
            if !self.wants_more() {
                return;
            }
            if self.line == Line::Start && piece.starts_with(b".") {
                output.push(b'.');
            }
            output.extend_from_slice(piece);
            self.pass(piece);
        }
    }

    fn pass(&mut self, piece: &[u8]) {
        let empty = match self.line {
            Line::Start => piece == b"\n" || piece == b"\r\n",
            Line::StartCr => piece == b"\n",
            Line::Middle => false,
        };
        let cr_before = if piece.len() > 1 { piece[piece.len() - 2] == b'\r' } else { self.last_was_cr };
        let ended = piece.ends_with(b"\n");
        self.ends_in_crlf = ended && cr_before;
        self.last_was_cr = piece.ends_with(b"\r");
        self.line = match (ended, self.line) {
            (true, _) => Line::Start,
            (false, Line::Start) if piece == b"\r" => Line::StartCr,
            (false, _) => Line::Middle,
        };
        if self.in_header {
            self.in_header = !empty;
        } else if let (true, Some(lines)) = (ended, &mut self.lines) {
            *lines = lines.saturating_sub(1);
        }
    }

    /// Ends the response; a message that does not end with CRLF gets one.
    pub(crate) fn end(self, output: &mut Vec<u8>) {
        output.extend_from_slice(if self.ends_in_crlf { b".\r\n" } else { b"\r\n.\r\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(message: &[u8], lines: Option<u32>, chunk: usize) -> String {
        let (mut stuffing, mut out) = (Stuffing::new(lines), Vec::new());
        message.chunks(chunk.max(1)).for_each(|c| stuffing.take(c, &mut out));
        stuffing.end(&mut out);
        String::from_utf8(out).expect("test text")
    }

    #[test]
    fn dots_are_stuffed_and_the_end_is_marked() {
        for (message, lines, want) in [
            ("", None, ".\r\n"),
            ("A: b\r\n\r\n.\r\n..x\r\n", None, "A: b\r\n\r\n..\r\n...x\r\n.\r\n"),
            (".a\n.b", None, "..a\n..b\r\n.\r\n"),
            ("a\r", None, "a\r\r\n.\r\n"),
            ("A: b\r\n\r\n1\r\n2\r\n3\r\n", Some(0), "A: b\r\n\r\n.\r\n"),
            ("A: b\r\n\r\n1\r\n2\r\n3\r\n", Some(2), "A: b\r\n\r\n1\r\n2\r\n.\r\n"),
            ("A: b\r\n\r\n\r\n2\r\n", Some(1), "A: b\r\n\r\n\r\n.\r\n"),
            ("A: b\r\n\r\n1", Some(9), "A: b\r\n\r\n1\r\n.\r\n"),
            ("A: b\r\n", Some(1), "A: b\r\n.\r\n"),
        ] {
            for chunk in 1..9 {
                assert_eq!(stuffed(message.as_bytes(), lines, chunk), want, "{message:?} by {chunk}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn chunks_make_no_difference(message in "[.a\r\n]{0,30}", chunk in 1usize..9, lines in 0u32..4) {
            for lines in [None, Some(lines)] {
                assert_eq!(stuffed(message.as_bytes(), lines, chunk), stuffed(message.as_bytes(), lines, 99));
            }
        }

        /// Both ways of going through a message.
        #[test]
        fn all_lines_are_all(message in "[.a\r\n]{0,30}", chunk in 1usize..9) {
            assert_eq!(stuffed(message.as_bytes(), None, chunk), stuffed(message.as_bytes(), Some(u32::MAX), chunk));
        }

        #[test]
        fn the_end_comes_once(message in "[.a\r\n]{0,30}") {
            let text = stuffed(message.as_bytes(), None, 99);
            assert!(text == ".\r\n" || text.find("\r\n.\r\n") == Some(text.len() - 5) || text.starts_with(".\r\n"));
        }
    }
}
