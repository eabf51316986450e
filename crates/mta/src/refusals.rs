//! What was refused, told in the journey without anybody waiting for the disk: events gather for a moment and are
//! written together. A flood is told by its first part and a number: whoever only knocks must not fill the disk (P7).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use journey::{Event, Journeys, Refused, What};
use mail::{Address, Id, Mono, Reply, ReversePath};
use store::{Batch, Store};
use world::World;

use crate::intake::Client;
use crate::{Mta, Parts};

/// How long refusals gather.
const GATHER: Duration = Duration::from_secs(1);
/// Refusals told at once; further ones are only counted.
const BURST: u32 = 2000;
/// One more may be told after each such time: at most 432,000 a day, about 200 MB.
const REFILL: Duration = Duration::from_millis(200);
/// Recipients told of one refusal.
const RECIPIENTS: usize = 50;

/// Refusals that wait to be written. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Refusals {
    world: World,
    store: Arc<dyn Store>,
    journeys: Arc<Journeys>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    events: Vec<(Id, Event)>,
    untold: u64,
    flusher: bool,
    allowance: Allowance,
}

/// How many refusals may be told: falls by one with each, and recovers with time.
struct Allowance {
    left: u32,
    since: Mono,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: BURST, since: Mono::default() }
    }
}

impl Allowance {
    fn take(&mut self, now: Mono) -> bool {
        let earned = now.since(self.since).as_millis() / REFILL.as_millis();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if self.left.saturating_add(earned) >= BURST {
            (self.left, self.since) = (BURST, now);
        } else {
            self.left += earned;
            self.since = self.since + REFILL * earned;
        }
        let some = self.left > 0;
        self.left -= u32::from(some);
        some
    }
}

impl Refusals {
    pub(crate) fn new(parts: &Parts) -> Self {
        Self {
            world: parts.world.clone(),
            store: Arc::clone(&parts.store),
            journeys: Arc::clone(&parts.journeys),
            waiting: Arc::default(),
        }
    }

    fn add(&self, refused: Refused) {
        let at = self.world.clock.wall();
        let start = {
            let mut waiting = self.waiting.lock().expect("no holder panics");
            waiting.add(at, self.world.clock.mono(), refused, || self.store.next_id());
            !std::mem::replace(&mut waiting.flusher, true)
        };
        if start {
            let this = self.clone();
            let wait = self.world.clock.sleep(GATHER);
            self.world.tasks.spawn(Box::pin(async move {
                wait.await;
                this.flush().await;
            }));
        }
    }

    pub(crate) async fn flush(&self) {
        let (events, untold) = self.waiting.lock().expect("no holder panics").take();
        if untold > 0 {
            tracing::warn!(refusals = untold, "refused more than the journey tells");
        }
        if events.is_empty() {
            return;
        }
        let mut batch = Batch::new();
        for (id, event) in events {
            self.journeys.record(&mut batch, id, &[event]);
        }
        if let Err(error) = self.store.commit(batch).await {
            tracing::error!(%error, "recording refused mail failed");
        }
    }
}

impl Waiting {
    /// Adds a refusal, to the last one if only the recipient differs.
    fn add(&mut self, at: mail::Wall, now: Mono, refused: Refused, id: impl FnOnce() -> Id) {
        if let Some((_, Event { what: What::Refused(last), .. })) = self.events.last_mut()
            && is_alike(last, &refused)
            && last.recipients.len() + refused.recipients.len() <= RECIPIENTS
        {
            last.recipients.extend(refused.recipients);
        } else if self.allowance.take(now) {
            self.events.push((id(), Event { at, what: What::Refused(Box::new(refused)) }));
        } else {
            self.untold += 1;
        }
    }

    /// What gathered, and how many more there were.
    fn take(&mut self) -> (Vec<(Id, Event)>, u64) {
        self.flusher = false;
        (std::mem::take(&mut self.events), std::mem::take(&mut self.untold))
    }
}

fn is_alike(a: &Refused, b: &Refused) -> bool {
    (&a.stage, &a.service, &a.client, &a.helo) == (&b.stage, &b.service, &b.client, &b.helo)
        && a.reverse_path == b.reverse_path
        && (a.reply.code, a.reply.enhanced) == (b.reply.code, b.reply.enhanced)
        && !b.recipients.is_empty()
}

/// Tells the journey of something refused, soon.
pub(crate) fn record(
    mta: &Mta,
    client: &Client,
    stage: &str,
    from: Option<&ReversePath>,
    to: Vec<Address>,
    reply: &Reply,
) {
    mta.refusals.add(Refused {
        stage: stage.to_owned(),
        service: client.service_name().to_owned(),
        client: Some(client.address.ip()),
        helo: client.name.clone().unwrap_or_default(),
        reverse_path: from.cloned(),
        recipients: to,
        reply: reply.clone(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(number: usize) -> Refused {
        Refused {
            stage: format!("stage {number}"),
            service: "smtp".into(),
            client: None,
            helo: String::new(),
            reverse_path: None,
            recipients: Vec::new(),
            reply: Reply::plain(550, "no"),
        }
    }

    #[test]
    fn a_flood_does_not_fill_the_journey() {
        let mut waiting = Waiting::default();
        let day = 24 * 60 * 60;
        let (mut told, mut untold) = (0, 0);
        for second in 0..day {
            let now = Mono::from_start(Duration::from_secs(second));
            for number in 0..20 {
                waiting.add(mail::Wall::default(), now, refused(number), || Id(1));
            }
            let (events, more) = waiting.take();
            told += events.len() as u64;
            untold += more;
        }
        assert_eq!(told + untold, day * 20, "each is told or counted");
        let most = u64::from(BURST) + day * 1000 / REFILL.as_millis() as u64;
        assert!((most - 10..=most).contains(&told), "{told} told of at most {most}");
    }
}
