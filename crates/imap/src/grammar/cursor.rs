//! A place in a command, and the rules that are used everywhere.

use std::fmt;

use mail::{MailboxName, limits};

use crate::command::{BadName, Mailbox};
use crate::sequence::{Number, SequenceSet};
use crate::{Text, utf7};

/// What is wrong with a command; text for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub &'static str);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Error {}

/// A place in a command that is being parsed.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    depth: usize,
    text: Text,
    /// The first mailbox's name as it was written.
    first_name: Option<String>,
    /// Whether a mailbox's name was written in another form than it has here.
    is_renamed: bool,
}

/// RFC 3501 §9 `ATOM-CHAR`: no specials, controls, spaces or 8-bit bytes.
pub(crate) fn is_atom_char(b: u8) -> bool {
    (0x21..0x7f).contains(&b) && !b"(){%*\"\\]".contains(&b)
}

/// RFC 3501 §9 `ASTRING-CHAR = ATOM-CHAR / resp-specials`.
pub(crate) fn is_astring_char(b: u8) -> bool {
    is_atom_char(b) || b == b']'
}

/// RFC 3501 §9 `tag = 1*<any ASTRING-CHAR except "+">`.
pub(crate) fn is_tag_char(b: u8) -> bool {
    is_astring_char(b) && b != b'+'
}

