//! Which bytes of a message a section of IMAP's FETCH BODY[...] names (RFC 3501 §6.4.5).

use std::ops::Range;

use crate::{Part, Summary, header};

/// A part's number and what of it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// `1.2` as `[1, 2]`; empty for the message itself.
    pub path: Vec<u32>,
    /// What of it.
    pub what: What,
}

/// What of a part is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// Nothing after the number: the part's body; the whole message without a number.
    #[default]
    Whole,
    /// `HEADER`: a message's header section with its empty line.
    Header,
    /// `HEADER.FIELDS` (`not` false) or `HEADER.FIELDS.NOT`: to be cut from the header by [`select_fields`].
    Fields {
        /// The names in the parentheses.
        names: Vec<String>,
        /// Whether the named ones are left out.
        not: bool,
    },
    /// `TEXT`: a message's body.
    Text,
    /// `MIME`: a part's own header section with its empty line.
    Mime,
}

/// Parses `1.2.HEADER`, `TEXT`, `3`, or nothing; field lists are the protocol's own grammar.
pub fn parse(text: &str) -> Option<Section> {
    let mut section = Section::default();
    let mut rest = text;
    while rest.starts_with(|c: char| c.is_ascii_digit()) {
        let (number, behind) = rest.split_once('.').unwrap_or((rest, ""));
        section.path.push(number.parse().ok().filter(|&n| n > 0)?);
        if behind.is_empty() && rest.ends_with('.') {
            return None;
        }
        rest = behind;
    }
    section.what = match rest.to_ascii_uppercase().as_str() {
        "" => What::Whole,
        "HEADER" => What::Header,
        "TEXT" => What::Text,
        "MIME" if !section.path.is_empty() => What::Mime,
        _ => return None,
    };
    Some(section)
}

/// Where the section stands in the message; for [`What::Fields`], the header section to select from. `None` where
/// the message has no such section.
pub fn locate(summary: &Summary, section: &Section) -> Option<Range<u64>> {
    if section.path.is_empty() {
        return match section.what {
            What::Whole => Some(0..summary.size),
            What::Header | What::Fields { .. } => Some(summary.root.header.clone()),
            What::Text => Some(summary.root.body.clone()),
            What::Mime => None,
        };
    }
    let part = find_part(summary, &section.path)?;
    match section.what {
        What::Whole => Some(part.body.clone()),
        What::Mime => Some(part.header.clone()),
        _ if !part.is_message() => None,
        What::Header | What::Fields { .. } => Some(part.children.first()?.header.clone()),
        What::Text => Some(part.children.first()?.body.clone()),
    }
}

/// The part of that number (RFC 3501 §6.4.5): every message has a part 1, which is its body unless that is a
/// multipart; numbers go on inside multiparts and messages within messages.
pub fn find_part<'a>(summary: &'a Summary, path: &[u32]) -> Option<&'a Part> {
    let mut part = &summary.root;
    let mut in_message = true;
    for (at, &number) in path.iter().enumerate() {
        if part.is_message() && !in_message {
            part = part.children.first()?;
            in_message = true;
        }
        if part.is_multipart() && !part.children.is_empty() {
            part = part.children.get((number as usize).checked_sub(1)?)?;
        } else if number != 1 || !(in_message || part.is_multipart()) {
            return None;
        } else if part.is_multipart() {
            // BODYSTRUCTURE shows what a multipart without parts holds as its one part of text.
            return (at + 1 == path.len()).then_some(part);
        }
        in_message = false;
    }
    Some(part)
}

