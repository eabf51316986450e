//! A message as it goes out by DATA: canonical line ends, stuffed dots, no NUL (attacks A1).
//!
//! Whatever the stored bytes are, a reader of the output that takes a lone CR or LF for a line end, or skips NUL,
//! sees the same single message as one that does not.

use super::scan::{CR, LF, plain_prefix};

/// Encodes one message from chunks of any size.
#[derive(Debug)]
pub(crate) struct Encoder {
    line_start: bool,
    /// The last byte was a CR; its CRLF has been written.
    after_cr: bool,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { line_start: true, after_cr: false }
    }

    /// Appends the wire form of the next bytes.
    pub(crate) fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while let Some(&byte) = input.first() {
            match byte {
                LF if self.after_cr => {
                    self.after_cr = false;
                    input = &input[1..];
                }
                CR | LF => {
                    out.extend_from_slice(b"\r\n");
                    (self.line_start, self.after_cr) = (true, byte == CR);
                    input = &input[1..];
                }
                0 => input = &input[1..],
                _ => input = &input[self.text(input, out)..],
            }
        }
    }

    /// The end: completes the last line and adds the final dot.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.line_start { b".\r\n" } else { b"\r\n.\r\n" });
    }

    /// Passes on text, which does not begin with a line end or NUL; says how many bytes were used.
    fn text(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        if self.line_start && input[0] == b'.' {
            out.push(b'.');
        }
        (self.line_start, self.after_cr) = (false, false);
        match before_nul(&input[..plain_prefix(input, true)]) {
            // Whether an LF stands behind it is still to be seen.
            [text @ .., CR] => pass(text, out),
            text => {
                self.line_start = text.last() == Some(&LF);
                pass(text, out)
            }
        }
    }
}

fn pass(text: &[u8], out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(text);
    text.len()
}

/// NUL goes before dots are looked at: a line of NUL and a dot would become a line of a dot.
fn before_nul(bytes: &[u8]) -> &[u8] {
    if !bytes.contains(&0) {
        return bytes;
    }
    &bytes[..bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::body::{Decoder, Rules};

    fn encode(message: &[u8], size: usize) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        message.chunks(size).for_each(|chunk| encoder.feed(chunk, &mut out));
        encoder.finish(&mut out);
        out
    }

    #[test]
    fn the_wire_form_is_canonical() {
        for (message, wire) in [
            ("", ".\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".\r\n..\r\n.a", "..\r\n...\r\n..a\r\n.\r\n"),
            ("a\n.\nb\r.\rc", "a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n"),
            ("a\r\r\nb\n\rc", "a\r\n\r\nb\r\n\r\nc\r\n.\r\n"),
            ("a\r\n\0.\r\nb\0c\0", "a\r\n..\r\nbc\r\n.\r\n"),
            ("a\r\0\nb", "a\r\nb\r\n.\r\n"),
        ] {
            for size in 1..=message.len().max(1) {
                let out = encode(message.as_bytes(), size);
                assert_eq!(String::from_utf8(out).expect("ASCII"), wire, "{message:?} by {size}");
            }
        }
    }

    /// How many messages a reader sees that takes CR, LF and CRLF for line ends and skips NUL.
    fn ends_for_a_lax_reader(wire: &[u8]) -> usize {
        let text: Vec<u8> = wire.iter().copied().filter(|b| *b != 0).collect();
        text.split(|b| *b == CR || *b == LF).filter(|line| *line == b".").count()
    }

    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\r\n".to_vec()),
            Just(b".".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\0".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..40),
            Just(b"a line of text without anything odd in it\r\n".repeat(9)),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn every_reader_sees_one_message(message in messages(), size in 1usize..700) {
            let wire = encode(&message, size);
            prop_assert_eq!(&wire, &encode(&message, usize::MAX));
            prop_assert_eq!(ends_for_a_lax_reader(&wire), 1);
            let mut decoder = Decoder::new(Rules { repair: false, binary: false, max_size: u64::MAX });
            let mut back = Vec::new();
            let fed = decoder.feed_data(&wire, &mut back);
            prop_assert!(fed.end && fed.used == wire.len() && decoder.fault().is_none());
            if message.ends_with(b"\r\n") && !message.contains(&0) {
                let mut read = Decoder::new(Rules { repair: false, binary: false, max_size: u64::MAX });
                read.feed_chunk(&message, &mut Vec::new());
                prop_assert!(read.fault().is_some() || back == message);
            }
        }
    }
}
