//! Mail for our own mailboxes that waited in the queue: held for its sender until now (RFC 4865), or binary and to be
//! brought into lines. Who the recipients are is asked now: aliases and accounts may have changed meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use directory::Resolution;
use journey::{Event, What};
use mail::{BodyType, EnhancedCode, Reply};
use message::dsn::Action;
use message::{Parser, Summary};
use queue::{Destination, Item, Outcome, ReportKind, Settled};
use store::{Batch, BlobId};

use super::attempt::unreadable;
use super::content::Content;
use super::outcome::by_class;
use crate::deliver::{Body, Plan, room_refusal};
use crate::dsn::{self, Original, Told};
use crate::look_up::look_up;
use crate::settings::Settings;
use crate::{Mta, reply};

/// How often a delivery is tried again when a mailbox or the item changed at the same time.
const TRIES: u32 = 20;

/// What goes into the mailboxes.
struct Form {
    blob: BlobId,
    length: u64,
    summary: Summary,
    needs: BodyType,
    /// Whether it is another one than came in.
    converted: bool,
}

/// Delivers an item and commits the result. An error is our own store's.
pub(super) async fn deliver(mta: &Mta, settings: &Arc<Settings>, mut item: Item) -> Result<(), store::Error> {
    for _ in 1..TRIES {
        match try_once(mta, settings, &item).await {
            Err(store::Error::Conflict) => match mta.queue.get(item.id).await? {
                Some(fresh) if !fresh.held => item = fresh,
                // An operator took it away.
                _ => return Ok(()),
            },
            done => return done,
        }
    }
    try_once(mta, settings, &item).await
}

/// One commit: mailboxes, items for those who are elsewhere by now, the queue, reports and the journey.
async fn try_once(mta: &Mta, settings: &Arc<Settings>, item: &Item) -> Result<(), store::Error> {
    let mut batch = Batch::new();
    let now = mta.world.clock.wall();
    let schedule = settings.retry.schedule(mta.outage.lasted(now));
    let mut events = Vec::new();
    let (outcomes, planned) = match form(mta, &mut batch, item).await {
        Ok(form) => {
            let (mut plan, outcomes) = place(mta, settings, item, &form.summary).await;
            if item.destination == Destination::Junk {
                plan.put_into_junk(mta).await.map_err(of_store)?;
            }
            (outcomes, Some((plan, form)))
        }
        Err(error) => {
            tracing::error!(%error, item = %item.id, "reading a message to deliver it failed");
            (for_all(item, &unreadable(mta, item, &error).await), None)
        }
    };
    let settled = mta.queue.settle(&mut batch, item, outcomes, now, &schedule, &*mta.world.rng);
    let mut told = reports(&settled, planned.is_none());
    if let Some((mut plan, form)) = planned {
        told.extend(plan.reports());
        events.extend(plan.fallen_away(mta));
        let Form { blob, length, summary, needs, converted } = form;
        if converted {
            let note = "brought into lines for the mailbox: signatures over what was changed no longer hold";
            events.push(mta.event(What::Noted(note.into())));
        }
        // Ours, and whole fields.
        let front = std::str::from_utf8(&item.prefix).unwrap_or_default();
        let message = item.message;
        let body = Body { message, blob, length, summary: &summary, needs, front, begun: now, at: now };
        // Where there is none any more, others filled it at this moment.
        let waiting = plan.make_room(mta, &mut batch, &item.reverse_path, &body).await;
        events.extend(waiting.map_err(|_| store::Error::Conflict)?);
        events.extend(plan.write(mta, &mut batch, &item.envelope(now), &body));
    }
    events.extend(settled.next_due.map(|until| mta.event(What::Deferred { item: item.id, until })));
    events.extend(tell(mta, &mut batch, item, &told).await?);
    mta.journeys.record(&mut batch, item.message, &events);
    mta.store.commit(batch).await.map(drop)
}

