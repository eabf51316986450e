//! TLS policies of outgoing mail: what asks for security, against everything that can fail (F10, F11, invariant I17).

mod dane;
mod matrix;
mod reporting;
mod sts;
mod town;
mod wishes;
