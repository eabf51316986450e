//! Reply codes: what one mail system tells another about an outcome.

use std::fmt;
use std::str::FromStr;

/// An enhanced status code, `class.subject.detail` (RFC 3463).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EnhancedCode(pub u8, pub u16, pub u16);

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for EnhancedCode {
    type Err = &'static str;

    /// RFC 3463 §2: class 2, 4 or 5; subject and detail of one to three digits.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = "an enhanced status code is class.subject.detail, such as 5.1.1";
        let mut parts = s.split('.');
        let mut part = || {
            let p = parts.next().filter(|p| (1..=3).contains(&p.len())).ok_or(bad)?;
            if !p.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad);
            }
            p.parse::<u16>().map_err(|_| bad)
        };
        let (class, subject, detail) = (part()?, part()?, part()?);
        match (class, parts.next()) {
            (2 | 4 | 5, None) => Ok(Self(class as u8, subject, detail)),
            _ => Err(bad),
        }
    }
}

/// One SMTP reply: ours to a client, or a remote server's to us (RFC 5321 §4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The three-digit code, 200-599.
    pub code: u16,
    /// The enhanced code, where one was given.
    pub enhanced: Option<EnhancedCode>,
    /// The text, lines separated by `\n`. Without codes, CR or control characters.
    pub text: String,
}

impl Reply {
    /// A reply with an enhanced code. Control characters in `text` become spaces, so that no peer's words
    /// can forge a further reply line.
    pub fn new(code: u16, enhanced: EnhancedCode, text: impl Into<String>) -> Self {
        Self { code, enhanced: Some(enhanced), text: clean(text.into()) }
    }

    /// A reply that carries no enhanced code: greeting, EHLO, 354, 334 (RFC 2034 §4).
    pub fn plain(code: u16, text: impl Into<String>) -> Self {
        Self { code, enhanced: None, text: clean(text.into()) }
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx: trying again may help.
    pub fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: trying again as it is will not help.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The enhanced code, or the least specific one of the reply's class (RFC 3463 §3.1).
    pub fn status(&self) -> EnhancedCode {
        self.enhanced.unwrap_or(EnhancedCode((self.code / 100).min(5) as u8, 0, 0))
    }
}

fn clean(text: String) -> String {
    if text.bytes().any(|b| b != b'\n' && (b < b' ' || b == 0x7f)) {
        text.chars().map(|c| if c != '\n' && c.is_control() { ' ' } else { c }).collect()
    } else {
        text
    }
}

impl fmt::Display for Reply {
    /// On one line, as people read it: `550 5.1.1 No such user`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text.replace('\n', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_codes_parse_strictly() {
        for good in ["2.0.0", "4.7.23", "5.999.999"] {
            assert_eq!(good.parse::<EnhancedCode>().map(|c| c.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "3.1.1", "5.1", "5.1.1.1", "5.1000.1", "5.-1.1", "5..1", "5.1.+1"] {
            assert!(bad.parse::<EnhancedCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn remote_words_cannot_forge_a_line() {
        let reply = Reply::new(550, EnhancedCode(5, 1, 1), "no\r250 ok\x1b[2J");
        assert_eq!(reply.to_string(), "550 5.1.1 no 250 ok [2J");
    }
}
