//! Names of mailboxes (RFC 3501 §5.1), kept as UTF-8; the wire forms belong to the protocols.

use std::borrow::Cow;
use std::fmt;

use crate::{limits, nfc};

/// A mailbox's full name, levels separated by `/`. `INBOX` is always written in capitals.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MailboxName(Box<str>);

/// Why a name is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// Empty, or with an empty level.
    EmptyLevel,
    /// Longer than [`limits::MAILBOX_NAME_LENGTH`] bytes or deeper than [`limits::MAILBOX_DEPTH`] levels.
    TooLong,
    /// Control characters, or `%` and `*`, which LIST could not tell from wildcards.
    BadCharacter,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyLevel => f.write_str("a mailbox name has no empty levels"),
            Self::TooLong => write!(
                f,
                "a mailbox name has at most {} bytes in {} levels",
                limits::MAILBOX_NAME_LENGTH,
                limits::MAILBOX_DEPTH
            ),
            Self::BadCharacter => f.write_str("a mailbox name has no control characters, '%' or '*'"),
        }
    }
}

impl std::error::Error for NameError {}

impl MailboxName {
    /// Between levels.
    pub const SEPARATOR: char = '/';
    /// Below this, the mailboxes of other accounts are seen, each account's under its address (RFC 2342 §4).
    pub const OTHER_USERS: &str = "Other Users";
    /// Below this, the mailboxes of accounts that belong to nobody in particular are seen, in the same way (RFC 2342 §4).
    pub const SHARED: &str = "Shared Folders";

