//! A universe: everything that one seed brings to life. One thread, one clock, one network, no outside.

use std::net::IpAddr;
use std::sync::Arc;

use world::World;
use world::disk::memory::MemoryDisk;

use crate::coverage::Coverage;
use crate::disk::{DiskDoor, DiskFaults};
use crate::dns::Zones;
use crate::executor::{ClockDoor, Death, Executor, Halt, HostClock, Order, ProcessId, TasksDoor};
use crate::net::{HostId, NetDoor, Network};
use crate::oracle::Violation;
use crate::rng::{Dice, DiceDoor};
use crate::trace::{Kind, Trace};

/// Everything of one seed. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Universe {
    /// Runs all tasks.
    pub executor: Executor,
    /// All connections.
    pub net: Network,
    /// All names.
    pub zones: Zones,
    /// "Sometimes" counters.
    pub coverage: Coverage,
    processes: Arc<std::sync::Mutex<Vec<Machine>>>,
    dice: Arc<std::sync::Mutex<Dice>>,
}

/// A machine: an address, a wall clock, a disk. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Machine {
    /// Its place on the network.
    pub id: HostId,
    /// Its name, for the trace.
    pub name: String,
    /// Its address.
    pub ip: IpAddr,
    /// Its wall clock.
    pub clock: HostClock,
    /// Its disk, as it is without any process.
    pub disk: MemoryDisk,
    /// What goes wrong with its disk.
    pub faults: DiskFaults,
}

/// A process on a machine.
#[derive(Clone)]
pub struct Process {
    /// Its number.
    pub id: ProcessId,
    /// Its doors. They are shut when it dies.
    pub world: World,
}

impl Universe {
    /// An empty universe.
    pub fn new(seed: u64, order: Order, trace: Trace) -> Self {
        let mut dice = Dice::new(seed);
        let executor = Executor::new(dice.fork("executor"), order, trace);
        let coverage = Coverage::default();
        Self {
            net: Network::new(executor.clone(), coverage.clone(), dice.fork("net")),
            zones: Zones::new(executor.clone(), coverage.clone(), dice.fork("dns")),
            executor,
            coverage,
            processes: Arc::default(),
            dice: Arc::new(std::sync::Mutex::new(dice)),
        }
    }

    fn fork(&self, part: &str) -> Dice {
        self.dice.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fork(part)
    }

    /// A new machine with power and a disk.
    pub fn machine(&self, name: &str, ip: IpAddr, disk: MemoryDisk) -> Machine {
        Machine {
            id: self.net.add_host(name, ip),
            name: name.to_owned(),
            ip,
            clock: HostClock::new(self.executor.clone()),
            disk,
            faults: DiskFaults::new(self.fork("disk")),
        }
    }

    /// A new process on a machine, with doors of its own.
    pub fn boot(&self, machine: &Machine, name: &str) -> Process {
        let id = self.executor.process(name);
        let mut processes = self.processes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        processes.resize(id.0 as usize, machine.clone());
        processes.push(machine.clone());
        drop(processes);
        let world = World {
            clock: Arc::new(ClockDoor {
                executor: self.executor.clone(),
                birth: self.executor.now(),
                host: machine.clock.clone(),
            }),
            net: Arc::new(NetDoor { network: self.net.clone(), host: machine.id, process: id }),
            dns: Arc::new(self.zones.clone()),
            disk: Arc::new(DiskDoor {
                disk: machine.disk.until_crash(),
                faults: machine.faults.clone(),
                executor: self.executor.clone(),
                coverage: self.coverage.clone(),
                process: id,
            }),
            rng: Arc::new(DiceDoor::new(self.fork("process"))),
            tasks: Arc::new(TasksDoor { executor: self.executor.clone(), process: id }),
        };
        Process { id, world }
    }

    /// A process for somebody who is never killed, on a machine with an empty disk: actors.
    pub fn actor(&self, name: &str, ip: IpAddr) -> Process {
        let machine = self.machine(name, ip, MemoryDisk::new());
        self.boot(&machine, name)
    }

    /// Kills a process at once. With [`Death::PowerCut`] its machine's disk loses some of what was not synced.
    pub fn kill(&self, process: ProcessId, death: Death) {
        let machine = self.machine_of(process);
        self.executor.trace().event(Kind::Fault, 1, process.0.into(), || {
            format!("{death:?} of {}", self.executor.name_of(process))
        });
        self.executor.end_process(process, death);
        match death {
            Death::Kill | Death::Exit => machine.disk.kill(),
            Death::PowerCut => {
                let mut dice = self.fork("crash");
                // Nothing, anything, everything, and mostly something.
                let survives = *dice.pick(&[0, 100, 500, 500, 900, 1000]);
                machine.disk.crash(|| dice.chance(survives));
            }
        }
    }

    /// Runs everything until `main` ends.
    pub fn run<T>(&self, main: impl Future<Output = T>) -> Result<T, Halt> {
        self.executor.run(main, |process, death| self.kill(process, death))
    }

    /// The machine of a process.
    pub fn machine_of(&self, process: ProcessId) -> Machine {
        let processes = self.processes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        processes[process.0 as usize].clone()
    }

    /// Where the machine of a process is.
    pub fn host_of(&self, process: ProcessId) -> HostId {
        self.machine_of(process).id
    }

    /// Drops all tasks: nothing happens any more. Without this, tasks and universe would keep each other alive.
    pub fn end(&self) {
        self.executor.end_all();
    }

    /// Reports what must not be.
    pub fn report(&self, violation: Violation) {
        self.executor.report(violation);
    }
}
