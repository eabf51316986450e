//! Macro strings (RFC 7208 §7): parsed once, expanded for each check.

use std::fmt::Write as _;
use std::net::IpAddr;

use mail::limits;

use super::Query;
use super::record::SyntaxError;

/// A letter between `%{` and `}` (RFC 7208 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Sender,
    LocalPart,
    SenderDomain,
    Domain,
    Ip,
    ValidatedName,
    Version,
    Helo,
    ReadableIp,
    Receiver,
    Timestamp,
}

impl Letter {
    fn parse(c: char) -> Option<Self> {
        Some(match c.to_ascii_lowercase() {
            's' => Self::Sender,
            'l' => Self::LocalPart,
            'o' => Self::SenderDomain,
            'd' => Self::Domain,
            'i' => Self::Ip,
            'p' => Self::ValidatedName,
            'v' => Self::Version,
            'h' => Self::Helo,
            'c' => Self::ReadableIp,
            'r' => Self::Receiver,
            't' => Self::Timestamp,
            _ => return None,
        })
    }

    /// `c`, `r` and `t` stand in explanations only (RFC 7208 §7.2).
    fn explains(self) -> bool {
        matches!(self, Self::ReadableIp | Self::Receiver | Self::Timestamp)
    }
}

/// RFC 7208 §7.1: `macro-expand`, apart from the three that stand for one character.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Macro {
    letter: Letter,
    /// An upper-case letter: the value is URL-escaped.
    escaped: bool,
    /// How many parts at the right are kept; at least 1.
    keep: Option<usize>,
    reversed: bool,
    /// What parts the value; a dot if there is none.
    delimiters: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Characters that stand for themselves.
    Literal(String),
    /// `%%`, `%_` or `%-`, already as what it stands for.
    Character(&'static str),
    Macro(Macro),
}

/// Where a macro string stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a term of the record.
    Record,
    /// In the text of an explanation: with spaces, and with the letters `c`, `r`, `t`.
    Explanation,
}

/// RFC 7208 §7.1: `macro-string` or `explain-string`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Piece>);

/// What is known when a macro string is expanded.
pub(super) struct Values<'a> {
    /// The check.
    pub(super) query: &'a Query<'a>,
    /// The domain whose record is being evaluated.
    pub(super) domain: &'a str,
    /// The client's validated name, or `unknown`.
    pub(super) validated: &'a str,
}

impl MacroString {
    /// Parses `text`; nothing is expanded.
    pub(super) fn parse(text: &str, place: Place) -> Result<Self, SyntaxError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let literal_length = rest.find('%').unwrap_or(rest.len());
            let (literal, after) = rest.split_at(literal_length);
            if !literal.is_empty() {
                // RFC 7208 §7.1: macro-literal = %x21-24 / %x26-7E
                let good = |b: u8| matches!(b, 0x21..=0x7e) || (b == b' ' && place == Place::Explanation);
                if !literal.bytes().all(good) {
                    return Err(SyntaxError::Character);
                }
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            rest = match after.as_bytes().get(1) {
                None if after.is_empty() => after,
                Some(b'%') => Self::character(&mut pieces, "%", after),
                Some(b'_') => Self::character(&mut pieces, " ", after),
                Some(b'-') => Self::character(&mut pieces, "%20", after),
                Some(b'{') => {
                    let (inner, after) = after[2..].split_once('}').ok_or(SyntaxError::Macro)?;
                    pieces.push(Piece::Macro(Macro::parse(inner, place)?));
                    after
                }
                _ => return Err(SyntaxError::Macro),
            };
        }
        Ok(Self(pieces))
    }

    fn character<'a>(pieces: &mut Vec<Piece>, stands_for: &'static str, after: &'a str) -> &'a str {
        pieces.push(Piece::Character(stands_for));
        &after[2..]
    }

    /// RFC 7208 §7.1: `domain-spec`, a macro string that ends in a macro or in a dot and a top label.
    pub(super) fn domain_spec(text: &str) -> Result<Self, SyntaxError> {
        let parsed = Self::parse(text, Place::Record)?;
        let ends_well = match parsed.0.last() {
            None => false,
            Some(Piece::Character(_) | Piece::Macro(_)) => true,
            Some(Piece::Literal(text)) => {
                let text = text.strip_suffix('.').unwrap_or(text);
                text.rsplit_once('.').is_some_and(|(_, label)| is_top_label(label))
            }
        };
        if ends_well { Ok(parsed) } else { Err(SyntaxError::DomainSpec) }
    }

    fn uses(&self, letters: &[Letter]) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Macro(m) if letters.contains(&m.letter)))
    }

    /// Whether `%{p}` is in it, for which names must be asked first.
    pub(super) fn uses_validated_name(&self) -> bool {
        self.uses(&[Letter::ValidatedName])
    }

    /// Whether it holds the local-part, which matches nothing when it is not ASCII (RFC 8616 §4).
    pub(super) fn uses_local_part(&self) -> bool {
        self.uses(&[Letter::Sender, Letter::LocalPart])
    }

    /// The expansion as a name to ask for: labels are dropped on the left until it has at most 253 characters
    /// (RFC 7208 §7.3).
    pub(super) fn expand_name(&self, values: &Values<'_>) -> String {
        let expanded = self.expand(values, usize::MAX);
        let mut name = expanded.strip_suffix('.').unwrap_or(&expanded);
        while name.len() > limits::SPF_NAME_LENGTH {
            name = name.split_once('.').map_or("", |(_, rest)| rest);
        }
        name.to_owned()
    }

    /// The expansion as a text of `limit` bytes or a little more.
    pub(super) fn expand(&self, values: &Values<'_>, limit: usize) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            if text.len() >= limit {
                break;
            }
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Character(stands_for) => text.push_str(stands_for),
                Piece::Macro(m) => text.push_str(&m.expand(values)),
            }
        }
        text
    }
}