    /// Checks and normalises a name: `inbox` in any case becomes `INBOX`, also as first level.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.len() > limits::MAILBOX_NAME_LENGTH
            || name.split(Self::SEPARATOR).count() > limits::MAILBOX_DEPTH
        {
            return Err(NameError::TooLong);
        }
        if name.split(Self::SEPARATOR).any(str::is_empty) {
            return Err(NameError::EmptyLevel);
        }
        if name.chars().any(|c| c.is_control() || matches!(c, '%' | '*' | '\u{2028}' | '\u{2029}')) {
            return Err(NameError::BadCharacter);
        }
        let (first, rest) = name.split_at(name.find(Self::SEPARATOR).unwrap_or(name.len()));
        if first.eq_ignore_ascii_case("INBOX") {
            return Ok(Self(format!("INBOX{rest}").into()));
        }
        Ok(Self(name.into()))
    }

    /// The one mailbox every account has (RFC 3501 §5.1).
    pub fn inbox() -> Self {
        Self("INBOX".into())
    }

    /// Whether this is INBOX itself.
    pub fn is_inbox(&self) -> bool {
        &*self.0 == "INBOX"
    }

    /// Whether this lies where the mailboxes of others are seen, or is that place itself: no mailbox of one's own.
    pub fn is_of_others(&self) -> bool {
        [Self::OTHER_USERS, Self::SHARED].into_iter().any(|root| {
            let below = self.0.strip_prefix(root);
            below.is_some_and(|below| below.is_empty() || below.starts_with(Self::SEPARATOR))
        })
    }

    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same name in Unicode's Normalization Form C, which new mailboxes have (RFC 5198 §3, RFC 9051 §5.1). It may be too
    /// long: some characters become two.
    pub fn nfc(&self) -> Result<Self, NameError> {
        match nfc(&self.0) {
            Cow::Borrowed(_) => Ok(self.clone()),
            Cow::Owned(name) => Self::new(&name),
        }
    }

    /// Whether it is the same in Normalization Form C: to people, who cannot see a difference, it is.
    pub fn is_same(&self, other: &Self) -> bool {
        self == other || nfc(&self.0) == nfc(&other.0)
    }

    /// The last level.
    pub fn leaf(&self) -> &str {
        self.0.rsplit(Self::SEPARATOR).next().unwrap_or(&self.0)
    }

    /// The name one level up, unless this is at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rfind(Self::SEPARATOR).map(|at| Self(self.0[..at].into()))
    }

    /// Whether this lies below `other`, at any depth.
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.starts_with(Self::SEPARATOR))
    }

    /// Whether this lies right below `other`.
    pub fn is_child_of(&self, other: &Self) -> bool {
        let below = self.0.strip_prefix(&*other.0).and_then(|rest| rest.strip_prefix(Self::SEPARATOR));
        below.is_some_and(|rest| !rest.contains(Self::SEPARATOR))
    }

    /// This name with the leading `from` replaced by `to`, for RENAME of a mailbox above it.
    pub fn moved(&self, from: &Self, to: &Self) -> Result<Self, NameError> {
        match self.0.strip_prefix(&*from.0) {
            Some(rest) => Self::new(&format!("{}{rest}", to.0)),
            None => Ok(self.clone()),
        }
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a mailbox is for (RFC 6154 §2, RFC 8457 §3, RFC 9979 §8.3). Not what a server would have to do something for: messages in
/// \Snoozed and \Scheduled are to leave by themselves (RFC 9979 §8.1, §8.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "named by RFC 6154 §2")]
pub enum SpecialUse {
    Archive = 1,
    Drafts = 2,
    Junk = 3,
    Sent = 4,
    Trash = 5,
    Important = 6,
    Memos = 7,
}

impl SpecialUse {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Archive, Self::Drafts, Self::Junk, Self::Sent, Self::Trash, Self::Important, Self::Memos];

    /// The attribute on the wire.
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
            Self::Important => "\\Important",
            Self::Memos => "\\Memos",
        }
    }

    /// The name of the mailbox that a new account has for it, if it has one.
    pub const fn default_name(self) -> Option<&'static str> {
        match self {
            Self::Archive => Some("Archive"),
            Self::Drafts => Some("Drafts"),
            Self::Junk => Some("Junk"),
            Self::Sent => Some("Sent"),
            Self::Trash => Some("Trash"),
            // What is important only its owner knows, and who writes memos makes a mailbox for them.
            Self::Important | Self::Memos => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_normalised() {
        assert_eq!(MailboxName::new("inBox/a").map(|n| n.to_string()).as_deref(), Ok("INBOX/a"));
        assert_eq!(MailboxName::new("inboxes").map(|n| n.to_string()).as_deref(), Ok("inboxes"));
        let too_deep = "a/".repeat(limits::MAILBOX_DEPTH) + "a";
        for (bad, why) in [
            ("", NameError::EmptyLevel),
            ("a//b", NameError::EmptyLevel),
            ("/a", NameError::EmptyLevel),
            ("a/", NameError::EmptyLevel),
            ("a%", NameError::BadCharacter),
            ("a\r\nb", NameError::BadCharacter),
            (&too_deep, NameError::TooLong),
            (&"x".repeat(limits::MAILBOX_NAME_LENGTH + 1), NameError::TooLong),
        ] {
            assert_eq!(MailboxName::new(bad), Err(why), "{bad:?}");
        }
    }

    /// RFC 5198 §3. Names are compared without it, so that those which mailboxes have had for long can be told apart.
    #[test]
    fn normal_forms() {
        let name = |s: &str| MailboxName::new(s).expect("a good name");
        for (written, normal) in [
            ("Entwu\u{308}rfe", "Entw\u{fc}rfe"),
            // Hangul, and marks out of order.
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}"),
            // Not composed again.
            ("\u{958}", "\u{915}\u{93c}"),
            ("\u{212b}/x", "\u{c5}/x"),
            // Compatibility is another thing.
            ("\u{fb01}", "\u{fb01}"),
            ("a", "a"),
        ] {
            assert_eq!(name(written).nfc(), Ok(name(normal)), "{written}");
            assert!(name(written).is_same(&name(normal)), "{written}");
        }
        assert_ne!(name("u\u{308}"), name("\u{fc}"));
        assert!(!name("u").is_same(&name("\u{fc}")));
        let long = name(&"\u{958}".repeat(limits::MAILBOX_NAME_LENGTH / 3));
        assert_eq!(long.nfc(), Err(NameError::TooLong));
        assert_eq!((name("a/b/c").leaf(), name("a").leaf()), ("c", "a"));
    }

    #[test]
    fn renaming_moves_what_lies_below() {
        let name = |s| MailboxName::new(s).expect("a good name");
        assert!(name("a/b").is_below(&name("a")) && !name("ab").is_below(&name("a")));
        assert_eq!(name("a/b/c").moved(&name("a"), &name("x/y")), Ok(name("x/y/b/c")));
    }
}
