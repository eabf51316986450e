//! FETCH.

use super::search::partial_range;
use super::{Cursor, Error};
use crate::command::{Command, Fetch, FetchBinary, FetchItem, FetchSection, Label, Section, SectionWhat};

/// Items of one FETCH: a short command must not ask for the same message a thousand times (attacks A12).
const ITEMS_MAX: usize = 500;

/// `fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")")
/// [SP "(" fetch-modifier *(SP fetch-modifier) ")"]` (RFC 4466 §2.4)
pub(crate) fn fetch(cursor: &mut Cursor<'_>, uid: bool) -> Result<Command, Error> {
    cursor.space()?;
    let set = cursor.sequence_set()?;
    cursor.space()?;
    let items = if cursor.peek() == Some(b'(') {
        items(cursor)?
    } else {
        match macro_items(cursor) {
            Some(items) => items,
            None => vec![fetch_att(cursor)?],
        }
    };
    let mut fetch = Fetch { uid, set, items, changed_since: None, vanished: false, partial: None };
    cursor.take_while(|b| b == b' ');
    if cursor.peek() == Some(b'(') {
        cursor.list(false, |c| modifier(c, &mut fetch))?;
    }
    // RFC 7162 §3.2.6: VANISHED says nothing by itself, nor with message numbers.
    if fetch.vanished && (fetch.changed_since.is_none() || !uid) {
        return Err(Error("VANISHED is for UID FETCH with CHANGEDSINCE"));
    }
    // RFC 9394 §3.3.
    if fetch.partial.is_some() && !uid {
        return Err(Error("PARTIAL is for UID FETCH"));
    }
    // RFC 7162 §3.1.4.1: CHANGEDSINCE asks for MODSEQ.
    if fetch.changed_since.is_some() && !fetch.items.contains(&FetchItem::ModSeq) {
        fetch.items.push(FetchItem::ModSeq);
    }
    Ok(Command::Fetch(fetch))
}

/// `"(" fetch-att *(SP fetch-att) ")"`
pub(crate) fn items(cursor: &mut Cursor<'_>) -> Result<Vec<FetchItem>, Error> {
    let items = cursor.list(false, fetch_att)?;
    if items.len() > ITEMS_MAX { Err(Error("Too many FETCH items")) } else { Ok(items) }
}

fn modifier(cursor: &mut Cursor<'_>, fetch: &mut Fetch) -> Result<(), Error> {
    match cursor.atom()?.to_ascii_uppercase().as_str() {
        "CHANGEDSINCE" => {
            cursor.space()?;
            fetch.changed_since = Some(cursor.number64()?);
        }
        "VANISHED" => fetch.vanished = true,
        "PARTIAL" => fetch.partial = Some(partial_range(cursor)?),
        _ => return Err(Error("Unknown FETCH modifier")),
    }
    Ok(())
}

/// RFC 3501 §6.4.5: macros stand alone, so the whole rest of the command is the word.
fn macro_items(cursor: &mut Cursor<'_>) -> Option<Vec<FetchItem>> {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Rfc822Size};
    let fast = [Flags, InternalDate, Rfc822Size];
    let word = cursor.clone().atom().ok()?.to_ascii_uppercase();
    let items = match word.as_str() {
        "FAST" => fast.into(),
        "ALL" => [fast.as_slice(), &[Envelope]].concat(),
        "FULL" => [fast.as_slice(), &[Envelope, Body]].concat(),
        _ => return None,
    };
    cursor.eat_word(&word);
    Some(items)
}

/// `fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] /
/// "BODY" ["STRUCTURE"] / "UID" / "BODY" section ["<" number "." nz-number ">"] / "BODY.PEEK" section ...`
fn fetch_att(cursor: &mut Cursor<'_>) -> Result<FetchItem, Error> {
    let name = cursor.take_while(|b| b.is_ascii_alphanumeric() || b == b'.');
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let plain = |what, label, peek| {
        FetchItem::Section(FetchSection {
            section: Section { part: Vec::new(), what },
            peek,
            partial: None,
            label,
        })
    };
    Ok(match name.as_str() {
        "ENVELOPE" => FetchItem::Envelope,
        "FLAGS" => FetchItem::Flags,
        "INTERNALDATE" => FetchItem::InternalDate,
        "MODSEQ" => FetchItem::ModSeq,
        "SAVEDATE" => FetchItem::SaveDate,
        "EMAILID" => FetchItem::EmailId,
        "THREADID" => FetchItem::ThreadId,
        "PREVIEW" => preview(cursor)?,
        "UID" => FetchItem::Uid,
        "RFC822" => plain(SectionWhat::All, Label::Rfc822, false),
        "RFC822.HEADER" => plain(SectionWhat::Header, Label::Rfc822Header, true),
        "RFC822.SIZE" => FetchItem::Rfc822Size,
        "RFC822.TEXT" => plain(SectionWhat::Text, Label::Rfc822Text, false),
        "BODYSTRUCTURE" => FetchItem::BodyStructure,
        "BINARY" => FetchItem::Binary(binary(cursor, false)?),
        "BINARY.PEEK" => FetchItem::Binary(binary(cursor, true)?),
        "BINARY.SIZE" => FetchItem::BinarySize(section_binary(cursor)?),
        "BODY" if cursor.peek() != Some(b'[') => FetchItem::Body,
        "BODY" => FetchItem::Section(body_section(cursor, false)?),
        "BODY.PEEK" => FetchItem::Section(body_section(cursor, true)?),
        _ => return Err(Error("Unknown FETCH item")),
    })
}

