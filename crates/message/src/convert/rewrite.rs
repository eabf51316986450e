//! A header section with another Content-Transfer-Encoding.

use crate::header;

/// Adds the section with its new encoding to `out`. A message that is no MIME yet becomes it (RFC 2045 §4); text whose
/// charset nobody has told says so (RFC 1428 §3).
pub(super) fn rewrite(section: &[u8], encoding: &str, message: bool, out: &mut Vec<u8>) {
    let (mut passed, mut typed, mut mime) = (0, false, false);
    for field in header::fields(section) {
        passed += field.raw.len();
        typed |= field.is("Content-Type");
        mime |= field.is("MIME-Version");
        if !field.is("Content-Transfer-Encoding") {
            out.extend_from_slice(field.raw);
        }
    }
    let encoded = matches!(encoding, "base64" | "quoted-printable");
    if message && !mime {
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    }
    if encoded && !typed {
        out.extend_from_slice(b"Content-Type: text/plain; charset=unknown-8bit\r\n");
    }
    out.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n").as_bytes());
    let rest = &section[passed..];
    out.extend_from_slice(if rest.is_empty() && encoded { b"\r\n" } else { rest });
}
