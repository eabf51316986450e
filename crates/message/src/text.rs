//! Bodies as people read them: transfer encodings (RFC 2045 §6) and charsets.

mod encode;
mod html;

pub use crate::charset::to_utf8;
pub use encode::Encoder;
pub use html::html_to_text;

/// A transfer encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// 7bit, 8bit, binary, or none that is known: the bytes as they are.
    #[default]
    Identity,
    /// RFC 2045 §6.7.
    QuotedPrintable,
    /// RFC 2045 §6.8.
    Base64,
}

impl Encoding {
    /// By the value of Content-Transfer-Encoding; one that is not known changes nothing.
    pub fn from_name(name: &str) -> Self {
        Self::known(name).unwrap_or_default()
    }

    /// By the value of Content-Transfer-Encoding, if it is one of RFC 2045 §6.1.
    pub fn known(name: &str) -> Option<Self> {
        let known = [
            ("7bit", Self::Identity),
            ("8bit", Self::Identity),
            ("binary", Self::Identity),
            ("base64", Self::Base64),
            ("quoted-printable", Self::QuotedPrintable),
        ];
        let token = crate::header::first_token(name);
        known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(token)).map(|(_, encoding)| encoding)
    }
}

/// Decodes chunk by chunk: keeps at most a few bytes (base64) or a line's trailing space (quoted-printable, at most
/// [`KEPT`] bytes of it).
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    encoding: Encoding,
    /// Quoted-printable: space or the beginning of an escape, whose meaning depends on what follows.
    kept: Vec<u8>,
    /// Base64: bits that do not make a byte yet.
    bits: u32,
    bit_count: u32,
}

/// More space than this in a row is no transport's padding.
const KEPT: usize = 998;

impl Decoder {
    /// For one body.
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding, ..Self::default() }
    }

    /// Decodes a chunk and adds the result to `out`.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => out.extend_from_slice(chunk),
            Encoding::Base64 => chunk.iter().for_each(|&b| self.take_base64(b, out)),
            Encoding::QuotedPrintable => chunk.iter().for_each(|&b| self.take_quoted(b, out)),
        }
    }

    /// Decodes what was kept.
    pub fn finish(self, out: &mut Vec<u8>) {
        // Space at the end is padding (RFC 2045 §6.7 rule 3), and so is a soft line break; a broken escape is text.
        let trimmed = self.kept.trim_ascii_end();
        if trimmed.len() > 1 {
            out.extend_from_slice(trimmed);
        }
    }

    /// Bytes outside the alphabet are passed over (RFC 2045 §6.8); `=` ends a quantum, so that bodies that were
    /// put behind each other decode too.
    fn take_base64(&mut self, b: u8, out: &mut Vec<u8>) {
        let Some(digit) = base64_digit(b) else {
            if b == b'=' {
                (self.bits, self.bit_count) = (0, 0);
            }
            return;
        };
        self.bits = self.bits << 6 | u32::from(digit);
        self.bit_count += 6;
        if self.bit_count >= 8 {
            self.bit_count -= 8;
            out.push((self.bits >> self.bit_count) as u8);
            self.bits &= (1 << self.bit_count) - 1;
        }
    }

    /// RFC 2045 §6.7, lower-case digits and broken escapes tolerated.
    fn take_quoted(&mut self, b: u8, out: &mut Vec<u8>) {
        match (self.kept.as_slice(), b) {
            ([], b'=' | b' ' | b'\t') => self.kept.push(b),
            ([], _) => out.push(b),
            ([b'=', ..], _) => self.take_escape(b, out),
            (_, b' ' | b'\t') if self.kept.len() < KEPT => self.kept.push(b),
            (_, b'\r' | b'\n') => {
                self.kept.clear();
                out.push(b);
            }
            _ => self.give_up(b, out),
        }
    }

    fn take_escape(&mut self, b: u8, out: &mut Vec<u8>) {
        match (&self.kept[1..], b) {
            ([] | [b' ' | b'\t', ..], b'\r' | b' ' | b'\t') if self.kept.len() < KEPT => self.kept.push(b),
            ([] | [b' ' | b'\t' | b'\r', ..], b'\n') => self.kept.clear(),
            ([], _) if b.is_ascii_hexdigit() => self.kept.push(b),
            ([high], _) if hex_byte(*high, b).is_some() => {
                out.extend(hex_byte(*high, b));
                self.kept.clear();
            }
            _ => self.give_up(b, out),
        }
    }

    /// What was kept is text after all.
    fn give_up(&mut self, b: u8, out: &mut Vec<u8>) {
        out.append(&mut self.kept);
        self.take_quoted(b, out);
    }
}

/// Decodes a whole body.
pub fn decode_body(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut decoder = Decoder::new(encoding);
    decoder.feed(bytes, &mut out);
    decoder.finish(&mut out);
    out
}

/// Text in quoted-printable with CRLF line ends (RFC 2045 §6.7).
pub fn encode_quoted_printable(text: &str) -> String {
    let (mut encoder, mut encoded) = (Encoder::new(Encoding::QuotedPrintable), Vec::new());
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        encoder.feed(content.as_bytes(), &mut encoded);
        if line.ends_with('\n') {
            encoder.feed(b"\r\n", &mut encoded);
        }
    }
    encoder.finish(&mut encoded);
    String::from_utf8(encoded).expect("quoted-printable is ASCII")
}

/// The value of a base64 digit.
pub(crate) fn base64_digit(b: u8) -> Option<u8> {
    match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// The byte that two hexadecimal digits name.
pub(crate) fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_decoded() {
        use Encoding::{Base64, QuotedPrintable};
        for (encoding, text, decoded) in [
            (QuotedPrintable, "a=C3=a5b", "a\u{e5}b"),
            (QuotedPrintable, "soft=\r\nline=  \r\n end \t\r\nx ", "softline end\r\nx"),
            (QuotedPrintable, "=zz=4 =\n=", "=zz=4 "),
            (QuotedPrintable, "a = b", "a = b"),
            (Base64, "Zm9v\r\nYmE=", "fooba"),
            (Base64, "Zg==Zm8=", "ffo"),
            (Base64, "Z!m 9v=", "foo"),
            (Encoding::from_name(" 8BIT "), "=41", "=41"),
            (Encoding::from_name("BASE64 (x)"), "QQ", "A"),
        ] {
            assert_eq!(String::from_utf8_lossy(&decode_body(encoding, text.as_bytes())), decoded, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_decodes(text in "[^\r\n]{0,200}") {
            let encoded = encode_quoted_printable(&text);
            assert!(encoded.lines().all(|line| line.len() <= 76) && encoded.is_ascii());
            assert_eq!(decode_body(Encoding::QuotedPrintable, encoded.as_bytes()), text.as_bytes());
        }

        #[test]
        fn chunks_make_no_difference(bytes in proptest::collection::vec(proptest::sample::select(b"=4aZ \t\r\n".to_vec()), 0..60), at in 0usize..60) {
            for encoding in [Encoding::Base64, Encoding::QuotedPrintable] {
                let (first, second) = bytes.split_at(at.min(bytes.len()));
                let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
                decoder.feed(first, &mut out);
                decoder.feed(second, &mut out);
                decoder.finish(&mut out);
                assert_eq!(out, decode_body(encoding, &bytes));
            }
        }
    }
}
