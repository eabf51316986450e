//! The Sender Rewriting Scheme: a forwarder puts its own domain into the reverse-path, so that SPF passes on the next
//! hop, and finds the original address again when a report comes back.
//!
//! `u@a.test` becomes `SRS0=hash=day=a.test=u@us.test`. What already is rewritten becomes
//! `SRS1=hash=first.test=...@us.test` and goes back to the first forwarder, however many there were. The hash is an
//! HMAC-SHA256 over everything behind it, cut to 40 bits, so only addresses that we have made lead anywhere; the day
//! ends its use after [`limits::SRS_AGE_DAYS`]. Hash and day are base32, and the hash does not look at case: some
//! relays fold it.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use mail::{Address, Domain, Host, Wall, limits};

/// Why an address is not rewritten, or not led back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no secret, or one is shorter than [`limits::SRS_SECRET_LENGTH`].
    Secret,
    /// The address has no domain to remember (an address literal).
    NoDomain,
    /// The rewritten local-part would be too long.
    TooLong,
    /// The address is no rewritten one of our domain. It may be anybody's ordinary address.
    NotRewritten,
    /// It looks like one, but we have not made it: no mail may be sent to where it leads.
    Forged,
    /// We made it, too long ago.
    Expired,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret => "each secret for rewritten senders needs at least 16 bytes",
            Self::NoDomain => "the sender's address has no domain",
            Self::TooLong => "the rewritten sender would be too long",
            Self::NotRewritten => "the address is no rewritten sender",
            Self::Forged => "the rewritten sender was not made here",
            Self::Expired => "the rewritten sender is too old",
        })
    }
}

impl std::error::Error for Error {}

/// The scheme with its secrets and our domain.
pub struct Srs {
    domain: Domain,
    /// The first signs; all verify.
    keys: Vec<hmac::Key>,
}

impl fmt::Debug for Srs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srs").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// Base32 digits (RFC 4648 §6).
const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Digits of a hash: 40 bits.
const HASH_LENGTH: usize = 8;
/// Days after which the two digits of a day begin anew.
const DAYS: i64 = 1024;
/// A day that has not come yet here may have come on another server of ours.
const DAYS_AHEAD: i64 = 1;

