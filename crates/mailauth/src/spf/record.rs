//! SPF records (RFC 7208 §3, §4.6.1, §12): the whole record is parsed before any of it counts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Verdict;
use super::macros::{MacroString, Place};

/// Why a record is no SPF record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// A character that is not printable ASCII.
    Character,
    /// A mechanism nobody knows.
    Mechanism,
    /// A mechanism with too many, too few or malformed parameters.
    Parameter,
    /// An address or a prefix length that is none.
    Network,
    /// A domain that ends neither in a macro nor in a top-level label.
    DomainSpec,
    /// A `%` that begins no macro, or a macro that is none.
    Macro,
    /// `redirect` or `exp` twice.
    Repeated,
    /// Longer than the limit.
    TooLong,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "it holds a character that is not printable ASCII",
            Self::Mechanism => "it names an unknown mechanism",
            Self::Parameter => "a mechanism has malformed parameters",
            Self::Network => "an address or a prefix length is malformed",
            Self::DomainSpec => "a domain ends neither in a macro nor in a top-level label",
            Self::Macro => "a macro is malformed",
            Self::Repeated => "redirect= or exp= stands in it twice",
            Self::TooLong => "it is too long",
        })
    }
}

/// Prefix lengths of `a` and `mx`, for both families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefixes {
    pub(super) four: u8,
    pub(super) six: u8,
}

/// What a directive tests (RFC 7208 §5). `None` as a target is the domain itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(MacroString),
    A(Option<MacroString>, Prefixes),
    Mx(Option<MacroString>, Prefixes),
    Ptr(Option<MacroString>),
    Ip4(Ipv4Addr, u8),
    Ip6(Ipv6Addr, u8),
    Exists(MacroString),
}

/// RFC 7208 §4.6.1: `directive`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    /// What the qualifier makes of a match.
    pub(super) verdict: Verdict,
    pub(super) mechanism: Mechanism,
    /// As it stands in the record, with its qualifier.
    pub(super) text: String,
}

/// One record, checked as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<MacroString>,
    pub(super) explanation: Option<MacroString>,
}

/// Whether a TXT record is an SPF record: `v=spf1`, then a space or the end (RFC 7208 §4.5).
pub(super) fn is_spf(txt: &[u8]) -> bool {
    let version = b"v=spf1";
    txt.get(..version.len()).is_some_and(|start| start.eq_ignore_ascii_case(version))
        && matches!(txt.get(version.len()), None | Some(b' '))
}

impl Record {
    /// Parses a record for which [`is_spf`] holds.
    pub(super) fn parse(txt: &[u8]) -> Result<Self, SyntaxError> {
        if txt.len() > mail::limits::SPF_RECORD_LENGTH {
            return Err(SyntaxError::TooLong);
        }
        let text = std::str::from_utf8(txt).map_err(|_| SyntaxError::Character)?;
        if !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(SyntaxError::Character);
        }
        let mut record = Self::default();
        for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
            record.term(term)?;
        }
        Ok(record)
    }

    /// A term is a modifier if a name and `=` come before any `:` or `/` (RFC 7208 §4.6.1).
    fn term(&mut self, term: &str) -> Result<(), SyntaxError> {
        let Some((name, value)) = term.split_once('=').filter(|(name, _)| is_name(name)) else {
            self.directives.push(directive(term)?);
            return Ok(());
        };
        let slot = match name.to_ascii_lowercase().as_str() {
            "redirect" => &mut self.redirect,
            "exp" => &mut self.explanation,
            // Unknown modifiers are ignored, but must be macro strings (RFC 7208 §6).
            _ => return MacroString::parse(value, Place::Record).map(drop),
        };
        if slot.is_some() {
            return Err(SyntaxError::Repeated);
        }
        *slot = Some(MacroString::domain_spec(value)?);
        Ok(())
    }

    /// Whether `all` stands in it, which makes `redirect` meaningless (RFC 7208 §6.1).
    pub(super) fn has_all(&self) -> bool {
        self.directives.iter().any(|directive| directive.mechanism == Mechanism::All)
    }
}

