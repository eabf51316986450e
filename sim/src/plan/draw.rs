//! Drawing the plan of a seed.

use std::time::Duration;

use super::fault::{COMMON, KINDS, SPECIAL, STORMS};
use super::{Fault, Plan, What};
use crate::actors::submitter::{Doors, People};
use crate::actors::{imap, operator, pop3, remote, submitter};
use crate::executor::Order;
use crate::office::CONTROL;
use crate::rng::{Dice, DiceDoor};
use crate::tls::Certificate;
use crate::town::{self, Guard, OfficePlan, PASSWORD, RemoteHost, Town};

/// How many readers in 1,000 know commands that came late to IMAP.
const LEARNED: u32 = 400;

/// How many of those in 1,000 lose their room for a moment.
const SQUEEZED: u32 = 300;

pub(super) fn plan(dice: &mut Dice, seed: u64) -> Plan {
    let mut town = Town::draw(dice);
    // Not longer: journeys are forgotten after 90 days and senders give up in time, which the oracle counts as loss.
    let safety = *dice.pick(&[
        Duration::from_secs(20),
        Duration::from_mins(2),
        Duration::from_mins(20),
        Duration::from_hours(3),
    ]);
    let mut faults = faults(dice, safety);
    faults.extend(special(&mut Dice::new(seed ^ 0x7370_6563), safety));
    let (storms, aftermath) = storms(&mut Dice::new(seed ^ 0x7374_6f72), safety);
    faults.extend(storms);
    faults.sort_by_key(|fault| fault.at);
    let mut neighbours = Dice::new(seed ^ 0x6e65_6967);
    if neighbours.chance(150) {
        town.offices.push(Town::neighbour(&mut neighbours));
        // The operator is at the first one.
        let here =
            |fault: &&mut Fault| matches!(fault.what, What::Restore(..) | What::Undelete(_) | What::Rot(..));
        for fault in faults.iter_mut().filter(|fault| !here(fault) && neighbours.chance(400)) {
            fault.office = 1;
        }
    }
    let mut guards = Dice::new(seed ^ 0x6775_6172);
    town.remotes.iter_mut().for_each(|remote| remote.guard = Guard::draw(&mut guards));
    town.offices[0].scrubs_often = faults.iter().any(|fault| matches!(fault.what, What::Rot(..)));
    let (mut imap, pop3) = readers(dice, &town.offices[0], safety);
    let calm = aftermath.is_zero() && !faults.iter().any(|fault| fault.what.kind().starts_with("clock"));
    learn(&mut Dice::new(seed ^ 0x7261_7265), &mut imap, (&town.offices[0], calm));
    Plan {
        seed,
        order: *dice.pick(&[Order::Fifo, Order::Random, Order::Random, Order::Lifo]),
        submitters: submitters(dice, &town, safety),
        imap,
        pop3,
        operators: operators(dice, &town.offices[0], safety),
        remotes: remotes(dice, &town),
        faults,
        town,
        safety,
        aftermath,
        sync_us: *dice.pick(&[(0, 0), (50, 500), (1_000, 30_000)]),
    }
}

