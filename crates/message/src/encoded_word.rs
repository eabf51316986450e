//! Encoded words in header text (RFC 2047).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::charset;
use crate::text::{self, Encoding};

/// Bytes of a charset's name with its language (RFC 2231 §5).
const CHARSET_LENGTH: usize = 80;

/// One encoded word, taken apart.
struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
}

/// Text with its encoded words decoded; what is none, or is broken, stays as it is. Neighbours in the same charset
/// are decoded together, so a character may be split between them.
pub fn decode(text: &[u8]) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut pending: Option<Word<'_>> = None;
    let mut rest = text;
    while let Some((before, word, behind)) = next_word(rest) {
        // RFC 2047 §6.2: space between encoded words is not shown.
        let adjacent = pending.is_some() && before.iter().all(u8::is_ascii_whitespace);
        match &mut pending {
            Some(last) if adjacent && last.charset.eq_ignore_ascii_case(word.charset) => {
                last.bytes.extend_from_slice(&word.bytes);
            }
            _ => {
                flush(&mut decoded, pending.take());
                if !adjacent {
                    decoded.push_str(&String::from_utf8_lossy(before));
                }
                pending = Some(word);
            }
        }
        rest = behind;
    }
    flush(&mut decoded, pending);
    decoded.push_str(&String::from_utf8_lossy(rest));
    decoded
}

fn flush(decoded: &mut String, word: Option<Word<'_>>) {
    if let Some(word) = word {
        let text = charset::to_utf8(word.charset, &word.bytes);
        decoded.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
}

/// The first encoded word, what stands before it, and what stands behind it. Looks at no byte more than a few times:
/// no part of a word contains a question mark.
fn next_word(text: &[u8]) -> Option<(&[u8], Word<'_>, &[u8])> {
    let mut from = 0;
    loop {
        let at = from + text[from..].windows(2).position(|w| w == b"=?")?;
        if let Some((word, behind)) = word_at(&text[at + 2..]) {
            return Some((&text[..at], word, behind));
        }
        from = at + 2;
    }
}

fn word_at(text: &[u8]) -> Option<(Word<'_>, &[u8])> {
    let mut parts = text.splitn(4, |&b| b == b'?');
    let charset = parts.next().filter(|c| (1..=CHARSET_LENGTH).contains(&c.len()))?;
    let encoding = parts.next()?;
    let encoded = parts.next()?;
    let behind = parts.next()?.strip_prefix(b"=")?;
    let bytes = match encoding {
        b"Q" | b"q" => decode_q(encoded),
        b"B" | b"b" => text::decode_body(Encoding::Base64, encoded),
        _ => return None,
    };
    let charset = std::str::from_utf8(charset).ok()?;
    let charset = charset.split_once('*').map_or(charset, |(charset, _language)| charset);
    Some((Word { charset, bytes }, behind))
}

/// RFC 2047 §4.2
fn decode_q(encoded: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(&b) = encoded.get(at) {
        let digits = encoded.get(at + 1).copied().zip(encoded.get(at + 2).copied());
        match (b, digits.and_then(|(high, low)| text::hex_byte(high, low))) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                at += 2;
            }
            (b'_', _) => bytes.push(b' '),
            _ => bytes.push(b),
        }
        at += 1;
    }
    bytes
}

/// Text fit for an unstructured header field: itself if it is printable ASCII, else as encoded words in UTF-8, folded.
/// Control characters become spaces.
pub fn encode(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_ascii() && !text.contains("=?") {
        return text;
    }
    // RFC 2047 §2: a word has at most 75 characters; 45 bytes make 60 of base64.
    let mut words = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(45));
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(piece)));
        rest = behind;
    }
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_and_the_rest_is_kept() {
        for (text, decoded) in [
            ("plain", "plain"),
            ("=?utf-8?Q?gr=C3=A5_a?= b", "grå a b"),
            ("a =?ISO-8859-1?q?=e5?=  =?utf-8?B?w6U=?= c", "a åå c"),
            ("=?utf-8?q?=C3?= =?UTF-8?q?=A5?=", "å"),
            ("=?utf-8*en?q?a?=,=?utf-8?q?b?=", "a,b"),
            ("=?utf-8?x?a?= =?utf-8?q?open", "=?utf-8?x?a?= =?utf-8?q?open"),
            ("=?=?utf-8?q?a?=", "=?a"),
            ("=?utf-8?q?a=0D=0AB?=", "a  B"),
            ("=?utf-8?b?Zm9v!YmFy?=", "foobar"),
        ] {
            assert_eq!(decode(text.as_bytes()), decoded, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_decodes(text in "[^\\p{Cc}\u{feff}]{0,80}") {
            assert_eq!(decode(encode(&text).replace("\r\n", "").as_bytes()), text);
        }

        #[test]
        fn anything_decodes(text in proptest::collection::vec(proptest::sample::select(b"=?Qqbu8_ \xc3".to_vec()), 0..60)) {
            decode(&text);
        }
    }
}