/// RFC 7208 §12: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn directive(text: &str) -> Result<Directive, SyntaxError> {
    let (verdict, rest) = match text.as_bytes().first() {
        Some(b'+') => (Verdict::Pass, &text[1..]),
        Some(b'-') => (Verdict::Fail, &text[1..]),
        Some(b'~') => (Verdict::SoftFail, &text[1..]),
        Some(b'?') => (Verdict::Neutral, &text[1..]),
        _ => (Verdict::Pass, text),
    };
    let name_length = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, parameters) = rest.split_at(name_length);
    Ok(Directive { verdict, mechanism: mechanism(name, parameters)?, text: text.to_owned() })
}

/// `parameters` is empty or begins with `:` or `/`.
fn mechanism(name: &str, parameters: &str) -> Result<Mechanism, SyntaxError> {
    match name.to_ascii_lowercase().as_str() {
        "all" if parameters.is_empty() => Ok(Mechanism::All),
        "all" => Err(SyntaxError::Parameter),
        "include" => target(parameters)?.map(Mechanism::Include).ok_or(SyntaxError::Parameter),
        "exists" => target(parameters)?.map(Mechanism::Exists).ok_or(SyntaxError::Parameter),
        "ptr" => target(parameters).map(Mechanism::Ptr),
        "a" => hosts(parameters).map(|(target, prefixes)| Mechanism::A(target, prefixes)),
        "mx" => hosts(parameters).map(|(target, prefixes)| Mechanism::Mx(target, prefixes)),
        "ip4" => network(parameters, 32).and_then(|network| match network {
            (IpAddr::V4(ip), length) => Ok(Mechanism::Ip4(ip, length)),
            _ => Err(SyntaxError::Network),
        }),
        "ip6" => network(parameters, 128).and_then(|network| match network {
            (IpAddr::V6(ip), length) => Ok(Mechanism::Ip6(ip, length)),
            _ => Err(SyntaxError::Network),
        }),
        _ => Err(SyntaxError::Mechanism),
    }
}

/// `[ ":" domain-spec ]`
fn target(parameters: &str) -> Result<Option<MacroString>, SyntaxError> {
    match parameters.strip_prefix(':') {
        Some(spec) => MacroString::domain_spec(spec).map(Some),
        None if parameters.is_empty() => Ok(None),
        None => Err(SyntaxError::Parameter),
    }
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]`
fn hosts(parameters: &str) -> Result<(Option<MacroString>, Prefixes), SyntaxError> {
    let (rest, six) = cut_prefix(parameters, "//");
    let (rest, four) = cut_prefix(rest, "/");
    let four = four.map_or(Ok(32), |digits| prefix_length(digits, 32))?;
    let six = six.map_or(Ok(128), |digits| prefix_length(digits, 128))?;
    Ok((target(rest)?, Prefixes { four, six }))
}

/// Cuts a mark and the digits behind it off the end.
fn cut_prefix<'a>(text: &'a str, mark: &str) -> (&'a str, Option<&'a str>) {
    let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
    match rest.strip_suffix(mark) {
        Some(before) => (before, Some(&text[rest.len()..])),
        None => (text, None),
    }
}

/// RFC 7208 §5.6: a number without leading zeros, not above `limit`.
fn prefix_length(digits: &str, limit: u8) -> Result<u8, SyntaxError> {
    let plain = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
    let length = digits.parse().ok().filter(|&length: &u8| plain && length <= limit);
    length.ok_or(SyntaxError::Network)
}

/// `":" network [ "/" length ]`
fn network(parameters: &str, limit: u8) -> Result<(IpAddr, u8), SyntaxError> {
    let text = parameters.strip_prefix(':').ok_or(SyntaxError::Parameter)?;
    let (address, length) = match text.split_once('/') {
        Some((address, digits)) => (address, prefix_length(digits, limit)?),
        None => (text, limit),
    };
    Ok((address.parse().map_err(|_| SyntaxError::Network)?, length))
}

/// Whether the first `length` bits of both are the same. Addresses of different families never match.
pub(super) fn in_network(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let differ = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
        _ => return false,
    };
    differ.leading_zeros() >= u32::from(length)
}
