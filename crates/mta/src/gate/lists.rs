//! Asking DNS lists (RFC 5782): all at once, beside the conversation with the client, and for a bounded time.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::time::Duration;

use filter::dnsbl::{self, Kind, Meaning};
use mail::{Domain, EnhancedCode, Mono, Reply};
use tokio::sync::oneshot;
use world::{World, dns};

use super::{Action, List};

/// Lists about which the operator was warned: each once.
#[derive(Default)]
pub(super) struct Warned(Mutex<BTreeSet<Domain>>);

/// Questions under way, or their answers.
#[derive(Default)]
pub(super) struct Asked {
    what: String,
    deadline: Mono,
    /// With the list's place among all lists.
    open: Vec<(usize, oneshot::Receiver<Answer>)>,
    found: Found,
}

/// What one list said.
struct Answer {
    meaning: Meaning,
    text: Option<String>,
}

/// What lists say together.
#[derive(Clone, Default)]
pub(super) struct Found {
    /// Whether an allow list knows the client.
    pub(super) allowed: bool,
    /// The first refusal.
    pub(super) refusal: Option<Reply>,
    /// What is told in the journey.
    pub(super) notes: Vec<String>,
}

impl Found {
    pub(super) fn add(&mut self, other: Self) {
        self.allowed |= other.allowed;
        self.refusal = self.refusal.take().or(other.refusal);
        self.notes.extend(other.notes);
    }
}

impl Asked {
    pub(super) fn about_address(world: &World, lists: &[List], wait: Duration, ip: IpAddr) -> Self {
        let name = |zone: &Domain| dnsbl::name_of_address(ip, zone);
        Self::about(world, lists, wait, Kind::Address, ip.to_canonical().to_string(), name)
    }

    pub(super) fn about_domain(world: &World, lists: &[List], wait: Duration, domain: &Domain) -> Self {
        let name = |zone: &Domain| dnsbl::name_of_domain(domain, zone);
        Self::about(world, lists, wait, Kind::Domain, domain.to_string(), name)
    }

    fn about(
        world: &World,
        lists: &[List],
        wait: Duration,
        kind: Kind,
        what: String,
        name: impl Fn(&Domain) -> Option<Domain>,
    ) -> Self {
        let deadline = world.clock.mono() + wait;
        let mut open = Vec::new();
        for (place, list) in lists.iter().enumerate().filter(|(_, list)| list.kind == kind) {
            let Some(name) = name(&list.zone) else { continue };
            let (tell, told) = oneshot::channel();
            let (world_there, list) = (world.clone(), list.clone());
            world.tasks.spawn(Box::pin(async move {
                let asking = ask(&world_there, &list, &name);
                if let Some(answer) = world_there.clock.before(deadline, asking).await.flatten() {
                    drop(tell.send(answer));
                }
            }));
            open.push((place, told));
        }
        Self { what, deadline, open, found: Found::default() }
    }

    /// What the lists have answered when the time is over or all have. The client waits for it once.
    pub(super) async fn found(&mut self, world: &World, lists: &[List], warned: &Warned) -> Found {
        for (place, told) in std::mem::take(&mut self.open) {
            let answer = world.clock.before(self.deadline, told).await;
            if let (Some(Ok(answer)), Some(list)) = (answer, lists.get(place)) {
                self.take(list, answer, warned);
            }
        }
        self.found.clone()
    }

    fn take(&mut self, list: &List, answer: Answer, warned: &Warned) {
        let (zone, what) = (&list.zone, &self.what);
        match answer.meaning {
            Meaning::NotListed => return,
            Meaning::RefusesUs(code) => {
                return warned.once(zone, code, "the list does not answer this server's resolver");
            }
            Meaning::NoList(code) => return warned.once(zone, code, "this is no list any more; remove it"),
            Meaning::Listed(code) => self.found.notes.push(format!("{what} is listed by {zone} ({code})")),
        }
        let why = answer.text.map(|text| format!(": {text}")).unwrap_or_default();
        let refuse =
            |code, enhanced| Some(Reply::new(code, enhanced, format!("{what} is listed by {zone}{why}")));
        let refusal = match list.action {
            Action::Refuse => refuse(550, EnhancedCode(5, 7, 1)),
            Action::TempFail => refuse(450, EnhancedCode(4, 7, 1)),
            Action::Note => None,
            Action::Allow => {
                self.found.allowed = true;
                None
            }
        };
        self.found.refusal = self.found.refusal.take().or(refusal);
    }
}

/// `None` if the list is silent or broken, which means nothing: a list must not stop mail by failing.
async fn ask(world: &World, list: &List, name: &Domain) -> Option<Answer> {
    let answers: Vec<Ipv4Addr> = match world.dns.ipv4(name.as_str()).await {
        Ok(answers) => answers,
        Err(dns::Error::NxDomain | dns::Error::NoData) => Vec::new(),
        Err(error) => {
            tracing::debug!(zone = %list.zone, %error, "a list does not answer");
            return None;
        }
    };
    let meaning = dnsbl::meaning(&list.answers, &answers);
    let told =
        matches!(meaning, Meaning::Listed(_)) && matches!(list.action, Action::Refuse | Action::TempFail);
    let text = if told { world.dns.txt(name).await.ok() } else { None };
    Some(Answer { meaning, text: text.and_then(|texts| dnsbl::reason(&texts)) })
}

impl Warned {
    fn once(&self, zone: &Domain, code: Ipv4Addr, why: &str) {
        if self.0.lock().expect("no holder panics").insert(zone.clone()) {
            tracing::warn!(%zone, answer = %code, why, "a DNS list is of no use");
        }
    }
}
