//! Paths (RFC 5321 §4.1.2).

use mail::{Address, Domain, Host};

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Error {
    /// The keyword `FROM:` or `TO:` is missing.
    Keyword,
    /// No angle brackets around the address.
    Brackets,
    /// What stands in the brackets is no mailbox.
    Mailbox(mail::AddressError),
}

/// A path and the parameters behind it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed<'a> {
    /// Nothing for `<>`.
    pub(crate) address: Option<Address>,
    /// Whether characters beyond ASCII were used, which need SMTPUTF8 (RFC 6531 §3.3).
    pub(crate) beyond_ascii: bool,
    /// What follows the path.
    pub(crate) rest: &'a str,
}

/// `Path = "<" [ A-d-l ":" ] Mailbox ">"`, or `<>`, behind `keyword`; `<Postmaster>` alone means the one at
/// `postmaster` (RFC 5321 §4.5.1).
pub(crate) fn parse<'a>(args: &'a str, keyword: &str, postmaster: &Domain) -> Result<Parsed<'a>, Error> {
    let behind = match args.split_at_checked(keyword.len()) {
        Some((word, behind)) if word.eq_ignore_ascii_case(keyword) => behind,
        _ => return Err(Error::Keyword),
    };
    // Quirk: spaces behind the colon, which many clients send though the standard has none.
    let open = behind.trim_start_matches(' ').strip_prefix('<').ok_or(Error::Brackets)?;
    let end = closing_bracket(open).ok_or(Error::Brackets)?;
    let (path, rest) = (&open[..end], &open[end + 1..]);
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(Error::Brackets);
    }
    let address = match path {
        "" => None,
        p if p.eq_ignore_ascii_case("postmaster") => {
            let host = Host::Domain(postmaster.clone());
            Some(Address::new(p, host).map_err(Error::Mailbox)?)
        }
        p => Some(without_route(p).ok_or(Error::Brackets)?.parse().map_err(Error::Mailbox)?),
    };
    Ok(Parsed { address, beyond_ascii: !path.is_ascii(), rest: rest.trim_matches(' ') })
}

/// Where the `>` is that is not within a quoted string.
fn closing_bracket(s: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    s.bytes().position(|b| {
        if escaped {
            escaped = false;
            return false;
        }
        match b {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' => return !quoted,
            _ => (),
        }
        false
    })
}

/// Source routes are accepted and dropped: `@a,@b:user@c` is `user@c` (RFC 5321 §3.6.1, appendix C).
fn without_route(path: &str) -> Option<&str> {
    if !path.starts_with('@') {
        return Some(path);
    }
    let (route, mailbox) = path.split_once(':')?;
    let named = |hop: &str| hop.strip_prefix('@').is_some_and(|domain| Domain::new(domain).is_ok());
    route.split(',').all(named).then_some(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &str) -> Result<(String, String), Error> {
        let home = Domain::new("home.test").expect("a domain");
        let parsed = parse(args, "TO:", &home)?;
        Ok((parsed.address.map(|a| a.to_string()).unwrap_or_default(), parsed.rest.to_owned()))
    }

    #[test]
    fn good_paths() {
        for (args, address, rest) in [
            ("TO:<a@b.test>", "a@b.test", ""),
            ("to: <a@b.test>  NOTIFY=NEVER", "a@b.test", "NOTIFY=NEVER"),
            ("TO:<>", "", ""),
            ("TO:<Postmaster>", "Postmaster@home.test", ""),
            ("TO:<@x.test,@y.test:a@b.test>", "a@b.test", ""),
            (r#"TO:<"a>\"b c"@b.test> X"#, r#""a>\"b c"@b.test"#, "X"),
            (r#"TO:<"@x.test:a"@b.test>"#, r#""@x.test:a"@b.test"#, ""),
            ("TO:<a%c.test@b.test>", "a%c.test@b.test", ""),
            ("TO:<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", ""),
        ] {
            assert_eq!(check(args), Ok((address.to_owned(), rest.to_owned())), "{args}");
        }
    }

    #[test]
    fn bad_paths() {
        use mail::AddressError as Why;
        for (args, error) in [
            ("<a@b.test>", Error::Keyword),
            ("TO", Error::Keyword),
            ("TO <a@b.test>", Error::Keyword),
            ("TO:a@b.test", Error::Brackets),
            ("TO:<a@b.test", Error::Brackets),
            ("TO:<a@b.test>x", Error::Brackets),
            ("TO:<@x.test>", Error::Brackets),
            ("TO:<@:a@b.test>", Error::Brackets),
            ("TO:<a>", Error::Mailbox(Why::Incomplete)),
            ("TO:<a@b@c>", Error::Mailbox(Why::LocalPart)),
            ("TO:<<a@b.test>>", Error::Brackets),
            ("TO:<a b@c.test>", Error::Mailbox(Why::LocalPart)),
            ("TO:< a@b.test >", Error::Mailbox(Why::LocalPart)),
            ("TO:<a@b_@.test>", Error::Mailbox(Why::LocalPart)),
            ("TO:<a@[1.2.3]>", Error::Mailbox(Why::Literal)),
        ] {
            assert_eq!(check(args), Err(error), "{args}");
        }
    }
}
