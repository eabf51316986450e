//! Where each recipient's copy goes, and how it gets there: a mailbox of ours, or the queue.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use directory::{Resolution, Target};
use journey::{Event, What};
use mail::{
    AccountId, Address, BodyType, EnhancedCode, Envelope, Flags, Id, MailboxId, Recipient, Reply,
    ReversePath, Wall,
};
use mailbox::NewEmail;
use message::dsn::Action;
use message::{Summary, trace};
use queue::{Destination, NewItem};
use store::{Batch, BlobId};

use crate::dsn::Told;
use crate::settings::Settings;
use crate::{Mta, reply};

/// Recipients of one queue item; remote servers take at least as many (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_PER_ITEM: usize = 100;

/// Where each recipient's copy goes. One copy per account, whatever aliases led there.
pub(crate) struct Plan {
    pub(super) settings: Arc<Settings>,
    /// Routes may depend on it.
    pub(super) from: ReversePath,
    /// Marks of earlier deliveries that the message carries, in lower case.
    pub(super) delivered_to: Vec<String>,
    /// Whether mail for our mailboxes goes through the queue.
    pub(super) later: bool,
    pub(super) local: Vec<Local>,
    pub(super) remote: BTreeMap<Leg, Copy>,
    pub(super) failed: Vec<(Recipient, Reply)>,
    /// Places in `local`.
    pub(super) accounts: BTreeMap<AccountId, usize>,
}

#[derive(Debug)]
pub(super) struct Local {
    pub(super) id: AccountId,
    pub(super) account: Address,
    pub(super) recipient: Recipient,
    /// Recipients that led to the same account; its one copy is theirs, too.
    pub(super) also: Vec<Recipient>,
    pub(super) mailbox: MailboxId,
    /// Its name for people.
    pub(super) mailbox_name: String,
}

/// What the recipients of a queue item have in common.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Leg {
    pub(super) destination: Destination,
    /// The address of ours that leads there, for the mark that finds alias loops (RFC 9228).
    pub(super) forwarded_for: Option<Address>,
}

/// What goes along a leg.
#[derive(Debug, Default)]
pub(super) struct Copy {
    pub(super) recipients: Vec<Recipient>,
    /// Fields of our own in front of the message: signatures, a set of the chain of forwarders.
    pub(super) front: String,
    /// Instead of the envelope's.
    pub(super) reverse_path: Option<ReversePath>,
}

/// A body with what is known of it, for placing.
pub(crate) struct Body<'a> {
    pub(crate) message: Id,
    pub(crate) blob: BlobId,
    pub(crate) length: u64,
    pub(crate) summary: &'a Summary,
    /// What a host must take to get its bytes as they are.
    pub(crate) needs: BodyType,
    /// Fields of our own in front of every copy: what we found about the sender.
    pub(crate) front: &'a str,
    /// When MAIL came.
    pub(crate) begun: Wall,
    /// Now.
    pub(crate) at: Wall,
}

impl Plan {
    /// An empty plan for a message of this sender and with this summary.
    pub(crate) fn new(settings: Arc<Settings>, from: &ReversePath, summary: &Summary) -> Self {
        let delivered_to = summary.delivered_to.iter().map(|to| to.trim().to_lowercase()).collect();
        Self {
            settings,
            from: from.clone(),
            delivered_to,
            later: false,
            local: Vec::new(),
            remote: BTreeMap::new(),
            failed: Vec::new(),
            accounts: BTreeMap::new(),
        }
    }

    /// Plans for one recipient of the envelope.
    pub(crate) fn add(&mut self, recipient: &Recipient, resolution: Resolution) {
        let address = &recipient.address;
        match resolution {
            Resolution::NotLocal => self.add_remote(None, recipient.clone()),
            // It was there at RCPT: the sender hears of it, nothing is dropped (F42).
            Resolution::NoSuchUser => {
                let text = format!("no such user: <{address}>");
                self.fail(recipient, Reply::new(550, EnhancedCode(5, 1, 1), text));
            }
            // RFC 9228 §4: a mark of our own for this very address means a loop (F23).
            Resolution::Targets(_) if self.delivered_to.contains(&address.to_string().to_lowercase()) => {
                let text = format!("mail for <{address}> is in a loop: it has been delivered there before");
                self.fail(recipient, Reply::new(554, EnhancedCode(5, 4, 6), text));
            }
            Resolution::Targets(_) if self.later => self.add_to(Destination::Local, None, recipient.clone()),
            Resolution::Targets(targets) => {
                for target in targets {
                    self.add_target(recipient, target);
                }
            }
        }
    }

