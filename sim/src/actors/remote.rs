//! A remote mail host that does to its clients what the plan says, and keeps a truthful ledger of what it accepted.

mod conversation;
mod order;
mod plan;
mod spell;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use world::{Stream, World};

use crate::actors::lines::Wire;
use crate::oracle::ledger::Ledger;

pub use plan::{Act, Plan, Stage};
pub use spell::{Spell, Storm};

use conversation::Conversation;

/// What the connections of one remote share.
pub(crate) struct Host {
    world: World,
    plan: Plan,
    ledger: Arc<Ledger>,
    spell: Arc<Spell>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is left of the script.
    script: Vec<(Stage, Act)>,
    /// Sender and recipient pairs that were deferred once.
    greeted: BTreeSet<(String, String)>,
}

/// Listens for ever; `spell` is what befalls it.
pub async fn run(world: World, plan: Plan, ledger: Arc<Ledger>, spell: Arc<Spell>) {
    let Ok(listener) = world.net.listen(plan.listen) else {
        return ledger.wrong("I20", format!("{} cannot listen on {}", plan.host, plan.listen));
    };
    let host = Host::new(world, plan, ledger, spell);
    loop {
        // An error is the end of one connection, not of the host.
        if let Ok(stream) = listener.accept().await {
            let conversation = Arc::clone(&host).serve(stream);
            host.world.tasks.spawn(Box::pin(conversation));
        }
    }
}

impl Host {
    /// A host that listens to nobody yet.
    pub(crate) fn new(world: World, plan: Plan, ledger: Arc<Ledger>, spell: Arc<Spell>) -> Arc<Self> {
        let state = Mutex::new(State { script: plan.script.clone(), greeted: BTreeSet::new() });
        Arc::new(Self { world, plan, ledger, spell, state })
    }

    /// Serves one connection to its end.
    pub(crate) async fn serve(self: Arc<Self>, stream: Stream) {
        let wire = Wire::around(stream, Arc::clone(&self.world.clock));
        Conversation::new(self, wire).hold().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do at a stage.
    fn act(&self, stage: Stage) -> Act {
        let mut state = self.lock();
        if let Some(at) = state.script.iter().position(|(scripted, _)| *scripted == stage) {
            return state.script.remove(at).1;
        }
        drop(state);
        if let Some(act) = self.spell.act(stage, &*self.world.rng) {
            self.ledger.saw("remote.storm");
            return act;
        }
        if self.ledger.is_healed() { Act::Fine } else { self.plan.mood(&*self.world.rng) }
    }

    /// Whether an extension is offered this time.
    fn offers(&self) -> bool {
        self.ledger.is_healed()
            || self.plan.missing == 0
            || self.world.rng.below(1000) >= u64::from(self.plan.missing)
    }

    /// What a recipient is always answered, whatever the mood.
    fn refusal(&self, from: &str, to: &str) -> Option<&'static str> {
        let healed = self.ledger.is_healed();
        let first = || self.lock().greeted.insert((from.to_owned(), to.to_owned()));
        if to.starts_with("gone") {
            Some("550 5.1.1 no such user here")
        } else if to.starts_with("full") && !healed {
            Some("452 4.2.2 the mailbox is full")
        } else if to.starts_with("grey") && first() {
            Some("450 4.7.1 come back later")
        } else {
            None
        }
    }
}
