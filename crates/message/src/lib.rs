//! RFC 5322 and MIME: parse within a budget, know a message's structure, decode what people read, and build
//! what a mail server itself writes (trace headers, delivery reports).
//!
//! [`Parser`] is linear, iterative and streaming. What it cannot take within the limits of [`mail::limits`] sets
//! [`Summary::truncated`]; nothing makes it fail. Malformed mail is read the way RFC 7103 advises.
//! Nothing here does I/O. Message bytes are never changed but by [`convert`], for a host that takes less, and by
//! [`surrogate()`], for a client that shows less.

mod address;
mod charset;
mod codec;
pub mod convert;
pub mod date;
pub mod dsn;
mod encoded_word;
pub mod header;
mod parameter;
mod parser;
mod part;
mod scan;
pub mod section;
pub mod subject;
mod summary;
mod surrogate;
pub mod text;
pub mod thread;
pub mod trace;

pub use codec::DecodeError;
pub use parser::Parser;
pub use summary::{Address, Disposition, Envelope, Parameter, Part, Summary};
pub use surrogate::surrogate;
