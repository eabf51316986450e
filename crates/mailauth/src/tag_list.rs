//! `tag=value; tag=value`: the form of DKIM and ARC signatures, of their keys in DNS, and of DMARC records
//! (RFC 6376 §3.2).

use std::fmt;
use std::ops::Range;

use mail::limits;

/// Why a text is no tag list. A list with an error has no meaning as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Neither ASCII nor UTF-8 (RFC 8616 §3).
    NotUtf8,
    /// A piece between semicolons without `name=`, or with a name that is none.
    Name,
    /// A value with a control character.
    Value,
    /// A name that stands twice.
    Duplicate,
    /// More than [`limits::TAGS`].
    TooMany,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "the text is not UTF-8",
            Self::Name => "a tag is not of the form name=value",
            Self::Value => "a value has a control character",
            Self::Duplicate => "a tag stands twice",
            Self::TooMany => "there are too many tags",
        })
    }
}

impl std::error::Error for Error {}

/// One `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Names are compared with regard to case.
    pub name: &'a str,
    /// Without white space around it; folding inside is kept. Never has a semicolon.
    pub value: &'a str,
    /// Where in the text everything between `=` and the semicolon (or the end) stands, white space included.
    pub span: Range<usize>,
}

/// A list of tags in the order in which they stand, no name twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList<'a>(Vec<Tag<'a>>);

impl<'a> TagList<'a> {
    /// Reads a field's value or a DNS record. An empty text is an empty list; a semicolon may end the list.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(text).map_err(|_| Error::NotUtf8)?;
        let mut tags: Vec<Tag<'a>> = Vec::new();
        let mut start = 0;
        for piece in text.split(';') {
            let end = start + piece.len();
            // RFC 6376 §3.2: only the last piece may be empty.
            if end == text.len() && trim(piece).is_empty() {
                break;
            }
            if tags.len() == limits::TAGS {
                return Err(Error::TooMany);
            }
            let tag = Tag::parse(piece, start)?;
            if tags.iter().any(|earlier| earlier.name == tag.name) {
                return Err(Error::Duplicate);
            }
            tags.push(tag);
            start = end + 1;
        }
        Ok(Self(tags))
    }

    /// All tags, known or not.
    pub fn tags(&self) -> &[Tag<'a>] {
        &self.0
    }

    /// The tag of that name.
    pub fn tag(&self, name: &str) -> Option<&Tag<'a>> {
        self.0.iter().find(|tag| tag.name == name)
    }

    /// The value of the tag of that name.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.tag(name).map(|tag| tag.value)
    }
}

impl<'a> Tag<'a> {
    /// `[FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]`; `start` is where the piece begins in the text.
    fn parse(piece: &'a str, start: usize) -> Result<Self, Error> {
        let (name, raw) = piece.split_once('=').ok_or(Error::Name)?;
        let span = start + name.len() + 1..start + piece.len();
        let name = trim(name);
        let good_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !good_name {
            return Err(Error::Name);
        }
        let value = trim(raw);
        if value.chars().any(|c| c.is_control() && !is_white(c)) {
            return Err(Error::Value);
        }
        Ok(Self { name, value, span })
    }
}

/// A value with all white space taken out: base64, and lists that may be folded anywhere.
pub fn without_white(value: &str) -> String {
    value.chars().filter(|&c| !is_white(c)).collect()
}

/// The items of a list in a value (`h=`, `k=`, `q=`), without the white space around them.
pub fn items(value: &str, separator: char) -> impl Iterator<Item = &str> {
    value.split(separator).map(trim)
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_white)
}

fn is_white(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_stand() {
        let text = b" v=1; a =\r\n\t x y\t;_no=;"; // a name begins with a letter
        assert_eq!(TagList::parse(text), Err(Error::Name));
        let text = " v=1; a =\r\n\t x y\t;n_o=; u=gr\u{e5};\r\n ";
        let list = TagList::parse(text.as_bytes()).expect("a list");
        let found: Vec<_> =
            list.tags().iter().map(|tag| (tag.name, tag.value, &text[tag.span.clone()])).collect();
        let want = [("v", "1", "1"), ("a", "x y", "\r\n\t x y\t"), ("n_o", "", ""), ("u", "grå", "grå")];
        assert_eq!(found, want);
        assert_eq!((list.get("a"), list.get("A")), (Some("x y"), None));
    }

    #[test]
    fn what_is_no_list_says_why() {
        for (text, want) in [
            (&b""[..], Ok(0)),
            (b" \r\n ", Ok(0)),
            (b"a=b=c", Ok(1)),
            (b"a=1;b=2;", Ok(2)),
            (b";", Err(Error::Name)),
            (b"a=1;;b=2", Err(Error::Name)),
            (b"a=1;;", Err(Error::Name)),
            (b"a", Err(Error::Name)),
            (b"=1", Err(Error::Name)),
            (b"1a=1", Err(Error::Name)),
            (b"a b=1", Err(Error::Name)),
            (b"a=1; a=1", Err(Error::Duplicate)),
            (b"a=1; A=1", Ok(2)),
            (b"a=\x00", Err(Error::Value)),
            (b"a=\xff", Err(Error::NotUtf8)),
        ] {
            assert_eq!(TagList::parse(text).map(|list| list.tags().len()), want, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn tags_are_counted() {
        let text = |n: usize| (0..n).map(|i| format!("t{i}=1")).collect::<Vec<_>>().join(";");
        assert_eq!(TagList::parse(text(limits::TAGS).as_bytes()).map(|l| l.tags().len()), Ok(limits::TAGS));
        assert_eq!(TagList::parse(text(limits::TAGS + 1).as_bytes()), Err(Error::TooMany));
    }

    #[test]
    fn values_may_be_folded_inside() {
        assert_eq!(without_white("a b\r\n\tc"), "abc");
        assert_eq!(items("from : to:\r\n subject", ':').collect::<Vec<_>>(), ["from", "to", "subject"]);
    }

    proptest::proptest! {
        #[test]
        fn spans_hold_the_values(text in "[a-c=; \t\r\n]{0,40}") {
            if let Ok(list) = TagList::parse(text.as_bytes()) {
                for tag in list.tags() {
                    proptest::prop_assert_eq!(trim(&text[tag.span.clone()]), tag.value);
                }
            }
        }
    }
}
