//! Modified UTF-7, the wire form of mailbox names (RFC 3501 §5.1.3).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// BASE64 with `,` for `/` and without padding.
fn base64() -> GeneralPurpose {
    let alphabet = Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,")
        .expect("64 different characters");
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    GeneralPurpose::new(&alphabet, config)
}

/// Whether a character stands for itself; `&` does as `&-`.
fn is_direct(c: char) -> bool {
    (' '..='~').contains(&c)
}

/// The wire form of a name.
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        if is_direct(c) {
            wire.push_str(if c == '&' { "&-" } else { &rest[..1] });
            rest = &rest[1..];
            continue;
        }
        let end = rest.find(is_direct).unwrap_or(rest.len());
        let utf16: Vec<u8> = rest[..end].encode_utf16().flat_map(u16::to_be_bytes).collect();
        write!(wire, "&{}-", base64().encode(utf16)).expect("writing to a string never fails");
        rest = &rest[end..];
    }
    wire
}

/// The name of a wire form. `None` if it is not modified UTF-7 in its one allowed form (RFC 3501 §5.1.3 forbids
/// superfluous shifts and encoded printable characters, which would give one mailbox two names).
pub fn decode(wire: &[u8]) -> Option<String> {
    let wire = std::str::from_utf8(wire).ok().filter(|w| w.chars().all(is_direct))?;
    let mut name = String::with_capacity(wire.len());
    let mut parts = wire.split('&');
    name.push_str(parts.next()?);
    for part in parts {
        let (shifted, direct) = part.split_once('-')?;
        if shifted.is_empty() {
            name.push('&');
        } else {
            name.push_str(&decode_shifted(shifted)?);
        }
        name.push_str(direct);
    }
    (encode(&name) == wire).then_some(name)
}

fn decode_shifted(shifted: &str) -> Option<String> {
    let bytes = base64().decode(shifted).ok().filter(|b| b.len() % 2 == 0)?;
    let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_wire_forms() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("a&b", "a&-b"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire.as_bytes()).as_deref(), Some(name));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for wire in ["&", "&AGE-", "&APw", "&APw-&APw-", "&2D0-", "&AP-", "ü", "a\r", "&****-"] {
            assert_eq!(decode(wire.as_bytes()), None, "{wire}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_name_comes_back(name in "\\PC*") {
            proptest::prop_assert_eq!(decode(encode(&name).as_bytes()), Some(name));
        }

        #[test]
        fn decoding_anything_never_panics(wire in proptest::collection::vec(0u8.., 0..40)) {
            drop(decode(&wire));
        }
    }
}
