//! Message bytes on the wire: dots, line ends, and where a message ends.

mod decode;
mod encode;
mod scan;

pub(crate) use decode::{Decoder, Fault, Rules};
pub(crate) use encode::Encoder;

/// Ways in which a message was made to end for one server and not for the next (attacks A1).
#[cfg(test)]
pub(crate) const FALSE_ENDS: [&str; 36] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\r.\n",
    "\n.\r",
    "\r\n.\r\r\n",
    "\r\r\n.\r\r\n",
    "\n\n.\n\n",
    "\r\n\n.\n",
    "\r\n\n.\r\n",
    "\n\r.\r\n",
    "\n\r\n.\n",
    "\r\r.\r\r",
    "\r\n\r.\r\n",
    "\r\n.\n\r\n",
    "\r\n.\r\r\n\r",
    "\n.\n\r\n",
    "\r\n\0.\n",
    "\n\0.\r\n",
    "\r\n.\0\n",
    "\r\n..\n",
    "\n..\r\n",
    "\r\n.\n.\n",
    "\r\n.\r.\r\n",
    "\n.\r\r\n",
    "\r\0\n.\r\0\n",
    "\r\n.\r \n",
    "\r \n.\r\n",
    "\n .\n",
    "\r\n. \n",
    "\r\n.\x0b\n",
    "\x0b\n.\n",
    "\n.\r\n\n.\r\n",
];
