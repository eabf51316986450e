//! What an attempt came to, recipient by recipient, while it goes from host to host. Pure.

use mail::{Address, EnhancedCode, Envelope, Recipient, Reply, Wall};
use queue::{Item, Outcome};
use smtp::client::{self, Source};

/// The recipients of an item during one attempt.
pub(super) struct Results {
    entries: Vec<Entry>,
}

struct Entry {
    /// Place in `item.recipients`.
    index: usize,
    recipient: Recipient,
    /// Final for this attempt.
    outcome: Option<Outcome>,
    /// What speaks against it if no host decides; a reason that leaves hope wins.
    so_far: Option<Reply>,
    /// Whose words they are.
    host: Option<String>,
    /// What the next hop took over.
    promises: Promises,
}

/// What a next hop takes over with a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Promises {
    /// The duty to report (RFC 3461 §5.2.3).
    pub(crate) reports: bool,
    /// The time by which to deliver (RFC 2852 §4.1.4).
    pub(crate) keeps_time: bool,
}

impl Results {
    /// All pending recipients, undecided.
    pub(super) fn of(item: &Item) -> Self {
        let entry = |(index, state): (usize, &queue::RecipientState)| Entry {
            index,
            recipient: state.recipient.clone(),
            outcome: None,
            so_far: None,
            host: None,
            promises: Promises::default(),
        };
        Self { entries: item.pending().map(entry).collect() }
    }

    /// The envelope for the next host at `now`: who is undecided. `None` if nobody is.
    pub(super) fn envelope(&self, item: &Item, now: Wall) -> Option<Envelope> {
        let recipients: Vec<Recipient> = self.undecided().map(|entry| entry.recipient.clone()).collect();
        (!recipients.is_empty()).then(|| Envelope { recipients, ..item.envelope(now) })
    }

    /// Whether nobody is left for a further host.
    pub(super) fn is_decided(&self) -> bool {
        self.undecided().next().is_none()
    }

    fn undecided(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.outcome.is_none())
    }

    /// A host (or the way to all of them) could not be used, for that reason.
    pub(super) fn unusable(&mut self, reply: &Reply, host: Option<&str>) -> Vec<(Address, Reply)> {
        let undecided = self.entries.iter_mut().filter(|entry| entry.outcome.is_none());
        undecided
            .map(|entry| {
                entry.doubt(reply.clone(), host);
                (entry.recipient.address.clone(), reply.clone())
            })
            .collect()
    }

    /// No host can decide any more, for that reason.
    pub(super) fn give_up(&mut self, reply: &Reply) -> Vec<(Address, Reply)> {
        let undecided = self.entries.iter_mut().filter(|entry| entry.outcome.is_none());
        undecided
            .map(|entry| {
                entry.outcome = Some(Outcome::Failed(reply.clone()));
                (entry.recipient.address.clone(), reply.clone())
            })
            .collect()
    }

    /// What a host said, in the order of [`Results::envelope`]. Gives the same for the journey.
    pub(super) fn take(
        &mut self,
        outcomes: Vec<client::Outcome>,
        host: &str,
        promises: Promises,
    ) -> Vec<(Address, Reply)> {
        let mut said = Vec::with_capacity(outcomes.len());
        let some_taken = outcomes.iter().any(|o| o.source == Source::Peer && o.reply.is_positive());
        let undecided = self.entries.iter_mut().filter(|entry| entry.outcome.is_none());
        for (entry, outcome) in undecided.zip(outcomes) {
            said.push((entry.recipient.address.clone(), outcome.reply.clone()));
            match decided(&outcome) {
                // These may go at once, in a transaction of their own.
                Some(_) if some_taken && is_one_too_many(&outcome) => {
                    entry.doubt(outcome.reply, Some(host));
                }
                Some(decided) => {
                    entry.host = (outcome.source == Source::Peer).then(|| host.to_owned());
                    entry.promises = promises;
                    entry.outcome = Some(decided);
                }
                None => entry.doubt(outcome.reply, None),
            }
        }
        said
    }

    /// Ends the attempt: who is still undecided gets what spoke against it.
    pub(super) fn finish(&self) -> Vec<(usize, Outcome)> {
        let outcome = |entry: &Entry| match &entry.outcome {
            Some(outcome) => outcome.clone(),
            None => by_class(entry.so_far.clone().unwrap_or_else(nobody)),
        };
        self.entries.iter().map(|entry| (entry.index, outcome(entry))).collect()
    }

    /// Whose words decided about a recipient.
    pub(super) fn host(&self, address: &Address) -> Option<String> {
        self.entries.iter().find(|entry| entry.recipient.address == *address)?.host.clone()
    }

    /// What the next hop took over with a recipient.
    pub(super) fn promises(&self, address: &Address) -> Promises {
        let entry = self.entries.iter().find(|entry| entry.recipient.address == *address);
        entry.map(|entry| entry.promises).unwrap_or_default()
    }
}

