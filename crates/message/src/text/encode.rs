//! Transfer encodings, written (RFC 2045 §6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Encoding;

/// Bytes that make one line of base64, 76 characters (RFC 2045 §6.8).
const BASE64_LINE: usize = 57;
/// Characters of a line of quoted-printable without the `=` of a soft break (RFC 2045 §6.7 rule 5).
const QUOTED_LINE: usize = 75;

/// Encodes chunk by chunk: keeps less than a line.
#[derive(Clone, Debug)]
pub struct Encoder {
    encoding: Encoding,
    /// Base64: bytes of the line at hand. Quoted-printable: space, or a CR, whose meaning depends on what follows.
    kept: Vec<u8>,
    /// Quoted-printable: characters of the line at hand.
    column: usize,
}

impl Encoder {
    /// For one body.
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding, kept: Vec::new(), column: 0 }
    }

    /// Encodes a chunk and adds the result to `out`. In quoted-printable CRLF is a line end, and a CR or LF that
    /// stands alone is a byte like any other.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => out.extend_from_slice(chunk),
            Encoding::Base64 => self.base64(chunk, out),
            Encoding::QuotedPrintable => chunk.iter().for_each(|&byte| self.quote(byte, out)),
        }
    }

    /// Encodes what was kept. Base64 ends without a line end.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => {}
            Encoding::Base64 => out.extend_from_slice(STANDARD.encode(&self.kept).as_bytes()),
            Encoding::QuotedPrintable => {
                let kept = std::mem::take(&mut self.kept);
                for byte in kept {
                    self.put_escaped(byte, out);
                }
            }
        }
    }

    fn base64(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) {
        loop {
            // A full line is written when something follows it, so that the last one has no line end.
            if self.kept.len() == BASE64_LINE && !chunk.is_empty() {
                out.extend_from_slice(STANDARD.encode(&self.kept).as_bytes());
                out.extend_from_slice(b"\r\n");
                self.kept.clear();
            }
            let some = chunk.len().min(BASE64_LINE - self.kept.len());
            self.kept.extend_from_slice(&chunk[..some]);
            chunk = &chunk[some..];
            if chunk.is_empty() {
                return;
            }
        }
    }

    fn quote(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.kept.as_slice(), byte) {
            ([space @ .., b'\r'], b'\n') => {
                // Space at the end of a line would be taken for padding (rule 3).
                let space = space.first().copied();
                self.kept.clear();
                if let Some(space) = space {
                    self.put_escaped(space, out);
                }
                out.extend_from_slice(b"\r\n");
                self.column = 0;
            }
            ([], b' ' | b'\t') | ([] | [b' ' | b'\t'], b'\r') => self.kept.push(byte),
            ([], _) => self.put(byte, out),
            _ => {
                let kept = std::mem::take(&mut self.kept);
                for byte in kept {
                    self.put(byte, out);
                }
                self.quote(byte, out);
            }
        }
    }

    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b' '..=b'<' | b'>'..=b'~' | b'\t' => {
                self.make_room(1, out);
                out.push(byte);
            }
            _ => self.put_escaped(byte, out),
        }
    }

    fn put_escaped(&mut self, byte: u8, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.make_room(3, out);
        out.extend([b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }

    fn make_room(&mut self, characters: usize, out: &mut Vec<u8>) {
        if self.column + characters > QUOTED_LINE {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
        self.column += characters;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decode_body;
    use super::*;

    fn encode(encoding: Encoding, bytes: &[u8], size: usize) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(encoding), Vec::new());
        bytes.chunks(size).for_each(|chunk| encoder.feed(chunk, &mut out));
        encoder.finish(&mut out);
        out
    }

    #[test]
    fn quoted_printable_keeps_what_it_can() {
        for (text, encoded) in [
            ("Gr\u{fc}\u{df}e \r\n", "Gr=C3=BC=C3=9Fe=20\r\n"),
            ("a = b\t\r\n\r\nc ", "a =3D b=09\r\n\r\nc=20"),
            ("a\rb\nc\0\r", "a=0Db=0Ac=00=0D"),
            ("a \rb \nc", "a =0Db =0Ac"),
            ("\r\r\n", "=0D\r\n"),
        ] {
            for size in 1..=text.len() {
                let got = encode(Encoding::QuotedPrintable, text.as_bytes(), size);
                assert_eq!(String::from_utf8_lossy(&got), encoded, "{text:?} by {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(bytes in proptest::collection::vec(any::<u8>(), 0..400), size in 1usize..70) {
            for encoding in [Encoding::Base64, Encoding::QuotedPrintable] {
                let encoded = encode(encoding, &bytes, size);
                prop_assert_eq!(&encoded, &encode(encoding, &bytes, 1000));
                prop_assert!(encoded.is_ascii() && encoded.split(|b| *b == b'\n').all(|line| line.len() <= 77));
                prop_assert_eq!(decode_body(encoding, &encoded), bytes.clone());
            }
        }
    }
}
