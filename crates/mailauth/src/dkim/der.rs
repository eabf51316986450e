//! As much DER as it takes to know an RSA key's size.

/// Object identifier 1.2.840.113549.1.1.1, rsaEncryption (RFC 8017 appendix A.1).
const RSA_ENCRYPTION: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Bits of the modulus of a public key, given as RSAPublicKey (RFC 8017 appendix A.1.1), as RFC 6376 §3.6.1 has it, or
/// as SubjectPublicKeyInfo, as everybody does.
pub(super) fn rsa_bits(key: &[u8]) -> Option<usize> {
    let (inside, rest) = element(SEQUENCE, key)?;
    if !rest.is_empty() {
        return None;
    }
    if let Some((algorithm, rest)) = element(SEQUENCE, inside) {
        let (identifier, _) = element(OBJECT_IDENTIFIER, algorithm)?;
        let (bits, _) = element(BIT_STRING, rest)?;
        let (unused, key) = bits.split_first()?;
        return if identifier == RSA_ENCRYPTION && *unused == 0 { plain_rsa_bits(key) } else { None };
    }
    plain_rsa_bits(key)
}

/// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
fn plain_rsa_bits(key: &[u8]) -> Option<usize> {
    let (inside, _) = element(SEQUENCE, key)?;
    let (modulus, _) = element(INTEGER, inside)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let significant = &modulus[zeros..];
    Some(significant.len() * 8 - significant.first()?.leading_zeros() as usize)
}

/// The value of the first element, which must have that tag, and what follows it. Lengths up to 65,535.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, length) = match *bytes {
        [t, n, ..] if t == tag && n < 0x80 => (2, usize::from(n)),
        [t, 0x81, n, ..] if t == tag => (3, usize::from(n)),
        [t, 0x82, high, low, ..] if t == tag => (4, usize::from(u16::from_be_bytes([high, low]))),
        _ => return None,
    };
    Some((bytes.get(header..header + length)?, &bytes[header + length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_none_have_no_size() {
        for key in [
            &b""[..],
            b"\x30",
            b"\x30\x00",
            b"\x30\x03\x02\x01\x00",
            b"\x30\x82\xff\xff\x00",
            b"\x30\x02\x30\x00",
        ] {
            assert_eq!(rsa_bits(key), None, "{}", key.escape_ascii());
        }
        assert_eq!(rsa_bits(b"\x30\x07\x02\x02\x00\xff\x02\x01\x03"), Some(8));
        assert_eq!(rsa_bits(b"\x30\x07\x02\x02\x01\xff\x02\x01\x03"), Some(9));
    }

    proptest::proptest! {
        #[test]
        fn anything_is_survived(key in proptest::collection::vec(proptest::sample::select(vec![0x30u8, 2, 3, 6, 0x81, 0x82, 0, 1, 9]), 0..40)) {
            proptest::prop_assert!(rsa_bits(&key).is_none_or(|bits| bits <= key.len() * 8));
        }
    }
}
