//! Where reports are wanted: the URIs of `rua` and `ruf` (RFC 9989 §4.6, RFC 8460 §3).

use std::fmt;

use mail::{Address, limits};

/// One place a report is sent to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// By mail. A size behind `!` is obsolete and ignored (RFC 9989 §4.8 `obs-dmarc-uri`).
    Mail(Address),
    /// By POST (RFC 8460 §3): the whole URI, `https://...`, of printable ASCII.
    Https(String),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(address) => write!(f, "mailto:{address}"),
            Self::Https(uri) => f.write_str(uri),
        }
    }
}

/// Reads a list with commas. What is malformed or of another scheme is left out; at most
/// [`limits::REPORT_DESTINATIONS`] are kept, in order, no place twice.
pub fn parse_list(value: &str) -> Vec<Destination> {
    let mut destinations = Vec::new();
    for destination in value.split(',').filter_map(|uri| parse(uri.trim())) {
        if destinations.len() < limits::REPORT_DESTINATIONS && !destinations.contains(&destination) {
            destinations.push(destination);
        }
    }
    destinations
}

fn parse(uri: &str) -> Option<Destination> {
    let (scheme, rest) = uri.split_once(':')?;
    if scheme.eq_ignore_ascii_case("mailto") {
        let address = rest.split(['!', '?']).next().unwrap_or_default();
        return unescape(address).and_then(|text| mailbox(&text)).map(Destination::Mail);
    }
    let printable = uri.len() <= limits::REPORT_URI_LENGTH && uri.bytes().all(|b| matches!(b, b'!'..=b'~'));
    let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    let good = printable && host.is_some_and(|host| !host.is_empty());
    (scheme.eq_ignore_ascii_case("https") && good).then(|| Destination::Https(uri.to_owned()))
}

/// In a URI a local-part needs no quotes (RFC 6068 §2).
fn mailbox(text: &str) -> Option<Address> {
    let unquoted = || {
        let (local, host) = text.rsplit_once('@')?;
        Address::new(local, host.parse().ok()?).ok()
    };
    text.parse().ok().or_else(unquoted)
}

/// RFC 3986 §2.1: `%2C` for a comma. `None` for a `%` that begins no such octet.
fn unescape(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            octets.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        octets.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_what_is_well_formed() {
        let shown =
            |list: &str| parse_list(list).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        for (list, want) in [
            ("mailto:a@x.test", "mailto:a@x.test"),
            (" MAILTO:a@x.test!10m , mailto:a@x.test", "mailto:a@x.test"),
            ("mailto:a%2Cb%21@x.test?subject=x", "mailto:\"a,b!\"@x.test"),
            ("https://r.test/v1?x=1,http://r.test,https:r.test,https://", "https://r.test/v1?x=1"),
            ("mailto:,mailto:a,mailto:%zz@x.test,mailto:%0d%0a@x.test,x,", ""),
        ] {
            assert_eq!(shown(list), want, "{list}");
        }
        let many: String =
            (0..100).map(|n| n.to_string()).map(|n| "mailto:a".to_owned() + &n + "@x.test,").collect();
        assert_eq!(parse_list(&many).len(), limits::REPORT_DESTINATIONS);
        let long = format!("https://r.test/{}", "x".repeat(limits::REPORT_URI_LENGTH));
        assert_eq!(parse_list(&long), []);
    }
}
