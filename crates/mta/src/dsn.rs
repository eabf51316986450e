//! Tells the sender what became of its mail (RFC 3464), in the same batch that decides it (F25): a report to a local
//! sender is in its mailbox with that commit, one to a remote sender in the queue. Never a report about a report
//! (RFC 5321 §4.5.5).

use journey::{Accepted, Event, What};
use mail::{
    Address, BodyType, Domain, Envelope, Hold, Id, Recipient, Reply, ReturnContent, ReversePath, TlsRequired,
    Wall,
};
use message::Parser;
use message::dsn::{Action, Entry, Report, Returned, build};
use queue::{Deadline, Item, RecipientState, ReportKind};
use store::Batch;

use crate::deliver::{Body, Plan};
use crate::{Mta, forwarding, replies, signing};

/// Bytes of the original that go back at most, as with RET=FULL.
const RETURNED: usize = 50_000;
/// Bytes of the original's header section that go back at most.
const RETURNED_HEADERS: usize = 16_384;

/// The message that is reported about.
pub(crate) struct Original<'a> {
    reverse_path: &'a ReversePath,
    envid: Option<&'a str>,
    /// RFC 8689 §5: a report is protected as its original.
    tls_required: TlsRequired,
    arrival: Wall,
    deliver_by: Option<Wall>,
    hold: Option<Hold>,
    subject: Option<String>,
    returned: Vec<u8>,
    whole: bool,
}

/// What the sender is told of one recipient.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) recipient: Recipient,
    pub(crate) action: Action,
    pub(crate) reply: Option<Reply>,
    /// The host whose words these are, unless they are ours.
    pub(crate) remote: Option<String>,
    pub(crate) retry_until: Option<Wall>,
    /// The time is over by which it was to be delivered (RFC 2852 §4.1.3).
    overdue: bool,
}

impl Told {
    /// Something that happened within this server.
    pub(crate) fn local(recipient: &Recipient, action: Action, reply: Reply) -> Self {
        let (recipient, reply) = (recipient.clone(), Some(reply));
        Self { recipient, action, reply, remote: None, retry_until: None, overdue: false }
    }

    /// What an attempt in the queue led to.
    pub(crate) fn queued(
        kind: ReportKind,
        state: &RecipientState,
        remote: Option<String>,
        until: Wall,
    ) -> Self {
        let action = match kind {
            ReportKind::Relayed => Action::Relayed,
            ReportKind::Failed | ReportKind::Expired => Action::Failed,
            ReportKind::Delayed | ReportKind::Overdue => Action::Delayed,
        };
        let retry_until = (action == Action::Delayed).then_some(until);
        let (recipient, reply) = (state.recipient.clone(), state.last.clone());
        Self { recipient, action, reply, remote, retry_until, overdue: kind == ReportKind::Overdue }
    }

    fn status(&self) -> mail::EnhancedCode {
        let least = match self.action {
            Action::Failed => mail::EnhancedCode(5, 0, 0),
            Action::Delayed => mail::EnhancedCode(4, 0, 0),
            _ => mail::EnhancedCode(2, 0, 0),
        };
        let said = self.reply.as_ref().map_or(least, Reply::status);
        // RFC 3464 §2.3.4: the class must agree with the action; what was given up after 4xx has failed (5.4.7).
        match (self.action, said.0) {
            (Action::Failed, 4) => mail::EnhancedCode(5, 4, 7),
            (Action::Delayed, _) if self.overdue => mail::EnhancedCode(4, 4, 7),
            (_, class) if class == least.0 => said,
            _ => least,
        }
    }

    fn entry(&self, now: Wall) -> Entry<'_> {
        Entry {
            recipient: &self.recipient,
            action: self.action,
            status: self.status(),
            remote: self.remote.as_deref(),
            reply: self.reply.as_ref(),
            last_attempt: Some(now),
            retry_until: self.retry_until,
            advice: self.advice(),
        }
    }

    /// What helps against a remote's reply, as far as it is known.
    fn advice(&self) -> Option<&'static str> {
        replies::advice(self.remote.as_deref()?, self.reply.as_ref()?).map(|advice| advice.sender.as_str())
    }

    fn kind(&self) -> &'static str {
        match self.action {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }
}

