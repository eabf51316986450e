//! Writing Authentication-Results (RFC 8601 §2.2): quoted, folded, bounded. No foreign text can end a line, open a
//! comment or begin another result.

use mail::{Address, Domain, limits};

use super::{MethodResult, Property};
use crate::text::printable;

/// Columns that a line should not pass (RFC 5322 §2.1.1).
const COLUMNS: usize = 78;

/// The whole field with its CRLF. `id` is our host name.
pub fn write(id: &Domain, results: &[MethodResult]) -> String {
    format!("Authentication-Results: {}\r\n", write_value(id, results))
}

/// The field's value, folded, as an ARC set takes it too (RFC 8617 §4.1.1): `none` without results. Of more than
/// [`limits::AUTHENTICATION_RESULTS`] results the last ones are left out.
pub fn write_value(id: &Domain, results: &[MethodResult]) -> String {
    let mut field = id.to_string();
    if results.is_empty() {
        field.push_str("; none");
    }
    for result in results.iter().take(limits::AUTHENTICATION_RESULTS) {
        field.push_str(";\r\n\t");
        write_result(&mut field, result);
    }
    field
}

fn write_result(field: &mut String, result: &MethodResult) {
    let (method, word) = (keyword(result.method.word()), keyword(&result.result));
    let mut column = 8;
    append(field, &mut column, &format!("{method}={word}"));
    if let Some(comment) = &result.comment {
        for word in comment_words(comment) {
            append(field, &mut column, &word);
        }
    }
    if let Some(reason) = &result.reason {
        append(field, &mut column, &format!("reason={}", quoted(reason)));
    }
    for property in result.properties.iter().take(limits::AUTHENTICATION_PROPERTIES) {
        append(field, &mut column, &property_text(property));
    }
}

/// Appends a word behind a space, or on a new line if it would not fit.
fn append(field: &mut String, column: &mut usize, word: &str) {
    if !field.ends_with('\t') {
        if *column + 1 + word.len() > COLUMNS {
            field.push_str("\r\n\t ");
            *column = 9;
        } else {
            field.push(' ');
            *column += 1;
        }
    }
    field.push_str(word);
    *column += word.len();
}

fn property_text(property: &Property) -> String {
    format!("{}.{}={}", keyword(&property.kind), keyword(&property.name), value(&property.value))
}

/// Letters, digits, hyphens and underscores; anything else that a caller may bring is `x`.
fn keyword(word: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let cleaned: String = shortened(word).chars().map(|c| if good(c) { c } else { 'x' }).collect();
    if cleaned.is_empty() { "x".to_owned() } else { cleaned }
}

/// RFC 8601 §2.2 `pvalue`: a token, an address, or a quoted string.
fn value(text: &str) -> String {
    let text = printable(shortened(text));
    let is_token = !text.is_empty() && text.bytes().all(is_token_byte);
    let is_address = || {
        let address: Option<Address> = text.parse().ok();
        // A quoted local-part could hold white space at which the line is folded.
        address.is_some_and(|address| address.to_string() == text && text.bytes().all(is_address_byte))
    };
    if is_token || is_address() { text } else { quoted(&text) }
}

/// RFC 2045 §5.1 `token`.
fn is_token_byte(b: u8) -> bool {
    b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b)
}

fn is_address_byte(b: u8) -> bool {
    is_token_byte(b) || matches!(b, b'@' | b'/' | b'?' | b'=' | b'[' | b']' | b':')
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(&printable(shortened(text)), &['"', '\\']))
}

/// The words of a comment with its parentheses, for folding between them.
fn comment_words(text: &str) -> Vec<String> {
    let text = format!("({})", escaped(&printable(shortened(text)), &['(', ')', '\\']));
    text.split(' ').filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// So that no line comes near the 998 of RFC 5322 §2.1.1, even if each character is escaped.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(limits::AUTHENTICATION_TEXT)]
}
