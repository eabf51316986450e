//! Flags and keywords of a message (RFC 3501 §2.3.2).

use std::fmt;

/// A system flag that is kept with the message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "named by RFC 3501 §2.3.2")]
pub enum Flag {
    Seen = 1,
    Answered = 2,
    Flagged = 4,
    Deleted = 8,
    Draft = 16,
}

impl Flag {
    /// All of them, in the order in which they are listed to clients.
    pub const ALL: [Self; 5] = [Self::Answered, Self::Flagged, Self::Deleted, Self::Seen, Self::Draft];

    /// The name on the wire, with its backslash.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "\\Seen",
            Self::Answered => "\\Answered",
            Self::Flagged => "\\Flagged",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
        }
    }

    /// The flag of that name, compared without regard to case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name().eq_ignore_ascii_case(name))
    }
}

/// A keyword: a flag that clients name themselves. An IMAP atom of at most
/// [`limits::KEYWORD_LENGTH`](crate::limits::KEYWORD_LENGTH) bytes, compared without regard to case (RFC 9051 §2.3.2).
#[derive(Clone, Debug)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// The keyword, if `name` is an atom of allowed length that does not begin with a backslash.
    pub fn new(name: &str) -> Option<Self> {
        let atom = |b: u8| (0x21..0x7f).contains(&b) && !b"(){%*\"\\]".contains(&b);
        let fits = !name.is_empty() && name.len() <= crate::limits::KEYWORD_LENGTH;
        (fits && name.bytes().all(atom)).then(|| Self(name.into()))
    }

    /// As the client that first used it wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.bytes().map(|b| b.to_ascii_lowercase())
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

impl PartialOrd for Keyword {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyword {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(other.folded())
    }
}

/// The set of flags and keywords of one message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    system: u8,
    /// Ascending, without doubles.
    keywords: Vec<Keyword>,
}

impl Flags {
    /// The empty set.
    pub const fn new() -> Self {
        Self { system: 0, keywords: Vec::new() }
    }

    /// From the bits of [`Flags::bits`] and keywords in any order. Unknown bits are dropped.
    pub fn from_parts(bits: u8, keywords: impl IntoIterator<Item = Keyword>) -> Self {
        let mut flags = Self { system: bits & 31, keywords: Vec::new() };
        for keyword in keywords {
            flags.insert_keyword(keyword);
        }
        flags
    }

    /// The system flags as bits, for storage: the values of [`Flag`].
    pub const fn bits(&self) -> u8 {
        self.system
    }

    /// The keywords, ascending.
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }

    /// Whether nothing is set.
    pub const fn is_empty(&self) -> bool {
        self.system == 0 && self.keywords.is_empty()
    }

    /// Whether the system flag is set.
    pub const fn contains(&self, flag: Flag) -> bool {
        self.system & flag as u8 != 0
    }

    /// Whether the keyword is set.
    pub fn contains_keyword(&self, keyword: &Keyword) -> bool {
        self.keywords.binary_search(keyword).is_ok()
    }

    /// Sets a system flag.
    pub fn insert(&mut self, flag: Flag) {
        self.system |= flag as u8;
    }

    /// Sets a keyword.
    pub fn insert_keyword(&mut self, keyword: Keyword) {
        if let Err(at) = self.keywords.binary_search(&keyword) {
            self.keywords.insert(at, keyword);
        }
    }

    /// Adds every flag of `other` (STORE +FLAGS).
    pub fn add(&mut self, other: &Self) {
        self.system |= other.system;
        for keyword in &other.keywords {
            self.insert_keyword(keyword.clone());
        }
    }

    /// Takes every flag of `other` away (STORE -FLAGS).
    pub fn remove(&mut self, other: &Self) {
        self.system &= !other.system;
        self.keywords.retain(|k| !other.contains_keyword(k));
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<T: IntoIterator<Item = Flag>>(flags: T) -> Self {
        let mut set = Self::new();
        flags.into_iter().for_each(|f| set.insert(f));
        set
    }
}

impl fmt::Display for Flags {
    /// As in an IMAP flag list, without the parentheses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system =
            Flag::ALL.into_iter().filter(|&flag| self.contains(flag)).map(|flag| -> &str { flag.name() });
        for (i, name) in system.chain(self.keywords.iter().map(Keyword::as_str)).enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_names() {
        let mut flags: Flags = [Flag::Seen, Flag::Draft].into_iter().collect();
        flags.insert_keyword(Keyword::new("$Junk").expect("an atom"));
        flags.insert_keyword(Keyword::new("$JUNK").expect("an atom"));
        assert_eq!(flags.to_string(), "\\Seen \\Draft $Junk");
        flags.remove(&Flags::from_parts(1, Keyword::new("$junk")));
        assert_eq!(flags.to_string(), "\\Draft");
        assert_eq!(Flag::from_name("\\sEEN"), Some(Flag::Seen));
        for bad in ["", "\\Seen", "a b", "a]", "é", "(x"] {
            assert!(Keyword::new(bad).is_none(), "{bad}");
        }
    }
}