impl<'a> Original<'a> {
    /// A message that is being taken over in this very batch; of its header only what the summary knows goes back.
    pub(crate) fn arriving(
        envelope: &'a Envelope,
        summary: &message::Summary,
        begun: Wall,
        arrival: Wall,
    ) -> Self {
        let subject = summary.subject();
        let known = [("Message-ID", summary.message_id()), ("Subject", summary.envelope.subject.as_deref())];
        let lines = known.iter().filter_map(|(name, value)| Some(format!("{name}: {}\r\n", (*value)?)));
        Self {
            reverse_path: &envelope.reverse_path,
            envid: envelope.envid.as_deref(),
            tls_required: envelope.tls_required,
            deliver_by: envelope.deliver_by.map(|by| Deadline::of(by, begun).at),
            hold: envelope.hold,
            arrival,
            subject,
            returned: lines.collect::<String>().into_bytes(),
            whole: false,
        }
    }

    /// A message in the queue. RFC 3461 §4.3: RET=FULL asks for the whole message; it goes back up to a limit, and
    /// only with a failure, and not with REQUIRETLS (RFC 8689 §5). Otherwise the header section.
    pub(crate) async fn queued(mta: &Mta, item: &'a Item, failed: bool) -> Result<Self, store::Error> {
        let size = item.size as usize;
        let may = failed && item.tls_required != TlsRequired::Yes;
        let whole = may && item.ret == Some(ReturnContent::Full) && size <= RETURNED;
        let wanted = if whole { size } else { size.min(RETURNED_HEADERS) };
        let mut returned = Vec::with_capacity(wanted);
        while returned.len() < wanted {
            let at = returned.len();
            match mta.store.read_blob(item.blob, at as u64, wanted - at).await {
                Ok(bytes) if !bytes.is_empty() => returned.extend_from_slice(&bytes),
                // A damaged body must not keep the sender from hearing of it (P4).
                Ok(_) | Err(store::Error::Damaged(_) | store::Error::Missing(_)) => break,
                Err(error) => return Err(error),
            }
        }
        let subject = Parser::parse(&returned).subject();
        Ok(Self {
            reverse_path: &item.reverse_path,
            envid: item.envid.as_deref(),
            tls_required: item.tls_required,
            arrival: item.created,
            deliver_by: item.deadline.map(|deadline| deadline.at),
            hold: item.hold,
            subject,
            returned: if whole { returned } else { header_section(returned) },
            whole,
        })
    }
}

/// Cuts off the body, and a line that was cut in two.
fn header_section(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 2);
    let last_line = || bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let end = end.unwrap_or_else(last_line);
    bytes.truncate(end);
    bytes
}

/// Adds a report to the batch and gives the events for the original's journey; nothing without `told`.
pub(crate) async fn add(
    mta: &Mta,
    batch: &mut Batch,
    original: &Original<'_>,
    told: &[Told],
) -> Result<Vec<Event>, store::Error> {
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let recipients: Vec<Address> = told.iter().map(|t| t.recipient.address.clone()).collect();
    let Some(sender) = &original.reverse_path.0 else {
        return Ok(vec![unreported(mta, recipients, "the message is itself a report: its sender is <>")]);
    };
    let mut events = Vec::new();
    match send(mta, batch, original, sender, told).await? {
        Some(dsn) => {
            let kind = told[0].kind().to_owned();
            events.push(mta.event(What::Reported { kind, recipients, dsn }));
        }
        None => events.push(unreported(mta, recipients, "the sender's address leads nowhere")),
    }
    Ok(events)
}

/// For the journey: why nobody is told.
pub(crate) fn unreported(mta: &Mta, recipients: Vec<Address>, reason: &str) -> Event {
    mta.event(What::NotReported { recipients, reason: reason.to_owned() })
}

/// Builds the report and plans its way to the sender; `None` if there is none.
async fn send(
    mta: &Mta,
    batch: &mut Batch,
    original: &Original<'_>,
    sender: &Address,
    told: &[Told],
) -> Result<Option<Id>, store::Error> {
    let (settings, now, id) = (mta.settings(), mta.world.clock.wall(), mta.store.next_id());
    let returned = if original.whole {
        Returned::Message(&original.returned)
    } else {
        Returned::Headers(&original.returned)
    };
    let built = build(&Report {
        reporting: &settings.hostname,
        to: sender,
        id,
        now,
        arrival: original.arrival,
        deliver_by: original.deliver_by,
        hold: original.hold,
        envid: original.envid,
        subject: original.subject.as_deref(),
        entries: told.iter().map(|t| t.entry(now)).collect(),
        returned,
    });
    let what = Own {
        id,
        service: "dsn",
        author: None,
        bytes: &built.bytes,
        smtputf8: built.smtputf8,
        tls_required: original.tls_required,
    };
    let sent = post(mta, batch, std::slice::from_ref(sender), &what).await?;
    Ok(sent.then_some(id))
}

