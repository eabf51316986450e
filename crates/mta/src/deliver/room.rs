//! Whether accounts have room (RFC 9208). Who has none is told so at RCPT, or when the message is whole; where others get
//! the message, the copy waits in the queue and is tried again, as it would at a mail host that hands over by LMTP.

use directory::Target;
use journey::{Event, What};
use mail::{AccountId, Recipient, Reply};
use mailbox::{Each, INBOX};
use queue::Destination;
use store::Batch;

use super::plan::{Body, Leg, Local, Plan, original};
use crate::{Mta, reply};

/// Return-Path and Delivered-To take less.
const TRACE: u64 = 1024;

/// Why mail of so many bytes cannot be taken for `targets` now: none of them has room, and none is elsewhere.
pub(crate) async fn refusal(mta: &Mta, targets: &[Target], bytes: u64) -> Result<(), Reply> {
    let mut full = None;
    for target in targets {
        let Target::Account { id, .. } = target else { return Ok(()) };
        match demand(mta, &mut Batch::new(), *id, bytes + TRACE).await {
            Ok(()) => return Ok(()),
            Err(reply) => full = Some(reply),
        }
    }
    full.map_or(Ok(()), Err)
}

async fn demand(mta: &Mta, batch: &mut Batch, account: AccountId, bytes: u64) -> Result<(), Reply> {
    let more = Each { storage: bytes, messages: 1 };
    mta.mailboxes.make_sure_of_room(batch, account, more).await.map_err(|error| reply::room(&error))
}

impl Plan {
    /// Makes sure of room for each copy. Those that have none go to the queue; if nobody else gets the message the sender
    /// keeps it and hears why. Gives notes for the journey.
    pub(crate) async fn make_room(
        &mut self,
        mta: &Mta,
        batch: &mut Batch,
        reverse_path: &mail::ReversePath,
        body: &Body<'_>,
    ) -> Result<Vec<Event>, Reply> {
        let (mut full, mut events) = (None, Vec::new());
        for local in std::mem::take(&mut self.local) {
            let bytes = local.prefix(reverse_path, body).len() as u64 + body.length;
            match demand(mta, batch, local.id, bytes).await {
                Ok(()) => self.local.push(local),
                Err(reply) => {
                    self.put_off(&local);
                    let note = format!("queued for <{}> until there is room: {reply}", local.account);
                    events.push(mta.event(What::Noted(note)));
                    full = Some(reply);
                }
            }
        }
        let own = |leg: &Leg| leg.destination.is_here();
        match full {
            Some(reply) if self.local.is_empty() && self.remote.keys().all(own) => Err(reply),
            _ => Ok(events),
        }
    }

    /// Queues a copy for this account alone: others behind the same address have theirs.
    fn put_off(&mut self, local: &Local) {
        let destination = if local.mailbox == INBOX { Destination::Local } else { Destination::Junk };
        let first = &local.recipient;
        let original =
            if first.address == local.account { first.original.clone() } else { Some(original(first)) };
        let recipient = Recipient { address: local.account.clone(), notify: first.notify, original };
        self.add_to(destination, None, recipient);
    }
}
