//! xtext (RFC 3461 §4).

/// `xtext = *( xchar / hexchar )`: its meaning, or nothing if it is malformed.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut meant = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        meant.push(match b {
            b'+' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'=' => return None,
            b'!'..=b'~' => b,
            _ => return None,
        });
    }
    Some(meant)
}

/// hexchar has capitals only; small letters are a quirk some senders have.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|d| d as u8)
}

/// Whether it is xtext whose meaning has no control characters, so that no line end can travel inside
/// (attacks A7).
pub(crate) fn is_harmless(text: &str) -> bool {
    decode(text).is_some_and(|meant| !meant.iter().any(u8::is_ascii_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_is_checked() {
        assert_eq!(decode("a+2Bb+3D+0A").as_deref(), Some(&b"a+b=\n"[..]));
        assert!(is_harmless("rfc822;a+2Bb@c.test") && !is_harmless("a+0Ab") && !is_harmless("a+7Fb"));
        for bad in ["a=b", "a+", "a+2", "a+2G", "a b", "é", "a+-1"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn encoded_decodes(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            use std::fmt::Write;
            let mut text = String::new();
            for b in &bytes {
                write!(text, "+{b:02X}").expect("strings take all");
            }
            proptest::prop_assert_eq!(decode(&text), Some(bytes));
        }
    }
}
