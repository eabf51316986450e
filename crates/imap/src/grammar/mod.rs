//! The grammar of commands (RFC 3501 §9): a whole command, literals in place, to a [`Request`].
//!
//! Each parser stands below the rule it carries out. Work and memory are bounded by the length of the command
//! and by [`limits::IMAP_DEPTH`](mail::limits::IMAP_DEPTH).

mod acl;
mod append;
mod command;
mod cursor;
mod date;
mod fetch;
mod list;
mod metadata;
mod notify;
mod quota;
mod search;
mod sort;
mod store;
#[cfg(test)]
mod tests;

pub use append::{Piece, Place, Segment, append_more, append_start};
pub use command::{request, tag_of};
pub(crate) use cursor::is_astring_char;
pub use cursor::{Cursor, Error};
pub use date::{Day, month_name};
pub use fetch::section_spec as section;

use crate::Text;
use crate::command::Request;

/// Parses one whole command of a client that has not enabled UTF-8. The final line end may be missing.
pub fn parse(bytes: &[u8]) -> Result<Request, Error> {
    parse_in(Text::Ascii, bytes)
}

/// Parses one whole command; `text` says how its mailbox names are to be read.
pub fn parse_in(text: Text, bytes: &[u8]) -> Result<Request, Error> {
    let line = bytes.strip_suffix(b"\n").map_or(bytes, |b| b.strip_suffix(b"\r").unwrap_or(b));
    request(&mut Cursor::new(line).in_text(text))
}
