//! Message bytes on the wire: dots, line ends, and where a message ends.

mod decode;
mod encode;
mod scan;

pub(crate) use decode::{Decoder, Fault, Rules};
pub(crate) use encode::Encoder;
