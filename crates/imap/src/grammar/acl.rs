//! SETACL, DELETEACL, LISTRIGHTS (RFC 4314 §7).

use mail::Rights;

use super::{Cursor, Error};
use crate::command::{Command, Mailbox, StoreHow};

/// `setacl = "SETACL" SP mailbox SP identifier SP mod-rights`
pub(crate) fn set(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    let (mailbox, identifier) = both(cursor)?;
    cursor.space()?;
    let letters = cursor.text()?;
    let (how, letters) = match letters.split_at_checked(1) {
        Some(("+", letters)) => (StoreHow::Add, letters),
        Some(("-", letters)) => (StoreHow::Remove, letters),
        _ => (StoreHow::Replace, letters.as_str()),
    };
    // §3.1: an unrecognized right is BAD; §2: there are none in capitals.
    let rights = Rights::parse(letters).ok_or(Error("There is no such right"))?;
    Ok(Command::SetAcl { mailbox, identifier, how, rights })
}

/// `deleteacl = "DELETEACL" SP mailbox SP identifier`
pub(crate) fn delete(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    let (mailbox, identifier) = both(cursor)?;
    Ok(Command::DeleteAcl { mailbox, identifier })
}

/// `listrights = "LISTRIGHTS" SP mailbox SP identifier`
pub(crate) fn list(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    let (mailbox, identifier) = both(cursor)?;
    Ok(Command::ListRights { mailbox, identifier })
}

fn both(cursor: &mut Cursor<'_>) -> Result<(Mailbox, String), Error> {
    cursor.space()?;
    let mailbox = cursor.mailbox()?;
    cursor.space()?;
    Ok((mailbox, cursor.text()?))
}
