//! Flags, and STORE.

use mail::{Flag, Flags, Keyword, limits};

use super::{Cursor, Error};
use crate::command::{Command, Store, StoreHow};

/// `store = "STORE" SP sequence-set [SP "(" store-modifier *(SP store-modifier) ")"] SP store-att-flags` (RFC 4466 §2.5)
pub(crate) fn store(cursor: &mut Cursor<'_>, uid: bool) -> Result<Command, Error> {
    cursor.space()?;
    let set = cursor.sequence_set()?;
    cursor.space()?;
    let mut unchanged_since = None;
    if cursor.peek() == Some(b'(') {
        cursor.list(false, |c| {
            if !c.eat_word("UNCHANGEDSINCE ") {
                return Err(Error("Unknown STORE modifier"));
            }
            c.number64().map(|modseq| unchanged_since = Some(modseq))
        })?;
        cursor.space()?;
    }
    let how = match cursor.peek() {
        Some(b'+') => StoreHow::Add,
        Some(b'-') => StoreHow::Remove,
        _ => StoreHow::Replace,
    };
    let _sign = cursor.eat(b'+') || cursor.eat(b'-');
    if !cursor.eat_word("FLAGS") {
        return Err(Error("STORE changes FLAGS, +FLAGS or -FLAGS"));
    }
    let silent = cursor.eat_word(".SILENT");
    cursor.space()?;
    let flags = if cursor.peek() == Some(b'(') { cursor.flag_list()? } else { bare_flags(cursor)? };
    Ok(Command::Store(Store { uid, set, how, silent, flags, unchanged_since }))
}

/// `store-att-flags = ... (flag-list / (flag *(SP flag)))`
fn bare_flags(cursor: &mut Cursor<'_>) -> Result<Flags, Error> {
    let mut flags = Flags::new();
    loop {
        cursor.flag(&mut flags)?;
        if cursor.peek() != Some(b' ') {
            return Ok(flags);
        }
        cursor.space()?;
    }
}

impl Cursor<'_> {
    /// `flag-list = "(" [flag *(SP flag)] ")"`
    pub(crate) fn flag_list(&mut self) -> Result<Flags, Error> {
        let mut flags = Flags::new();
        self.list(true, |c| c.flag(&mut flags))?;
        Ok(flags)
    }

    /// `flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword / flag-extension`.
    /// \Recent and unknown system flags are refused: clients cannot set them (RFC 3501 §2.3.2).
    fn flag(&mut self, flags: &mut Flags) -> Result<(), Error> {
        if self.eat(b'\\') {
            let name = format!("\\{}", self.atom()?);
            flags.insert(Flag::from_name(&name).ok_or(Error("No such system flag"))?);
            return Ok(());
        }
        let keyword = Keyword::new(self.atom()?).ok_or(Error("The keyword is too long"))?;
        if flags.keywords().len() >= limits::KEYWORDS {
            return Err(Error("Too many keywords"));
        }
        flags.insert_keyword(keyword);
        Ok(())
    }
}
