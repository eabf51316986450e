//! Which mailboxes grew so much that their views should be brought up to date and written, though nobody looks at them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mail::{AccountId, MailboxId};
use tokio::sync::Notify;
use world::disk::cabinet::Place;

use crate::Mailboxes;

/// Mailboxes remembered; beyond, all are forgotten. The first look at what is forgotten reads more from the store.
const REMEMBERED: usize = 100_000;

/// Messages that came into mailboxes since their views were last enough.
pub(crate) struct Grown {
    least: usize,
    inner: Mutex<Inner>,
    some: Notify,
}

#[derive(Default)]
struct Inner {
    mailboxes: HashMap<Place, Growth>,
    due: VecDeque<Place>,
}

/// Of one mailbox.
#[derive(Clone, Copy)]
struct Growth {
    came: usize,
    /// So many are worth a look.
    enough: usize,
}

impl Grown {
    /// `least` messages at least are worth a look.
    pub(crate) fn new(least: usize) -> Self {
        Self { least, inner: Mutex::default(), some: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many messages are about to come into a mailbox. That a commit fails afterwards only makes a look too early.
    pub(crate) fn came(&self, place: Place, messages: usize) {
        let mut inner = self.lock();
        if inner.mailboxes.len() >= REMEMBERED {
            inner.mailboxes.clear();
        }
        let growth = inner.mailboxes.entry(place).or_insert(Growth { came: 0, enough: self.least });
        growth.came += messages;
        // Some more than enough: the last ones are not durable yet, and a larger mailbox needs more.
        if growth.came >= growth.enough + growth.enough / 8 {
            growth.came = 0;
            inner.due.push_back(place);
            self.some.notify_one();
        }
    }

    /// A mailbox's view was written, and so many more messages make the next one worth writing.
    pub(crate) fn written(&self, place: Place, enough: usize) {
        self.lock().mailboxes.insert(place, Growth { came: 0, enough });
    }

    async fn next(&self) -> Place {
        loop {
            let due = self.lock().due.pop_front();
            match due {
                Some(place) => return place,
                None => self.some.notified().await,
            }
        }
    }
}

impl Mailboxes {
    /// Waits for a mailbox that grew by so much that [`Mailboxes::view`] should be called, which writes its file. For ever,
    /// where views are not kept in files. For one caller.
    pub async fn grown(&self) -> (AccountId, MailboxId) {
        match &self.kept {
            Some(kept) => {
                let place = kept.grown.next().await;
                (place.account, place.mailbox)
            }
            None => std::future::pending().await,
        }
    }

    /// Messages are about to come into a mailbox.
    pub(crate) fn will_come(&self, account: AccountId, mailbox: MailboxId, messages: usize) {
        if let Some(kept) = &self.kept {
            kept.grown.came(Place { account, mailbox }, messages);
        }
    }
}
