//! Finding journeys.

use mail::{Id, Wall};

use crate::{Error, Journey, Journeys};

/// What is looked for; all that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The reverse-path: an address, or `@domain`; without regard to case.
    pub from: Option<String>,
    /// A recipient, likewise.
    pub to: Option<String>,
    /// Part of the subject, without regard to case.
    pub subject: Option<String>,
    /// The Message-ID, with its angle brackets or without.
    pub message_id: Option<String>,
    /// Nothing that ended before.
    pub since: Option<Wall>,
    /// This message only.
    pub id: Option<Id>,
    /// At most this many; 0 means 100.
    pub limit: usize,
}

impl Journeys {
    /// All events of one message.
    pub async fn get(&self, id: Id) -> Result<Option<Journey>, Error> {
        let _ = id;
        todo!()
    }

    /// Journeys that match, newest first. Looks at no more than [`Journeys::SEARCHED`] messages.
    pub async fn search(&self, query: &Query) -> Result<Vec<Journey>, Error> {
        let _ = query;
        todo!()
    }

    /// Messages that one search looks at, at most.
    pub const SEARCHED: usize = 100_000;
}
