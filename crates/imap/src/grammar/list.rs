//! LIST, LSUB, STATUS.

use super::cursor::{is_astring_char, utf8};
use super::metadata::Whole;
use super::{Cursor, Error};
use crate::command::{Command, List, StatusItem};

/// RFC 5258 §6: `list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]`
pub(crate) fn list(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    let mut list = List::default();
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        list.extended = true;
        cursor.list(true, |c| select_option(c, &mut list))?;
        // RFC 5258 §3: RECURSIVEMATCH says nothing without a condition to match.
        if list.select_recursive && !list.select_subscribed && !list.select_special_use {
            return Err(Error("RECURSIVEMATCH needs another selection option"));
        }
        cursor.space()?;
    }
    list.reference = reference(cursor)?;
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        list.extended = true;
        list.patterns = cursor.list(false, list_mailbox)?;
    } else {
        list.patterns = vec![list_mailbox(cursor)?];
    }
    cursor.take_while(|b| b == b' ');
    if cursor.eat_word("RETURN ") {
        list.extended = true;
        cursor.list(true, |c| return_option(c, &mut list))?;
    }
    Ok(Command::List(list))
}

fn select_option(cursor: &mut Cursor<'_>, list: &mut List) -> Result<(), Error> {
    match cursor.atom()?.to_ascii_uppercase().as_str() {
        "SUBSCRIBED" => list.select_subscribed = true,
        "SPECIAL-USE" => list.select_special_use = true,
        "RECURSIVEMATCH" => list.select_recursive = true,
        "REMOTE" => {} // RFC 5258 §3.1: there are no remote mailboxes.
        _ => return Err(Error("Unknown LIST selection option")),
    }
    Ok(())
}

fn return_option(cursor: &mut Cursor<'_>, list: &mut List) -> Result<(), Error> {
    match cursor.atom()?.to_ascii_uppercase().as_str() {
        "SUBSCRIBED" => list.return_subscribed = true,
        // Both are always told.
        "CHILDREN" | "SPECIAL-USE" => {}
        "STATUS" => {
            cursor.space()?;
            list.return_status = cursor.list(false, status_item)?;
        }
        "MYRIGHTS" => list.return_rights = true,
        "METADATA" => {
            cursor.space()?;
            list.return_metadata = cursor.list(false, |c| c.entry(Whole::Yes))?;
            if list.return_metadata.len() > mail::limits::ANNOTATIONS {
                return Err(Error("Too many entries"));
            }
        }
        _ => return Err(Error("Unknown LIST return option")),
    }
    Ok(())
}

/// `lsub = "LSUB" SP mailbox SP list-mailbox`
pub(crate) fn lsub(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    let reference = reference(cursor)?;
    cursor.space()?;
    Ok(Command::Lsub { reference, pattern: list_mailbox(cursor)? })
}

/// `list-mailbox = 1*list-char / string`, `list-char = ATOM-CHAR / list-wildcards / resp-specials`
fn list_mailbox(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    if let Some(b'"' | b'{') = cursor.peek() {
        let wire = cursor.string()?;
        return pattern_text(cursor, wire);
    }
    let bytes = cursor.take_while(|b| is_astring_char(b) || matches!(b, b'%' | b'*'));
    if bytes.is_empty() { Err(Error("Missing mailbox pattern")) } else { pattern_text(cursor, bytes.into()) }
}

fn reference(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let wire = cursor.astring()?;
    pattern_text(cursor, wire)
}

/// A pattern in UTF-8. What is not modified UTF-7 where it should be is kept as it is and matches nothing that has a
/// wire form of its own.
fn pattern_text(cursor: &Cursor<'_>, wire: Vec<u8>) -> Result<String, Error> {
    if wire.len() > mail::limits::MAILBOX_NAME_LENGTH * 2 {
        return Err(Error("The mailbox pattern is too long"));
    }
    cursor.name_text(&wire).or_else(|_| utf8(wire))
}

/// `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"`
pub(crate) fn status(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    let mailbox = cursor.mailbox()?;
    cursor.space()?;
    Ok(Command::Status { mailbox, items: cursor.list(false, status_item)? })
}

fn status_item(cursor: &mut Cursor<'_>) -> Result<StatusItem, Error> {
    let name = cursor.atom()?;
    let found = StatusItem::ALL.into_iter().find(|item| item.name().eq_ignore_ascii_case(name));
    found.ok_or(Error("Unknown STATUS item"))
}
