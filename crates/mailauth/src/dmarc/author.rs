//! The Author Domain (RFC 9989 §3.2.2, §5.3.1): the one domain that stands in From.
//!
//! A header that one program reads one way and another program another way is how a passing domain is shown beside a
//! forged one (RFC 9989 §11.5, attacks A15). So there must be exactly one From field, and every `@` in it must lead to
//! the same domain.

use std::fmt;

use mail::Domain;
use message::header::{self, Field};

/// Why a message has no Author Domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no From field.
    Missing,
    /// There are several.
    Repeated,
    /// The field names no mailbox with a domain.
    NoDomain,
    /// The field names mailboxes of several domains.
    SeveralDomains(Vec<Domain>),
    /// The field can be read in several ways.
    Ambiguous,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the message has no From field",
            Self::Repeated => "the message has several From fields",
            Self::NoDomain => "the From field names no address with a domain",
            Self::SeveralDomains(_) => "the From field names addresses of several domains",
            Self::Ambiguous => "the From field can be read in several ways",
        })
    }
}

impl std::error::Error for Error {}

/// The Author Domain of a message with that header section.
pub fn author_domain(header: &[u8]) -> Result<Domain, Error> {
    let mut fields = header::fields(header).filter(|field| field.is("From"));
    let field = fields.next().ok_or(Error::Missing)?;
    if fields.next().is_some() {
        return Err(Error::Repeated);
    }
    domain_of(&field)
}

fn domain_of(field: &Field<'_>) -> Result<Domain, Error> {
    let control = |b: &u8| b.is_ascii_control() && !matches!(b, b'\t' | b'\r' | b'\n');
    if field.value.iter().any(control) || std::str::from_utf8(field.value).is_err() {
        return Err(Error::Ambiguous);
    }
    let (addresses, more) = header::parse_addresses(field.value);
    let mut domains = Vec::new();
    for mailbox in addresses.iter().filter(|address| !address.is_group_mark()) {
        let domain = mailbox.host.as_deref().and_then(|host| Domain::new(host).ok());
        domains.push(domain.filter(|_| mailbox.route.is_none()).ok_or(Error::NoDomain)?);
    }
    domains.sort();
    domains.dedup();
    if more || !bare_domains_are_among(&header::unfold(field.value), &domains) {
        return Err(Error::Ambiguous);
    }
    match domains.len() {
        0 => Err(Error::NoDomain),
        1 => Ok(domains.remove(0)),
        _ => Err(Error::SeveralDomains(domains)),
    }
}

/// Whether what follows each `@` outside quotes and comments is one of `domains`: `a@good.test <b@evil.test>` names
/// both, and it depends on the reader which one counts.
fn bare_domains_are_among(value: &str, domains: &[Domain]) -> bool {
    let bare = without_quotes_and_comments(value);
    bare.split('@').skip(1).all(|after| {
        let name: &str = after.trim_start().split(is_name_end).next().unwrap_or_default();
        Domain::new(name).is_ok_and(|domain| domains.contains(&domain))
    })
}

fn is_name_end(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_')
}

fn without_quotes_and_comments(value: &str) -> String {
    let mut bare = String::new();
    let (mut quoted, mut depth) = (false, 0_usize);
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted || depth > 0 => drop(chars.next()),
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => {
                depth += 1;
                // What stands around a comment are two words, whoever may join them.
                bare.push(' ');
            }
            ')' if !quoted && depth > 0 => depth -= 1,
            c if !quoted && depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(names: &[&str]) -> Error {
        Error::SeveralDomains(names.iter().map(|name| Domain::new(name).expect("a domain")).collect())
    }

    /// Attacks A15.
    #[test]
    fn one_field_with_one_domain() {
        for (header, want) in [
            ("From: a@Good.Test\r\n", Ok("good.test")),
            ("from : =?utf-8?q?A?= <a@good.test>\r\n", Ok("good.test")),
            ("From: \"x@evil.test\" <a@good.test>\r\n", Ok("good.test")),
            ("From: a@good.test (x@evil.test)\r\n", Ok("good.test")),
            ("From: a@good.test <a@good.test>\r\n", Ok("good.test")),
            ("From: a@good.test,\r\n b@good.test\r\n", Ok("good.test")),
            ("From: g: a@good.test;\r\n", Ok("good.test")),
            ("From: a@b\u{fc}cher.test\r\n", Ok("xn--bcher-kva.test")),
            ("Subject: x\r\n", Err(Error::Missing)),
            ("From: a@good.test\r\nFROM: b@evil.test\r\n", Err(Error::Repeated)),
            ("From: a@good.test\r\nFrom : a@good.test\r\n", Err(Error::Repeated)),
            ("From: a@good.test, b@evil.test\r\n", Err(domains(&["evil.test", "good.test"]))),
            ("From: x@evil.test <a@good.test>\r\n", Err(Error::Ambiguous)),
            ("From: <x@evil.test> <a@good.test>\r\n", Err(Error::Ambiguous)),
            ("From: <@evil.test:a@good.test>\r\n", Err(Error::NoDomain)),
            ("From: <a@good.test>x@evil.test\r\n", Err(Error::Ambiguous)),
            ("From: <a@evil.test@good.test>\r\n", Err(Error::Ambiguous)),
            ("From: a@good.test\0 <b@evil.test>\r\n", Err(Error::Ambiguous)),
            ("From: a@good.test()evil.test\r\n", Err(Error::Ambiguous)),
            ("From: a@good.test (x) .evil.test\r\n", Err(Error::Ambiguous)),
            ("From: a\r\n", Err(Error::NoDomain)),
            ("From: a@[192.0.2.1]\r\n", Err(Error::NoDomain)),
            ("From: undisclosed:;\r\n", Err(Error::NoDomain)),
            ("From:\r\n", Err(Error::NoDomain)),
            ("From: \"a@good.test\r\n", Err(Error::NoDomain)),
        ] {
            let found = author_domain(header.as_bytes());
            assert_eq!(found.as_ref().map(Domain::as_str), want.as_ref().map(|name| *name), "{header:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn one_domain_or_none(value in "([a-z@<>\"(),:;\\\\ ]|good\\.test|evil\\.test){0,20}") {
            if let Ok(domain) = author_domain(format!("From: {value}\r\n").as_bytes()) {
                proptest::prop_assert!(value.contains(domain.as_str()) || !domain.as_str().contains('.'));
            }
        }
    }
}
