//! What somebody may do with a mailbox (RFC 4314 §2.1).

use std::fmt;
use std::ops::{BitOr, Sub};

use crate::{Flag, Flags};

/// One right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Right {
    /// `l`: the mailbox is visible to LIST, and can be subscribed.
    Lookup = 1,
    /// `r`: SELECT, STATUS.
    Read = 2,
    /// `s`: \Seen is set and cleared.
    Seen = 4,
    /// `w`: flags other than \Seen and \Deleted are set and cleared.
    Write = 8,
    /// `i`: APPEND and COPY into it.
    Insert = 16,
    /// `p`: mail may be sent to it; IMAP does not look at it.
    Post = 32,
    /// `k`: mailboxes are created below it.
    Create = 64,
    /// `x`: it is deleted or renamed.
    DeleteMailbox = 128,
    /// `t`: \Deleted is set and cleared.
    DeleteMessage = 256,
    /// `e`: EXPUNGE.
    Expunge = 512,
    /// `a`: SETACL, DELETEACL, GETACL, LISTRIGHTS.
    Administer = 1024,
}

impl Right {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 11] = [
        Self::Lookup,
        Self::Read,
        Self::Seen,
        Self::Write,
        Self::Insert,
        Self::Post,
        Self::Create,
        Self::DeleteMailbox,
        Self::DeleteMessage,
        Self::Expunge,
        Self::Administer,
    ];

    /// Its letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Lookup => 'l',
            Self::Read => 'r',
            Self::Seen => 's',
            Self::Write => 'w',
            Self::Insert => 'i',
            Self::Post => 'p',
            Self::Create => 'k',
            Self::DeleteMailbox => 'x',
            Self::DeleteMessage => 't',
            Self::Expunge => 'e',
            Self::Administer => 'a',
        }
    }
}

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rights(u16);

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// Every right.
    pub const ALL: Self = Self(0x7ff);
    /// `c` stands for these (RFC 4314 §2.1.1).
    const OBSOLETE_CREATE: Self = Self(Right::Create as u16 | Right::DeleteMailbox as u16);
    /// And `d` for these.
    const OBSOLETE_DELETE: Self = Self(Right::DeleteMessage as u16 | Right::Expunge as u16);

    /// Reads letters, also the obsolete ones; `None` if one of them names no right (RFC 4314 §3.1).
    pub fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self::NONE, |rights, letter| {
            Some(match letter {
                'c' => rights | Self::OBSOLETE_CREATE,
                'd' => rights | Self::OBSOLETE_DELETE,
                letter => rights | Right::ALL.into_iter().find(|right| right.letter() == letter)?.into(),
            })
        })
    }

    /// For storage.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// From [`Rights::bits`]; unknown ones are dropped.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is among them.
    pub const fn has(self, right: Right) -> bool {
        self.0 & right as u16 != 0
    }

    /// Whether any of these is among them.
    pub fn has_any(self, rights: &[Right]) -> bool {
        rights.iter().any(|right| self.has(*right))
    }

    /// Whether a system flag may be set and cleared (RFC 4314 §4); of a keyword: [`Right::Write`].
    pub fn may_change(self, flag: Flag) -> bool {
        self.has(match flag {
            Flag::Seen => Right::Seen,
            Flag::Deleted => Right::DeleteMessage,
            Flag::Answered | Flag::Flagged | Flag::Draft => Right::Write,
        })
    }

    /// Those of the flags that may be set and cleared.
    pub fn permitted(self, flags: &Flags) -> Flags {
        if self == Self::ALL {
            return flags.clone();
        }
        let system = Flag::ALL.into_iter().filter(|flag| flags.contains(*flag) && self.may_change(*flag));
        let bits = system.fold(0, |bits, flag| bits | flag as u8);
        let keywords = if self.has(Right::Write) { flags.keywords() } else { &[] };
        Flags::from_parts(bits, keywords.iter().cloned())
    }
}

impl From<Right> for Rights {
    fn from(right: Right) -> Self {
        Self(right as u16)
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Sub for Rights {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for Rights {
    /// Their letters; with `c` and `d` where some of what those stand for is among them (RFC 4314 §2.1.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = Right::ALL.into_iter().filter(|right| self.has(*right)).map(Right::letter);
        letters.collect::<String>().fmt(f)?;
        for (obsolete, letter) in [(Self::OBSOLETE_CREATE, "c"), (Self::OBSOLETE_DELETE, "d")] {
            if self.0 & obsolete.0 != 0 {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4314 §2.1.1.
    #[test]
    fn letters_go_both_ways() {
        for (letters, told) in [
            ("", ""),
            ("lrs", "lrs"),
            ("srl", "lrs"),
            ("lrswida", "lrswitead"),
            ("lrswikda", "lrswikteacd"),
            ("c", "kxc"),
            ("x", "xc"),
            ("e", "ed"),
            ("lrswipkxtea", "lrswipkxteacd"),
            ("lrswipkxteacd", "lrswipkxteacd"),
        ] {
            assert_eq!(Rights::parse(letters).map(|rights| rights.to_string()).as_deref(), Some(told));
        }
        for bad in ["lrQs", "lrqs", "0", "l r", "+l"] {
            assert_eq!(Rights::parse(bad), None, "{bad}");
        }
        assert_eq!(Rights::parse("lrswipkxtea"), Some(Rights::ALL));
        assert_eq!(Rights::from_bits(u16::MAX), Rights::ALL);
    }

    #[test]
    fn flags_have_their_rights() {
        let mut all: Flags = Flag::ALL.into_iter().collect();
        all.insert_keyword(crate::Keyword::new("$Forwarded").expect("an atom"));
        for (letters, bits, keywords) in [
            ("s", Flag::Seen as u8, 0),
            ("t", Flag::Deleted as u8, 0),
            ("w", Flag::Answered as u8 | Flag::Flagged as u8 | Flag::Draft as u8, 1),
            ("lripkxea", 0, 0),
            ("lrswipkxtea", 31, 1),
        ] {
            let permitted = Rights::parse(letters).expect("letters").permitted(&all);
            assert_eq!((permitted.bits(), permitted.keywords().len()), (bits, keywords), "{letters}");
        }
    }
}
