//! POP3 (RFC 1939), the server's session, without I/O: bytes and time in, bytes and events out.
//!
//! With CAPA and response codes (RFC 2449, RFC 3206), STLS (RFC 2595), AUTH (RFC 5034), UTF8 and LANG (RFC 6856). APOP is not offered: it
//! needs passwords in clear on the server.
//!
//! ```text
//! loop {
//!     while let Some(event) = session.poll_event(now) { carry it out, give the answer that the event names }
//!     write session.output()
//!     if session.is_closed() { end }
//!     if session.wants_input() { read, session.handle_input(..) }   // or handle_timeout
//! }
//! ```

mod command;
mod maildrop;
mod session;
mod stuffing;

pub use maildrop::{Message, UniqueId};
pub use session::{Config, Event, LoginFailure, Session};
