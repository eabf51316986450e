//! The binary `sim`.

use sim::office::Images;
use sim::plan::Plan;
use sim::trace::Trace;

fn main() {
    sim::run::catch_panics();
    let from: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let n: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let images = Images::default();
    for seed in from..from + n {
        let plan = Plan::draw(seed);
        let trace = if n == 1 { Trace::readable(|line| println!("{line}")) } else { Trace::quiet() };
        let a = sim::run::run(&plan, &images, trace);
        if n == 1 {
            println!("{plan:#?}");
        }
        let b = sim::run::run(&plan, &images, Trace::quiet());
        println!(
            "{seed} {:x} same={} events={} virtual={:?} ack={} {:?}",
            a.hash,
            a.hash == b.hash,
            a.events,
            a.virtual_time,
            a.acknowledged,
            a.violations
        );
    }
}
