//! Numbers that name things. None is derived from a clock; none is used twice.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// Names one message through its whole life: journey, trace headers, queue, blob.
///
/// Unique for ever within one store. Written as 13 characters of lower-case base32 (Crockford's alphabet),
/// which is safe in a header, a URL and a file name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(pub u64);

const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; 13];
        for (i, c) in text.iter_mut().enumerate() {
            *c = BASE32[(self.0 >> (60 - 5 * i)) as usize & 31];
        }
        f.pad(std::str::from_utf8(&text).expect("base32 is ASCII"))
    }
}

impl FromStr for Id {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = "an id is 13 characters of base32, such as 0000000000042";
        if s.len() != 13 {
            return Err(bad);
        }
        s.bytes()
            .try_fold(0u64, |n, c| {
                let digit = BASE32.iter().position(|&b| b == c.to_ascii_lowercase()).ok_or(bad)?;
                if n >> 59 != 0 { Err(bad) } else { Ok(n << 5 | digit as u64) }
            })
            .map(Self)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// An account: someone who logs in and owns mailboxes.
    AccountId(u32)
}
number! {
    /// A mailbox within its account. Never reused, so renaming keeps it.
    MailboxId(u32)
}
number! {
    /// A message's number within a mailbox, strictly ascending, never reused (RFC 3501 §2.3.1.1).
    Uid(NonZeroU32)
}
number! {
    /// Says whether UIDs seen earlier still hold (RFC 3501 §2.3.1.1).
    UidValidity(NonZeroU32)
}
number! {
    /// An account-wide count of changes; each change to a message gets a greater one (RFC 7162 §3.1).
    ModSeq(u64)
}

impl Uid {
    /// The UID, unless it is zero, which is none.
    pub const fn new(uid: u32) -> Option<Self> {
        match NonZeroU32::new(uid) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// As a plain number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_text_and_back() {
        for n in [0, 1, 31, 32, 0xdead_beef_cafe_f00d, u64::MAX] {
            assert_eq!(Id(n).to_string().parse(), Ok(Id(n)));
        }
        assert_eq!(Id(66).to_string(), "0000000000022");
        for bad in ["", "0", "000000000002u", "zzzzzzzzzzzzz", "0000000000022x"] {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
    }
}
