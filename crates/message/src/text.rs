//! Bodies as people read them: transfer encodings (RFC 2045 §6) and charsets.

pub use crate::charset::to_utf8;

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
    /// By the value of Content-Transfer-Encoding.
    pub fn from_name(name: &str) -> Self {
        match crate::header::first_token(name) {
            t if t.eq_ignore_ascii_case("base64") => Self::Base64,
            t if t.eq_ignore_ascii_case("quoted-printable") => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }
}

/// Decodes chunk by chunk: keeps at most a few bytes (base64) or one line's trailing space (quoted-printable).
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    encoding: Encoding,
    kept: Vec<u8>,
}

impl Decoder {
    /// For one body.
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding, kept: Vec::new() }
    }

    /// Decodes a chunk and adds the result to `out`.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let _ = (chunk, out, self.encoding, &self.kept);
        todo!()
    }

    /// Decodes what was kept.
    pub fn finish(self, out: &mut Vec<u8>) {
        let _ = out;
        todo!()
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