/// The message as mailboxes keep it.
async fn form(mta: &Mta, batch: &mut Batch, item: &Item) -> Result<Form, store::Error> {
    // What was put in front of it is put in front of each copy.
    let content = Content { prefix: Bytes::new(), ..Content::of(item) };
    if item.body != BodyType::BinaryMime {
        let mut parser = Parser::new();
        let mut chunks = content.chunks(&*mta.store);
        while let Some(bytes) = chunks.next().await? {
            parser.feed(&bytes);
        }
        let (blob, length, needs) = (item.blob, item.size, item.body);
        return Ok(Form { blob, length, summary: parser.finish(), needs, converted: false });
    }
    let mut converter = match content.convert(&*mta.store, BodyType::EightBitMime).await? {
        Ok(converted) => Some(converted.converter),
        // Rather as it came than not at all.
        Err(_) => None,
    };
    let (mut writer, mut parser) = (mta.store.stage(), Parser::new());
    let mut chunks = content.chunks(&*mta.store);
    let mut out = Vec::new();
    while let Some(bytes) = chunks.next().await? {
        match &mut converter {
            Some(converter) => converter.feed(&bytes, &mut out),
            None => out.extend_from_slice(&bytes),
        }
        parser.feed(&out);
        writer.write(&out).await?;
        out.clear();
    }
    let staged = writer.finish().await?;
    let length = staged.len();
    let blob = batch.blob(staged);
    let (summary, converted) = (parser.finish(), converter.is_some());
    Ok(Form { blob, length, summary, needs: BodyType::EightBitMime, converted })
}

/// Who gets a copy, and what becomes of each recipient.
async fn place(
    mta: &Mta,
    settings: &Arc<Settings>,
    item: &Item,
    summary: &Summary,
) -> (Plan, Vec<(usize, Outcome)>) {
    let mut plan = Plan::new(Arc::clone(settings), &item.reverse_path, summary);
    let mut outcomes = Vec::new();
    for (index, state) in item.pending() {
        let recipient = &state.recipient;
        match look_up(mta, settings, &recipient.address).await.map_err(|error| reply::directory(&error)) {
            Ok(resolution) => {
                if let Resolution::Targets(targets) = &resolution
                    && let Err(full) = room_refusal(mta, targets, item.size + item.prefix.len() as u64).await
                {
                    outcomes.push((index, Outcome::Deferred(full)));
                    continue;
                }
                plan.add(recipient, resolution);
            }
            Err(later) if later.is_temporary() => {
                outcomes.push((index, Outcome::Deferred(later)));
                continue;
            }
            Err(never) => plan.fail(recipient, never),
        }
        let failed = plan.failed().last().filter(|(failed, _)| failed == recipient);
        let reply = match failed {
            Some((_, reply)) => reply.clone(),
            None => Reply::new(250, EnhancedCode(2, 1, 5), "delivered to the mailbox"),
        };
        outcomes.push((index, by_class(reply)));
    }
    (plan, outcomes)
}

fn of_store(error: mailbox::Error) -> store::Error {
    match error {
        mailbox::Error::Store(error) => error,
        other => store::Error::Damaged(other.to_string()),
    }
}

fn for_all(item: &Item, reply: &Reply) -> Vec<(usize, Outcome)> {
    item.pending().map(|(index, _)| (index, by_class(reply.clone()))).collect()
}

/// What the plan does not tell: who waits, or was given up. `all` if there is no plan.
fn reports(settled: &Settled, all: bool) -> Vec<Told> {
    let wanted = |kind| all || !matches!(kind, ReportKind::Relayed | ReportKind::Failed);
    let reports = settled.reports.iter().filter(|report| wanted(report.kind));
    reports.map(|report| Told::queued(report.kind, &report.recipient, None, settled.until)).collect()
}

/// One report for each kind of news.
async fn tell(mta: &Mta, batch: &mut Batch, item: &Item, told: &[Told]) -> Result<Vec<Event>, store::Error> {
    let mut events = Vec::new();
    for action in [Action::Failed, Action::Delayed, Action::Delivered] {
        let some: Vec<Told> = told.iter().filter(|one| one.action == action).cloned().collect();
        if !some.is_empty() {
            let original = Original::queued(mta, item, action == Action::Failed).await?;
            events.extend(dsn::add(mta, batch, &original, &some).await?);
        }
    }
    Ok(events)
}
