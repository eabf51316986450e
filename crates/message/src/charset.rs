//! Charsets.

/// Text in any charset of the Encoding Standard, UTF-7 (RFC 2152), or unknown (read as UTF-8, else as
/// windows-1252). What cannot be decoded becomes U+FFFD.
pub fn to_utf8(charset: &str, bytes: &[u8]) -> String {
    let _ = (charset, bytes);
    todo!()
}
