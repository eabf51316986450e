//! URLs of messages and their parts (RFC 5092), as CATENATE takes them (RFC 4469 §3).

use mail::{MailboxName, Uid};

use crate::command::Section;
use crate::grammar;

/// A URL that names a message or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageUrl {
    /// Of an absolute URL; `None` for one that is relative to this server and this user.
    pub server: Option<Server>,
    /// `None` for the selected one.
    pub mailbox: Option<MailboxName>,
    /// What UIDVALIDITY must be, if it says so.
    pub uid_validity: Option<u32>,
    /// The message.
    pub uid: Uid,
    /// Which part of it.
    pub section: Section,
    /// Offset, and count if it is limited, of the part's bytes.
    pub partial: Option<(u64, Option<u64>)>,
}

/// RFC 5092 §11 `iserver`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The user, if one is named.
    pub user: Option<String>,
    /// The host, without its port.
    pub host: String,
}

impl MessageUrl {
    /// Reads an absolute URL, an absolute-path reference, or one that begins with `;UID=`. `None` for all others: relative
    /// paths (RFC 5092 §7.2), URLs of servers, mailboxes and searches, and authorized ones (RFC 4467).
    pub fn parse(url: &str) -> Option<Self> {
        if !url.bytes().all(|b| b.is_ascii_graphic()) || url.contains(['?', '#']) {
            return None;
        }
        if let Some(rest) = strip(url, "imap://") {
            let (server, path) = rest.split_once('/')?;
            return Some(Self { server: Some(server_of(server)?), ..in_mailbox(path)? });
        }
        match url.strip_prefix('/') {
            Some(path) => in_mailbox(path),
            None => message(strip(url, ";UID=")?),
        }
    }
}

/// Behind `prefix`, which is read in any case.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The text around the first `what`, which is found in any case.
fn around<'a>(text: &'a str, what: &str) -> Option<(&'a str, &'a str)> {
    let at = text.as_bytes().windows(what.len()).position(|w| w.eq_ignore_ascii_case(what.as_bytes()))?;
    Some((&text[..at], &text[at + what.len()..]))
}

/// RFC 5092 §11: `iserver = [iuserinfo "@"] host [":" port]`, `iuserinfo = enc-user [iauth] / [enc-user] iauth`
fn server_of(server: &str) -> Option<Server> {
    let (user, host) = server.rsplit_once('@').map_or((None, server), |(user, host)| (Some(user), host));
    let user = user.map(|user| around(user, ";AUTH=").map_or(user, |(user, _)| user));
    let user = user.filter(|user| !user.is_empty()).map(decoded).map(|user| user.ok_or(()));
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    Some(Server { user: user.transpose().ok()?, host: host.to_owned() })
}

/// `imailbox-ref "/" iuid-only ["/" isection-only] ["/" ipartial-only]`, `imailbox-ref = enc-mailbox [uidvalidity]`
fn in_mailbox(path: &str) -> Option<MessageUrl> {
    let (mailbox, rest) = around(path, "/;UID=")?;
    let (name, uid_validity) = match around(mailbox, ";UIDVALIDITY=") {
        Some((name, number)) => (name, Some(nz_number(number)?)),
        None => (mailbox, None),
    };
    // RFC 5092 §7: dot-segments are no names unless they are encoded; ";" and a leading "/" never are.
    if name.contains(';') || name.split('/').any(|level| matches!(level, "" | "." | "..")) {
        return None;
    }
    let mailbox = Some(MailboxName::new(&decoded(name)?).ok()?);
    Some(MessageUrl { mailbox, uid_validity, ..message(rest)? })
}

/// What follows `;UID=`.
fn message(text: &str) -> Option<MessageUrl> {
    let (uid, mut rest) = text.split_once("/;").map_or((text, None), |(uid, rest)| (uid, Some(rest)));
    let uid = Uid::new(nz_number(uid)?)?;
    let mut section = grammar::section(b"")?;
    if let Some(named) = rest.and_then(|rest| strip(rest, "SECTION=")) {
        let (spec, behind) = named.split_once("/;").map_or((named, None), |(spec, rest)| (spec, Some(rest)));
        section = grammar::section(decoded(spec).filter(|spec| !spec.is_empty())?.as_bytes())?;
        rest = behind;
    }
    let partial = match rest {
        Some(rest) => Some(partial(strip(rest, "PARTIAL=")?)?),
        None => None,
    };
    Some(MessageUrl { server: None, mailbox: None, uid_validity: None, uid, section, partial })
}

