//! The milter protocol, an MTA's side: versions 2 to 6, as sendmail's libmilter speaks it.
//!
//! There is no standard; what holds is what filters do. A [`Session`] is one connection to a filter: it says which bytes to
//! send for a [`Step`] of an SMTP conversation, whether an answer follows, and what the answers mean. What the filter
//! changes is gathered in [`Changes`] and means nothing before the last answer, so a filter that dies half-way has changed
//! nothing (F36).

mod answer;
mod changes;
mod options;
mod packet;
mod session;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Verdict};
pub use changes::{Change, Changes};
pub use packet::Error;
pub use session::{Client, Macros, Session, Step, field};
