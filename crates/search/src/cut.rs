//! Cutting texts into words, the same way for what is written and for what is asked.

use std::ops::BitOr;

/// Bytes of the longest word that is kept. Longer runs are rarely words (encoded data), and each would be another one:
/// a message with such a run is looked into instead.
pub(crate) const WORD_LENGTH: usize = 96;
/// Stands for all longer runs; no text has it as a word.
pub(crate) const LONG: &str = "\u{1}";

/// Where in a message a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zones(pub(crate) u8);

impl Zones {
    /// The texts of its parts, and the headers of messages within it.
    pub const BODY: Self = Self(1);
    /// Values of Subject.
    pub const SUBJECT: Self = Self(2);
    /// Values of From.
    pub const FROM: Self = Self(4);
    /// Values of To.
    pub const TO: Self = Self(8);
    /// Values of Cc.
    pub const CC: Self = Self(16);
    /// Values of all other fields.
    pub const OTHER: Self = Self(32);
    /// Names of fields.
    pub const NAME: Self = Self(64);
    /// All that people read of it: everything but the names of fields.
    pub const READ: Self = Self(63);
    /// Everything.
    pub const ALL: Self = Self(127);

    /// The zone that has the values of a field.
    pub fn of_field(name: &str) -> Self {
        const FIELDS: [(&str, Zones); 4] =
            [("subject", Zones::SUBJECT), ("from", Zones::FROM), ("to", Zones::TO), ("cc", Zones::CC)];
        FIELDS
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map_or(Self::OTHER, |(_, zone)| *zone)
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Zones {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a character does to a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Goes on with it.
    Letter,
    /// Is one by itself: scripts that put no spaces between words.
    Alone,
    /// Ends it.
    Between,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | '0'..='9' | 'A'..='Z' => Class::Letter,
        '\0'..='\u{7f}' => Class::Between,
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{31ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{3ffff}' => Class::Alone,
        c if c.is_alphanumeric() => Class::Letter,
        _ => Class::Between,
    }
}

/// Calls `take` with each word of a text, in order, as ranges of bytes. A word depends on its own characters and on whether
/// its neighbours go on with it, so a part of a text has the same words as the whole, but for those at its ends.
pub(crate) fn words(text: &str, mut take: impl FnMut(usize, usize)) {
    let mut begin = None;
    for (at, c) in text.char_indices() {
        match class(c) {
            Class::Letter => {
                begin.get_or_insert(at);
            }
            Class::Alone => {
                if let Some(begin) = begin.take() {
                    take(begin, at);
                }
                take(at, at + c.len_utf8());
            }
            Class::Between => {
                if let Some(begin) = begin.take() {
                    take(begin, at);
                }
            }
        }
    }
    if let Some(begin) = begin {
        take(begin, text.len());
    }
}

/// A text that is asked for, cut into words. Folded as the texts were that it is looked for in.
#[derive(Clone, Debug)]
pub struct Phrase {
    /// Each with a line feed where it must begin or end as a word: the list of words has one on either side of each.
    pub(crate) patterns: Vec<String>,
    /// Whether who has the one word has the text.
    pub(crate) decides: bool,
    /// Whether only messages with runs beyond [`WORD_LENGTH`] can have it.
    pub(crate) long: bool,
}

impl Phrase {
    /// A text within a value.
    pub fn new(text: &str) -> Self {
        let mut patterns = Vec::new();
        let mut long = false;
        words(text, |begin, end| {
            let word = &text[begin..end];
            long |= word.len() > WORD_LENGTH;
            let first = if begin == 0 { "" } else { "\n" };
            let last = if end == text.len() { "" } else { "\n" };
            patterns.push(format!("{first}{word}{last}"));
        });
        let decides = !long && patterns.len() == 1 && !patterns[0].contains('\n');
        Self { patterns, decides, long }
    }

    /// The same, where having the word is not enough: in a field among others.
    #[must_use]
    pub fn to_be_checked(mut self) -> Self {
        self.decides = false;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        words(text, |begin, end| found.push(&text[begin..end]));
        found
    }

    #[test]
    fn what_words_are() {
        for (text, expected) in [
            ("", &[][..]),
            ("one", &["one"]),
            ("don't, 2nd-best x_y", &["don", "t", "2nd", "best", "x", "y"]),
            ("grüße an alle.", &["grüße", "an", "alle"]),
            ("見abcて", &["見", "abc", "て"]),
            ("a\u{0}b\r\n\nc", &["a", "b", "c"]),
        ] {
            assert_eq!(cut(text), expected, "{text}");
        }
    }

    #[test]
    fn ends_that_are_known_are_asked_for() {
        for (text, patterns, decides) in [
            ("ell", &["ell"][..], true),
            ("hello world", &["hello\n", "\nworld"], false),
            (" hello", &["\nhello"], false),
            ("a-b-c", &["a\n", "\nb\n", "\nc"], false),
            ("見て", &["見\n", "\nて"], false),
            ("--", &[], false),
        ] {
            let phrase = Phrase::new(text);
            assert_eq!(
                (phrase.patterns.iter().map(String::as_str).collect::<Vec<_>>(), phrase.decides),
                (patterns.to_vec(), decides)
            );
        }
        assert!(Phrase::new(&"x".repeat(97)).long);
    }
}
