//! The streaming parser.

use crate::Summary;

/// Takes a message chunk by chunk and sums it up. Memory: the header section at hand (bounded) and the result.
#[derive(Debug, Default)]
pub struct Parser {}

impl Parser {
    /// For one message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes. Any division into chunks gives the same summary.
    pub fn feed(&mut self, bytes: &[u8]) {
        let _ = bytes;
        todo!()
    }

    /// Ends the message.
    pub fn finish(self) -> Summary {
        todo!()
    }

    /// Sums up a message that is in memory.
    pub fn parse(message: &[u8]) -> Summary {
        let mut parser = Self::new();
        parser.feed(message);
        parser.finish()
    }
}
