//! Parameters of MIME header fields (RFC 2045 §5.1, RFC 2231).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mail::limits;

use crate::{Parameter, charset, encoded_word};

/// A structured MIME field, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed<'a> {
    /// What stands before the first semicolon, without comments.
    pub(crate) value: &'a str,
    /// As [`Parameter`] says; no name occurs twice.
    pub(crate) parameters: Vec<Parameter>,
    /// Whether a name occurred twice; the first counts.
    pub(crate) doubled: bool,
    /// Whether there were more than [`limits::MIME_PARAMETERS`].
    pub(crate) truncated: bool,
}

/// RFC 2045 §5.1 `token`.
pub(crate) fn is_token_byte(b: u8) -> bool {
    b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b)
}

/// Takes an unfolded value apart.
pub(crate) fn parse(value: &str) -> Parsed<'_> {
    let (main, mut rest) = value.split_once(';').unwrap_or((value, ""));
    let main = main.split('(').next().unwrap_or_default().trim();
    let mut parsed = Parsed { value: main, ..Parsed::default() };
    let mut pieces = Pieces::default();
    let mut count = 0;
    while !rest.is_empty() {
        let (name, value, behind) = next_parameter(rest);
        rest = behind;
        if name.is_empty() {
            continue;
        }
        count += 1;
        if count > limits::MIME_PARAMETERS {
            parsed.truncated = true;
            break;
        }
        match section(&name) {
            Some((base, number, extended)) => pieces.add(base, number, extended, value),
            None => parsed.add(name, value),
        }
    }
    for (name, value) in pieces.join() {
        parsed.add(name, value);
    }
    parsed
}

impl Parsed<'_> {
    fn add(&mut self, name: String, value: String) {
        if self.parameters.iter().any(|(known, _)| *known == name) {
            self.doubled = true;
        } else {
            self.parameters.push((name, value));
        }
    }
}

/// The first parameter of `text`: name in lower case, value without quotes, and what follows its semicolon.
fn next_parameter(text: &str) -> (String, String, &str) {
    let end = text.find([';', '=']).unwrap_or(text.len());
    let name = text[..end].trim().trim_start_matches('(').to_ascii_lowercase();
    if !text[end..].starts_with('=') {
        return (String::new(), String::new(), text.get(end + 1..).unwrap_or_default());
    }
    let rest = text[end + 1..].trim_start();
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, behind) = unquote(quoted);
        let behind = behind.find(';').map_or("", |at| &behind[at + 1..]);
        return (name, value, behind);
    }
    let (value, behind) = rest.split_once(';').unwrap_or((rest, ""));
    let value = value.split_once(" (").map_or(value, |(value, _comment)| value);
    (name, value.trim().to_owned(), behind)
}

/// The meaning of a quoted-string behind its first quote, and what follows it. One without end goes to the end.
fn unquote(text: &str) -> (String, &str) {
    let mut meant = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (meant, &text[at + 1..]),
            '\\' => meant.extend(chars.next().map(|(_, c)| c)),
            c => meant.push(c),
        }
    }
    (meant, "")
}

/// `name*0*` is section 0 of `name` in extended form (RFC 2231 §4.1).
fn section(name: &str) -> Option<(&str, u32, bool)> {
    let (unmarked, extended) = name.strip_suffix('*').map_or((name, false), |n| (n, true));
    let (base, number) = unmarked.rsplit_once('*')?;
    Some((base, number.parse().ok()?, extended))
}

/// Continuations, by name and section.
#[derive(Default)]
struct Pieces(BTreeMap<String, BTreeMap<u32, (bool, String)>>);

impl Pieces {
    fn add(&mut self, base: &str, number: u32, extended: bool, value: String) {
        self.0.entry(base.to_owned()).or_default().entry(number).or_insert((extended, value));
    }

