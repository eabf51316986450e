//! Brings the faults of a plan, each at its time.

use std::sync::Arc;
use std::time::Duration;

use world::Task;
use world::disk::memory::Fault as DiskFault;

use super::care::Care;
use super::elsewhere::Elsewhere;
use super::rot;
use super::stage::Stage;
use crate::dns::Trouble;
use crate::executor::Executor;
use crate::net::{HostId, Weather};
use crate::office::Office;
use crate::oracle::ledger::{Kind, Ledger};
use crate::plan::{Attack, Fault, What};
use crate::trace::Kind as Traced;
use crate::universe::Universe;

/// Starts a task for each fault.
pub(super) fn bring(stage: &Stage<'_>) -> Vec<Task> {
    let remotes: Vec<HostId> =
        stage.remotes.iter().map(|process| stage.universe.host_of(process.id)).collect();
    let mut tasks = Vec::new();
    let care = Care::of(stage);
    for fault in &stage.plan.faults {
        let hand = Hand {
            universe: stage.universe.clone(),
            office: stage.offices[fault.office.min(stage.offices.len() - 1)].clone(),
            ledger: Arc::clone(&stage.ledger),
            remotes: remotes.clone(),
            elsewhere: Elsewhere::of(stage),
            care: care.clone(),
        };
        let (fault, executor) = (fault.clone(), stage.universe.executor.clone());
        let task = async move {
            executor.sleep(fault.at).await;
            hand.strike(&executor, fault).await;
        };
        tasks.push(stage.universe.executor.spawn(stage.director, Box::pin(task)));
    }
    tasks
}

/// Who brings one fault.
struct Hand {
    universe: Universe,
    office: Office,
    ledger: Arc<Ledger>,
    remotes: Vec<HostId>,
    elsewhere: Elsewhere,
    care: Care,
}

impl Hand {
    async fn strike(&self, executor: &Executor, fault: Fault) {
        let what = fault.what;
        self.universe.coverage.hit(what.counter());
        executor.trace().event(Traced::Fault, 2, 0, || format!("{what:?}"));
        let kind = kind(&what);
        let lasts = matches!(what, What::DiskError(_)) || kind == Some(Kind::Net);
        let excuse = kind.map(|kind| self.ledger.trouble_begins(kind));
        self.cause(executor, what).await;
        // What befalls a connection is drawn when it is made, and it may last for long; an error of the disk comes later.
        if let Some(excuse) = excuse.filter(|_| !lasts) {
            self.ledger.trouble_ends(excuse);
        }
    }

    async fn cause(&self, executor: &Executor, what: What) {
        let machine = self.office.machine();
        match what {
            What::Die(death) => self.office.kill(death),
            What::DieInDisk(death, operations) => machine.faults.die_in(operations, death),
            What::DieInStep(death, polls) => {
                if let Some(process) = self.office.process() {
                    executor.doom_in(process, polls, death);
                }
            }
            What::Restart => self.office.restart(),
            What::DiskError(operations) => {
                let now = machine.disk.counts().operations;
                machine.disk.fail_at(now + operations, DiskFault::Io);
            }
            What::DiskDead(span) => {
                machine.disk.fail_always(Some(DiskFault::Io));
                executor.sleep(span).await;
                machine.disk.fail_always(None);
            }
            What::ReadErrors(per_mille, span) => {
                machine.faults.set_read_errors(per_mille);
                executor.sleep(span).await;
                machine.faults.set_read_errors(0);
            }
            What::DiskFull(room, span) => {
                machine.disk.set_capacity(Some(machine.disk.used() + room));
                executor.sleep(span).await;
                machine.disk.set_capacity(None);
            }
            What::SlowDisk(per_mille, most, span) => {
                machine.faults.set_slow(per_mille, most);
                executor.sleep(span).await;
                machine.faults.set_slow(0, 0);
            }
            What::ClockJump(seconds) => machine.clock.jump(seconds * 1000),
            What::ClockRate(rate, span) => {
                machine.clock.set_rate(rate);
                executor.sleep(span).await;
                machine.clock.set_rate(1_000_000);
            }
            What::Restore(..) | What::Undelete(_) => self.care.act(executor, what).await,
            What::Rot(many, number) => rot::while_it_runs(&self.office, &self.ledger, many, number).await,
            outside => self.strike_outside(executor, outside).await,
        }
    }

    async fn strike_outside(&self, executor: &Executor, what: What) {
        let net = &self.universe.net;
        match what {
            What::NoFiles(times) => net.exhaust_files(self.office.machine().id, times),
            What::Part(remote, there, back, span) => {
                let here = self.office.machine().id;
                let Some(remote) = self.remotes.get(remote % self.remotes.len().max(1)) else { return };
                self.part(here, *remote, there, back, span).await;
            }
            What::Weather(weather, span) => {
                net.set_weather(weather);
                executor.sleep(span).await;
                net.set_weather(Weather::calm());
            }
            What::Names(trouble, span) => {
                self.universe.zones.set_trouble(trouble);
                executor.sleep(span).await;
                self.universe.zones.set_trouble(Trouble::default());
            }
            elsewhere => self.elsewhere.strike(executor, elsewhere).await,
        }
    }

    async fn part(&self, here: HostId, remote: HostId, there: bool, back: bool, span: Duration) {
        let net = &self.universe.net;
        if there {
            net.part(here, remote);
        }
        if back {
            net.part(remote, here);
        }
        self.universe.executor.sleep(span).await;
        net.heal();
    }
}

/// What it excuses.
fn kind(what: &What) -> Option<Kind> {
    Some(match what {
        // Noted when it happens (`Ledger::watch`).
        What::Die(_) | What::DieInDisk(..) | What::DieInStep(..) | What::Restart | What::Restore(..) => {
            return None;
        }
        What::Undelete(_) | What::Rot(..) | What::Tls(..) => return None,
        What::DiskError(_)
        | What::DiskDead(_)
        | What::ReadErrors(..)
        | What::DiskFull(..)
        | What::SlowDisk(..) => Kind::Disk,
        What::ClockJump(_) | What::ClockRate(..) => Kind::Clock,
        What::Storm(..) | What::SlowPeer(..) | What::Sts(_, _, Attack::None | Attack::Tls(_), _) => {
            Kind::Peer
        }
        // SPF asks for names, too (seed 301672).
        What::Names(..) | What::Flap(..) | What::Dane(..) | What::Sts(..) => Kind::Names,
        What::NoFiles(_) | What::Part(..) | What::Weather(..) => Kind::Net,
    })
}
