//! Capabilities that some clients do not hear of, because they stumble over them.
//!
//! A list of capabilities says what may be used (RFC 3501 §6.1.1, RFC 9051 §6.1.1). What is left out of it goes on working: a
//! client that does not see a name does not use it, and one that does has no trouble with it.

use super::{Completion, Config, Session, State, TlsOffer, legality};

/// Bytes of what a client says of itself that are remembered.
const CLIENT_LENGTH: usize = 256;
/// What every client must be told (RFC 3501 §6.1.1, §11.1): it could not log in otherwise, or would in clear.
const NEEDED: [&str; 5] = ["IMAP4rev1", "STARTTLS", "LOGINDISABLED", "AUTH", "AUTH=PLAIN"];

/// Capabilities that are hidden from some. In patterns `*` stands for anything, and case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// From clients whose ID is like this (RFC 2971): name, a space, version. `None`: from all.
    pub client: Option<String>,
    /// From accounts whose address is like this. `None`: from all.
    pub account: Option<String>,
    /// Their names. A name without a value stands for all its values: `THREAD`.
    pub names: Vec<String>,
}

/// Whether there is such a capability, and it may be hidden.
pub fn can_hide(name: &str) -> bool {
    let config = Config {
        hostname: String::new(),
        tls: TlsOffer::None,
        mechanisms: Vec::new(),
        login_needs_tls: false,
        message_size: 0,
        message_limit: 0,
        save_limit: 0,
        keepalive: std::time::Duration::ZERO,
        hidden: [].into(),
    };
    let lists =
        [State::NotAuthenticated, State::Authenticated].map(|state| legality::capabilities(state, &config));
    let is_mechanism = name.len() > 5 && name.get(..5).is_some_and(|auth| auth.eq_ignore_ascii_case("AUTH="));
    !NEEDED.iter().any(|needed| needed.eq_ignore_ascii_case(name))
        && (is_mechanism || lists.iter().flat_map(|list| list.split(' ')).any(|item| is_named(item, name)))
}

/// Whether an item of a list is what `name` names.
fn is_named(item: &str, name: &str) -> bool {
    let rest = item.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name));
    rest.is_some() && matches!(item.as_bytes().get(name.len()), None | Some(b'='))
}

/// Who the client is, as far as somebody wants to know.
#[derive(Debug, Default)]
pub(super) struct Known {
    client: String,
    account: String,
}

impl Hidden {
    fn applies(&self, known: &Known) -> bool {
        // Nobody is hidden from before it is known who that is.
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| !text.is_empty() && is_like(pattern, text))
        };
        fits(&self.client, &known.client) && fits(&self.account, &known.account)
    }
}

/// Whether `text` is like a pattern in which `*` stands for anything. Takes no longer than both lengths multiplied.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(place) = text.find(piece) else { return false };
        text = text.get(place + piece.len()..).unwrap_or_default();
    }
    text.ends_with(end)
}

impl Session {
    /// What is offered now (RFC 3501 §6.1.1), without what is hidden from this client.
    pub fn capabilities(&self) -> String {
        let all = legality::capabilities(self.state, &self.config);
        let mut hiding = self.config.hidden.iter().filter(|hidden| hidden.applies(&self.known)).peekable();
        if hiding.peek().is_none() {
            return all;
        }
        let names: Vec<&String> = hiding.flat_map(|hidden| &hidden.names).collect();
        let shown = all.split(' ').filter(|item| !names.iter().any(|name| is_named(item, name)));
        shown.collect::<Vec<_>>().join(" ")
    }

    /// RFC 2971 §3.2. No version: it would help attackers more than clients. Where the client is one that something is hidden
    /// from, it is told what is offered to it.
    pub(super) fn id(&mut self, tag: &str, fields: &[(String, String)]) {
        self.out().text("* ID (\"name\" \"Posthouse\")").end();
        if !self.config.hidden.is_empty() {
            let before = self.capabilities();
            let field = |wanted: &str| {
                let found = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map_or("", |(_, value)| value.as_str())
            };
            let client = format!("{} {}", field("name"), field("version"));
            self.known.client = client.trim().chars().take(CLIENT_LENGTH).collect();
            let list = self.capabilities();
            if list != before {
                self.out().text("* CAPABILITY ").text(&list).end();
            }
        }
        self.tagged(tag, &Completion::ok("Pleased to meet you"));
    }

    /// Who is about to be [logged in](Session::logged_in): the account's address.
    pub fn set_account(&mut self, address: impl FnOnce() -> String) {
        if !self.config.hidden.is_empty() {
            self.known.account = address();
        }
    }

    /// Nobody is logged in any more. The client is the same.
    pub(super) fn forget_account(&mut self) {
        self.known.account = String::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, wanted) in [
            ("outlook", "Outlook", true),
            ("outlook", "Outlook 16", false),
            ("Outlook*", "outlook 16.0", true),
            ("*iPhone*", "iPhone Mail 21A", true),
            ("*Mail 21*", "iPhone Mail 20", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("*", "x", true),
            ("", "x", false),
            ("*@x.test", "Ann@X.test", true),
        ] {
            assert_eq!(is_like(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn what_can_be_hidden() {
        for (name, wanted) in [
            ("QRESYNC", true),
            ("qresync", true),
            ("THREAD", true),
            ("THREAD=REFERENCES", true),
            ("IMAP4rev2", true),
            ("APPENDLIMIT", true),
            ("SASL-IR", true),
            ("LITERAL+", true),
            ("AUTH=SCRAM-SHA-256", true),
            ("AUTH=", false),
            ("AUTH", false),
            ("auth=plain", false),
            ("imap4rev1", false),
            ("STARTTLS", false),
            ("LOGINDISABLED", false),
            ("QRESYN", false),
            ("XLIST", false),
            ("", false),
        ] {
            assert_eq!(can_hide(name), wanted, "{name}");
        }
    }
}
