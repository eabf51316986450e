//! GETMETADATA and SETMETADATA (RFC 5464 §5).

use mail::limits;

use super::{Cursor, Error};
use crate::command::{Command, Depth, GetMetadata, Mailbox};

/// Whether a name must be that of an annotation, or may be one above some.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    Yes,
    No,
}

/// `getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries`. The examples of §4.2 have the options
/// behind the mailbox, and so have clients.
pub(crate) fn get(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    let mut get = GetMetadata { mailbox: None, entries: Vec::new(), max_size: None, depth: Depth::Zero };
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        options(cursor, &mut get)?;
        cursor.space()?;
    }
    get.mailbox = cursor.mailbox_or_server()?;
    cursor.space()?;
    if has_options(cursor) {
        options(cursor, &mut get)?;
        cursor.space()?;
    }
    let whole = if get.depth == Depth::Zero { Whole::Yes } else { Whole::No };
    get.entries = if cursor.peek() == Some(b'(') {
        cursor.list(false, |c| c.entry(whole))?
    } else {
        vec![cursor.entry(whole)?]
    };
    if get.entries.len() > limits::ANNOTATIONS {
        return Err(Error("Too many entries"));
    }
    Ok(Command::GetMetadata(get))
}

/// Names of entries begin with a slash, options do not.
fn has_options(cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    ahead.eat(b'(') && !matches!(ahead.peek(), Some(b'/' | b'"' | b'{'))
}

fn options(cursor: &mut Cursor<'_>, get: &mut GetMetadata) -> Result<(), Error> {
    cursor.list(false, |c| {
        match c.atom()?.to_ascii_uppercase().as_str() {
            "MAXSIZE" => {
                c.space()?;
                get.max_size = Some(c.number()?);
            }
            "DEPTH" => {
                c.space()?;
                get.depth = match c.atom()?.to_ascii_lowercase().as_str() {
                    "0" => Depth::Zero,
                    "1" => Depth::One,
                    "infinity" => Depth::Infinity,
                    _ => return Err(Error("DEPTH is 0, 1 or infinity")),
                };
            }
            _ => return Err(Error("Unknown GETMETADATA option")),
        }
        Ok(())
    })?;
    Ok(())
}

/// `setmetadata = "SETMETADATA" SP mailbox SP entry-values`, `entry-value = entry SP value`
pub(crate) fn set(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    let mailbox = cursor.mailbox_or_server()?;
    cursor.space()?;
    let values = cursor.list(false, |c| {
        let name = c.entry(Whole::Yes)?;
        c.space()?;
        Ok((name, c.value()?))
    })?;
    if values.len() > limits::ANNOTATIONS {
        return Err(Error("Too many entries"));
    }
    Ok(Command::SetMetadata { mailbox, values })
}

impl Cursor<'_> {
    /// A mailbox; the empty string stands for the server (§4.1).
    fn mailbox_or_server(&mut self) -> Result<Option<Mailbox>, Error> {
        let mut ahead = self.clone();
        if ahead.astring()?.is_empty() {
            *self = ahead;
            return Ok(None);
        }
        self.mailbox().map(Some)
    }

    /// The name of an entry, in lower case (§3.2: names do not depend on case).
    pub(crate) fn entry(&mut self, whole: Whole) -> Result<String, Error> {
        let name = self.text()?.to_ascii_lowercase();
        if name.len() > limits::ANNOTATION_NAME {
            return Err(Error("The entry name is too long"));
        }
        let allowed = |c: char| (' '..='~').contains(&c) && c != '*' && c != '%';
        if !name.starts_with('/') || name.ends_with('/') || name.contains("//") || !name.chars().all(allowed)
        {
            return Err(Error("That is no entry name"));
        }
        let parts: Vec<&str> = name[1..].split('/').collect();
        if !matches!(parts[0], "private" | "shared") {
            return Err(Error("Entry names begin with /private or /shared"));
        }
        // §3.2: at least two components, and four under a vendor's.
        let least = if parts.get(1) == Some(&"vendor") { 4 } else { 2 };
        if whole == Whole::Yes && parts.len() < least {
            return Err(Error("The entry name is not complete"));
        }
        Ok(name)
    }

    /// `value = nstring / literal8`
    fn value(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.peek() {
            Some(b'~') => self.literal8().map(Some),
            Some(b'"' | b'{') => self.string().map(Some),
            _ if self.eat_word("NIL") => Ok(None),
            _ => Err(Error("Expected a string or NIL")),
        }
    }
}
