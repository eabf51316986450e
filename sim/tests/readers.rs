//! Readers by themselves: IMAP and POP3 clients on one office that loses its power now and then.

use std::sync::Arc;
use std::time::Duration;

use sim::actors::letter::{Shape, stuffed};
use sim::actors::lines::{Gone, Wire};
use sim::actors::{imap, pop3};
use sim::coverage::Coverage;
use sim::office::{Images, Office};
use sim::oracle::book::Book;
use sim::oracle::ledger::Ledger;
use sim::oracle::reading::Reading;
use sim::trace::Trace;
use sim::{Death, Dice, Order, PASSWORD, Town, Universe, Violation};
use world::World;

/// Brings one message by LMTP.
async fn deliver(world: &World, office: &Office, to: &str, token: u64, size: u32) -> Result<(), Gone> {
    let mut wire = Wire::dial(world, office.plan().lmtp()).await?;
    wire.text().await?;
    let message = Shape { size, ..Shape::default() }.letter(token, "a@far.test", to, false).sent;
    let data = [&stuffed(&message)[..], b".\r\n"].concat();
    let mail = format!("RCPT TO:<{to}>\r\n");
    for (command, lines) in
        [("LHLO far.test\r\n", 0), ("MAIL FROM:<a@far.test>\r\n", 1), (&mail, 1), ("DATA\r\n", 1)]
    {
        wire.say(command.as_bytes()).await?;
        while lines == 0 && !wire.text().await?.starts_with("250 ") {}
        if lines == 1 {
            wire.text().await?;
        }
    }
    wire.say(&data).await?;
    wire.text().await.map(drop)
}

struct Seed {
    universe: Universe,
    office: Office,
    reading: Arc<Reading>,
    ledger: Arc<Ledger>,
    coverage: Coverage,
}

impl Seed {
    fn new(seed: u64, images: &Images) -> Self {
        let universe = Universe::new(seed, Order::Random, Trace::quiet());
        let plan = Town::draw(&mut Dice::new(0)).offices.remove(0);
        let office = Office::new(&universe, &plan, &images.of(&plan));
        office.machine().faults.set_sync_time(50, 20_000);
        let users: Vec<&str> = plan.users.iter().map(String::as_str).collect();
        let coverage = Coverage::default();
        let ledger = Arc::new(Ledger::new(Book::new(&users, &[]), coverage.clone()));
        Self { universe, office, reading: Arc::default(), ledger, coverage }
    }

    async fn play(&self, crashes: u64) {
        let (office, world) = (&self.office, self.office.visitor("people"));
        let run = self.universe.boot(office.machine(), "systemd").world;
        run.tasks.spawn(Box::pin(office.clone().keep_running()));
        let (watched, reading) = (office.clone(), Arc::clone(&self.reading));
        run.tasks.spawn(Box::pin(async move { reading.watch(&watched).await }));
        let mut tasks = Vec::new();
        let mut plans = Vec::new();
        for user in &office.plan().users {
            let rng = world.rng.as_ref();
            let span = Duration::from_millis(rng.below(120_000));
            let plan = imap::Plan::draw(rng, (user, PASSWORD, office.plan().imap()), 40, span);
            let visits = pop3::Plan::draw(rng, (user, PASSWORD, office.plan().pop3()), 4, span);
            let (reading, ledger) = (Arc::clone(&self.reading), Arc::clone(&self.ledger));
            let reader =
                imap::run(office.visitor("imap"), plan.clone(), Arc::clone(&ledger), Arc::clone(&reading));
            tasks.push(world.tasks.spawn(Box::pin(reader)));
            tasks.push(world.tasks.spawn(Box::pin(pop3::run(
                office.visitor("pop3"),
                visits,
                ledger,
                reading,
            ))));
            plans.push(plan);
        }
        for number in 0..12u64 {
            world.clock.sleep(Duration::from_millis(world.rng.below(20_000))).await;
            let users = &office.plan().users;
            let to = &users[number as usize % users.len()];
            let _lost = deliver(&world, office, to, number + 1, world.rng.below(2000) as u32).await;
            if world.rng.below(12) < crashes {
                let death = if world.rng.below(2) == 0 { Death::PowerCut } else { Death::Kill };
                office.kill(death);
            }
        }
        for task in tasks {
            task.ended.await;
        }
        for plan in plans {
            let (reading, ledger) = (Arc::clone(&self.reading), Arc::clone(&self.ledger));
            assert!(imap::survey(office.visitor("survey"), plan, ledger, reading).await, "the end is quiet");
        }
    }
}

/// What is wrong in a seed, and what was seen.
fn run(seed: u64, images: &Images, crashes: u64) -> (Vec<Violation>, Vec<(&'static str, u64)>) {
    let it = Seed::new(seed, images);
    it.universe.run(it.play(crashes)).expect("nobody waits for ever");
    let mut wrong = it.reading.violations();
    wrong.extend(it.universe.executor.violations());
    (wrong, it.coverage.counters().into_iter().collect())
}

#[test]
fn readers_find_what_they_were_told() {
    let images = Images::default();
    let from: u64 = std::env::var("SEED").map_or(0, |text| text.parse().expect("a number"));
    let count: u64 = std::env::var("SEEDS").map_or(20, |text| text.parse().expect("a number"));
    for seed in from..from + count {
        let (wrong, seen) = run(seed, &images, seed % 3);
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}\n{seen:?}");
    }
}