/// `partial-range = number ["." nz-number]`
fn partial(text: &str) -> Option<(u64, Option<u64>)> {
    match text.split_once('.') {
        Some((offset, count)) => Some((number(offset)?, Some(nz_number(count)?.into()))),
        None => Some((number(text)?, None)),
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn nz_number(text: &str) -> Option<u32> {
    number(text).and_then(|number| u32::try_from(number).ok()).filter(|&number| number > 0)
}

/// Without percent-encoding (RFC 3986 §2.1), in UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            b => b,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::SectionWhat;

    fn url(mailbox: Option<&str>, uid: u32, what: SectionWhat) -> MessageUrl {
        MessageUrl {
            server: None,
            mailbox: mailbox.map(|name| MailboxName::new(name).expect("a good name")),
            uid_validity: None,
            uid: Uid::new(uid).expect("not zero"),
            section: Section { part: Vec::new(), what },
            partial: None,
        }
    }

    /// RFC 4469 §A, RFC 5092 §9.
    #[test]
    fn urls_are_read() {
        use SectionWhat::{All, Header, HeaderFields};
        let whole = |mailbox, uid| url(mailbox, uid, All);
        let server = |user: Option<&str>| {
            Some(Server { user: user.map(Into::into), host: "minbari.example.org".into() })
        };
        for (text, expected) in [
            (
                "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
                MessageUrl { uid_validity: Some(385_759_045), ..url(Some("Drafts"), 20, Header) },
            ),
            (
                "/Drafts;UIDVALIDITY=385759045/;uid=20/;Section=1.2",
                MessageUrl {
                    uid_validity: Some(385_759_045),
                    section: Section { part: vec![1, 2], what: All },
                    ..whole(Some("Drafts"), 20)
                },
            ),
            ("/Drafts/;UID=3002", whole(Some("Drafts"), 3002)),
            (";UID=20", whole(None, 20)),
            ("/a/b%20%C3%BC%2f%2e/;UID=1", whole(Some("a/b ü/."), 1)),
            ("/x/;UID=1/;SECTION=HEADER.FIELDS%20(To)", url(Some("x"), 1, HeaderFields(vec!["To".into()]))),
            (
                "imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
                MessageUrl {
                    server: server(None),
                    uid_validity: Some(385_759_045),
                    partial: Some((0, Some(1024))),
                    ..whole(Some("gray-council"), 20)
                },
            ),
            (
                "imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2/;partial=7",
                MessageUrl {
                    server: server(None),
                    section: Section { part: vec![1, 2], what: All },
                    partial: Some((7, None)),
                    ..whole(Some("gray-council"), 20)
                },
            ),
            (
                "IMAP://jo%40x;AUTH=*@minbari.example.org:143/x/;UID=1",
                MessageUrl { server: server(Some("jo@x")), ..whole(Some("x"), 1) },
            ),
        ] {
            assert_eq!(MessageUrl::parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "",
            "/",
            "/x",
            "/x/",
            "/x/;UID=0",
            "/x/;UID=1x",
            "/x/;UID=+1",
            "/x/;UID=1/",
            "/x/;UID=4294967296",
            "/x/;UID=1/;SECTION=",
            "/x/;UID=1/;SECTION=1.]",
            "/x/;UID=1/;SECTION=1;EXPIRE=2005-12-31T23:59:59-08:00;URLAUTH=anonymous:internal:1",
            "/x/;UID=1/;PARTIAL=1.0",
            "/x/;UID=1/;PARTIAL=1/;SECTION=1",
            "/x/;UID=1/;UIDVALIDITY=3",
            "/x/;UID=1?SUBJECT%20a",
            "/x/;UID=1#a",
            "/x;UIDVALIDITY=0/;UID=1",
            "/x;a=b/;UID=1",
            "/../x/;UID=1",
            "/x/./;UID=1",
            "//host/x/;UID=1",
            "/;UID=1",
            "x/;UID=1",
            ";SECTION=1",
            "/%/;UID=1",
            "/%4/;UID=1",
            "/%ff/;UID=1",
            "/ü/;UID=1",
            "/a b/;UID=1",
            "imap://h",
            "imap://h/x",
            "imap://%ff@h/x/;UID=1",
            "http://h/x/;UID=1",
        ] {
            assert_eq!(MessageUrl::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "(imap://|/|;UID=)?[ -~ü%;/=0-9a-zA-Z]{0,60}") {
            drop(MessageUrl::parse(&text));
        }
    }
}
