//! XCLIENT, the extension of Postfix by which a proxy tells of its client: `XCLIENT 1*( SP name "=" xtext )`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::{Domain, limits};

use super::xtext;
use crate::server::XClient;

/// What EHLO offers: all attributes that are understood.
pub(crate) const OFFER: &str = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

/// Reads the attributes; the name of one that is malformed, unknown or given twice.
pub(crate) fn parse(args: &str) -> Result<XClient, String> {
    let mut told = XClient::default();
    let mut seen = Vec::new();
    for word in args.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let name = name.to_ascii_uppercase();
        let once = !seen.contains(&name);
        attribute(&mut told, &name, value).filter(|()| once).ok_or_else(|| shown(&name))?;
        seen.push(name);
    }
    if seen.is_empty() { Err("XCLIENT".into()) } else { Ok(told) }
}

/// One attribute; `None` if it cannot be read.
fn attribute(told: &mut XClient, name: &str, value: &str) -> Option<()> {
    let value = match value {
        "" => return None,
        "[UNAVAILABLE]" | "[TEMPUNAVAIL]" => None,
        text => Some(String::from_utf8(xtext::decode(text)?).ok()?),
    };
    let value = value.as_deref();
    match name {
        "NAME" => told.name = Some(optional(value, |text| Domain::new(text).ok())?),
        "ADDR" => told.address = optional(value, address)?,
        "PORT" => told.port = optional(value, |text| text.parse().ok())?,
        "PROTO" => {
            told.extended = optional(value, |text| match text.to_ascii_uppercase().as_str() {
                "SMTP" => Some(false),
                "ESMTP" | "LMTP" => Some(true),
                _ => None,
            })?;
        }
        "HELO" => told.helo = optional(value, helo)?,
        "LOGIN" => told.login = optional(value, login)?,
        // Where the client connected to makes no difference here; it must make sense all the same.
        "DESTADDR" => drop(optional(value, address)?),
        "DESTPORT" => drop(optional(value, |text| text.parse::<u16>().ok())?),
        _ => return None,
    }
    Some(())
}

/// Nothing for what is not available; `None` for what cannot be read.
#[expect(clippy::option_option, reason = "the outer says whether it could be read")]
fn optional<T>(value: Option<&str>, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

/// `192.0.2.7` or `IPV6:2001:db8::7`.
fn address(text: &str) -> Option<IpAddr> {
    match text.split_at_checked(5) {
        Some((tag, six)) if tag.eq_ignore_ascii_case("IPV6:") => {
            six.parse::<Ipv6Addr>().ok().map(|ip| IpAddr::V6(ip).to_canonical())
        }
        _ => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// A name as HELO would take it.
fn helo(text: &str) -> Option<String> {
    let good = text.len() <= limits::DOMAIN_LENGTH && !text.contains(|c: char| c.is_control() || c == ' ');
    good.then(|| text.to_owned())
}

fn login(text: &str) -> Option<String> {
    let longest = limits::LOCAL_PART_LENGTH + 1 + limits::DOMAIN_LENGTH;
    let good = text.len() <= longest && !text.contains(char::is_control);
    good.then(|| text.to_owned())
}

fn shown(name: &str) -> String {
    name.chars().take(20).filter(char::is_ascii_graphic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read() {
        let told =
            parse("NAME=out.there.test addr=192.0.2.7 PORT=50000 PROTO=ESMTP HELO=c+2Etest LOGIN=u+40x.test");
        assert_eq!(
            told,
            Ok(XClient {
                name: Some(Some(Domain::new("out.there.test").expect("a domain"))),
                address: Some([192, 0, 2, 7].into()),
                port: Some(50_000),
                extended: Some(true),
                helo: Some("c.test".into()),
                login: Some("u@x.test".into()),
            })
        );
        let address = |args| parse(args).expect(args).address;
        assert_eq!(address("ADDR=IPV6:2001:db8::7"), Some("2001:db8::7".parse().expect("an address")));
        assert_eq!(address("ADDR=ipv6:::ffff:192.0.2.7"), Some([192, 0, 2, 7].into()));
        assert_eq!(address("ADDR=[UNAVAILABLE] DESTADDR=192.0.2.1 DESTPORT=25"), None);
        assert_eq!(parse("NAME=[TEMPUNAVAIL]").expect("good").name, Some(None));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let long = format!("HELO={}", "x".repeat(256));
        for (args, name) in [
            ("", "XCLIENT"),
            ("X=1", "X"),
            ("ADDR", "ADDR"),
            ("ADDR=", "ADDR"),
            ("ADDR=2001:db8::7", "ADDR"),
            ("ADDR=192.0.2.256", "ADDR"),
            ("ADDR=192.0.2.7 ADDR=192.0.2.7", "ADDR"),
            ("PORT=65536", "PORT"),
            ("PROTO=HTTP", "PROTO"),
            ("HELO=a+0Ab", "HELO"),
            ("HELO=a+20b", "HELO"),
            (&long, "HELO"),
            ("LOGIN=a+0D+0Ab", "LOGIN"),
            ("LOGIN=a+00b", "LOGIN"),
            ("NAME=a+2Gb", "NAME"),
            ("NAME=..", "NAME"),
            ("DESTADDR=x", "DESTADDR"),
            ("DESTPORT=x", "DESTPORT"),
        ] {
            assert_eq!(parse(args), Err(name.to_owned()), "{args}");
        }
    }
}