/// A message of our own.
pub(crate) struct Own<'a> {
    pub(crate) id: Id,
    /// What it is, for its journey: `dsn`, `report`.
    pub(crate) service: &'static str,
    /// The domain of its author, with whose keys it is signed; `None` for the host itself.
    pub(crate) author: Option<&'a Domain>,
    pub(crate) bytes: &'a [u8],
    pub(crate) smtputf8: bool,
    pub(crate) tls_required: TlsRequired,
}

/// Sends a message of our own, from nobody (RFC 5321 §4.5.5), in this batch. Whether it has anywhere to go.
pub(crate) async fn post(
    mta: &Mta,
    batch: &mut Batch,
    to: &[Address],
    own: &Own<'_>,
) -> Result<bool, store::Error> {
    let summary = Parser::parse(own.bytes);
    let mut plan = Plan::new(mta.settings(), &ReversePath::default(), &summary);
    let silent = |address: &Address| Recipient { notify: silent(), ..Recipient::plain(address.clone()) };
    let recipients: Vec<Recipient> = to.iter().map(silent).collect();
    for recipient in &recipients {
        match forwarding::resolve_for_report(mta, &recipient.address).await {
            Ok(resolution) => plan.add(recipient, resolution),
            Err(directory::Error::Store(error)) if !matches!(error, store::Error::Damaged(_)) => {
                return Err(error);
            }
            // Aliases without an end, or damaged: that will not be better soon, and what was delivered must not be sent
            // again.
            Err(error) => {
                tracing::warn!(%error, to = %recipient.address, "a report has nowhere to go");
            }
        }
    }
    if plan.is_empty() {
        return Ok(false);
    }
    let now = mta.world.clock.wall();
    let signature = signature(mta, own, now).await;
    plan.put_in_front(&signature);
    let mut writer = mta.store.stage();
    writer.write(own.bytes).await?;
    let blob = batch.blob(writer.finish().await?);
    let needs = if own.bytes.is_ascii() { BodyType::SevenBit } else { BodyType::EightBitMime };
    let length = own.bytes.len() as u64;
    let body =
        Body { message: own.id, blob, length, summary: &summary, needs, front: "", begun: now, at: now };
    let envelope = Envelope {
        smtputf8: own.smtputf8,
        recipients,
        tls_required: own.tls_required,
        ..Envelope::default()
    };
    let mut events = vec![mta.event(accepted(own.service, to, &summary))];
    events.extend(plan.write(mta, batch, &envelope, &body));
    mta.journeys.record(batch, own.id, &events);
    Ok(true)
}

/// Our signature for a report (RFC 6376). A report that cannot be signed goes without.
async fn signature(mta: &Mta, own: &Own<'_>, now: Wall) -> String {
    let settings = mta.settings();
    match mta.signers.for_author(own.author.unwrap_or(&settings.hostname)).await {
        Ok(signers) if signers.is_empty() => String::new(),
        Ok(signers) => signing::sign_bytes(own.bytes, &signers, now),
        Err(error) => {
            tracing::warn!(%error, "a report goes without a signature");
            String::new()
        }
    }
}

/// RFC 3461 §5.2.9 (NOTIFY of a report): nobody is to be told of a report's own fate.
fn silent() -> mail::Notify {
    mail::Notify { never: true, success: false, failure: false, delay: false }
}

fn accepted(service: &str, to: &[Address], summary: &message::Summary) -> What {
    What::Accepted(Box::new(Accepted {
        service: service.into(),
        client: None,
        helo: String::new(),
        tls: None,
        account: None,
        reverse_path: ReversePath::default(),
        recipients: to.to_vec(),
        size: summary.size,
        subject: summary.subject(),
        message_id: summary.message_id().map(str::to_owned),
    }))
}