impl Srs {
    /// Rewrites to `domain`. The first secret is used for new addresses, the others for old ones, so that secrets can
    /// be changed: put a new one in front, and take the old one away after [`limits::SRS_AGE_DAYS`].
    pub fn new<S: AsRef<[u8]>>(domain: Domain, secrets: &[S]) -> Result<Self, Error> {
        let long = |secret: &S| secret.as_ref().len() >= limits::SRS_SECRET_LENGTH;
        if secrets.is_empty() || !secrets.iter().all(long) {
            return Err(Error::Secret);
        }
        let keys = secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref())).collect();
        Ok(Self { domain, keys })
    }

    /// The address that stands for `original` when its mail is forwarded at `now`.
    pub fn rewrite(&self, original: &Address, now: Wall) -> Result<Address, Error> {
        let Host::Domain(domain) = original.host() else { return Err(Error::NoDomain) };
        let local = original.local();
        let (tag, rest) = match Rewritten::parse(local) {
            Some(Rewritten::First { rest, .. }) => ("SRS1", format!("{domain}={rest}")),
            Some(Rewritten::Later { rest, .. }) => ("SRS1", rest.to_owned()),
            None => ("SRS0", format!("{}={domain}={local}", day_digits(day(now)))),
        };
        let hash = digits_of(&hmac::sign(&self.keys[0], &hashed(tag, &rest)));
        let host = Host::Domain(self.domain.clone());
        Address::new(&format!("{tag}={hash}={rest}"), host).map_err(|_| Error::TooLong)
    }

    /// Where mail for `rewritten` goes: the original address, or the forwarder before us.
    pub fn reverse(&self, rewritten: &Address, now: Wall) -> Result<Address, Error> {
        self.lead_back(rewritten, Some(now))
    }

    /// The same without a look at its age: for a report of our own about mail that may have waited for long, or during
    /// which clocks have jumped.
    pub fn original(&self, rewritten: &Address) -> Result<Address, Error> {
        self.lead_back(rewritten, None)
    }

    fn lead_back(&self, rewritten: &Address, now: Option<Wall>) -> Result<Address, Error> {
        if rewritten.domain() != Some(&self.domain) {
            return Err(Error::NotRewritten);
        }
        match Rewritten::parse(rewritten.local()).ok_or(Error::NotRewritten)? {
            Rewritten::First { rest, .. } => {
                let (hash, rest) = split_hash(rest).ok_or(Error::NotRewritten)?;
                self.verify("SRS0", hash, rest)?;
                let (digits, rest) = rest.split_once('=').ok_or(Error::Forged)?;
                now.map_or(Ok(()), |now| check_age(digits, now))?;
                let (domain, local) = rest.split_once('=').ok_or(Error::Forged)?;
                address(local, domain)
            }
            Rewritten::Later { hash, rest } => {
                self.verify("SRS1", hash, rest)?;
                let (domain, rest) = rest.split_once('=').ok_or(Error::Forged)?;
                address(&format!("SRS0{rest}"), domain)
            }
        }
    }

    fn verify(&self, tag: &str, hash: &str, rest: &str) -> Result<(), Error> {
        let (hash, text) = (hash.to_ascii_uppercase(), hashed(tag, rest));
        let made_by = |key: &hmac::Key| {
            let good = digits_of(&hmac::sign(key, &text));
            constant_time::verify_slices_are_equal(good.as_bytes(), hash.as_bytes()).is_ok()
        };
        if self.keys.iter().any(made_by) { Ok(()) } else { Err(Error::Forged) }
    }
}

/// A local-part that some forwarder has made, whoever it was.
enum Rewritten<'a> {
    /// `SRS0`, then `rest` with the separator in front: `=hash=day=domain=local`.
    First { rest: &'a str },
    /// `SRS1=hash=rest`; the rest is `domain` `=` and the rest of an SRS0.
    Later { hash: &'a str, rest: &'a str },
}

impl<'a> Rewritten<'a> {
    /// The separator behind the tag may be `=`, `-` or `+`; hash and domains are parted by `=`.
    fn parse(local: &'a str) -> Option<Self> {
        let (tag, rest) = local.split_at_checked(4)?;
        if !rest.starts_with(['=', '-', '+']) {
            return None;
        }
        if tag.eq_ignore_ascii_case("SRS0") {
            // hash, day, domain, local-part
            return (rest.get(1..)?.split('=').count() >= 4).then_some(Self::First { rest });
        }
        let (hash, rest) = split_hash(rest).filter(|_| tag.eq_ignore_ascii_case("SRS1"))?;
        let (domain, opaque) = rest.split_once('=')?;
        let good = !domain.is_empty() && opaque.starts_with(['=', '-', '+']);
        good.then_some(Self::Later { hash, rest })
    }
}

/// Separator, hash, `=`, the rest.
fn split_hash(text: &str) -> Option<(&str, &str)> {
    text.get(1..)?.split_once('=')
}

fn address(local: &str, domain: &str) -> Result<Address, Error> {
    let domain = Domain::new(domain).map_err(|_| Error::Forged)?;
    Address::new(local, Host::Domain(domain)).map_err(|_| Error::Forged)
}

/// What the hash is made over.
fn hashed(tag: &str, rest: &str) -> Vec<u8> {
    format!("{tag}={rest}").to_ascii_lowercase().into_bytes()
}

/// The first 40 bits.
fn digits_of(tag: &hmac::Tag) -> String {
    let bits = tag.as_ref().iter().take(5).fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
    (0..HASH_LENGTH).rev().map(|n| digit(bits >> (5 * n))).collect()
}

fn digit(bits: u64) -> char {
    char::from(DIGITS[(bits & 31) as usize])
}

