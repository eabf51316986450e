//! Whose a damaged body is.

use std::collections::BTreeSet;

use mail::{AccountId, MailboxId, Uid};
use mailbox::{Held, Mailboxes};
use queue::{Item, Queue};
use store::{BadBytes, BlobId, Error, Snapshot};

use super::{Finding, Kind, Message, Walk};

/// Messages and items that are named for damaged bodies.
const HOLDERS_MAX: usize = 100_000;

/// Who keeps some bodies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holders {
    /// Messages in mailboxes.
    pub(crate) messages: Vec<Held>,
    /// Items of the queue.
    pub(crate) items: Vec<Item>,
}

/// Finds who keeps these bodies, at the price of looking at every message and item.
pub(crate) async fn holders(snapshot: &Snapshot, bodies: &BTreeSet<BlobId>) -> Result<Holders, Error> {
    let mut holders = Holders::default();
    if bodies.is_empty() {
        return Ok(holders);
    }
    Mailboxes::each_held(snapshot, |held| {
        let of_these = held.ok().filter(|held| bodies.contains(&held.entry.blob));
        holders.messages.extend(of_these.filter(|_| holders.messages.len() < HOLDERS_MAX));
    })
    .await?;
    Queue::each_item(snapshot, |item| {
        let of_these = item.ok().filter(|item| bodies.contains(&item.blob));
        holders.items.extend(of_these.filter(|_| holders.items.len() < HOLDERS_MAX));
    })
    .await?;
    Ok(holders)
}

/// Names a message for people.
pub(crate) async fn name(
    snapshot: &Snapshot,
    address: Option<String>,
    account: AccountId,
    mailbox: MailboxId,
    uid: Option<Uid>,
) -> Result<Message, Error> {
    let mailbox_name = Mailboxes::name_in(snapshot, account, mailbox).await?;
    let text = match uid {
        Some(uid) => Mailboxes::text_in(snapshot, account, mailbox, uid).await?,
        None => None,
    };
    let summary = text.and_then(|(_, summary)| message::Summary::decode(&summary).ok());
    let from = summary.as_ref().and_then(|summary| Some(summary.envelope.from.first()?.spec()));
    Ok(Message {
        account: address.unwrap_or_else(|| format!("account {account}")),
        mailbox: mailbox_name.map_or_else(|| format!("mailbox {mailbox}"), |name| name.to_string()),
        uid: uid.map(Uid::get),
        id: None,
        subject: summary.and_then(|summary| summary.subject()),
        from,
    })
}

impl Walk<'_> {
    /// A finding for each message and queue item with a damaged body, or for the body if nobody has it.
    pub(super) async fn name_holders(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let damaged = std::mem::take(&mut self.damaged);
        let mut unclaimed: BTreeSet<BlobId> = damaged.keys().copied().collect();
        let holders = holders(snapshot, &unclaimed).await?;
        let bad = |blob| damaged.get(&blob).map(Vec::as_slice).unwrap_or_default();
        for held in holders.messages {
            unclaimed.remove(&held.entry.blob);
            let mut message =
                self.message(snapshot, held.account, held.mailbox, Some(held.entry.uid)).await?;
            message.id = Some(held.entry.id.to_string());
            for bad in bad(held.entry.blob) {
                let message = Some(message.clone());
                self.report.add(Finding { message, ..of_body(Kind::Message, held.entry.blob, bad) });
            }
        }
        for item in holders.items {
            unclaimed.remove(&item.blob);
            let message = Message { id: Some(item.message.to_string()), ..Message::default() };
            for bad in bad(item.blob) {
                self.report.add(Finding {
                    item: Some(item.id.to_string()),
                    message: Some(message.clone()),
                    ..of_body(Kind::Queue, item.blob, bad)
                });
            }
        }
        for blob in unclaimed {
            for bad in bad(blob) {
                self.report.add(of_body(Kind::Body, blob, bad));
            }
        }
        Ok(())
    }

    pub(super) async fn message(
        &self,
        snapshot: &Snapshot,
        account: AccountId,
        mailbox: MailboxId,
        uid: Option<Uid>,
    ) -> Result<Message, Error> {
        name(snapshot, self.accounts.get(&account).cloned(), account, mailbox, uid).await
    }
}

fn of_body(kind: Kind, blob: BlobId, bad: &BadBytes) -> Finding {
    let body = Some(blob.0);
    let text = if bad.bytes.is_empty() {
        format!("the body is damaged: {}", bad.what)
    } else {
        format!("bytes {} to {} of the body are damaged: {}", bad.bytes.start, bad.bytes.end, bad.what)
    };
    let length = bad.bytes.end - bad.bytes.start;
    if bad.file.is_empty() {
        return Finding { body, ..Finding::new(kind, text) };
    }
    let (from, to) = (Some(bad.at), Some(bad.at + length));
    Finding { body, file: Some(bad.file.clone()), from, to, ..Finding::new(kind, text) }
}
