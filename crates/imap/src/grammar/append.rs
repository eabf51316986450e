//! APPEND and REPLACE (RFC 3502, RFC 4469 §5, RFC 8508 §5): the text between the literals that are streamed.

use mail::{Flags, Wall, limits};

use super::{Cursor, Error};
use crate::command::{Append, NewMessage, Replaced};
use crate::{SequenceSet, Text};

/// Something that such a command asks for before its next literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// One more message begins.
    Message(NewMessage),
    /// What this URL means goes on with the message (RFC 4469 §3).
    Url(String),
}

/// Where the command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A message must come.
    Message,
    /// A message was whole, and one more may come.
    Behind,
    /// Within the parentheses of CATENATE, behind so many parts.
    Parts(usize),
    /// Behind the literal of `UTF8 (~{size}`, whose parenthesis comes next.
    Utf8,
}

/// The text up to the next literal that is streamed, or to the end of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// In this order.
    pub pieces: Vec<Piece>,
    /// Where the command goes on behind the literal.
    pub place: Place,
}

/// Whether a line, which is whole or ends in the beginning of a literal, begins such a command: then its arguments.
/// `None` for other commands, and while a mailbox's name or a URL is the literal. `text` says how it writes names.
pub fn append_start(text: Text, line: &[u8]) -> Option<Result<(Append, Segment), Error>> {
    let mut cursor = Cursor::new(line).in_text(text);
    cursor.tag().ok()?;
    cursor.space().ok()?;
    let replaces_uid = if cursor.eat_word("APPEND ") {
        None
    } else if cursor.eat_word("REPLACE ") {
        Some(false)
    } else if cursor.eat_word("UID ") {
        cursor.take_while(|b| b == b' ');
        cursor.eat_word("REPLACE ").then_some(Some(true))?
    } else {
        return None;
    };
    start(&mut cursor, replaces_uid).transpose()
}

/// What comes behind a streamed literal. `only`: no more than one message.
pub fn append_more(text: Text, line: &[u8], place: Place, only: bool) -> Option<Result<Segment, Error>> {
    segment(&mut Cursor::new(line).in_text(text), place, only).transpose()
}

/// `append = "APPEND" SP mailbox 1*append-message`, `replace = "REPLACE" SP seq-number SP mailbox append-message`, the words
/// and their space being read already.
fn start(cursor: &mut Cursor<'_>, replaces_uid: Option<bool>) -> Result<Option<(Append, Segment)>, Error> {
    let mut replaces = None;
    cursor.take_while(|b| b == b' ');
    if let Some(uid) = replaces_uid {
        let number = cursor.seq_number()?;
        replaces = Some(Replaced { uid, set: SequenceSet::Written(vec![(number, number)]) });
        cursor.space()?;
    }
    if cursor.is_literal_to_come() {
        return Ok(None);
    }
    let mailbox = cursor.mailbox()?;
    if cursor.rest().is_empty() {
        return Err(Error("Missing message"));
    }
    let supplied = cursor.supplied();
    let segment = segment(cursor, Place::Message, replaces.is_some())?;
    Ok(segment.map(|segment| (Append { mailbox, replaces, supplied }, segment)))
}

/// `None` while a URL is a literal that has yet to come.
fn segment(cursor: &mut Cursor<'_>, mut place: Place, only: bool) -> Result<Option<Segment>, Error> {
    let mut pieces = Vec::new();
    loop {
        match place {
            Place::Message => {
                pieces.push(Piece::Message(cursor.new_message()?));
                // RFC 6855 §4: `append-data =/ "UTF8" SP "(" literal8 ")"`. RFC 9755 has dropped it; clients go on sending it.
                if cursor.eat_word("UTF8 (") {
                    if cursor.peek() != Some(b'~') {
                        return Err(Error("UTF8 data comes as a literal8"));
                    }
                    cursor.message_literal()?;
                    return Ok(Some(Segment { pieces, place: Place::Utf8 }));
                }
                if !cursor.eat_word("CATENATE ") {
                    cursor.message_literal()?;
                    return Ok(Some(Segment { pieces, place: Place::Behind }));
                }
                cursor.take_while(|b| b == b' ');
                cursor.expect(b'(', "CATENATE has a list of parts")?;
                place = Place::Parts(0);
            }
            Place::Utf8 => {
                cursor.expect(b')', "Unexpected text after the message")?;
                place = Place::Behind;
            }
            Place::Behind => {
                if cursor.rest().iter().all(|&b| b == b' ') {
                    return Ok(Some(Segment { pieces, place }));
                }
                if only || cursor.peek() != Some(b' ') {
                    return Err(Error("Unexpected text after the message"));
                }
                place = Place::Message;
            }
            Place::Parts(before) => {
                if before > 0 && cursor.eat(b')') {
                    place = Place::Behind;
                    continue;
                }
                match cursor.part(before)? {
                    Part::Text => {
                        return Ok(Some(Segment { pieces, place: Place::Parts(before + 1) }));
                    }
                    Part::UrlToCome => return Ok(None),
                    Part::Url(url) => pieces.push(Piece::Url(url)),
                }
                place = Place::Parts(before + 1);
            }
        }
    }
}

/// RFC 4469 §5 `cat-part`.
enum Part {
    /// Its literal comes next.
    Text,
    Url(String),
    UrlToCome,
}

impl Cursor<'_> {
    /// `[SP flag-list] [SP date-time] SP` (RFC 3502)
    fn new_message(&mut self) -> Result<NewMessage, Error> {
        self.space()?;
        let mut message = NewMessage { flags: Flags::new(), date: None::<Wall> };
        if self.peek() == Some(b'(') {
            message.flags = self.flag_list()?;
            self.space()?;
        }
        if self.peek() == Some(b'"') {
            message.date = Some(self.date_time()?);
            self.space()?;
        }
        Ok(message)
    }

    /// `cat-part = "TEXT" SP literal / "URL" SP astring`, the list's spaces and its bounds included.
    fn part(&mut self, before: usize) -> Result<Part, Error> {
        if before >= limits::IMAP_CATENATE_PARTS {
            return Err(Error("CATENATE has too many parts"));
        }
        if before > 0 {
            self.space().map_err(|_| Error("Missing ')'"))?;
        }
        if self.eat_word("TEXT ") {
            self.take_while(|b| b == b' ');
            self.message_literal()?;
            return Ok(Part::Text);
        }
        if !self.eat_word("URL ") {
            return Err(Error("A part of CATENATE is TEXT or URL"));
        }
        self.take_while(|b| b == b' ');
        if self.is_literal_to_come() {
            return Ok(Part::UrlToCome);
        }
        self.text().map(Part::Url)
    }

    /// The beginning of a literal, of which no more is there.
    ///
    /// RFC 3516 §4.4: a literal8 may hold NUL. Messages may in either case (RFC 9051 §4.3 has old ones in mind).
    fn message_literal(&mut self) -> Result<(), Error> {
        self.eat(b'~');
        self.expect(b'{', "The message comes as a literal")?;
        self.number64()?;
        self.eat(b'+');
        self.expect(b'}', "Missing '}' of a literal")?;
        self.end()
    }

    /// Whether nothing is left but the beginning of a literal.
    fn is_literal_to_come(&self) -> bool {
        let inner = self.rest().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
        inner.is_some_and(|inner| inner.iter().all(|b| b.is_ascii_digit() || *b == b'+'))
    }
}
