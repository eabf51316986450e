//! Verbs.

/// Every verb that is known, whether served or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    Helo,
    Ehlo,
    Lhlo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    StartTls,
    Auth,
    /// A proxy tells of its client.
    XClient,
    /// Known from the standards, and not served (502).
    Unserved,
    /// The start of an HTTP request: a browser was tricked into talking to us (attacks A6).
    Http,
    Unknown,
}

/// One table of all verbs, in any case on the wire (RFC 5321 §2.4).
const VERBS: [(&str, Verb); 34] = [
    ("HELO", Verb::Helo),
    ("EHLO", Verb::Ehlo),
    ("LHLO", Verb::Lhlo),
    ("MAIL", Verb::Mail),
    ("RCPT", Verb::Rcpt),
    ("DATA", Verb::Data),
    ("BDAT", Verb::Bdat),
    ("RSET", Verb::Rset),
    ("NOOP", Verb::Noop),
    ("QUIT", Verb::Quit),
    ("VRFY", Verb::Vrfy),
    ("EXPN", Verb::Expn),
    ("HELP", Verb::Help),
    ("STARTTLS", Verb::StartTls),
    ("AUTH", Verb::Auth),
    ("BURL", Verb::Unserved),
    ("ETRN", Verb::Unserved),
    ("ATRN", Verb::Unserved),
    ("TURN", Verb::Unserved),
    ("SEND", Verb::Unserved),
    ("SOML", Verb::Unserved),
    ("SAML", Verb::Unserved),
    ("XCLIENT", Verb::XClient),
    ("XFORWARD", Verb::Unserved),
    ("GET", Verb::Http),
    ("POST", Verb::Http),
    ("PUT", Verb::Http),
    ("HEAD", Verb::Http),
    ("DELETE", Verb::Http),
    ("OPTIONS", Verb::Http),
    ("CONNECT", Verb::Http),
    ("PATCH", Verb::Http),
    ("TRACE", Verb::Http),
    ("HOST:", Verb::Http),
];

/// The verb and what follows it, without the spaces around.
pub(crate) fn split(line: &str) -> (Verb, &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let verb = VERBS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    (verb.map_or(Verb::Unknown, |(_, verb)| *verb), rest.trim_matches(' '))
}

/// The start of a command for logs: no control characters, no secrets, at most 100 characters.
pub(crate) fn excerpt(line: &str) -> String {
    let shown = match split(line) {
        // What follows the mechanism is a credential.
        (Verb::Auth, rest) => format!("AUTH {}", rest.split(' ').next().unwrap_or_default()),
        _ => line.to_owned(),
    };
    shown.chars().take(100).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_found_in_any_case() {
        for (line, verb, rest) in [
            ("ehlo a", Verb::Ehlo, "a"),
            ("StartTLS", Verb::StartTls, ""),
            ("MAIL FROM:<a@b> SIZE=1 ", Verb::Mail, "FROM:<a@b> SIZE=1"),
            ("MAILFROM:<a@b>", Verb::Unknown, ""),
            ("DATA\t", Verb::Unknown, ""),
            ("", Verb::Unknown, ""),
            ("GET / HTTP/1.1", Verb::Http, "/ HTTP/1.1"),
            ("Host: x", Verb::Http, "x"),
        ] {
            assert_eq!(split(line), (verb, rest), "{line:?}");
        }
    }

    #[test]
    fn excerpts_keep_no_secrets() {
        assert_eq!(excerpt("AUTH PLAIN AGEAYg=="), "AUTH PLAIN");
        assert_eq!(excerpt("a\u{1b}b"), "a?b");
        assert_eq!(excerpt(&"é".repeat(300)).chars().count(), 100);
    }
}
