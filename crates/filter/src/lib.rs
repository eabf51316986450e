//! Whether mail is wanted: what block lists mean, when greylisting lets pass, how often somebody may do something,
//! and the protocols of filters outside of this process.
//!
//! Everything here is pure: names and bytes to send come out, answers and time go in. Who asks, waits and decides is the
//! flow of mail.

pub mod dnsbl;
pub mod greylist;
pub mod hook;
pub mod milter;
pub mod rate;
