//! NOOP and CHECK (RFC 3501 §6.1.2, §6.4.1): the moment for news. Everything is durable already.

use super::connection::Connection;
use super::stop::Done;

impl Connection<'_> {
    #[expect(clippy::unused_self, reason = "as every command")]
    pub(super) fn noop(&self) -> Done {
        Self::done("Nothing done")
    }
}
