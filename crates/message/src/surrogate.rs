//! A header section for clients that know ASCII alone, in the place of one with UTF-8 (RFC 6858 §2).

use crate::header::{self, Field};
use crate::{Address, charset};

/// RFC 6858 §2.1: fields whose addresses are shown.
const ADDRESSES: [&str; 12] = [
    "Bcc",
    "Cc",
    "From",
    "Reply-To",
    "Resent-Bcc",
    "Resent-Cc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Return-Path",
    "Sender",
    "To",
];
/// RFC 6858 §2.2: fields that go on without the parameters that cannot be shown.
const WITH_PARAMETERS: [&str; 2] = ["Content-Disposition", "Content-Type"];
/// Stands for an address that the client could not write to (RFC 2606 §2: it will never be anyone's).
const INVALID: &str = "<invalid@internationalized-address.invalid>";

/// The header section `section` in ASCII, its empty line included if it has one. Fields in ASCII stay as they are, byte by
/// byte; addresses become names, the subject encoded words, and what else is not ASCII is left out. Signatures over the
/// fields no longer hold.
pub fn surrogate(section: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(section.len());
    let mut read = 0;
    for field in header::fields(section) {
        read += field.raw.len();
        if field.raw.is_ascii() {
            out.extend_from_slice(field.raw);
        } else if let Some(value) = in_ascii(field) {
            out.extend_from_slice(field.name);
            out.extend_from_slice(format!(": {value}\r\n").as_bytes());
        }
    }
    out.extend_from_slice(&section[read..]);
    out
}

/// Another value for a field; `None` where it cannot be shown.
fn in_ascii(field: Field<'_>) -> Option<String> {
    let is_one_of = |names: &[&str]| names.iter().any(|name| field.is(name));
    // What is no UTF-8 is shown as people's programs would guess it.
    let value = header::unfold(charset::to_utf8("", field.value).as_bytes());
    if field.is("Subject") {
        // Words that are encoded already would else be encoded twice.
        return Some(header::encode_rfc2047(&header::decode_rfc2047(value.as_bytes())));
    }
    if is_one_of(&ADDRESSES) {
        return addresses(&value);
    }
    if is_one_of(&WITH_PARAMETERS) {
        return without_parameters(&value);
    }
    None
}

fn addresses(value: &str) -> Option<String> {
    let (list, _) = header::parse_addresses(value.as_bytes());
    let mut written = String::new();
    let mut begins = true;
    for address in &list {
        let ends_group = address.is_group_mark() && address.mailbox.is_none();
        if !begins && !ends_group {
            written.push_str(",\r\n ");
        }
        written.push_str(&entry(address));
        begins = address.is_group_mark() && !ends_group;
    }
    (!written.is_empty()).then_some(written)
}

fn entry(address: &Address) -> String {
    match (&address.mailbox, &address.host) {
        (None, _) => ";".into(),
        (Some(group), None) => format!("{}:", phrase(group)),
        _ => {
            let spec = address.spec();
            match address.decoded_name() {
                _ if !spec.is_ascii() => format!("{} {INVALID}", phrase(&spec)),
                Some(name) => format!("{} {}", phrase(&name), angle(address)),
                None => angle(address),
            }
        }
    }
}

/// `<local@host>`, the local-part in quotes where it needs them (RFC 5322 §3.4.1).
fn angle(address: &Address) -> String {
    let (local, host) = (address.mailbox.as_deref(), address.host.as_deref().unwrap_or_default());
    let local = local.unwrap_or_default();
    let is_atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let local = if local.bytes().all(is_atext) { local.to_owned() } else { quoted(local) };
    if host.is_empty() { format!("<{local}>") } else { format!("<{local}@{host}>") }
}