    fn add_target(&mut self, recipient: &Recipient, target: Target) {
        match target {
            Target::Account { id, address, .. } => {
                let recipient = recipient.clone();
                match self.accounts.entry(id) {
                    Entry::Vacant(place) => {
                        place.insert(self.local.len());
                        let (also, mailbox, mailbox_name) = (Vec::new(), mailbox::INBOX, "INBOX".to_owned());
                        self.local.push(Local {
                            id,
                            account: address,
                            recipient,
                            also,
                            mailbox,
                            mailbox_name,
                        });
                    }
                    Entry::Occupied(place) => self.local[*place.get()].also.push(recipient),
                }
            }
            Target::Remote(address) => {
                let original = Some(original(recipient));
                let forwarded = Recipient { address, notify: recipient.notify, original };
                self.add_remote(Some(recipient.address.clone()), forwarded);
            }
        }
    }

    fn add_remote(&mut self, forwarded_for: Option<Address>, recipient: Recipient) {
        let destination = self.settings.destination(&self.from, &recipient.address);
        self.add_to(destination, forwarded_for, recipient);
    }

    pub(super) fn add_to(
        &mut self,
        destination: Destination,
        forwarded_for: Option<Address>,
        recipient: Recipient,
    ) {
        let others = &mut self.remote.entry(Leg { destination, forwarded_for }).or_default().recipients;
        if others.iter().all(|other| other.address != recipient.address) {
            others.push(recipient);
        }
    }

    /// Mail that a filter does not want in an inbox goes to Junk. Where it would go on to others it is refused: once it has
    /// left, nobody can look at it any more.
    pub(super) async fn quarantine(&mut self, mta: &Mta, why: &str) -> Result<(), Reply> {
        if !self.remote.is_empty() {
            return Err(Reply::new(550, EnhancedCode(5, 7, 1), format!("not sent on: {why}")));
        }
        self.put_into_junk(mta).await.map_err(|error| reply::mailbox(&error))
    }

    /// Whether nobody gets a copy.
    pub(crate) fn is_empty(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty()
    }

    /// Why nobody gets a copy, if that is so.
    pub(crate) fn refusal(&self) -> Option<Reply> {
        if !self.is_empty() {
            return None;
        }
        Some(self.failed.first().map_or_else(reply::internal, |(_, reply)| reply.clone()))
    }

    /// Plans that a recipient gets nothing, for that reason.
    pub(crate) fn fail(&mut self, recipient: &Recipient, reply: Reply) {
        self.failed.push((recipient.clone(), reply));
    }

    /// Who gets no copy, and why.
    pub(crate) fn failed(&self) -> &[(Recipient, Reply)] {
        &self.failed
    }

    /// What the 250 says (RFC 2034 adds its 2.0.0).
    pub(super) fn words(&self, id: Id) -> String {
        let done = if self.remote.is_empty() { "delivered" } else { "queued" };
        format!("Ok: {done} as {id}")
    }

    /// Where the queue is to bring it.
    pub(super) fn destinations(&self) -> Vec<Destination> {
        self.remote.keys().map(|leg| leg.destination.clone()).collect()
    }

    /// What the sender is to hear now: who fell away, and whose delivery it asked to know of (RFC 3461 §5.2.6).
    pub(crate) fn reports(&self) -> Vec<Told> {
        let failed = self.failed.iter().filter(|(recipient, _)| recipient.notify.failure);
        let failed = failed.map(|(recipient, reply)| Told::local(recipient, Action::Failed, reply.clone()));
        let mut seen = BTreeSet::new();
        let delivered = self.local.iter().flat_map(Local::recipients).filter(|recipient| {
            // Several mailboxes behind one address are one success.
            recipient.notify.success && seen.insert(&recipient.address)
        });
        let delivered = delivered.map(|recipient| {
            let reply = Reply::new(250, EnhancedCode(2, 1, 5), "delivered to the mailbox");
            Told::local(recipient, Action::Delivered, reply)
        });
        failed.chain(delivered).collect()
    }

    /// Who got nothing, for the journey.
    pub(crate) fn fallen_away(&self, mta: &Mta) -> Vec<Event> {
        let note =
            |(recipient, reply): &(Recipient, Reply)| format!("nothing for <{}>: {reply}", recipient.address);
        self.failed.iter().map(|failed| mta.event(What::Noted(note(failed)))).collect()
    }

