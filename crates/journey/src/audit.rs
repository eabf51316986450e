//! Looking at everything: whether all records of all journeys can be read.

use mail::Id;
use store::Snapshot;

use crate::{Error, Journeys, keys, record};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// With which message; `None` if its key cannot be read.
    pub message: Option<Id>,
    /// What is wrong, for people.
    pub what: String,
}

impl Journeys {
    /// Reads all records and tells of those that cannot be read. Gives how many journeys there are.
    pub async fn audit(snapshot: &Snapshot, mut tell: impl FnMut(Trouble)) -> Result<u64, Error> {
        let (mut journeys, mut last) = (0, None);
        snapshot
            .each(keys::all_events(), |key, found| {
                let message = keys::message_of_events(key);
                if message != last {
                    journeys += 1;
                    last = message;
                }
                if message.is_none() || record::decode(&found.value).is_err() {
                    tell(Trouble { message, what: "events of the message cannot be read".into() });
                }
                Ok(())
            })
            .await?;
        Ok(journeys)
    }
}