    /// RFC 2231 §3: sections count up from 0; what comes behind a gap is dropped.
    fn join(self) -> impl Iterator<Item = Parameter> {
        self.0.into_iter().filter_map(|(base, sections)| {
            let whole: Vec<_> =
                sections.into_iter().zip(0..).take_while(|((n, _), i)| n == i).map(|((_, s), _)| s).collect();
            let any_extended = whole.iter().any(|(extended, _)| *extended);
            if !any_extended {
                return (!whole.is_empty()).then(|| (base, whole.into_iter().map(|(_, v)| v).collect()));
            }
            let first_extended = whole[0].0;
            let value: String = whole
                .into_iter()
                .map(|(extended, v)| if extended { v } else { percent_encode(&v) })
                .collect();
            let value = if first_extended { value } else { format!("''{value}") };
            Some((format!("{base}*"), value))
        })
    }
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._".contains(&b) {
            encoded.push(char::from(b));
        } else {
            write!(encoded, "%{b:02X}").expect("a String takes everything");
        }
    }
    encoded
}

/// The decoded value of a parameter: the extended form (`name*`) before the plain one (RFC 2231 §4).
pub(crate) fn find(parameters: &[Parameter], name: &str) -> Option<String> {
    let extended = parameters.iter().find(|(n, _)| n.strip_suffix('*') == Some(name));
    if let Some((_, value)) = extended {
        return Some(decode_extended(value));
    }
    let (_, value) = parameters.iter().find(|(n, _)| n == name)?;
    // RFC 2047 §5 forbids encoded words here, and half of the world's mail has them.
    Some(if value.contains("=?") { encoded_word::decode(value.as_bytes()) } else { value.clone() })
}

/// `charset'language'percent-encoded`.
fn decode_extended(value: &str) -> String {
    let mut parts = value.splitn(3, '\'');
    let (charset, encoded) = match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_language), Some(encoded)) => (charset, encoded),
        _ => ("", value),
    };
    charset::to_utf8(charset, &percent_decode(encoded.as_bytes()))
}

fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        let digits =
            (b == b'%').then(|| bytes.get(at + 1).copied().zip(bytes.get(at + 2).copied())).flatten();
        if let Some(byte) = digits.and_then(|(high, low)| crate::text::hex_byte(high, low)) {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(b);
            at += 1;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_fields_are_taken_apart() {
        for (text, value, parameters) in [
            ("text/plain", "text/plain", &[][..]),
            ("text/plain; Charset=us-ascii (Plain)", "text/plain", &[("charset", "us-ascii")]),
            (r#"a/b; name="x;\"y" ; c=d"#, "a/b", &[("name", "x;\"y"), ("c", "d")]),
            ("a/b;; =x; ;c = d ;", "a/b", &[("c", "d")]),
            ("a/b; name=my file.pdf", "a/b", &[("name", "my file.pdf")]),
            ("a/b; name=\"open", "a/b", &[("name", "open")]),
            ("a/b; n*1=two; n*0=one; n*3=lost", "a/b", &[("n", "onetwo")]),
            ("a/b; n*0*=utf-8'en'%C3; n*1*=%A9; n*2=\"a b\"", "a/b", &[("n*", "utf-8'en'%C3%A9a%20b")]),
            ("(c) ; a=1; a=2", "", &[("a", "1")]),
        ] {
            let parsed = parse(text);
            let found: Vec<_> = parsed.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!((parsed.value, found.as_slice()), (value, parameters), "{text}");
        }
    }

    #[test]
    fn values_are_decoded() {
        let parameters = |text| parse(text).parameters;
        let name = |text| find(&parameters(text), "n");
        assert_eq!(name("a/b; n*0*=utf-8'en'%C3; n*1*=%A9; n*2=\"a b\"").as_deref(), Some("éa b"));
        assert_eq!(name("a/b; n=plain; n*=iso-8859-1''%e9").as_deref(), Some("é"));
        assert_eq!(name("a/b; n=\"=?utf-8?q?=C3=A9?=\"").as_deref(), Some("é"));
        assert_eq!(name("a/b; n*=broken%zz").as_deref(), Some("broken%zz"));
    }
}
