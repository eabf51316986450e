//! Which TLSA records of a mail host can be used (RFC 7672 §3.1, RFC 7671 §9).

use world::dns::Tlsa;

/// Bytes of a SHA-256 and of a SHA-512 digest.
const DIGESTS: [(u8, usize); 2] = [(1, 32), (2, 64)];

/// Those of `records` that a chain can be compared with. If there are none though there are records, the host has
/// promised TLS and not said how to know it: it is used with TLS and any certificate (RFC 7672 §2.2).
///
/// Of digests of the same thing only the strongest count (RFC 7671 §9).
pub fn usable(records: &[Tlsa]) -> Vec<Tlsa> {
    let good: Vec<&Tlsa> = records.iter().filter(|record| is_usable(record)).collect();
    let is_outdone = |record: &Tlsa| {
        let same = |other: &Tlsa| (other.usage, other.selector) == (record.usage, record.selector);
        record.matching == 1 && good.iter().any(|other| other.matching == 2 && same(other))
    };
    good.iter().filter(|record| !is_outdone(record)).map(|record| (*record).clone()).collect()
}

/// RFC 7672 §3.1.3: PKIX-TA(0) and PKIX-EE(1) are not for mail. RFC 6698 §2.1: the other numbers and lengths.
fn is_usable(record: &Tlsa) -> bool {
    let length = record.data.len();
    let whole = record.matching == 0 && length > 0;
    let digest = DIGESTS.contains(&(record.matching, length));
    matches!(record.usage, 2 | 3) && record.selector <= 1 && (whole || digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(usage: u8, selector: u8, matching: u8, length: usize) -> Tlsa {
        Tlsa { usage, selector, matching, data: vec![7; length] }
    }

    #[test]
    fn what_is_usable_for_mail() {
        for usage in 0..=255 {
            for selector in [0, 1, 2, 255] {
                for (matching, length, fits) in [
                    (0, 1, true),
                    (0, 900, true),
                    (1, 32, true),
                    (2, 64, true),
                    (1, 64, false),
                    (3, 32, false),
                ] {
                    let record = record(usage, selector, matching, length);
                    let expected = fits && matches!(usage, 2 | 3) && matches!(selector, 0 | 1);
                    assert_eq!(!usable(&[record]).is_empty(), expected, "{usage} {selector} {matching}");
                }
            }
        }
    }

    /// Attacks A20.
    #[test]
    fn lengths_that_no_digest_has() {
        for length in 0..=40 {
            for (matching, fits) in [(0, length > 0), (1, length == 32), (2, false)] {
                assert_eq!(
                    !usable(&[record(3, 1, matching, length)]).is_empty(),
                    fits,
                    "{matching} {length}"
                );
            }
        }
    }

    /// RFC 7671 §9.
    #[test]
    fn the_strongest_digest_counts() {
        let (sha256, sha512, whole) = (record(3, 1, 1, 32), record(3, 1, 2, 64), record(3, 1, 0, 91));
        let other = record(2, 1, 1, 32);
        let all = [sha256.clone(), sha512.clone(), whole.clone(), other.clone()];
        assert_eq!(usable(&all), [sha512.clone(), whole, other]);
        assert_eq!(usable(&[sha256.clone(), record(3, 1, 2, 63)]), std::slice::from_ref(&sha256));
        assert_eq!(usable(&[sha256, record(3, 0, 2, 64)]).len(), 2);
    }
}