impl Entry {
    /// Of two reasons the one that leaves hope wins.
    fn doubt(&mut self, reply: Reply, host: Option<&str>) {
        let keep = self.so_far.as_ref().is_some_and(|old| old.is_temporary() || !reply.is_temporary());
        if !keep {
            self.so_far = Some(reply);
            self.host = host.map(str::to_owned);
        }
    }
}

/// What is final for this attempt; `None` lets the next host try (RFC 5321 §5.1).
fn decided(outcome: &client::Outcome) -> Option<Outcome> {
    match outcome.source {
        Source::Peer => Some(by_class(outcome.reply.clone())),
        // The peer may have the message: another host would make a second copy certain (F6).
        Source::Uncertain => Some(Outcome::Deferred(outcome.reply.clone())),
        Source::Local => None,
    }
}

/// RFC 5321 §4.5.3.1.10: no room for so many recipients in one transaction.
fn is_one_too_many(outcome: &client::Outcome) -> bool {
    let reply = &outcome.reply;
    let meant = reply.enhanced.is_none_or(|code| (code.1, code.2) == (5, 3));
    outcome.source == Source::Peer && reply.code == 452 && meant
}

pub(super) fn by_class(reply: Reply) -> Outcome {
    match reply.code / 100 {
        2 => Outcome::Delivered(reply),
        5 => Outcome::Failed(reply),
        _ => Outcome::Deferred(reply),
    }
}

fn nobody() -> Reply {
    Reply::new(451, EnhancedCode(4, 4, 1), "no mail host could be reached")
}

#[cfg(test)]
mod tests {
    use queue::{Destination, RecipientState, State};

    use super::*;

    fn item(recipients: usize) -> Item {
        let recipient = |n| RecipientState {
            recipient: Recipient::plain(format!("r{n}@d.test").parse().expect("an address")),
            state: State::Pending,
            last: None,
            attempts: 0,
        };
        Item {
            id: mail::Id(1),
            message: mail::Id(2),
            blob: store::BlobId(3),
            size: 10,
            prefix: Vec::new(),
            reverse_path: mail::ReversePath::default(),
            ret: None,
            envid: None,
            body: mail::BodyType::SevenBit,
            smtputf8: false,
            tls_required: mail::TlsRequired::Unsaid,
            hold: None,
            release: None,
            deadline: None,
            deadline_notified: false,
            priority: 0,
            destination: Destination::Smarthost,
            recipients: (0..recipients).map(recipient).collect(),
            created: Wall::default(),
            age: queue::Age::default(),
            due: Wall::default(),
            attempts: 0,
            delay_notified: false,
            held: false,
            via: None,
            version: store::Version(1),
        }
    }

    fn said(code: u16, source: Source) -> client::Outcome {
        client::Outcome { reply: Reply::plain(code, ""), source }
    }

    fn codes(results: &Results) -> Vec<String> {
        let letter = |outcome: &Outcome| match outcome {
            Outcome::Delivered(r) => format!("D{}", r.code),
            Outcome::Failed(r) => format!("F{}", r.code),
            Outcome::Deferred(r) => format!("T{}", r.code),
        };
        results.finish().iter().map(|(_, outcome)| letter(outcome)).collect()
    }

    #[test]
    fn a_peer_decides_each_recipient() {
        let item = item(4);
        let mut results = Results::of(&item);
        let outcomes = [
            said(250, Source::Peer),
            said(550, Source::Peer),
            said(450, Source::Peer),
            said(451, Source::Uncertain),
        ];
        results.take(outcomes.to_vec(), "mx.d.test", Promises::default());
        assert!(results.is_decided(), "nobody is left for the next host");
        assert_eq!(codes(&results), ["D250", "F550", "T450", "T451"]);
    }

    #[test]
    fn what_is_local_goes_to_the_next_host() {
        let item = item(2);
        for (first, second, expected) in [
            (said(451, Source::Local), said(250, Source::Peer), "D250"),
            (said(553, Source::Local), said(550, Source::Peer), "F550"),
            (said(553, Source::Local), said(451, Source::Local), "T451"),
            (said(451, Source::Local), said(553, Source::Local), "T451"),
            (said(553, Source::Local), said(553, Source::Local), "F553"),
        ] {
            let mut results = Results::of(&item);
            results.take(vec![said(250, Source::Peer), first], "mx1.d.test", Promises::default());
            let left = results.envelope(&item, Wall::default()).expect("one is left");
            assert_eq!(left.recipients.len(), 1);
            results.take(vec![second], "mx2.d.test", Promises::default());
            assert_eq!(codes(&results), ["D250", expected]);
        }
    }

    #[test]
    fn hosts_that_cannot_be_used_leave_hope_if_one_does() {
        let item = item(1);
        for (replies, expected) in
            [(vec![451, 554], "T451"), (vec![554, 451], "T451"), (vec![554, 521], "F554"), (vec![], "T451")]
        {
            let mut results = Results::of(&item);
            for code in replies {
                results.unusable(&Reply::plain(code, ""), Some("mx.d.test"));
            }
            assert_eq!(codes(&results), [expected]);
        }
    }
}
