//! Reading Authentication-Results (RFC 8601 §2.2), leniently: a result that is malformed is left out.

use std::ops::Range;

use mail::{Domain, limits};
use message::header;

use super::{Method, MethodResult, Property, is_one_of};

/// What a field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationResults {
    /// Who says it.
    pub id: String,
    /// Its results, at most [`limits::AUTHENTICATION_RESULTS`]; none for `none`.
    pub results: Vec<MethodResult>,
}

/// A field that says it comes from us. On arrival it is forged, or from a former passage, and must not be believed
/// (RFC 8601 §5): whoever keeps the bytes as received has to rename or drop it, or to ignore it when reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where in the header section the field stands, with its name and line ends.
    pub range: Range<usize>,
}

/// The Authentication-Results fields of a header section that claim one of `ours`. A field that cannot be read counts
/// as a claim if it has one of our names before its first semicolon.
pub fn claims(header: &[u8], ours: &[Domain]) -> Vec<Claim> {
    let mut found = Vec::new();
    let mut start = 0;
    for field in header::fields(header) {
        let range = start..start + field.raw.len();
        start = range.end;
        if field.is("Authentication-Results") && claims_one_of(field.value, ours) {
            found.push(Claim { range });
        }
    }
    found
}

fn claims_one_of(value: &[u8], ours: &[Domain]) -> bool {
    if let Some(parsed) = parse(value) {
        return is_one_of(&parsed.id, ours);
    }
    let text = header::unfold(value).to_ascii_lowercase();
    let first = text.split(';').next().unwrap_or_default();
    ours.iter().any(|domain| first.contains(domain.as_str()))
}

/// Reads a field's value; `None` if not even the authserv-id can be read.
pub fn parse(value: &[u8]) -> Option<AuthenticationResults> {
    let text = header::unfold(value);
    let mut scanner = Scanner { rest: &text, comment: None };
    scanner.skip_space()?;
    let id = scanner.value()?;
    // A version may follow, `mx.test 1`.
    scanner.skip_space()?;
    if scanner.rest.starts_with(|c: char| c.is_ascii_digit()) {
        scanner.name();
        scanner.skip_space()?;
    }
    let mut results = Vec::new();
    while scanner.skip_to_result()? {
        if results.len() == limits::AUTHENTICATION_RESULTS {
            break;
        }
        results.extend(scanner.result());
    }
    (!id.is_empty()).then_some(AuthenticationResults { id, results })
}

/// Reads words from the front of a text. `None` from any function: the text breaks off.
struct Scanner<'a> {
    rest: &'a str,
    /// The last comment that was skipped.
    comment: Option<String>,
}

impl Scanner<'_> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn skip(&mut self, c: char) -> bool {
        let found = self.rest.starts_with(c);
        if found {
            self.take();
        }
        found
    }

    /// RFC 5322 §3.2.2 `[CFWS]`: white space and nested comments.
    fn skip_space(&mut self) -> Option<()> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            if !self.skip('(') {
                return Some(());
            }
            let (mut text, mut depth) = (String::new(), 1_usize);
            while depth > 0 {
                match self.take()? {
                    '\\' => text.push(self.take()?),
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    c => text.push(c),
                }
            }
            self.comment = Some(text);
        }
    }

    /// Skips to behind the next semicolon; `false` at the end.
    fn skip_to_result(&mut self) -> Option<bool> {
        loop {
            self.skip_space()?;
            match self.rest.chars().next() {
                None => return Some(false),
                Some(';') => {
                    self.take();
                    return Some(true);
                }
                Some('"') => drop(self.quoted()?),
                Some(_) => drop(self.take()),
            }
        }
    }

    /// `resinfo` behind its semicolon; `None` for `none` and for what is malformed.
    fn result(&mut self) -> Option<MethodResult> {
        self.comment = None;
        let method = self.key()?;
        // A version may follow the method's name, `dkim/1`.
        let method = method.split('/').next().unwrap_or_default();
        let word = self.value()?.to_ascii_lowercase();
        let mut result = MethodResult::new(Method::from_word(method), &word);
        self.skip_space()?;
        result.comment = self.comment.take();
        while result.properties.len() < limits::AUTHENTICATION_PROPERTIES {
            let Some(key) = self.key() else { break };
            let value = self.value()?;
            match key.split_once('.') {
                Some((kind, name)) => {
                    result.properties.push(Property { kind: kind.into(), name: name.into(), value });
                }
                None if key == "reason" => result.reason = Some(value),
                None => {}
            }
        }
        Some(result)
    }

    /// A name before `=`, lower case, with space allowed around dots and slashes: `smtp . mailfrom =`.
    fn key(&mut self) -> Option<String> {
        let mut key = String::new();
        loop {
            self.skip_space()?;
            match self.rest.chars().next()? {
                '=' => {
                    self.take();
                    return (!key.is_empty()).then_some(key);
                }
                c @ ('.' | '/') => {
                    self.take();
                    key.push(c);
                }
                _ if key.is_empty() || key.ends_with(['.', '/']) => {
                    let name = self.name();
                    if name.is_empty() {
                        return None;
                    }
                    key.push_str(&name.to_ascii_lowercase());
                }
                _ => return None,
            }
        }
    }

    fn name(&mut self) -> String {
        let end = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let length = self.rest.find(end).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        name.to_owned()
    }

    /// A value: a word up to white space or a semicolon, in which parts may be quoted.
    fn value(&mut self) -> Option<String> {
        self.skip_space()?;
        let mut value = String::new();
        loop {
            match self.rest.chars().next() {
                None | Some(' ' | '\t' | ';' | '(') => return Some(value),
                Some('"') => value.push_str(&self.quoted()?),
                Some(c) => {
                    self.take();
                    value.push(c);
                }
            }
        }
    }

    fn quoted(&mut self) -> Option<String> {
        self.take();
        let mut meant = String::new();
        loop {
            match self.take()? {
                '"' => return Some(meant),
                '\\' => meant.push(self.take()?),
                c => meant.push(c),
            }
        }
    }
}