fn day(now: Wall) -> i64 {
    now.secs().div_euclid(86_400).rem_euclid(DAYS)
}

fn day_digits(day: i64) -> String {
    [digit((day >> 5) as u64), digit(day as u64)].into_iter().collect()
}

fn check_age(digits: &str, now: Wall) -> Result<(), Error> {
    let mut made = 0;
    for c in digits.bytes() {
        let position = DIGITS.iter().position(|&digit| digit == c.to_ascii_uppercase());
        made = (made << 5 | position.ok_or(Error::Forged)? as i64) % DAYS;
    }
    let age = (day(now) - made + DAYS_AHEAD).rem_euclid(DAYS) - DAYS_AHEAD;
    if age <= limits::SRS_AGE_DAYS { Ok(()) } else { Err(Error::Expired) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Wall = Wall::from_secs(1_795_474_567);
    const SECRET: &str = "sixteen bytes or more";

    fn srs(domain: &str, secrets: &[&str]) -> Srs {
        Srs::new(Domain::new(domain).expect("a domain"), secrets).expect("long secrets")
    }

    fn address(text: &str) -> Address {
        text.parse().expect("an address")
    }

    fn later(days: u64) -> Wall {
        NOW + Duration::from_secs(86_400 * days)
    }

    #[test]
    fn senders_come_back() {
        let us = srs("us.test", &[SECRET]);
        for text in [
            "u@a.test",
            "A.b+c=d@a.test",
            "\"a b\"@a.test",
            "srs0@a.test",
            "SRS0=x@a.test",
            "gr\u{e5}@a.test",
        ] {
            let rewritten = us.rewrite(&address(text), NOW).expect("it fits");
            assert!(rewritten.local().starts_with("SRS0="), "{rewritten}");
            assert_eq!(rewritten.domain().map(Domain::as_str), Some("us.test"));
            assert_eq!(us.reverse(&rewritten, NOW), Ok(address(text)));
            let again: Address = rewritten.to_string().parse().expect("an address");
            assert_eq!(us.reverse(&again, NOW), Ok(address(text)));
        }
        // A relay may fold the case, and has then lost the local-part's.
        let folded = us.rewrite(&address("U@a.test"), NOW).expect("it fits").to_string().to_lowercase();
        assert_eq!(us.reverse(&address(&folded), NOW), Ok(address("u@a.test")));
    }

    /// However many forwarders there are, only the first and the last are remembered.
    #[test]
    fn chains_go_back_by_the_first_forwarder() {
        let [one, two, three] = ["one.test", "two.test", "three.test"].map(|domain| srs(domain, &[SECRET]));
        let original = address("u@a.test");
        let first = one.rewrite(&original, NOW).expect("it fits");
        let second = two.rewrite(&first, NOW).expect("it fits");
        let third = three.rewrite(&second, NOW).expect("it fits");
        assert!(third.local().starts_with("SRS1=") && third.local().len() == second.local().len());
        assert_eq!(three.reverse(&third, NOW), Ok(first.clone()));
        assert_eq!(two.reverse(&second, NOW), Ok(first.clone()));
        assert_eq!(one.reverse(&first, NOW), Ok(original));
        // Other people's separators are kept.
        let theirs = address("SRS0+abcd=Xy=a.test=u@other.test");
        let ours = one.rewrite(&theirs, NOW).expect("it fits");
        assert!(ours.local().ends_with("=other.test=+abcd=Xy=a.test=u"), "{ours}");
        assert_eq!(one.reverse(&ours, NOW), Ok(theirs));
    }

    #[test]
    fn only_ours_lead_anywhere() {
        let us = srs("us.test", &[SECRET]);
        let good = us.rewrite(&address("u@a.test"), NOW).expect("it fits").to_string();
        for (text, why) in [
            ("u@us.test".to_owned(), Error::NotRewritten),
            ("srs0=x@us.test".to_owned(), Error::NotRewritten),
            ("SRS1=x=y@us.test".to_owned(), Error::NotRewritten),
            (good.replace("us.test", "other.test"), Error::NotRewritten),
            (good.replace("a.test=u", "a.test=v"), Error::Forged),
            (good.replace("a.test", "b.test"), Error::Forged),
            ("SRS0==AA=a.test=u@us.test".to_owned(), Error::Forged),
            ("SRS0=AAAAAAAA=AA=a.test=u@us.test".to_owned(), Error::Forged),
            ("SRS1=AAAAAAAA=a.test==x=AA=b.test=u@us.test".to_owned(), Error::Forged),
        ] {
            assert_eq!(us.reverse(&address(&text), NOW), Err(why), "{text}");
        }
        // A hash for one kind is none for the other.
        let first = us.rewrite(&address("SRS0=h=d=b.test=u@a.test"), NOW).expect("it fits").to_string();
        assert_eq!(us.reverse(&address(&first.replace("SRS1", "SRS0")), NOW), Err(Error::Forged));
    }

    #[test]
    fn secrets_change_and_addresses_grow_old() {
        let old = srs("us.test", &[SECRET]);
        let new = srs("us.test", &["another long secret", SECRET]);
        let made = old.rewrite(&address("u@a.test"), NOW).expect("it fits");
        assert_eq!(new.reverse(&made, NOW), Ok(address("u@a.test")));
        assert_eq!(
            old.reverse(&new.rewrite(&address("u@a.test"), NOW).expect("it fits"), NOW),
            Err(Error::Forged)
        );
        let limit = limits::SRS_AGE_DAYS as u64;
        let made_at = |at| old.rewrite(&address("u@a.test"), at).expect("it fits");
        // The days begin anew every 1024; nothing changes at that border.
        for start in 0..1100 {
            let made = made_at(later(start));
            assert!(old.reverse(&made, later(start + limit)).is_ok(), "{start}");
            assert_eq!(old.reverse(&made, later(start + limit + 1)), Err(Error::Expired), "{start}");
            assert!(old.original(&made).is_ok(), "reports of our own go however old it is");
        }
        assert!(old.reverse(&made_at(later(1)), NOW).is_ok());
        assert_eq!(old.reverse(&made_at(later(2)), NOW), Err(Error::Expired));
    }

    #[test]
    fn what_cannot_be_rewritten_says_so() {
        let domain = || Domain::new("us.test").expect("a domain");
        assert_eq!(Srs::new::<&str>(domain(), &[]).err(), Some(Error::Secret));
        assert_eq!(Srs::new(domain(), &[SECRET, "short"]).err(), Some(Error::Secret));
        let us = srs("us.test", &[SECRET]);
        assert_eq!(us.rewrite(&address("u@[192.0.2.1]"), NOW), Err(Error::NoDomain));
        let long = format!("{}@a.test", "x".repeat(limits::LOCAL_PART_LENGTH));
        assert_eq!(us.rewrite(&address(&long), NOW), Err(Error::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn any_sender_comes_back(local in "\\PC{1,80}", days in 0_u64..3000) {
            let us = srs("us.test", &[SECRET]);
            let host = Host::Domain(Domain::new("a.test").expect("a domain"));
            if let Ok(original) = Address::new(&local, host) {
                let made = us.rewrite(&original, later(days)).expect("it fits");
                if made.local().starts_with("SRS0") {
                    proptest::prop_assert_eq!(us.reverse(&made, later(days + 21)), Ok(original));
                }
            }
        }

        #[test]
        fn anything_else_leads_nowhere(local in "[Ss][Rr][Ss][01][=+-][A-Za-z2-7=.+-]{0,60}") {
            let us = srs("us.test", &[SECRET]);
            let host = Host::Domain(Domain::new("us.test").expect("a domain"));
            if let Ok(text) = Address::new(&local, host) {
                proptest::prop_assert!(us.reverse(&text, NOW).is_err());
            }
        }
    }
}
