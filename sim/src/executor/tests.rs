//! Order, time, death.

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU64;

use tokio::sync::{mpsc, watch};
use world::disk::memory::MemoryDisk;

use super::*;
use crate::universe::{Process, Universe};

fn universe(seed: u64, order: Order) -> (Universe, Process) {
    let universe = Universe::new(seed, order, Trace::quiet());
    let process = universe.actor("someone", Ipv4Addr::LOCALHOST.into());
    (universe, process)
}

/// Ten tasks that wait at random and write down when they go on: what was written, and the hash.
fn walk(seed: u64, order: Order) -> (Vec<u64>, u64) {
    let (universe, process) = universe(seed, order);
    let (tx, mut rx) = mpsc::unbounded_channel();
    let (flag, flags) = watch::channel(0);
    for number in 0..10 {
        let (world, tx, mut flags) = (process.world.clone(), tx.clone(), flags.clone());
        process.world.tasks.spawn(Box::pin(async move {
            for _ in 0..5 {
                tx.send(number).expect("somebody listens");
                if number % 2 == 0 {
                    drop(flags.changed().await);
                } else {
                    world.clock.sleep(Duration::from_millis(world.rng.below(20))).await;
                }
            }
        }));
    }
    drop(tx);
    let world = process.world.clone();
    process.world.tasks.spawn(Box::pin(async move {
        for step in 1..50 {
            world.clock.sleep(Duration::from_millis(7)).await;
            flag.send_replace(step);
        }
    }));
    let main = async move {
        let mut steps = Vec::new();
        while let Some(step) = rx.recv().await {
            steps.push(step);
        }
        steps
    };
    let steps = universe.run(main).expect("it ends");
    (steps, universe.executor.trace().hash())
}

#[test]
fn a_seed_gives_one_run_and_each_seed_another() {
    for order in [Order::Fifo, Order::Random, Order::Lifo] {
        assert_eq!(walk(1, order), walk(1, order), "{order:?}");
    }
    let orders: std::collections::BTreeSet<_> = (0..20).map(|seed| walk(seed, Order::Random).0).collect();
    assert_eq!(orders.len(), 20);
}

#[test]
fn the_clock_jumps_to_the_next_timer() {
    let (universe, process) = universe(1, Order::Fifo);
    let clock = Arc::clone(&process.world.clock);
    let years = Duration::from_hours(20 * 365 * 24);
    let begin = clock.wall();
    universe.run(clock.sleep(years)).expect("it ends");
    assert!(process.world.clock.wall().since(begin) >= years);
    let none = universe.run(clock.within(Duration::from_secs(5), std::future::pending::<()>()));
    assert_eq!(none, Ok(None));
}

#[test]
fn the_wall_clock_jumps_stands_still_and_heals() {
    let universe = Universe::new(1, Order::Fifo, Trace::quiet());
    let machine = universe.machine("m", Ipv4Addr::LOCALHOST.into(), MemoryDisk::new());
    let hour = Duration::from_hours(1);
    machine.clock.jump(-1_000_000);
    assert_eq!(START.millis() - machine.clock.wall().millis(), 1_000_000);
    machine.clock.set_rate(0);
    universe.run(universe.executor.sleep(hour)).expect("it ends");
    assert_eq!(START.millis() - machine.clock.wall().millis(), 1_000_000);
    machine.clock.set_rate(500_000);
    universe.run(universe.executor.sleep(hour)).expect("it ends");
    assert_eq!(machine.clock.wall().millis() - START.millis(), 1_800_000 - 1_000_000);
    machine.clock.heal();
    assert_eq!(machine.clock.wall(), START + universe.executor.elapsed());
}

struct Count(Arc<AtomicU64>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn killing_a_process_drops_its_tasks_and_it_starts_nothing_more() {
    let (universe, process) = universe(1, Order::Random);
    let dropped = Arc::new(AtomicU64::new(0));
    for _ in 0..3 {
        let (count, world) = (Count(Arc::clone(&dropped)), process.world.clone());
        process.world.tasks.spawn(Box::pin(async move {
            let _count = count;
            loop {
                world.clock.sleep(Duration::from_secs(1)).await;
            }
        }));
    }
    let (there, id) = (universe.clone(), process.id);
    let main = async move {
        there.executor.sleep(Duration::from_secs(10)).await;
        there.kill(id, Death::Kill);
    };
    universe.run(main).expect("it ends");
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
    let late = process.world.tasks.spawn(Box::pin(async { panic!("never runs") }));
    universe.run(late.ended).expect("it has ended");
    assert_eq!(universe.executor.violations(), []);
}

#[test]
fn aborting_a_task_ends_it() {
    let (universe, process) = universe(1, Order::Fifo);
    let task = process.world.tasks.spawn(Box::pin(std::future::pending()));
    (task.abort)();
    universe.run(task.ended).expect("it has ended");
}

#[test]
fn panics_and_spinning_and_waiting_for_ever_are_found() {
    let (universe, process) = universe(1, Order::Random);
    let task = process.world.tasks.spawn(Box::pin(async { panic!("a defect") }));
    universe.run(task.ended).expect("the others go on");
    assert_eq!(universe.executor.violations()[0].invariant, "panic");
    assert_eq!(universe.run(std::future::pending::<()>()), Err(Halt::Stuck));
    process.world.tasks.spawn(Box::pin(async {
        loop {
            tokio::task::yield_now().await;
        }
    }));
    assert_eq!(universe.run(std::future::pending::<()>()), Err(Halt::Spins));
}

#[test]
fn computing_takes_time_and_gives_its_value() {
    let (universe, process) = universe(3, Order::Random);
    let tasks = Arc::clone(&process.world.tasks);
    let value = universe.run(async move { tasks.compute_value(|| 42).await });
    assert_eq!(value, Ok(Some(42)));
}
