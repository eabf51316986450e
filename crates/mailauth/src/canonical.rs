//! The two forms of a message that survive transport (RFC 6376 §3.4), made as the bytes arrive.
//!
//! Only CRLF ends a line of a body; a CR or LF alone is a byte like any other. In a header section a bare LF counts
//! as a line's end, as everywhere in this program.

mod body;
mod hash;

use message::header::Field;

pub(crate) use body::Body;
pub(crate) use hash::{BodyHash, BodyHasher, Sha256};

/// How much may change on the way without breaking a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Canonicalization {
    /// Next to nothing; the default (RFC 6376 §3.5).
    #[default]
    Simple,
    /// White space and the case of field names.
    Relaxed,
}

impl Canonicalization {
    /// `simple` or `relaxed`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "simple" => Some(Self::Simple),
            "relaxed" => Some(Self::Relaxed),
            _ => None,
        }
    }

    /// Appends a field's canonical form with its CRLF (RFC 6376 §3.4.1, §3.4.2).
    pub(crate) fn header_field(self, field: &Field<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Simple => out.extend_from_slice(without_line_end(field.raw)),
            Self::Relaxed => {
                out.extend(field.name.iter().map(u8::to_ascii_lowercase));
                out.push(b':');
                relaxed_value(field.value, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Unfolded, white space made one space, none at either end.
fn relaxed_value(value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut white = false;
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => {}
            b'\r' if matches!(bytes.peek(), None | Some(b'\n')) => {}
            b' ' | b'\t' => white = true,
            _ => {
                if white && out.len() > start {
                    out.push(b' ');
                }
                white = false;
                out.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests;