/// The fields of `header` with one of `names` (or, if `not`, with none of them), in their order and as they stand,
/// and an empty line.
pub fn select_fields<S: AsRef<str>>(header: &[u8], names: &[S], not: bool) -> Vec<u8> {
    let mut selected = Vec::new();
    for field in header::fields(header) {
        if names.iter().any(|name| field.is(name.as_ref())) != not {
            selected.extend_from_slice(field.raw);
            if !field.raw.ends_with(b"\n") {
                selected.extend_from_slice(b"\r\n");
            }
        }
    }
    selected.extend_from_slice(b"\r\n");
    selected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parser;

    /// The example of RFC 3501 §6.4.5: text, octets, a message with two parts, and a multipart with a message in it.
    const EXAMPLE: &str = "Content-Type: multipart/mixed; boundary=a\r\n\r\n\
        --a\r\n\r\none\r\n\
        --a\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n\
        --a\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\nSubject: s\r\n\r\n\
        --b\r\n\r\nthree.one\r\n--b\r\n\r\nthree.two\r\n--b--\r\n\
        --a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n\
        --c\r\nContent-Type: image/gif\r\n\r\nfour.one\r\n\
        --c\r\nContent-Type: message/rfc822\r\n\r\nSubject: t\r\n\r\nfour.two\r\n--c--\r\n--a--\r\n";

    #[test]
    fn sections_are_found() {
        let summary = Parser::parse(EXAMPLE.as_bytes());
        let cut = |name: &str| {
            let range = locate(&summary, &parse(name).expect(name))?;
            Some(&EXAMPLE[range.start as usize..range.end as usize])
        };
        let nested_header = "Content-Type: multipart/mixed; boundary=b\r\nSubject: s\r\n\r\n";
        for (name, want) in [
            ("", Some(EXAMPLE)),
            ("HEADER", Some("Content-Type: multipart/mixed; boundary=a\r\n\r\n")),
            ("1", Some("one")),
            ("1.MIME", Some("\r\n")),
            ("1.1", None),
            ("1.TEXT", None),
            ("2.mime", Some("Content-Type: application/octet-stream\r\n\r\n")),
            ("3.HEADER", Some(nested_header)),
            ("3.1", Some("three.one")),
            ("3.2", Some("three.two")),
            ("3.3", None),
            ("4", Some(&EXAMPLE[EXAMPLE.find("--c").expect("is there")..EXAMPLE.len() - 9])),
            ("4.1.MIME", Some("Content-Type: image/gif\r\n\r\n")),
            ("4.2", Some("Subject: t\r\n\r\nfour.two")),
            ("4.2.TEXT", Some("four.two")),
            ("4.2.1", Some("four.two")),
            ("4.2.1.MIME", Some("Subject: t\r\n\r\n")),
            ("4.2.2", None),
            ("5", None),
        ] {
            assert_eq!(cut(name), want, "{name}");
        }
        assert_eq!(find_part(&summary, &[0]), None);
        let plain = Parser::parse(b"A: b\r\n\r\nx");
        assert_eq!(locate(&plain, &parse("1").expect("good")), Some(8..9));
        assert_eq!(locate(&plain, &parse("2").expect("good")), None);
        for bad in ["0", "1.", ".1", "1..2", "MIME", "x", "1.HEADERS", "99999999999"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_message_is_its_own_only_part_also_when_it_holds_a_message() {
        let summary = Parser::parse(b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx");
        let range = |name: &str| locate(&summary, &parse(name).expect(name));
        assert_eq!(range("1"), Some(32..41));
        assert_eq!(range("1.HEADER"), Some(32..40));
        assert_eq!(range("1.1"), Some(40..41));
        assert_eq!(range("1.1.1"), None);
    }

    #[test]
    fn a_multipart_without_parts_has_one_part() {
        let message = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\
            Content-Type: multipart/mixed; boundary=b\r\n\r\nlost\r\n--a--\r\n";
        let summary = Parser::parse(message);
        let cut = |name: &str| {
            let range = locate(&summary, &parse(name).expect(name))?;
            Some(&message[range.start as usize..range.end as usize])
        };
        assert_eq!(cut("1.1"), Some(b"lost".as_slice()));
        assert_eq!((cut("1.2"), cut("1.1.1")), (None, None));
    }

    #[test]
    fn fields_are_selected() {
        let header = b"A: 1\r\nB: 2\r\n 3\r\nA: 4\r\nC: 5\r\n\r\n";
        assert_eq!(select_fields(header, &["a", "c"], false), b"A: 1\r\nA: 4\r\nC: 5\r\n\r\n");
        assert_eq!(select_fields(header, &["a"], true), b"B: 2\r\n 3\r\nC: 5\r\n\r\n");
        assert_eq!(select_fields(b"A: 1", &["a"], false), b"A: 1\r\n\r\n");
    }
}
