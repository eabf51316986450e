//! SMTP (RFC 5321), message submission (RFC 6409) and LMTP (RFC 2033), without I/O.
//!
//! Both sessions are pure: bytes and the time go in, events and bytes come out. A session never calls out; when it
//! needs a decision it gives an event and does nothing more until it has the answer.
//!
//! The order of calls, for [`server::Session`] and [`client::Session`] alike:
//!
//! 1. `handle_input` with what was read (or `handle_eof`, or `handle_timeout`);
//! 2. `poll_event` until it gives nothing, deciding and answering on the way;
//! 3. `poll_output` once, and write it: replies to pipelined commands share a write;
//! 4. `is_closed`: hang up; `wants_input`: read more, but no longer than `poll_timeout` says.
//!
//! This crate knows no socket, clock, task or TLS library. What is true of addresses and policy is the caller's.

mod body;
pub mod client;
mod grammar;
mod input;
pub mod reply;
pub mod server;
