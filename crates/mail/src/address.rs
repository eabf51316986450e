//! Mail addresses and domains (RFC 5321 §4.1.2, RFC 6531 §3.3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::limits;

/// Why an address or a domain is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// No `@`, or nothing before or after it.
    Incomplete,
    /// The local-part is neither a dot-string nor a quoted-string.
    LocalPart,
    /// The domain is not a domain name.
    Domain,
    /// An address literal that names no IP address.
    Literal,
    /// Longer than the limit.
    TooLong,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Incomplete => "an address has the form local-part@domain",
            Self::LocalPart => "the local-part has characters that need quoting, or misplaced dots",
            Self::Domain => "the domain is not a valid domain name",
            Self::Literal => "the address literal names no IP address",
            Self::TooLong => "the address is too long",
        })
    }
}

impl std::error::Error for Error {}

/// A domain name in lower-case A-label form, without a final dot.
///
/// U-labels are converted on the way in (RFC 5891 §4), so equal domains compare equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Domain(Box<str>);

impl Domain {
    /// Checks and normalises. Letters, digits, hyphens and underscores; no empty labels.
    pub fn new(name: &str) -> Result<Self, Error> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let ascii = if name.is_ascii() {
            name.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_cow(name.as_bytes(), idna::AsciiDenyList::URL)
                .map_err(|_| Error::Domain)?
                .into_owned()
        };
        if ascii.len() > limits::DOMAIN_LENGTH {
            return Err(Error::TooLong);
        }
        let good_label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if ascii.split('.').all(good_label) { Ok(Self(ascii.into())) } else { Err(Error::Domain) }
    }

    /// In A-label form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Domain {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        Self::new(s)
    }
}

/// What stands right of the `@`, or in HELO: a domain or an address literal (RFC 5321 §4.1.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Host {
    /// A domain name.
    Domain(Domain),
    /// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    Literal(IpAddr),
}

impl Host {
    /// The domain, unless it is a literal.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Domain(domain) => Some(domain),
            Self::Literal(_) => None,
        }
    }
}

impl FromStr for Host {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        let Some(inner) = s.strip_prefix('[') else { return Domain::new(s).map(Self::Domain) };
        let inner = inner.strip_suffix(']').ok_or(Error::Literal)?;
        let ip = match inner.get(..5) {
            Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => inner[5..].parse::<Ipv6Addr>().map(IpAddr::V6),
            _ => inner.parse::<Ipv4Addr>().map(IpAddr::V4),
        };
        ip.map(Self::Literal).map_err(|_| Error::Literal)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Literal(IpAddr::V4(ip)) => write!(f, "[{ip}]"),
            Self::Literal(IpAddr::V6(ip)) => write!(f, "[IPv6:{ip}]"),
        }
    }
}

/// A mailbox as the envelope names it: local-part and domain (RFC 5321 §4.1.2 `Mailbox`).
///
/// The local-part is kept as its meaning, without quotes; `Display` quotes where needed.
/// Case is kept; comparison is exact. Directories compare local-parts without regard to case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    local: Box<str>,
    host: Host,
}

impl Address {
    /// From a local-part as meant (unquoted) and a host.
    pub fn new(local: &str, host: Host) -> Result<Self, Error> {
        if local.is_empty() {
            return Err(Error::Incomplete);
        }
        if local.len() > limits::LOCAL_PART_LENGTH {
            return Err(Error::TooLong);
        }
        if local.chars().any(char::is_control) {
            return Err(Error::LocalPart);
        }
        Ok(Self { local: local.into(), host })
    }

    /// The local-part as meant, without quotes.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// What stands right of the `@`.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The domain, unless the host is a literal.
    pub fn domain(&self) -> Option<&Domain> {
        self.host.domain()
    }

