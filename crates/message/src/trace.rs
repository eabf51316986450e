//! The Received field (RFC 5321 §4.4) and the fields of final delivery.

use std::fmt::Write as _;
use std::net::IpAddr;

use mail::{Address, Domain, Host, Id, ReversePath, Wall};

use crate::date;

/// How a message came in: what the `with` clause is made from (RFC 3848, RFC 6531 §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the registry's own independent letters")]
pub struct With {
    /// By LMTP rather than SMTP.
    pub lmtp: bool,
    /// After EHLO; always so for LMTP.
    pub extended: bool,
    /// With SMTPUTF8 used in this transaction.
    pub smtputf8: bool,
    /// Under TLS.
    pub tls: bool,
    /// By a client that logged in.
    pub authenticated: bool,
}

impl With {
    /// The registered word, e.g. `ESMTPSA`.
    pub fn word(self) -> String {
        let base = match (self.smtputf8, self.lmtp) {
            (true, true) => "UTF8LMTP",
            (true, false) => "UTF8SMTP",
            (false, true) => "LMTP",
            (false, false) if self.extended || self.tls || self.authenticated => "ESMTP",
            (false, false) => return "SMTP".into(),
        };
        let s = if self.tls { "S" } else { "" };
        let a = if self.authenticated { "A" } else { "" };
        format!("{base}{s}{a}")
    }
}

/// What a Received field tells.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// What the client called itself in HELO, EHLO or LHLO. Anything but letters a host name has is written as `?`.
    pub helo: &'a str,
    /// The name the client's address points back to, if known.
    pub peer_name: Option<&'a Domain>,
    /// The client's address; `None` for one on this machine (a socket in the file system).
    pub peer: Option<IpAddr>,
    /// This server.
    pub by: &'a Domain,
    /// The protocol.
    pub with: With,
    /// TLS version and cipher.
    pub tls: Option<(&'a str, &'a str)>,
    /// The message's name in this server's journey.
    pub id: Id,
    /// The recipient, only if there is exactly one (RFC 5321 §7.2: others must not be told).
    pub recipient: Option<&'a Address>,
    /// MT-PRIORITY; 0 is not told (RFC 6710 §4.1).
    pub priority: i8,
    /// When.
    pub at: Wall,
}

/// Characters of a client's words that are shown, well below the 998 of a line (RFC 5322 §2.1.1).
const NAME_LENGTH: usize = 255;

/// The whole field, folded, with its CRLF. No text of the client's can end a line or add a field.
pub fn received(facts: &Received<'_>) -> String {
    let mut field = format!("Received: from {}", clean(facts.helo));
    if let Some(peer) = facts.peer {
        let literal = Host::Literal(peer);
        match facts.peer_name {
            Some(name) => write!(field, " ({name} {literal})"),
            None => write!(field, " ({literal})"),
        }
        .expect("a String takes everything");
    }
    if let Some((version, cipher)) = facts.tls {
        write!(field, "\r\n\t(using {} with cipher {})", clean(version), clean(cipher))
            .expect("a String takes everything");
    }
    write!(field, "\r\n\tby {} with {} id {}", facts.by, facts.with.word(), facts.id)
        .expect("a String takes everything");
    if let Some(recipient) = facts.recipient {
        write!(field, "\r\n\tfor <{recipient}>").expect("a String takes everything");
    }
    if facts.priority != 0 {
        write!(field, "\r\n\tPRIORITY {}", facts.priority).expect("a String takes everything");
    }
    write!(field, ";\r\n\t{}\r\n", date::format_rfc5322(facts.at)).expect("a String takes everything");
    field
}

/// `Return-Path: <...>` with CRLF, as final delivery puts it in front (RFC 5321 §4.4).
pub fn return_path(path: &ReversePath) -> String {
    format!("Return-Path: <{path}>\r\n")
}

/// `Delivered-To: ...` with CRLF: who got this copy, and the mark that finds alias loops.
pub fn delivered_to(address: &Address) -> String {
    format!("Delivered-To: {address}\r\n")
}

/// Characters of host names, literals and cipher names; all else, also what could open a comment, becomes `?`.
fn clean(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    let cleaned: String = text.chars().take(NAME_LENGTH).map(|c| if allowed(c) { c } else { '?' }).collect();
    if cleaned.is_empty() { "?".into() } else { cleaned }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_tells_the_hop() {
        let by = Domain::new("mx.here.test").expect("a domain");
        let name = Domain::new("out.there.test").expect("a domain");
        let to: Address = "u@here.test".parse().expect("an address");
        let facts = Received {
            helo: "out.there.test\r\nX: y (",
            peer_name: Some(&name),
            peer: Some("2001:db8::1".parse().expect("an address")),
            by: &by,
            with: With { extended: true, tls: true, ..With::default() },
            tls: Some(("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
            id: Id(66),
            recipient: Some(&to),
            priority: -3,
            at: Wall::from_secs(1_795_474_567),
        };
        assert_eq!(
            received(&facts),
            "Received: from out.there.test??X:?y?? (out.there.test [IPv6:2001:db8::1])\r\n\
             \t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n\
             \tby mx.here.test with ESMTPS id 0000000000022\r\n\
             \tfor <u@here.test>\r\n\
             \tPRIORITY -3;\r\n\
             \tMon, 23 Nov 2026 22:56:07 +0000\r\n"
        );
    }

    #[test]
    fn with_words_are_the_registered_ones() {
        let with = |lmtp, extended, smtputf8, tls, authenticated| {
            With { lmtp, extended, smtputf8, tls, authenticated }.word()
        };
        assert_eq!(with(false, false, false, false, false), "SMTP");
        assert_eq!(with(false, true, false, false, false), "ESMTP");
        assert_eq!(with(false, true, false, true, true), "ESMTPSA");
        assert_eq!(with(true, true, false, true, false), "LMTPS");
        assert_eq!(with(false, true, true, true, true), "UTF8SMTPSA");
        assert_eq!(with(true, true, true, false, false), "UTF8LMTP");
    }

    proptest::proptest! {
        #[test]
        fn no_words_forge_a_field(helo in "(\\PC|\r|\n|\\(|:){0,400}") {
            let by = Domain::new("mx.here.test").expect("a domain");
            let (peer, at) = (Some(std::net::Ipv4Addr::LOCALHOST.into()), Wall::from_secs(0));
            let (with, id) = (With::default(), Id(1));
            let field = received(&Received { helo: &helo, peer_name: None, peer, by: &by, with, tls: None, id, recipient: None, priority: 0, at });
            assert!(field.is_ascii() && field.lines().all(|line| line.len() < 998));
            assert_eq!(crate::header::fields(field.as_bytes()).count(), 1);
            assert_eq!(crate::header::fields(field.as_bytes()).next().map(|f| f.raw.len()), Some(field.len()));
        }
    }
}
