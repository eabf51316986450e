//! Passwords, before they are hashed.

use std::fmt;

use world::Rng;

use crate::prepare;

/// A password that may be set.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub(crate) String);

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// Fewer than [`Password::MIN_CHARACTERS`].
    TooShort,
    /// More than [`Password::MAX_LENGTH`] bytes.
    TooLong,
    /// Control characters, or others that RFC 4013 §2.3 prohibits.
    Control,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "a password has at least {} characters", Password::MIN_CHARACTERS),
            Self::TooLong => write!(f, "a password has at most {} bytes", Password::MAX_LENGTH),
            Self::Control => {
                f.write_str("a password has no control characters, nor others without a look of their own")
            }
        }
    }
}

impl std::error::Error for PasswordError {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl Password {
    /// Characters, at least (NIST SP 800-63B §5.1.1).
    pub const MIN_CHARACTERS: usize = 8;
    /// Bytes, at most.
    pub const MAX_LENGTH: usize = 1024;

    /// Checks a password that someone wants to set.
    pub fn new(text: &str) -> Result<Self, PasswordError> {
        let prepared = prepare(text).ok_or(PasswordError::Control)?;
        if prepared.len() > Self::MAX_LENGTH {
            return Err(PasswordError::TooLong);
        }
        if prepared.chars().count() < Self::MIN_CHARACTERS {
            return Err(PasswordError::TooShort);
        }
        Ok(Self(prepared))
    }

    /// A random password of 100 bits, easy to type: `k3jm7-…`.
    pub fn generate(rng: &dyn Rng) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut bytes = [0; 20];
        rng.fill(&mut bytes);
        let letters: Vec<u8> = bytes.iter().map(|b| ALPHABET[usize::from(b & 31)]).collect();
        let groups: Vec<&str> =
            letters.chunks(5).map(|group| std::str::from_utf8(group).expect("base32 is ASCII")).collect();
        Self(groups.join("-"))
    }

    /// The text, to show a generated password once.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The forms in which a password that was sent may be kept, the prepared one first; `None` where it is none that can be.
/// Some have been kept before they were normalised.
pub(crate) fn forms(text: &str) -> Option<Vec<String>> {
    let mapped = |c: char| match c {
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' => None,
        c if !c.is_ascii() && c.is_whitespace() => Some(' '),
        c => Some(c),
    };
    let mut forms = vec![prepare(text)?];
    let older: String = text.chars().filter_map(mapped).collect();
    if older != forms[0] {
        forms.push(older);
    }
    Some(forms)
}
