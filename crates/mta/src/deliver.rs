//! Takes a message over: for each recipient a mailbox or a queue item, the journey, and reports about those who fell
//! away since RCPT, all in one batch. Exactly one commit; the 250 comes after it.

mod dress;
mod plan;
mod room;

use std::sync::Arc;

use directory::Resolution;
use journey::{Accepted, What};
use mail::{BodyType, ByMode, Envelope, Hold, Id, Reply, TlsRequired, Wall};
use message::Summary;
use reports::Announced;
use store::Batch;

use crate::authenticate::{Authentication, Consequence};
use crate::dsn::{self, Original};
use crate::incoming::Message;
use crate::intake::Client;
use crate::sending::Submission;
use crate::{Mta, reply, reporting};
use dress::Dress;
pub(crate) use plan::{Body, Plan};
pub(crate) use room::refusal as room_refusal;

/// A message that was judged and may be taken over.
pub(crate) struct Arrival<'a> {
    pub(crate) id: Id,
    pub(crate) client: &'a Client,
    /// Whether it is mail of our own users or networks, which we sign.
    pub(crate) ours: bool,
    pub(crate) envelope: &'a Envelope,
    /// When MAIL came: the envelope's times count from then.
    pub(crate) begun: Wall,
    /// One per recipient of the envelope.
    pub(crate) resolutions: Vec<Resolution>,
    pub(crate) message: Message,
    /// What the judges remarked.
    pub(crate) reasons: Vec<String>,
    /// The account's, if one submitted it.
    pub(crate) submission: Option<Box<Submission>>,
    /// What was found about who a stranger's message is from.
    pub(crate) authentication: Option<Authentication>,
    /// Why it is not for the inbox.
    pub(crate) quarantine: Option<String>,
}

/// Takes the message over in one commit. Gives the words of the 250, or the reply that refuses it.
pub(crate) async fn take_over(mta: &Mta, arrival: Arrival<'_>) -> Result<String, Reply> {
    let Arrival {
        id,
        client,
        ours,
        envelope,
        begun,
        resolutions,
        message,
        reasons,
        submission,
        authentication,
        quarantine,
    } = arrival;
    let at = mta.world.clock.wall();
    let mut plan = Plan::new(mta.settings(), &envelope.reverse_path, &message.summary);
    // A mailbox gets it when its time has come (RFC 4865 §4.2), and in lines, as IMAP and POP3 have it.
    plan.later =
        envelope.hold.is_some_and(|hold| hold.release(begun) > at) || message.needs == BodyType::BinaryMime;
    let settings = Arc::clone(&plan.settings);
    let is_for_reports = reporting::is_for_reports(&settings, envelope, &resolutions);
    for (recipient, resolution) in envelope.recipients.iter().zip(resolutions) {
        plan.add(recipient, resolution);
    }
    let envelope = &tagged(envelope, &message.summary);
    if let Some(reply) = plan.refusal() {
        // Nobody is left to take it for: the sender still has it, and hears why (F23, F42).
        return Err(reply);
    }
    if let Some(why) = quarantine {
        plan.quarantine(mta, &why).await?;
    }
    let mut events = vec![mta.event(accepted(client, envelope, &message))];
    events.extend(wishes(envelope).map(|wish| mta.event(What::Noted(wish))));
    let notes = reasons.into_iter().chain(authentication.iter().flat_map(|found| found.notes.clone()));
    events.extend(notes.map(|note| mta.event(What::Noted(note))));
    let Message { staged, summary, needs, draft, examined: _ } = message;
    let dress = Dress::new(&summary, draft, ours, authentication.as_ref(), at);
    plan.dress(mta, envelope, &dress).await.map_err(|error| reply::directory(&error))?;
    if authentication.as_ref().is_some_and(|found| found.consequence == Consequence::Junk) {
        plan.put_into_junk(mta).await.map_err(|error| reply::mailbox(&error))?;
    }
    let mut batch = Batch::new();
    let length = staged.len();
    let blob = batch.blob(staged);
    let front = authentication.as_ref().map_or("", |found| &found.field);
    let body = Body { message: id, blob, length, summary: &summary, needs, front, begun, at };
    let waiting = plan.make_room(mta, &mut batch, &envelope.reverse_path, &body).await?;
    let (words, reports, destinations) = (plan.words(id), plan.reports(), plan.destinations());
    events.extend(waiting);
    events.extend(plan.fallen_away(mta));
    events.extend(plan.write(mta, &mut batch, envelope, &body));
    let told = dsn::add(mta, &mut batch, &Original::arriving(envelope, &summary, begun, at), &reports).await;
    events.extend(told.map_err(|error| reply::store(&error))?);
    mta.journeys.record(&mut batch, id, &events);
    if let Some(submission) = &submission {
        submission.count(&mut batch, at);
    }
    let announced = is_for_reports
        && reporting::announce(mta, &mut batch, &summary, Announced { message: id, blob, length });
    // A conflict means that a mailbox went away just now: the sender tries again and RCPT then knows (F42).
    mta.store.commit(batch).await.map_err(|error| reply::store(&error))?;
    mta.fresh.add(destinations);
    if announced {
        mta.reports.wake();
    }
    Ok(words)
}

