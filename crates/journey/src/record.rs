//! How events look in the store. The first byte is the format's version.

mod parts;

use mail::AccountId;
use store::Error;
use store::codec::{Reader, Writer};

use crate::{Event, What};
use parts::{
    accepted, addresses, attempted, read_accepted, read_addresses, read_attempted, read_refused,
    read_tls_failure, refused, text, tls_failure,
};

pub(crate) fn encode(events: &[Event]) -> Vec<u8> {
    let mut w = Writer::new(1);
    w.list(events, |w, event| {
        w.wall(event.at);
        write(w, &event.what);
    });
    w.finish()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Event>, Error> {
    let (mut r, _) = Reader::new(bytes, 1, "a message's events")?;
    r.list(|r| Ok(Event { at: r.wall()?, what: read(r)? }))
}

fn write(w: &mut Writer, what: &What) {
    match what {
        What::Accepted(a) => accepted(w.u8(1), a),
        What::Refused(refusal) => refused(w.u8(2), refusal),
        What::Delivered { recipient, account, mailbox, uid } => {
            text(w.u8(3).address(recipient).address(account), mailbox);
            w.varint(uid.map_or(0, |uid| uid.get().into()));
        }
        What::Queued { item, destination, recipients } => {
            text(w.u8(4).id(*item), destination);
            addresses(w, recipients);
        }
        What::Attempted(attempt) => attempted(w.u8(5), attempt),
        What::Deferred { item, until } => {
            w.u8(6).id(*item).wall(*until);
        }
        What::Expired { item, recipients } => addresses(w.u8(7).id(*item), recipients),
        What::Reported { kind, recipients, dsn } => {
            text(w.u8(8).id(*dsn), kind);
            addresses(w, recipients);
        }
        What::NotReported { recipients, reason } => {
            text(w.u8(9), reason);
            addresses(w, recipients);
        }
        What::Operator { action, item } => {
            text(w.u8(10), action);
            w.option(*item, |w, item| {
                w.id(item);
            });
        }
        What::Moved { account, from, to, copied, by } => {
            let w = w.u8(11).varint(account.0.into()).bool(*copied);
            for part in [from, to, by] {
                text(w, part);
            }
        }
        What::Expunged { account, mailbox, by } => {
            let w = w.u8(12).varint(account.0.into());
            for part in [mailbox, by] {
                text(w, part);
            }
        }
        What::Noted(note) => text(w.u8(13), note),
        What::TlsFailed(failure) => tls_failure(w.u8(20), failure),
    }
}

fn read(r: &mut Reader<'_>) -> Result<What, Error> {
    let owned = |r: &mut Reader<'_>| r.text().map(str::to_owned);
    Ok(match r.u8()? {
        1 => What::Accepted(Box::new(read_accepted(r)?)),
        2 => What::Refused(Box::new(read_refused(r)?)),
        3 => What::Delivered {
            recipient: r.address()?,
            account: r.address()?,
            mailbox: owned(r)?,
            uid: mail::Uid::new(r.number()?),
        },
        4 => What::Queued { item: r.id()?, destination: owned(r)?, recipients: read_addresses(r)? },
        5 => What::Attempted(Box::new(read_attempted(r)?)),
        6 => What::Deferred { item: r.id()?, until: r.wall()? },
        7 => What::Expired { item: r.id()?, recipients: read_addresses(r)? },
        8 => What::Reported { dsn: r.id()?, kind: owned(r)?, recipients: read_addresses(r)? },
        9 => What::NotReported { reason: owned(r)?, recipients: read_addresses(r)? },
        10 => What::Operator { action: owned(r)?, item: r.option(Reader::id)? },
        11 => What::Moved {
            account: AccountId(r.number()?),
            copied: r.bool()?,
            from: owned(r)?,
            to: owned(r)?,
            by: owned(r)?,
        },
        12 => What::Expunged { account: AccountId(r.number()?), mailbox: owned(r)?, by: owned(r)? },
        13 => What::Noted(owned(r)?),
        20 => What::TlsFailed(Box::new(read_tls_failure(r)?)),
        _ => return Err(r.damaged()),
    })
}
