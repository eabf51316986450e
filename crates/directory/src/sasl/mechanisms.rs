//! Which mechanisms a door offers, as its operator chose.

/// A choice of the mechanisms that there are; all by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mechanisms(u8);

impl Mechanisms {
    /// As registered, best first.
    pub const NAMES: [&str; 6] =
        ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"];
    /// All of them.
    pub const ALL: Self = Self((1 << Self::NAMES.len()) - 1);
    /// None of them, to begin a choice.
    pub const NONE: Self = Self(0);

    /// With one more, if there is one of that name.
    #[must_use]
    pub fn with(self, name: &str) -> Self {
        Self(self.0 | Self::bit(name))
    }

    /// Whether it is among them.
    pub fn has(self, name: &str) -> bool {
        self.0 & Self::bit(name) != 0
    }

    fn bit(name: &str) -> u8 {
        Self::NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)).map_or(0, |at| 1 << at)
    }
}

impl Default for Mechanisms {
    fn default() -> Self {
        Self::ALL
    }
}