/// RFC 8970 §6: `"PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]`
fn preview(cursor: &mut Cursor<'_>) -> Result<FetchItem, Error> {
    if cursor.rest().starts_with(b" (") {
        // Behind a single item may come the modifiers of FETCH.
        let mut ahead = cursor.clone();
        ahead.space()?;
        if ahead
            .list(false, |c| if c.eat_word("LAZY") { Ok(()) } else { Err(Error("Unknown PREVIEW modifier")) })
            .is_ok()
        {
            *cursor = ahead;
        }
    }
    Ok(FetchItem::Preview)
}

fn binary(cursor: &mut Cursor<'_>, peek: bool) -> Result<FetchBinary, Error> {
    Ok(FetchBinary { part: section_binary(cursor)?, peek, partial: partial(cursor)? })
}

/// RFC 3516 §7: `section-binary = "[" [section-part] "]"`
fn section_binary(cursor: &mut Cursor<'_>) -> Result<Vec<u32>, Error> {
    let Section { part, what } = section(cursor)?;
    if what == SectionWhat::All { Ok(part) } else { Err(Error("BINARY is for parts as they are numbered")) }
}

fn body_section(cursor: &mut Cursor<'_>, peek: bool) -> Result<FetchSection, Error> {
    let section = section(cursor)?;
    Ok(FetchSection { section, peek, partial: partial(cursor)?, label: Label::Body })
}

/// RFC 9051 §9: `partial = "<" number64 "." nz-number64 ">"`
fn partial(cursor: &mut Cursor<'_>) -> Result<Option<(u64, u64)>, Error> {
    if !cursor.eat(b'<') {
        return Ok(None);
    }
    let offset = cursor.number64()?;
    cursor.expect(b'.', "A partial looks like <0.1024>")?;
    let count = cursor.nz_number64()?;
    cursor.expect(b'>', "A partial looks like <0.1024>")?;
    Ok(Some((offset, count)))
}

/// `[section-spec]`, as FETCH has it in brackets; all of it.
pub fn section_spec(text: &[u8]) -> Option<Section> {
    let bracketed = [b"[", text, b"]"].concat();
    let mut cursor = Cursor::new(&bracketed);
    section(&mut cursor).ok().filter(|_| cursor.rest().is_empty())
}

/// `section = "[" [section-spec] "]"`,
/// `section-spec = section-msgtext / (section-part ["." section-text])`
fn section(cursor: &mut Cursor<'_>) -> Result<Section, Error> {
    cursor.expect(b'[', "Missing section")?;
    let mut part = Vec::new();
    let mut what = SectionWhat::All;
    while cursor.peek() != Some(b']') {
        if !cursor.peek().is_some_and(|b| b.is_ascii_digit()) {
            what = section_text(cursor, !part.is_empty())?;
            break;
        }
        if part.len() >= mail::limits::MIME_DEPTH {
            return Err(Error("The part number is too deep"));
        }
        part.push(cursor.nz_number()?);
        if !cursor.eat(b'.') {
            break;
        }
        if cursor.peek() == Some(b']') {
            return Err(Error("A part number does not end in '.'"));
        }
    }
    cursor.expect(b']', "Missing ']' of a section")?;
    Ok(Section { part, what })
}

/// `section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"`,
/// `section-text = section-msgtext / "MIME"`
fn section_text(cursor: &mut Cursor<'_>, in_part: bool) -> Result<SectionWhat, Error> {
    let word = cursor.take_while(|b| b.is_ascii_alphabetic() || b == b'.');
    match String::from_utf8_lossy(word).to_ascii_uppercase().as_str() {
        "HEADER" => Ok(SectionWhat::Header),
        "TEXT" => Ok(SectionWhat::Text),
        "MIME" if in_part => Ok(SectionWhat::Mime),
        "HEADER.FIELDS" => header_list(cursor).map(SectionWhat::HeaderFields),
        "HEADER.FIELDS.NOT" => header_list(cursor).map(SectionWhat::HeaderFieldsNot),
        _ => Err(Error("Unknown section")),
    }
}

/// `header-list = "(" header-fld-name *(SP header-fld-name) ")"`
fn header_list(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Error> {
    cursor.space()?;
    cursor.list(false, Cursor::text)
}
