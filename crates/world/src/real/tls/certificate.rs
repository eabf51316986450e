//! Certificates and keys: reading PEM, making one of our own, and the binding that names one.

use aws_lc_rs::digest::{self, Algorithm, SHA256, SHA384, SHA512};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::real::clock::wall_now;

/// Years that a certificate of our own is valid.
const SELF_SIGNED_YEARS: i64 = 10;

/// A chain with its key, from PEM; checks that they belong together.
pub(super) fn certified_key(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let chain = certificates(chain)?;
    if chain.is_empty() {
        return Err("the certificate file has no CERTIFICATE block".into());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|e| format!("the private key file has no usable PRIVATE KEY block: {e}"))?;
    CertifiedKey::from_der(chain, key, &super::provider())
        .map_err(|e| format!("the certificate and the private key cannot be used together: {e}"))
}

/// All certificates of a PEM text.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("a CERTIFICATE block cannot be read: {e}"))
}

/// See [`crate::tls::self_signed`].
pub(crate) fn self_signed(names: &[String]) -> Result<(String, String), String> {
    let make = || {
        let mut params = CertificateParams::new(names)?;
        let today = wall_now().civil();
        // From yesterday, for clocks that are behind; to the 28th, a day that each month has.
        let day = today.day.min(28);
        params.not_before = rcgen::date_time_ymd(today.year as i32 - 1, today.month, day);
        params.not_after = rcgen::date_time_ymd((today.year + SELF_SIGNED_YEARS) as i32, today.month, day);
        params.distinguished_name = DistinguishedName::new();
        if let Some(first) = names.first() {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?;
        Ok((certificate.pem(), key.serialize_pem()))
    };
    make().map_err(|e: rcgen::Error| format!("cannot make a certificate for {}: {e}", names.join(", ")))
}

/// `tls-server-end-point` (RFC 5929 §4.1): the certificate hashed with the hash of its own signature, or with
/// SHA-256 where that is MD5 or SHA-1. `None` where the signature has no single hash (Ed25519).
pub(super) fn end_point_binding(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let hash = signature_hash(certificate)?;
    Some(digest::digest(hash, certificate).as_ref().to_vec())
}

/// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, .. } (RFC 5280 §4.1)
fn signature_hash(certificate: &[u8]) -> Option<&'static Algorithm> {
    let (inside, _) = der_value(certificate)?;
    let (_, after_tbs) = der_value(inside)?;
    let (algorithm, _) = der_value(after_tbs)?;
    let (oid, _) = der_value(algorithm)?;
    let hash = match oid {
        // sha1-, md5-, sha256WithRSAEncryption; ecdsa-with-SHA1, -SHA256.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4 | 5 | 11]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2] => &SHA256,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => &SHA384,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => &SHA512,
        // RSASSA-PSS names its hash in the parameters.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10] => pss_hash(algorithm)?,
        _ => return None,
    };
    Some(hash)
}

/// The SubjectPublicKeyInfo of a certificate, in full: what TLSA selector 1 is about (RFC 6698 §2.1.2).
///
/// TBSCertificate ::= SEQUENCE { \[0\] version OPTIONAL, serialNumber, signature, issuer, validity, subject,
/// subjectPublicKeyInfo, .. } (RFC 5280 §4.1)
pub(super) fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let (inside, _) = der_value(certificate)?;
    let (mut rest, _) = der_value(inside)?;
    if rest.first() == Some(&0xa0) {
        rest = der_value(rest)?.1;
    }
    for _ in 0..5 {
        rest = der_value(rest)?.1;
    }
    let (_, behind) = der_value(rest)?;
    rest.get(..rest.len() - behind.len())
}

fn pss_hash(parameters: &[u8]) -> Option<&'static Algorithm> {
    const SHA2: [u8; 8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
    let at = parameters.windows(SHA2.len()).position(|w| w == SHA2)?;
    match parameters.get(at + SHA2.len())? {
        1 => Some(&SHA256),
        2 => Some(&SHA384),
        3 => Some(&SHA512),
        _ => None,
    }
}

/// The value of the first DER element, and what follows the element. Lengths up to 65,535, as certificates have.
fn der_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, length) = match *bytes {
        [_, n, ..] if n < 0x80 => (2, usize::from(n)),
        [_, 0x81, n, ..] => (3, usize::from(n)),
        [_, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        _ => return None,
    };
    Some((bytes.get(header..header + length)?, &bytes[header + length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_point_binding_of_p256_is_sha256_of_the_certificate() {
        let (chain, _) = self_signed(&["mx.example.org".into(), "127.0.0.1".into()]).expect("good names");
        let certificate = &certificates(chain.as_bytes()).expect("ours")[0];
        let expected = digest::digest(&SHA256, certificate).as_ref().to_vec();
        assert_eq!(end_point_binding(certificate), Some(expected));
    }

    #[test]
    fn damaged_certificates_have_no_binding() {
        for damaged in [&b""[..], b"\x30", b"\x30\x82\x10", b"\x30\x03\x30\x01\x00", b"\x30\x84\0\0\0\x01\0"]
        {
            assert_eq!(end_point_binding(&CertificateDer::from_slice(damaged)), None, "{damaged:?}");
        }
    }

    #[test]
    fn the_public_key_is_found_and_never_in_less_than_the_whole() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let made = CertificateParams::new(vec!["a.test".into()]).expect("a name").self_signed(&key);
        let made = made.expect("a certificate");
        assert_eq!(public_key(made.der()), Some(&*rcgen::PublicKeyData::subject_public_key_info(&key)));
        for length in 0..made.der().len() {
            assert_eq!(public_key(&made.der()[..length]), None, "{length}");
        }
    }

    #[test]
    fn wrong_pem_is_explained() {
        let (chain, key) = self_signed(&["a.test".into()]).expect("a good name");
        let (_, other_key) = self_signed(&["a.test".into()]).expect("a good name");
        for (chain, key, says) in [
            ("", key.as_str(), "no CERTIFICATE block"),
            (chain.as_str(), "", "no usable PRIVATE KEY block"),
            (chain.as_str(), other_key.as_str(), "cannot be used together"),
        ] {
            let error = certified_key(chain.as_bytes(), key.as_bytes()).expect_err("wrong");
            assert!(error.contains(says), "{error}");
        }
    }
}