/// RFC 7208 §7.1: `toplabel`, letters, digits and hyphens inside, and not digits alone.
fn is_top_label(label: &str) -> bool {
    label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().any(|b| !b.is_ascii_digit())
}

impl Macro {
    /// `inner` is what stands between the braces: `macro-letter transformers *delimiter`.
    fn parse(inner: &str, place: Place) -> Result<Self, SyntaxError> {
        let letter_char = inner.chars().next().ok_or(SyntaxError::Macro)?;
        let letter = Letter::parse(letter_char).ok_or(SyntaxError::Macro)?;
        if letter.explains() && place == Place::Record {
            return Err(SyntaxError::Macro);
        }
        let rest = &inner[1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = rest.split_at(digits);
        let keep = if number.is_empty() { None } else { Some(number.parse().unwrap_or(usize::MAX)) };
        let (reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
            Some(after) => (true, after),
            None => (false, rest),
        };
        // RFC 7208 §7.3: the number must not be zero.
        if keep == Some(0) || !delimiters.chars().all(|c| ".-+,/_=".contains(c)) {
            return Err(SyntaxError::Macro);
        }
        let escaped = letter_char.is_ascii_uppercase();
        Ok(Self { letter, escaped, keep, reversed, delimiters: delimiters.to_owned() })
    }

    fn expand(&self, values: &Values<'_>) -> String {
        let value = self.value(values);
        let transformed = self.transform(&value);
        if self.escaped { url_escape(&transformed) } else { transformed }
    }

    fn value(&self, values: &Values<'_>) -> String {
        let query = values.query;
        match self.letter {
            Letter::Sender => format!("{}@{}", query.local, query.sender_domain),
            Letter::LocalPart => query.local.to_owned(),
            Letter::SenderDomain => query.sender_domain.to_owned(),
            Letter::Domain => values.domain.to_owned(),
            Letter::Ip => dotted(query.client),
            Letter::ValidatedName => values.validated.to_owned(),
            Letter::Version => if query.client.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            Letter::Helo => query.helo.to_owned(),
            Letter::ReadableIp => query.client.to_string(),
            Letter::Receiver => query.receiver.to_string(),
            Letter::Timestamp => query.now.secs().to_string(),
        }
    }

    /// RFC 7208 §7.3: split, reverse, keep the right-hand parts, join with dots.
    fn transform(&self, value: &str) -> String {
        if self.keep.is_none() && !self.reversed && self.delimiters.is_empty() {
            return value.to_owned();
        }
        let delimiters = if self.delimiters.is_empty() { "." } else { &self.delimiters };
        let mut parts: Vec<_> = value.split(|c| delimiters.contains(c)).collect();
        if self.reversed {
            parts.reverse();
        }
        let dropped = self.keep.map_or(0, |keep| parts.len().saturating_sub(keep));
        parts[dropped..].join(".")
    }
}

/// The address as `%{i}`: bytes of IPv4 or nibbles of IPv6, each a label.
fn dotted(client: IpAddr) -> String {
    match client {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().map(|octet| format!("{:X}.{:X}", octet >> 4, octet & 15));
            nibbles.join(".")
        }
    }
}

/// RFC 3986 §2.3: all but unreserved characters.
fn url_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("a String takes everything");
        }
    }
    escaped
}