    /// Whether SMTPUTF8 is needed to send to it (RFC 6531 §3.3).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

fn is_atext(c: char) -> bool {
    // RFC 5322 §3.2.3 atext, RFC 6531 §3.3 adds UTF8-non-ascii.
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
}

fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// RFC 5321 §4.1.2 `Quoted-string`: returns its meaning and what follows it.
fn unquote(s: &str) -> Option<(String, &str)> {
    let mut meant = String::new();
    let mut chars = s.strip_prefix('"')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((meant, &s[at + 2..])),
            '\\' => meant.push(chars.next().map(|(_, c)| c).filter(|c| !c.is_control())?),
            c if c.is_control() => return None,
            c => meant.push(c),
        }
    }
    None
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        if let Some((local, rest)) = unquote(s) {
            return Self::new(&local, rest.strip_prefix('@').ok_or(Error::Incomplete)?.parse()?);
        }
        let (local, host) = s.rsplit_once('@').ok_or(Error::Incomplete)?;
        if local.is_empty() || host.is_empty() {
            return Err(Error::Incomplete);
        }
        if !is_dot_string(local) {
            return Err(Error::LocalPart);
        }
        Self::new(local, host.parse()?)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local) {
            return write!(f, "{}@{}", self.local, self.host);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.host)
    }
}

/// Where failures are reported: an address, or nothing for mail that must not be answered
/// (RFC 5321 §4.5.5). Displayed without angle brackets; the null path is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ReversePath(pub Option<Address>);

impl ReversePath {
    /// Whether this is `<>`.
    pub fn is_null(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |address| address.fmt(f))
    }
}

impl FromStr for ReversePath {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        if s.is_empty() { Ok(Self(None)) } else { s.parse().map(|a| Self(Some(a))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_keep_their_meaning() {
        for (text, local, shown) in [
            ("a@b.example", "a", "a@b.example"),
            ("A.b+c@B.Example.", "A.b+c", "A.b+c@b.example"),
            (r#""a b"@x.test"#, "a b", r#""a b"@x.test"#),
            (r#""a\"@\\"@x.test"#, r#"a"@\"#, r#""a\"@\\"@x.test"#),
            (r#""plain"@x.test"#, "plain", "plain@x.test"),
            ("u@[192.0.2.1]", "u", "u@[192.0.2.1]"),
            ("u@[IPv6:2001:DB8::1]", "u", "u@[IPv6:2001:db8::1]"),
            ("grå@bücher.example", "grå", "grå@xn--bcher-kva.example"),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!((address.local(), address.to_string().as_str()), (local, shown), "{text}");
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn bad_addresses_say_why() {
        let long_label = format!("a@{}.example", "x".repeat(64));
        let long_local = format!("{}@x.example", "x".repeat(limits::LOCAL_PART_LENGTH + 1));
        for (text, why) in [
            ("", Error::Incomplete),
            ("a", Error::Incomplete),
            ("@b", Error::Incomplete),
            ("a@", Error::Incomplete),
            ("a b@c", Error::LocalPart),
            (".a@c", Error::LocalPart),
            ("a..b@c", Error::LocalPart),
            ("a@b@c", Error::LocalPart),
            ("\"a\r\nb\"@c", Error::LocalPart),
            ("a@b..c", Error::Domain),
            ("a@-b", Error::Domain),
            ("a@b c", Error::Domain),
            (&long_label, Error::Domain),
            (&long_local, Error::TooLong),
            ("a@[300.1.1.1]", Error::Literal),
            ("a@[IPv6:::1", Error::Literal),
            (r#""a"b@c"#, Error::Incomplete),
        ] {
            assert_eq!(text.parse::<Address>(), Err(why), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn shown_addresses_parse_back(local in "\\PC{1,60}", domain in "[a-z]{1,9}(\\.[a-z0-9]{1,9}){0,3}") {
            if let Ok(address) = Address::new(&local, Host::Domain(Domain::new(&domain).expect("a domain"))) {
                proptest::prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }

        #[test]
        fn parsing_anything_never_panics(text in "\\PC*") {
            drop(text.parse::<Address>());
        }
    }
}
