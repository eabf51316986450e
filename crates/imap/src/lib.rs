//! IMAP4rev1 (RFC 3501), IMAP4rev2 (RFC 9051) for those who enable it, and their everyday extensions, without I/O: bytes and time in, events and bytes out.
//!
//! The way of a command: [`reader`] finds where it ends, [`grammar`] reads it into a [`command::Command`], and
//! [`session`] decides whether it is legal now and hands it to the driver as an event. The driver writes untagged
//! responses through [`response::Writer`] and ends the command with a [`session::Completion`].
//!
//! Nothing here knows a mailbox's content, a store or a clock.

pub mod code;
pub mod command;
pub mod grammar;
pub mod reader;
pub mod response;
pub mod sequence;
pub mod session;
pub mod text;
pub mod url;
pub mod utf7;

pub use code::Code;
pub use command::{Command, Request};
pub use sequence::{Numbers, SequenceSet};
pub use session::{Completion, Config, Event, Hidden, Session, State, can_hide};
pub use text::Text;