impl<'a> Cursor<'a> {
    /// At the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0, text: Text::Ascii, first_name: None, is_renamed: false }
    }

    /// With mailbox names as a client of `text` writes them.
    pub(crate) fn in_text(self, text: Text) -> Self {
        Self { text, ..self }
    }

    /// See [`Request::supplied`](crate::command::Request::supplied).
    pub(crate) fn supplied(&mut self) -> Option<String> {
        self.first_name.take().filter(|_| self.is_renamed)
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn take_while(&mut self, good: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&b| !good(b)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Reads `b` if it comes next.
    pub(crate) fn eat(&mut self, b: u8) -> bool {
        let found = self.peek() == Some(b);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// Reads `word` if it comes next, in any case.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.rest.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.rest = &self.rest[word.len()..];
        }
        found
    }

    pub(crate) fn expect(&mut self, b: u8, otherwise: &'static str) -> Result<(), Error> {
        if self.eat(b) { Ok(()) } else { Err(Error(otherwise)) }
    }

    /// `SP`. Some clients send two; reading further ones along is a quirk that harms no rule.
    pub(crate) fn space(&mut self) -> Result<(), Error> {
        self.expect(b' ', "Missing argument")?;
        self.take_while(|b| b == b' ');
        Ok(())
    }

    /// Nothing may follow but spaces, which some clients send.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        self.take_while(|b| b == b' ');
        if self.rest.is_empty() { Ok(()) } else { Err(Error("Unexpected text after the command")) }
    }

    /// One level deeper, bounded (attacks A12).
    pub(crate) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth >= limits::IMAP_DEPTH {
            return Err(Error("The command is nested too deeply"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// `"(" item *(SP item) ")"`; also empty where `may_be_empty`.
    pub(crate) fn list<T>(
        &mut self,
        may_be_empty: bool,
        mut item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.expect(b'(', "Expected a list in parentheses")?;
        let mut items = Vec::new();
        if may_be_empty && self.eat(b')') {
            return Ok(items);
        }
        loop {
            items.push(self.nested(&mut item)?);
            if self.eat(b')') {
                return Ok(items);
            }
            self.space().map_err(|_| Error("Missing ')'"))?;
        }
    }

    /// `atom = 1*ATOM-CHAR`
    pub(crate) fn atom(&mut self) -> Result<&'a str, Error> {
        word(self.take_while(is_atom_char), "Expected an atom")
    }

    /// `number = 1*DIGIT` as an unsigned 32-bit integer.
    pub(crate) fn number(&mut self) -> Result<u32, Error> {
        u32::try_from(self.number64()?).map_err(|_| Error("The number is too large"))
    }

    /// As `number`, but up to 63 bits (RFC 9051 §9 `number64`).
    pub(crate) fn number64(&mut self) -> Result<u64, Error> {
        let digits = word(self.take_while(|b| b.is_ascii_digit()), "Expected a number")?;
        digits.parse().ok().filter(|&n| i64::try_from(n).is_ok()).ok_or(Error("The number is too large"))
    }

    /// `nz-number = digit-nz *DIGIT`
    pub(crate) fn nz_number(&mut self) -> Result<u32, Error> {
        self.digit_nz()?;
        self.number()
    }

    /// `digit-nz = %x31-39`, which comes next.
    fn digit_nz(&self) -> Result<(), Error> {
        if self.peek() == Some(b'0') { Err(Error("Zero is not allowed here")) } else { Ok(()) }
    }

    /// `nz-number64 = digit-nz *DIGIT`
    pub(crate) fn nz_number64(&mut self) -> Result<u64, Error> {
        self.digit_nz()?;
        self.number64()
    }

    /// `string = quoted / literal`
    pub(crate) fn string(&mut self) -> Result<Vec<u8>, Error> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => Err(Error("Expected a string")),
        }
    }

    /// `quoted = DQUOTE *QUOTED-CHAR DQUOTE`, with UTF-8 as in RFC 9051 §9. Also of clients that have not enabled it
    /// (RFC 9755 §3: what is offered may be used); bytes that are no UTF-8 are an error.
    fn quoted(&mut self) -> Result<Vec<u8>, Error> {
        self.expect(b'"', "Expected a quoted string")?;
        let mut meant = Vec::new();
        loop {
            meant.extend_from_slice(self.take_while(|b| !matches!(b, b'"' | b'\\' | b'\r' | b'\n' | 0)));
            if self.eat(b'"') {
                let good = std::str::from_utf8(&meant).is_ok();
                return if good { Ok(meant) } else { Err(Error("The quoted string is not UTF-8")) };
            }
            self.expect(b'\\', "Missing '\"' at the end of a quoted string")?;
            let escaped = self.peek().filter(|b| matches!(b, b'"' | b'\\'));
            meant.push(escaped.ok_or(Error("Only '\"' and '\\' are escaped in a quoted string"))?);
            self.rest = &self.rest[1..];
        }
    }

    /// `literal = "{" number ["+"] "}" CRLF *CHAR8` (RFC 7888 §8); the bytes stand in place.
    fn literal(&mut self) -> Result<Vec<u8>, Error> {
        let bytes = self.literal_bytes()?;
        // RFC 3501 §9 CHAR8: any byte but NUL.
        if bytes.contains(&0) { Err(Error("NUL in a literal")) } else { Ok(bytes) }
    }

    /// `literal8 = "~{" number ["+"] "}" CRLF *OCTET` (RFC 4466 §6)
    pub(crate) fn literal8(&mut self) -> Result<Vec<u8>, Error> {
        self.expect(b'~', "Expected a literal")?;
        self.literal_bytes()
    }

    fn literal_bytes(&mut self) -> Result<Vec<u8>, Error> {
        self.expect(b'{', "Expected a literal")?;
        let length = usize::try_from(self.number64()?).map_err(|_| Error("The number is too large"))?;
        self.eat(b'+');
        self.expect(b'}', "Missing '}' of a literal")?;
        self.eat(b'\r');
        self.expect(b'\n', "A literal begins on a new line")?;
        let bytes = self.rest.get(..length).ok_or(Error("The literal is cut off"))?;
        self.rest = &self.rest[length..];
        Ok(bytes.to_vec())
    }

    /// `astring = 1*ASTRING-CHAR / string`
    pub(crate) fn astring(&mut self) -> Result<Vec<u8>, Error> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => word(self.take_while(is_astring_char), "Expected an atom or a string").map(Into::into),
        }
    }

    /// An `astring` of UTF-8.
    pub(crate) fn text(&mut self) -> Result<String, Error> {
        utf8(self.astring()?)
    }

    /// `mailbox = "INBOX" / astring`
    pub(crate) fn mailbox(&mut self) -> Result<Mailbox, Error> {
        let wire = self.astring()?;
        // RFC 3501 §6.3.3: a name may end in the separator to say that names below it will follow.
        let wire = wire.strip_suffix(b"/").filter(|w| !w.is_empty()).unwrap_or(&wire);
        let written = match self.name_text(wire) {
            Ok(written) => written,
            Err(bad) => return Ok(Err(bad)),
        };
        let name = MailboxName::new(&written).map_err(BadName::Name);
        self.is_renamed |= name.as_ref().is_ok_and(|name| mail::nfc(name.as_str()) != written);
        self.first_name.get_or_insert(written);
        Ok(name)
    }

    /// A mailbox's name, or a pattern of names, in UTF-8. A name with bytes above 127 cannot be meant as modified UTF-7,
    /// whoever sends it (RFC 9755 §3); in modified UTF-7, wildcards stand for themselves.
    pub(crate) fn name_text(&self, wire: &[u8]) -> Result<String, BadName> {
        if self.text == Text::Ascii && wire.is_ascii() {
            return utf7::decode(wire).ok_or(BadName::Encoding);
        }
        std::str::from_utf8(wire).map(str::to_owned).map_err(|_| BadName::Utf8)
    }

    /// `sequence-set = (seq-number / seq-range) *("," sequence-set)`, RFC 5182 §5: `/ "$"`
    pub(crate) fn sequence_set(&mut self) -> Result<SequenceSet, Error> {
        if self.eat(b'$') {
            return Ok(SequenceSet::Saved);
        }
        let mut set = Vec::new();
        loop {
            let low = self.seq_number()?;
            let high = if self.eat(b':') { self.seq_number()? } else { low };
            set.push((low, high));
            if !self.eat(b',') {
                return Ok(SequenceSet::Written(set));
            }
        }
    }

    /// `seq-number = nz-number / "*"`
    pub(crate) fn seq_number(&mut self) -> Result<Number, Error> {
        if self.eat(b'*') { Ok(Number::Largest) } else { self.nz_number().map(Number::Value) }
    }
}

/// Bytes that were read by an ASCII rule, as text; an error if there are none.
fn word<'a>(bytes: &'a [u8], otherwise: &'static str) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).ok().filter(|w| !w.is_empty()).ok_or(Error(otherwise))
}

pub(crate) fn utf8(bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|_| Error("The string is not UTF-8"))
}