/// A part of the kinds, each a few times.
fn faults(dice: &mut Dice, safety: Duration) -> Vec<Fault> {
    if dice.chance(50) {
        return Vec::new();
    }
    let often = *dice.pick(&[80, 150, 250, 400]);
    let mut faults = Vec::new();
    for (kind, _) in &KINDS[..COMMON] {
        if !dice.chance(often) {
            continue;
        }
        for _ in 0..dice.between(1..=3) {
            // From the beginning now and then: then it is what the whole seed is like.
            let at = if dice.chance(250) { Duration::ZERO } else { dice.duration(Duration::ZERO..=safety) };
            faults.push(Fault { at, office: 0, what: What::draw(kind, dice, safety) });
        }
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// What operators do to a whole office, and other rare things: from dice of their own, so that everything else of a seed is as
/// it would be without them.
fn special(dice: &mut Dice, safety: Duration) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (kind, chance) in SPECIAL {
        if !dice.chance(chance) {
            continue;
        }
        for _ in 0..dice.between(1..=2) {
            // There must be something to bring back.
            let late = if kind == "undelete" { safety / 2 } else { Duration::ZERO };
            let at = late + dice.duration(Duration::ZERO..=safety / 2);
            faults.push(Fault { at, office: 0, what: What::draw(kind, dice, safety) });
        }
    }
    faults
}

/// What befalls servers elsewhere and what their domains publish, and how much longer than anything else: mostly not at all,
/// sometimes for days, now and then for longer than mail waits.
fn storms(dice: &mut Dice, safety: Duration) -> (Vec<Fault>, Duration) {
    let mut faults = Vec::new();
    if !dice.chance(350) {
        return (faults, Duration::ZERO);
    }
    let aftermath = match dice.below(40) {
        0..30 => Duration::ZERO,
        30..36 => Duration::from_hours(dice.between(1..=12)),
        36..39 => Duration::from_hours(dice.between(12..=72)),
        _ => Duration::from_hours(6 * 24),
    };
    let whole = safety + aftermath;
    for kind in STORMS {
        if !dice.chance(400) {
            continue;
        }
        for _ in 0..dice.between(1..=3) {
            let at = if dice.chance(400) { Duration::ZERO } else { dice.duration(Duration::ZERO..=safety) };
            faults.push(Fault { at, office: 0, what: What::draw(kind, dice, whole) });
        }
    }
    (faults, aftermath)
}

fn submitters(dice: &mut Dice, town: &Town, safety: Duration) -> Vec<submitter::Plan> {
    let office = &town.offices[0];
    let (doors, people) = (doors(office), people(office, town));
    let many = dice.between(1..=3);
    (0..many)
        .map(|number| {
            let count = dice.between(2..=8) as usize;
            let pace = safety.as_millis() as u64 / (count as u64 + 1);
            submitter::Plan::draw(dice, &doors, &people, 1000 * (number + 1), count, pace)
        })
        .collect()
}

fn doors(office: &OfficePlan) -> Doors {
    Doors {
        name: office.hostname.clone(),
        mx: office.smtp(),
        submission: Some(office.submission()),
        lmtp: Some(office.lmtp()),
    }
}

fn people(office: &OfficePlan, town: &Town) -> People {
    let others = town
        .remotes
        .iter()
        .flat_map(|remote| ["gus", "gone", "full", "grey"].map(|user| format!("{user}@{}", remote.domain)));
    let neighbours = town.offices.iter().skip(1).flat_map(|office| {
        let nobody = format!("nobody@{}", office.domain);
        office.users.iter().cloned().chain([nobody])
    });
    People {
        users: office.users.clone(),
        password: PASSWORD.to_owned(),
        aliases: office
            .aliases
            .iter()
            .map(|(alias, _)| alias.clone())
            .chain(office.users.iter().map(|user| user.replace('@', "+tag@")))
            .collect(),
        unknown: vec![format!("nobody@{}", office.domain)],
        others: others.chain(neighbours).chain(town::odd::addresses()).collect(),
        large: 512,
    }
}

/// Up to two people who read, by one way or both.
fn readers(dice: &mut Dice, office: &OfficePlan, safety: Duration) -> (Vec<imap::Plan>, Vec<pop3::Plan>) {
    let (mut imap, mut pop3) = (Vec::new(), Vec::new());
    for user in office.users.iter().take(dice.below(3) as usize) {
        let rng = DiceDoor::new(dice.fork("reader"));
        if dice.chance(700) {
            imap.push(imap::Plan::draw(&rng, (user, PASSWORD, office.imap()), 12, safety));
        }
        if dice.chance(400) {
            pop3.push(pop3::Plan::draw(&rng, (user, PASSWORD, office.pop3()), 4, safety));
        }
    }
    (imap, pop3)
}

/// Some readers know more commands: from dice of their own, so that everything else of a seed is as it would be without them.
fn learn(dice: &mut Dice, readers: &mut [imap::Plan], (office, calm): (&OfficePlan, bool)) {
    for reader in readers {
        if dice.chance(LEARNED) {
            reader.learn(&DiceDoor::new(dice.fork("learned")), &office.users);
            // Mail for an account without room waits, which must not be for ever.
            if calm && dice.chance(SQUEEZED) {
                reader.squeeze(&DiceDoor::new(dice.fork("squeezed")));
            }
        }
    }
}

fn operators(dice: &mut Dice, office: &OfficePlan, safety: Duration) -> Vec<operator::Plan> {
    if !dice.chance(200) {
        return Vec::new();
    }
    let rng = DiceDoor::new(dice.fork("operator"));
    let about = (CONTROL.into(), office.domain.as_str(), office.users.as_slice());
    vec![operator::Plan::draw(&rng, about, 6, safety)]
}

fn remotes(dice: &mut Dice, town: &Town) -> Vec<remote::Plan> {
    let hosts = town.remotes.iter().flat_map(|remote| remote.hosts.iter().map(|host| (remote.guard, host)));
    let plan = |(guard, host): (Guard, &RemoteHost)| remote::Plan {
        certificate: (guard != Guard::None).then(|| Certificate::of(&host.hostname)),
        ..remote::Plan::draw(dice, &host.hostname, host.smtp())
    };
    hosts.map(plan).collect()
}
