//! Header sections, field by field (RFC 5322 §2.2, §3.6.8).

use crate::scan;

pub use crate::address::parse_addresses;
pub use crate::encoded_word::{decode as decode_rfc2047, encode as encode_rfc2047};

/// One header field as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as written, without space before the colon (RFC 5322 §4.5.8). Empty for a line that is none.
    pub name: &'a [u8],
    /// What follows the colon, folded, without the last line's end.
    pub value: &'a [u8],
    /// The whole field with name, folding and line ends.
    pub raw: &'a [u8],
}

impl Field<'_> {
    /// Whether the field has that name, compared without regard to case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a header section, up to its end or the empty line.
pub fn fields(header: &[u8]) -> Fields<'_> {
    Fields { rest: header }
}

/// Iterates over the fields of a header section; see [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.rest.is_empty() || self.rest.starts_with(b"\n") || self.rest.starts_with(b"\r\n") {
            return None;
        }
        let (raw, rest) = self.rest.split_at(field_length(self.rest));
        self.rest = rest;
        let line = without_line_end(raw);
        let Some(name_length) = field_name_length(line) else {
            return Some(Field { name: b"", value: line, raw });
        };
        let colon = name_length + line[name_length..].iter().position(|&b| b == b':').unwrap_or(0);
        Some(Field { name: &line[..name_length], value: &line[colon + 1..], raw })
    }
}

/// Bytes up to the end of the first line that is not followed by a continuation line.
fn field_length(bytes: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let Some(at) = scan::find(b'\n', &bytes[end..]) else { return bytes.len() };
        end += at + 1;
        if !matches!(bytes.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
}

pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The length of the field name that a line begins with: printable ASCII, then perhaps space, then a colon.
pub(crate) fn field_name_length(line: &[u8]) -> Option<usize> {
    let name = line.iter().position(|&b| b == b':' || !(0x21..0x7f).contains(&b))?;
    let space = line[name..].iter().position(|&b| b != b' ' && b != b'\t')?;
    (name > 0 && line[name + space] == b':').then_some(name)
}

/// The first field of that name in a header section.
pub fn first<'a>(header: &'a [u8], name: &str) -> Option<Field<'a>> {
    fields(header).find(|field| field.is(name))
}

/// A field's value on one line: folding removed, trimmed, control characters made spaces, bytes that are not
/// UTF-8 replaced by U+FFFD.
pub fn unfold(value: &[u8]) -> String {
    if value.iter().all(|b| matches!(b, b' '..=b'~')) {
        // Most fields stand on one line of printable ASCII.
        return String::from_utf8_lossy(value.trim_ascii()).into_owned();
    }
    let text = String::from_utf8_lossy(value);
    let mut line = String::with_capacity(text.len());
    for c in text.trim_matches([' ', '\t', '\r', '\n']).chars() {
        match c {
            '\r' | '\n' => {}
            c if c.is_control() => line.push(' '),
            c => line.push(c),
        }
    }
    line
}

/// The message ids in a field's value, `<left@right>`; anything between them is skipped.
pub fn message_ids(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let start = rest.find('<')?;
        let end = start + rest[start..].find('>')?;
        let id = &rest[start..=end];
        rest = &rest[end + 1..];
        Some(id)
    })
}

/// What stands before the first space, semicolon or comment.
pub(crate) fn first_token(value: &str) -> &str {
    value.trim_start().split([' ', '\t', ';', '(']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_as_they_stand() {
        let header = b"A: 1\r\nB :\t2\r\n  3\nno field\r\nC:\r\n\r\nD: 4\r\n";
        let found: Vec<_> = fields(header).map(|f| (f.name, f.value)).collect();
        let want: Vec<(&[u8], &[u8])> =
            vec![(b"A", b" 1"), (b"B", b"\t2\r\n  3"), (b"", b"no field"), (b"C", b"")];
        assert_eq!(found, want);
        let whole: Vec<u8> = fields(header).flat_map(|f| f.raw.to_vec()).collect();
        assert_eq!(whole, b"A: 1\r\nB :\t2\r\n  3\nno field\r\nC:\r\n");
        assert_eq!(first(header, "b").map(|f| unfold(f.value)).as_deref(), Some("2  3"));
    }

    #[test]
    fn message_ids_are_found_between_noise() {
        let ids: Vec<_> = message_ids("x <a@b> (c) <d@e><f").collect();
        assert_eq!(ids, ["<a@b>", "<d@e>"]);
    }

    proptest::proptest! {
        #[test]
        fn raw_fields_are_the_section(header in proptest::collection::vec(proptest::sample::select(b"a: \r\n\t\0".to_vec()), 0..60)) {
            let joined: Vec<u8> = fields(&header).flat_map(|f| f.raw.to_vec()).collect();
            assert!(header.starts_with(&joined));
        }
    }
}
