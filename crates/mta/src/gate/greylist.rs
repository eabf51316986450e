//! What greylisting remembers, in the store. Nobody waits for the disk: what was learned gathers for a moment and is
//! written together, so a crash may forget the last seconds, and such mail is put off once more.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use filter::greylist::{self, Decision, Entry, Rule};
use mail::{Address, Mono, ReversePath, Wall, limits};
use store::{Batch, Error, Key, Space, Store};
use world::World;

/// How long what was learned gathers.
const GATHER: Duration = Duration::from_secs(2);
/// How often what is too old is removed.
const SWEEP: Duration = Duration::from_hours(1);
/// Entries looked at, and removed, in one step.
const PAGE: usize = 1000;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Memory {
    world: World,
    store: Arc<dyn Store>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Learned, and not written yet.
    waiting: BTreeMap<Key, Entry>,
    flusher: bool,
    /// The rule of the last decision, for what is too old.
    rule: Option<Rule>,
    swept: Option<Mono>,
    /// Entries in the store, about: counted by the last sweep, and new ones since.
    entries: usize,
}

impl Memory {
    pub(super) fn new(world: World, store: Arc<dyn Store>) -> Self {
        Self { world, store, state: Arc::default() }
    }

    /// How long a recipient is put off; `None` lets it pass.
    pub(super) async fn decide(
        &self,
        rule: &Rule,
        ip: IpAddr,
        from: &ReversePath,
        to: &Address,
    ) -> Result<Option<Duration>, Error> {
        let now = self.world.clock.wall();
        let client = greylist::client(ip);
        let (of_client, of_triplet) = (client_key(&client), triplet_key(&client, from, to));
        let known_client = self.get(&of_client).await?;
        if rule.knows(known_client.as_ref(), now) {
            self.learn(rule, [(of_client, rule.passed(known_client, now))].into());
            return Ok(None);
        }
        let known = self.get(&of_triplet).await?;
        let new = known.is_none();
        let (decision, entry) = rule.decide(known, now);
        if new && self.is_full() {
            return Ok(None);
        }
        let mut learned = vec![(of_triplet, entry)];
        if decision == Decision::Pass {
            learned.push((of_client, rule.passed(known_client, now)));
        }
        self.learn(rule, learned);
        Ok(match decision {
            Decision::Pass => None,
            Decision::Wait(wait) => Some(wait),
        })
    }

    async fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        if let Some(entry) = self.lock().waiting.get(key) {
            return Ok(Some(*entry));
        }
        // An entry that cannot be read is one that is not there: it says nothing about anybody's mail.
        Ok(self.store.snapshot().get(key).await?.and_then(|found| Entry::decode(&found.value)))
    }

    /// Whether no more new ones can be remembered. Then they pass: a flood must not keep mail out.
    fn is_full(&self) -> bool {
        let state = self.lock();
        state.entries >= limits::GREYLIST_ENTRIES || state.waiting.len() >= limits::GREYLIST_WAITING
    }

    fn learn(&self, rule: &Rule, learned: Vec<(Key, Entry)>) {
        let start = {
            let mut state = self.lock();
            let new = learned.iter().filter(|(_, entry)| entry.first == entry.last).count();
            state.entries += new;
            state.waiting.extend(learned);
            if state.rule.as_ref() != Some(rule) {
                state.rule = Some(rule.clone());
            }
            !std::mem::replace(&mut state.flusher, true)
        };
        if start {
            let this = self.clone();
            let wait = self.world.clock.sleep(GATHER);
            self.world.tasks.spawn(Box::pin(async move {
                wait.await;
                this.flush().await;
                this.sweep().await;
            }));
        }
    }

    /// Writes what was learned.
    pub(super) async fn flush(&self) {
        let waiting = {
            let mut state = self.lock();
            state.flusher = false;
            std::mem::take(&mut state.waiting)
        };
        if waiting.is_empty() {
            return;
        }
        let mut batch = Batch::new();
        for (key, entry) in waiting {
            batch.put(key, entry.encode());
        }
        if let Err(error) = self.store.commit(batch).await {
            tracing::warn!(%error, "greylisting forgets what it learned just now");
        }
    }

    /// Removes what is too old, now and then, and counts the rest.
    async fn sweep(&self) {
        let now = self.world.clock.mono();
        let rule = {
            let mut state = self.lock();
            if state.swept.is_some_and(|swept| now.since(swept) < SWEEP) {
                return;
            }
            state.swept = Some(now);
            state.rule.clone()
        };
        let Some(rule) = rule else { return };
        match self.remove_old(&rule).await {
            Ok(kept) => self.lock().entries = kept,
            Err(error) => tracing::warn!(%error, "could not remove what greylisting no longer needs"),
        }
    }

    /// Gives the number of those that stay.
    async fn remove_old(&self, rule: &Rule) -> Result<usize, Error> {
        let mut range = Key::build(Space::Gate).key().prefix_range();
        let mut kept = 0;
        loop {
            let now = self.world.clock.wall();
            let page = self.store.snapshot().range(&range, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(kept) };
            range = range.after(last);
            let mut batch = Batch::new();
            for (key, found) in page {
                match Entry::decode(&found.value) {
                    Some(entry) if holds(rule, &entry, now) => kept += 1,
                    _ => batch.delete(key),
                }
            }
            if !batch.is_empty() {
                self.store.commit(batch).await?;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

/// Entries from the future stay until the clock has caught up, or has been right for long.
fn holds(rule: &Rule, entry: &Entry, now: Wall) -> bool {
    entry.first > now || entry.last > now || rule.holds(entry, now)
}

fn client_key(client: &str) -> Key {
    Key::build(Space::Gate).u8(b'c').text(client).key()
}

fn triplet_key(client: &str, from: &ReversePath, to: &Address) -> Key {
    let (from, to) = (greylist::sender(from), greylist::recipient(to));
    Key::build(Space::Gate).u8(b't').text(client).text(&from).text(&to).key()
}
