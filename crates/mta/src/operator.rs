//! What operators do with queue items: each action is one commit and one line in the journey (P3).

use std::fmt;

use journey::What;
use mail::Id;
use store::Batch;

use crate::Mta;

/// How often an action is tried again when an attempt changes the item at the same time.
const TRIES: usize = 8;

/// What an operator does with a queue item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Try it now.
    Retry,
    /// Keep it until released.
    Hold,
    /// Let it go on, now.
    Release,
    /// Take it out of the queue; nobody is told but the journey.
    Cancel,
}

impl Action {
    /// As the journey tells it.
    fn past(self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Hold => "held",
            Self::Release => "released",
            Self::Cancel => "cancelled",
        }
    }
}

/// Why an action did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No such item; perhaps it has been delivered meanwhile.
    NoSuchItem(Id),
    /// The item is being tried at this moment; its result comes first.
    Busy(Id),
    /// The store's.
    Store(store::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchItem(id) => write!(f, "the queue has no item {id}; it may be done already"),
            Self::Busy(id) => write!(f, "item {id} is being tried right now; try again in a moment"),
            Self::Store(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl Mta {
    /// Carries out an operator's action on one queue item. An item that is being tried cannot be cancelled: what the
    /// remote says decides.
    pub async fn act(&self, action: Action, id: Id) -> Result<(), Error> {
        let lease = self.queue.lease(id);
        if lease.is_none() && action == Action::Cancel {
            return Err(Error::Busy(id));
        }
        for _ in 0..TRIES {
            match self.act_once(action, id).await {
                Err(Error::Store(store::Error::Conflict)) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Busy(id))
    }

    async fn act_once(&self, action: Action, id: Id) -> Result<(), Error> {
        let item = self.queue.get(id).await?.ok_or(Error::NoSuchItem(id))?;
        let now = self.world.clock.wall();
        let mut batch = Batch::new();
        match action {
            Action::Retry => self.queue.retry(&mut batch, &item, now),
            Action::Hold => self.queue.hold(&mut batch, &item),
            Action::Release => self.queue.release(&mut batch, &item, now),
            Action::Cancel => self.queue.cancel(&mut batch, &item),
        }
        let what = What::Operator { action: action.past().into(), item: Some(id) };
        self.journeys.record(&mut batch, item.message, &[self.event(what)]);
        self.store.commit(batch).await?;
        Ok(())
    }
}