/// RFC 8689 §4.1: what the header says of TLS counts where MAIL said nothing.
fn tagged(envelope: &Envelope, summary: &Summary) -> Envelope {
    let mut envelope = envelope.clone();
    if envelope.tls_required == TlsRequired::Unsaid && summary.tls_optional {
        envelope.tls_required = TlsRequired::No;
    }
    envelope
}

/// What the sender wants of time and priority, for the journey.
fn wishes(envelope: &Envelope) -> impl Iterator<Item = String> {
    let hold = envelope.hold.map(|hold| match hold {
        Hold::For(time) => format!("to be held for {} s (HOLDFOR)", time.as_secs()),
        Hold::Until(at) => format!("to be held until {} (HOLDUNTIL)", at.to_rfc3339()),
    });
    let by = envelope.deliver_by.map(|by| {
        let then = if by.mode == ByMode::Return { "returned" } else { "told of" };
        format!("to be delivered within {} s, or {then} (BY)", by.seconds)
    });
    let priority = (envelope.priority != 0).then(|| format!("priority {}", envelope.priority));
    hold.into_iter().chain(by).chain(priority)
}

/// Takes a message over that a filter wants thrown away: only the journey knows of it.
pub(crate) async fn discard(mta: &Mta, arrival: Arrival<'_>, filter: &str) -> Result<String, Reply> {
    let Arrival { id, client, envelope, message, reasons, .. } = arrival;
    let mut events = vec![mta.event(accepted(client, envelope, &message))];
    let told = reasons.into_iter().chain([format!("thrown away by {filter}")]);
    events.extend(told.map(|reason| mta.event(What::Noted(reason))));
    let mut batch = Batch::new();
    mta.journeys.record(&mut batch, id, &events);
    mta.store.commit(batch).await.map_err(|error| reply::store(&error))?;
    Ok(format!("Ok: taken as {id}"))
}

fn accepted(client: &Client, envelope: &Envelope, message: &Message) -> What {
    What::Accepted(Box::new(Accepted {
        service: client.service_name().to_owned(),
        client: Some(client.address.ip()),
        helo: client.name.clone().unwrap_or_default(),
        tls: client.tls.clone(),
        account: client.account.as_ref().map(|login| login.address.clone()),
        reverse_path: envelope.reverse_path.clone(),
        recipients: envelope.recipients.iter().map(|r| r.address.clone()).collect(),
        size: message.staged.len(),
        subject: message.summary.subject(),
        message_id: message.summary.message_id().map(str::to_owned),
    }))
}