/// A display name: in quotes, or as encoded words (RFC 2047 §5).
fn phrase(text: &str) -> String {
    if text.is_ascii() && !text.contains("=?") { quoted(text) } else { header::encode_rfc2047(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

/// The value without the parameters that are not ASCII; `None` if that is not all that there is of it.
fn without_parameters(value: &str) -> Option<String> {
    let mut pieces = pieces(value).into_iter();
    let main = pieces.next().filter(|main| main.is_ascii())?;
    let kept: Vec<&str> = std::iter::once(main).chain(pieces.filter(|piece| piece.is_ascii())).collect();
    Some(kept.iter().map(|piece| piece.trim()).collect::<Vec<_>>().join(";\r\n "))
}

/// What stands between semicolons that are not in quotes.
fn pieces(value: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut in_quotes, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            ';' if !in_quotes => {
                pieces.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&value[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_ascii() {
        for (section, expected) in [
            // RFC 6858 §2.1
            (
                "From: Fred Foo <fred@exämple.com>\r\n",
                "From: =?utf-8?B?ZnJlZEBleMOkbXBsZS5jb20=?= <invalid@internationalized-address.invalid>\r\n",
            ),
            (
                "To: \"Jürgen, \\\"J\\\"\" <j@x.test>,\r\n b@x.test, \"a b\"@x.test, Me: c@x.test, ü@x.test;\r\n",
                "To: =?utf-8?B?SsO8cmdlbiwgIkoi?= <j@x.test>,\r\n <b@x.test>,\r\n <\"a b\"@x.test>,\r\n \"Me\":<c@x.test>,\r\n \
                 =?utf-8?B?w7xAeC50ZXN0?= <invalid@internationalized-address.invalid>;\r\n",
            ),
            (
                "Cc: \"Doe, J.\" <d@x.test>, =?utf-8?q?=C3=BC?= <u@x.test>, ä <a@x.test>\r\n",
                "Cc: \"Doe, J.\" <d@x.test>,\r\n =?utf-8?B?w7w=?= <u@x.test>,\r\n =?utf-8?B?w6Q=?= <a@x.test>\r\n",
            ),
            (
                "Return-Path: <ü@x.test>\r\n",
                "Return-Path: =?utf-8?B?w7xAeC50ZXN0?= <invalid@internationalized-address.invalid>\r\n",
            ),
            // RFC 6858 §2.2
            ("Content-Disposition: attachment; filename=fü\r\n", "Content-Disposition: attachment\r\n"),
            (
                "Content-Type: multipart/mixed; name=\"ä;\\\"\"; boundary=\"b;c\"\r\n",
                "Content-Type: multipart/mixed;\r\n boundary=\"b;c\"\r\n",
            ),
            ("Content-Type: ü; a=b\r\n", ""),
            // RFC 6858 §2.3
            ("SUBJECT: grüße\r\n an =?utf-8?q?=C3=BC?=\r\n", "SUBJECT: =?utf-8?B?Z3LDvMOfZSBhbiDDvA==?=\r\n"),
            // RFC 6858 §2.4
            ("X: ü\r\nA: b\r\n c\r\nü\r\nMessage-ID: <ü@x>\r\n", "A: b\r\n c\r\n"),
            ("Subject: =?utf-8?q?=C3=BC?= a\n\n", "Subject: =?utf-8?q?=C3=BC?= a\n\n"),
        ] {
            let whole = format!("{section}\r\n");
            assert_eq!(String::from_utf8_lossy(&surrogate(whole.as_bytes())), format!("{expected}\r\n"));
            assert_eq!(String::from_utf8_lossy(&surrogate(section.as_bytes())), expected);
        }
        assert_eq!(surrogate(b"Subject: gr\xfc\xdfe\r\n"), b"Subject: =?utf-8?B?Z3LDvMOfZQ==?=\r\n");
    }

    proptest::proptest! {
        #[test]
        fn anything_becomes_ascii(
            name in proptest::sample::select(vec!["To", "Subject", "Content-Type", "X"]),
            value in proptest::collection::vec(proptest::sample::select("ü\"\\;,:<>@ =?()\r\na\u{0}\u{fc}".as_bytes().to_vec()), 0..40),
        ) {
            let section = [name.as_bytes(), b": ", &value, b"\r\n"].concat();
            let ascii = surrogate(&section);
            let end = header::fields(&section).map(|field| field.raw.len()).sum::<usize>();
            proptest::prop_assert!(ascii[..ascii.len() - (section.len() - end)].is_ascii());
        }
    }
}
