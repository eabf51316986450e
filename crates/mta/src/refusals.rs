//! What was refused, told in the journey without anybody waiting for the disk: events gather for a moment and are
//! written together. A flood is told by its first part and a number.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use journey::{Event, Journeys, Refused, What};
use mail::{Address, Id, Reply, ReversePath};
use store::{Batch, Store};
use world::World;

use crate::intake::Client;
use crate::{Mta, Parts};

/// How long refusals gather.
const GATHER: Duration = Duration::from_secs(1);
/// Refusals told of each such time; further ones are only counted.
const TOLD: usize = 500;
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
            waiting.add(at, refused, || self.store.next_id());
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
        let waiting = std::mem::take(&mut *self.waiting.lock().expect("no holder panics"));
        if waiting.events.is_empty() {
            return;
        }
        if waiting.untold > 0 {
            tracing::warn!(refusals = waiting.untold, "refused more than the journey tells");
        }
        let mut batch = Batch::new();
        for (id, event) in waiting.events {
            self.journeys.record(&mut batch, id, &[event]);
        }
        if let Err(error) = self.store.commit(batch).await {
            tracing::error!(%error, "recording refused mail failed");
        }
    }
}

impl Waiting {
    /// Adds a refusal, to the last one if only the recipient differs.
    fn add(&mut self, at: mail::Wall, refused: Refused, id: impl FnOnce() -> Id) {
        if let Some((_, Event { what: What::Refused(last), .. })) = self.events.last_mut()
            && is_alike(last, &refused)
            && last.recipients.len() + refused.recipients.len() <= RECIPIENTS
        {
            last.recipients.extend(refused.recipients);
        } else if self.events.len() < TOLD {
            self.events.push((id(), Event { at, what: What::Refused(Box::new(refused)) }));
        } else {
            self.untold += 1;
        }
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