    /// Adds mailbox entries and queue items to the batch; gives their events.
    pub(crate) fn write(
        self,
        mta: &Mta,
        batch: &mut Batch,
        envelope: &Envelope,
        body: &Body<'_>,
    ) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.local.len() + self.remote.len());
        for local in self.local {
            local.write(mta, batch, envelope, body);
            events.extend(local.told().map(|what| mta.event(what)));
        }
        for (leg, copy) in self.remote {
            for some in copy.recipients.chunks(RECIPIENTS_PER_ITEM) {
                events.push(mta.event(leg.write(mta, batch, envelope, &copy, some, body)));
            }
        }
        events
    }
}

impl Local {
    /// What stands in front of the copy. RFC 5321 §4.4: final delivery tells the reverse-path; RFC 9228: and the address
    /// that led here.
    pub(super) fn prefix(&self, reverse_path: &ReversePath, body: &Body<'_>) -> String {
        let mut prefix = trace::return_path(reverse_path);
        prefix += &trace::delivered_to(&self.recipient.address);
        prefix += body.front;
        prefix
    }

    fn write(&self, mta: &Mta, batch: &mut Batch, envelope: &Envelope, body: &Body<'_>) {
        let prefix = self.prefix(&envelope.reverse_path, body);
        let mut summary = body.summary.clone();
        summary.prepend(prefix.as_bytes());
        let email = NewEmail {
            prefix: Bytes::from(prefix),
            blob: body.blob,
            blob_length: body.length,
            internal_date: body.at,
            saved: body.at,
            flags: Flags::default(),
            summary: Bytes::from(summary.encode()),
            id: body.message,
            // Other copies of the message have other fields in front, and may come to the same account later.
            content: mta.store.next_id(),
        };
        mta.mailboxes.append(batch, self.id, self.mailbox, &email);
    }

    fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        std::iter::once(&self.recipient).chain(&self.also)
    }

    /// For the journey.
    fn told(&self) -> impl Iterator<Item = What> {
        self.recipients().map(|recipient| What::Delivered {
            recipient: recipient.address.clone(),
            account: self.account.clone(),
            mailbox: self.mailbox_name.clone(),
            uid: None,
        })
    }
}

impl Leg {
    fn write(
        &self,
        mta: &Mta,
        batch: &mut Batch,
        envelope: &Envelope,
        copy: &Copy,
        to: &[Recipient],
        body: &Body<'_>,
    ) -> What {
        let destination = self.destination.to_string();
        let mark = self.forwarded_for.as_ref().map(trace::delivered_to).unwrap_or_default();
        // What goes to our own mailboxes proves nothing by a signature.
        let own = if self.destination.is_here() { "" } else { &*copy.front };
        let prefix = [own, &*mark, body.front].concat();
        let mut envelope = Envelope { recipients: to.to_vec(), ..envelope.parameters() };
        if let Some(reverse_path) = &copy.reverse_path {
            envelope.reverse_path.clone_from(reverse_path);
        }
        // What the bytes need, whatever the client declared: many always declare all they can, and hosts without the
        // extension take pure ASCII well (RFC 6152 §3, RFC 6531 §3.3). Addresses are looked at when it is sent.
        let prefix_needs = if prefix.is_ascii() { BodyType::SevenBit } else { BodyType::EightBitMime };
        envelope.body = body.needs.max(prefix_needs);
        envelope.smtputf8 &= envelope.body != BodyType::SevenBit;
        let item = mta.queue.enqueue(
            batch,
            NewItem {
                message: body.message,
                blob: body.blob,
                size: body.length,
                prefix: prefix.into_bytes(),
                envelope,
                destination: self.destination.clone(),
                begun: body.begun,
                created: body.at,
            },
        );
        What::Queued { item, destination, recipients: to.iter().map(|r| r.address.clone()).collect() }
    }
}

/// RFC 3461 §5.2.7.1: the address that the sender knows goes along.
pub(super) fn original(recipient: &Recipient) -> String {
    let given = recipient.original.clone();
    given.unwrap_or_else(|| format!("rfc822;{}", xtext(&recipient.address)))
}

/// RFC 3461 §4: `+`, `=` and what is not printable ASCII, as `+` and two hexadecimal digits.
fn xtext(address: &Address) -> String {
    let mut text = String::new();
    for byte in address.to_string().bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'+' | b'=') => text.push(char::from(byte)),
            _ => write!(text, "+{byte:02X}").expect("a String takes everything"),
        }
    }
    text
}
