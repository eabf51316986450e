//! How an item looks in the store. The first byte is the format's version.

use std::time::Duration;

use mail::{BodyType, ByMode, Hold, Id, ReturnContent, TlsRequired};
use store::codec::{Reader, Writer};
use store::{Error, Version};

use crate::{Age, Deadline, Item, RecipientState, State};

/// The first format knew no age, the second none of what [`write_wishes`] writes, the third no way but the route.
const FORMAT: u8 = 4;
/// Added to a priority, which may be below zero.
const PRIORITY_ZERO: i8 = 9;

pub(crate) fn encode(item: &Item) -> Vec<u8> {
    let mut w = Writer::new(FORMAT);
    w.id(item.message).blob(item.blob).varint(item.size).bytes(&item.prefix);
    w.reverse_path(&item.reverse_path);
    w.u8(match item.ret {
        None => 0,
        Some(ReturnContent::Full) => 1,
        Some(ReturnContent::Headers) => 2,
    });
    w.option(item.envid.as_deref(), |w, envid| {
        w.text(envid);
    });
    w.u8(match item.body {
        BodyType::SevenBit => 0,
        BodyType::EightBitMime => 1,
        BodyType::BinaryMime => 2,
    });
    w.bool(item.smtputf8).text(&item.destination.to_string()).list(&item.recipients, write_recipient);
    w.wall(item.created).wall(item.due).varint(item.attempts.into());
    w.bool(item.delay_notified).bool(item.held);
    w.wall(item.age.until).varint(millis(item.age.counted)).varint(millis(item.age.paused));
    write_wishes(&mut w, item);
    w.option(item.via.as_ref(), |w, via| {
        w.text(&via.to_string());
    });
    w.finish()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What the sender wants of the way and the time.
fn write_wishes(w: &mut Writer, item: &Item) {
    w.u8(match item.tls_required {
        TlsRequired::Unsaid => 0,
        TlsRequired::Yes => 1,
        TlsRequired::No => 2,
    });
    w.option(item.hold, |w, hold| {
        match hold {
            Hold::For(time) => w.u8(0).varint(millis(time)),
            Hold::Until(at) => w.u8(1).wall(at),
        };
    });
    w.option(item.release, |w, at| {
        w.wall(at);
    });
    w.option(item.deadline, |w, deadline| {
        w.wall(deadline.at).bool(deadline.mode == ByMode::Return).bool(deadline.trace);
    });
    w.bool(item.deadline_notified);
    w.u8(u8::try_from(item.priority.saturating_add(PRIORITY_ZERO)).unwrap_or(0));
}

fn write_recipient(w: &mut Writer, recipient: &RecipientState) {
    let state = match recipient.state {
        State::Pending => 0,
        State::Delivered => 1,
        State::Failed => 2,
    };
    w.recipient(&recipient.recipient).u8(state).varint(recipient.attempts.into());
    w.option(recipient.last.as_ref(), |w, reply| {
        w.reply(reply);
    });
}

pub(crate) fn decode(id: Id, version: Version, bytes: &[u8]) -> Result<Item, Error> {
    let (mut r, format) = Reader::new(bytes, FORMAT, "a queue item")?;
    let r = &mut r;
    let mut item = Item {
        id,
        version,
        message: r.id()?,
        blob: r.blob()?,
        size: r.varint()?,
        prefix: r.bytes()?.to_vec(),
        reverse_path: r.reverse_path()?,
        ret: read_ret(r)?,
        envid: r.option(|r| r.text().map(str::to_owned))?,
        body: read_body(r)?,
        smtputf8: r.bool()?,
        destination: r.parsed()?,
        recipients: r.list(read_recipient)?,
        created: r.wall()?,
        due: r.wall()?,
        attempts: r.number()?,
        delay_notified: r.bool()?,
        held: r.bool()?,
        age: Age::default(),
        via: None,
        tls_required: TlsRequired::default(),
        hold: None,
        release: None,
        deadline: None,
        deadline_notified: false,
        priority: 0,
    };
    item.age = if format < 2 { Age::from(item.created) } else { read_age(r)? };
    if format >= 3 {
        read_wishes(r, &mut item)?;
    }
    if format >= 4 {
        item.via = r.option(Reader::parsed)?;
    }
    Ok(item)
}

fn read_wishes(r: &mut Reader<'_>, item: &mut Item) -> Result<(), Error> {
    item.tls_required = match r.u8()? {
        0 => TlsRequired::Unsaid,
        1 => TlsRequired::Yes,
        2 => TlsRequired::No,
        _ => return Err(r.damaged()),
    };
    item.hold = r.option(|r| match r.u8()? {
        0 => Ok(Hold::For(Duration::from_millis(r.varint()?))),
        1 => Ok(Hold::Until(r.wall()?)),
        _ => Err(r.damaged()),
    })?;
    item.release = r.option(Reader::wall)?;
    item.deadline = r.option(|r| {
        let at = r.wall()?;
        let mode = if r.bool()? { ByMode::Return } else { ByMode::Notify };
        Ok(Deadline { at, mode, trace: r.bool()? })
    })?;
    item.deadline_notified = r.bool()?;
    let priority = i8::try_from(r.u8()?).ok().map(|n| n - PRIORITY_ZERO);
    item.priority = priority.filter(|n| (-9..=9).contains(n)).ok_or_else(|| r.damaged())?;
    Ok(())
}

fn read_age(r: &mut Reader<'_>) -> Result<Age, Error> {
    let until = r.wall()?;
    let counted = Duration::from_millis(r.varint()?);
    Ok(Age { until, counted, paused: Duration::from_millis(r.varint()?) })
}

fn read_ret(r: &mut Reader<'_>) -> Result<Option<ReturnContent>, Error> {
    match r.u8()? {
        0 => Ok(None),
        1 => Ok(Some(ReturnContent::Full)),
        2 => Ok(Some(ReturnContent::Headers)),
        _ => Err(r.damaged()),
    }
}

fn read_body(r: &mut Reader<'_>) -> Result<BodyType, Error> {
    match r.u8()? {
        0 => Ok(BodyType::SevenBit),
        1 => Ok(BodyType::EightBitMime),
        2 => Ok(BodyType::BinaryMime),
        _ => Err(r.damaged()),
    }
}

fn read_recipient(r: &mut Reader<'_>) -> Result<RecipientState, Error> {
    let recipient = r.recipient()?;
    let state = match r.u8()? {
        0 => State::Pending,
        1 => State::Delivered,
        2 => State::Failed,
        _ => return Err(r.damaged()),
    };
    Ok(RecipientState { recipient, state, attempts: r.number()?, last: r.option(Reader::reply)? })
}
