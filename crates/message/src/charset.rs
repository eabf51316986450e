//! Charsets: the Encoding Standard's by `encoding_rs`, UTF-7 by hand, and sense for what is mislabelled.

use encoding_rs::{Encoding, WINDOWS_1252};

/// Text in any charset of the Encoding Standard, UTF-7 (RFC 2152), or unknown (read as UTF-8, else as
/// windows-1252). What cannot be decoded becomes U+FFFD.
pub fn to_utf8(charset: &str, bytes: &[u8]) -> String {
    let label = charset.trim();
    if matches!(label.to_ascii_lowercase().as_str(), "utf-7" | "unicode-1-1-utf-7" | "csutf7") {
        return from_utf7(bytes);
    }
    match Encoding::for_label(label.as_bytes()) {
        // RFC 7103 §7.6: what claims to be ASCII or nothing is often UTF-8, and never UTF-8 by chance.
        None => guess(bytes),
        Some(_) if matches!(label.to_ascii_lowercase().as_str(), "us-ascii" | "ascii") => guess(bytes),
        Some(encoding) => encoding.decode_with_bom_removal(bytes).0.into_owned(),
    }
}

fn guess(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// RFC 2152: `+` begins base64 of UTF-16, big-endian; the first character that is not base64 ends it, and is swallowed
/// if it is `-`.
fn from_utf7(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, behind)) = rest.split_first() {
        if first != b'+' {
            text.push(if first.is_ascii() { char::from(first) } else { char::REPLACEMENT_CHARACTER });
            rest = behind;
            continue;
        }
        let length =
            behind.iter().position(|&b| crate::text::base64_digit(b).is_none()).unwrap_or(behind.len());
        let (shifted, after) = behind.split_at(length);
        if shifted.is_empty() && after.starts_with(b"-") {
            text.push('+');
        }
        text.extend(char::decode_utf16(utf16_of(shifted)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        rest = after.strip_prefix(b"-").unwrap_or(after);
    }
    text
}

fn utf16_of(base64: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(base64.len() * 3 / 8);
    let (mut bits, mut count) = (0u32, 0);
    for digit in base64.iter().filter_map(|&b| crate::text::base64_digit(b)) {
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count) as u16);
            bits &= (1 << count) - 1;
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_become_utf8() {
        for (charset, bytes, text) in [
            ("utf-8", &b"gr\xc3\xa5"[..], "grå"),
            ("ISO-8859-1", b"gr\xe5", "grå"),
            ("koi8-r", b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"),
            ("iso-2022-jp", b"\x1b$B$\"\x1b(B", "あ"),
            ("us-ascii", b"gr\xc3\xa5", "grå"),
            ("x-unheard-of", b"gr\xe5", "grå"),
            ("", b"plain", "plain"),
            ("UTF-7", b"1 +- 1 +AOk-t+AOk", "1 + 1 été"),
            ("UTF-7", b"+2D3eAA-\xff", "😀\u{fffd}"),
            ("utf-8", b"\xff", "\u{fffd}"),
        ] {
            assert_eq!(to_utf8(charset, bytes), text, "{charset}");
        }
    }
}
