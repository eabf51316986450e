//! APPEND, up to the beginning of its literal.

use super::{Cursor, Error};
use crate::Text;
use crate::command::Append;

impl Cursor<'_> {
    /// `append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP (literal / literal8 / utf8-literal)`, the word and its space being
    /// read already, and only the beginning of the literal being there.
    pub(crate) fn append(&mut self) -> Result<Append, Error> {
        let mailbox = self.mailbox()?;
        self.space()?;
        let flags = if self.peek() == Some(b'(') {
            let flags = self.flag_list()?;
            self.space()?;
            flags
        } else {
            mail::Flags::new()
        };
        let date = if self.peek() == Some(b'"') {
            let date = self.date_time()?;
            self.space()?;
            Some(date)
        } else {
            None
        };
        // RFC 6855 §4: `append-data =/ "UTF8" SP "(" literal8 ")"`. RFC 9755 has dropped it; clients go on sending it.
        let in_parentheses = self.eat_word("UTF8 (");
        // RFC 3516 §4.4: a literal8 may hold NUL. Messages may in either case (RFC 9051 §4.3 has old ones in mind).
        let is_literal8 = self.eat(b'~');
        if in_parentheses && !is_literal8 {
            return Err(Error("UTF8 data comes as a literal8"));
        }
        self.expect(b'{', "The message comes as a literal")?;
        let size = self.number64()?;
        self.eat(b'+');
        self.expect(b'}', "Missing '}' of a literal")?;
        self.end()?;
        Ok(Append { mailbox, flags, date, size, in_parentheses, supplied: self.supplied() })
    }
}

/// Whether a line that ends in the beginning of a literal is the beginning of an APPEND whose message follows:
/// then its arguments. `None` for other commands, and while the mailbox's name itself is the literal.
pub fn append_start(text: Text, line: &[u8]) -> Option<Result<Append, Error>> {
    let mut cursor = Cursor::new(line).in_text(text);
    cursor.tag().ok()?;
    cursor.space().ok()?;
    if !cursor.eat_word("APPEND ") {
        return None;
    }
    let mut mailbox_only = cursor.clone();
    match mailbox_only.mailbox() {
        // The name as a literal has yet to come: `{5}` stands at the end and nothing follows it.
        Err(_) if cursor.peek() == Some(b'{') => None,
        _ => Some(cursor.append()),
    }
}
