//! What can go wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actors::remote::{Act, Stage, Storm};
use crate::actors::web;
use crate::dns::Trouble;
use crate::executor::Death;
use crate::net::Weather;
use crate::rng::Dice;
use crate::tls::Posture;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// When, from the beginning.
    pub at: Duration,
    /// Which office, where it is about one.
    pub office: usize,
    /// What.
    pub what: What,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// The server dies.
    Die(Death),
    /// The server dies in so many changes of its disk.
    DieInDisk(Death, u64),
    /// The server dies after so many polls of its tasks.
    DieInStep(Death, u64),
    /// The server is asked to end, and started again.
    Restart,
    /// An operation of the disk that comes soon fails with EIO, once.
    DiskError(u64),
    /// All operations of the disk fail with EIO for a while.
    DiskDead(Duration),
    /// Reads fail now and then for a while: so many of a thousand.
    ReadErrors(u32, Duration),
    /// The disk is full but for so many bytes, for a while.
    DiskFull(u64, Duration),
    /// The disk takes very long now and then: so many of a thousand, and how many milliseconds at most.
    SlowDisk(u32, u64, Duration),
    /// The wall clock jumps by so many seconds.
    ClockJump(i64),
    /// The wall clock runs at another rate (1,000,000 is right) for a while.
    ClockRate(u64, Duration),
    /// No more file descriptors for so many connections.
    NoFiles(u32),
    /// Nothing gets from the office to a server elsewhere (true), or back (true), for a while.
    Part(usize, bool, bool, Duration),
    /// Connections fare badly for a while.
    Weather(Weather, Duration),
    /// Names fail for a while.
    Names(Trouble, Duration),
    /// A backup is made, and so much later an older state is put in place: because the disk is lost (true), or because the
    /// operator wants it. So long afterwards the queue is let go.
    Restore(bool, Duration, Duration),
    /// What was removed from an account, given by its place, is brought back.
    Undelete(u8),
    /// Of so many settled bodies one bit each changes on the disk; drawn from this number.
    Rot(u8, u64),
    /// A server elsewhere, or all of them (`None`), refuse for now or go away, for a while.
    Storm(Option<u8>, Storm, Duration),
    /// A server elsewhere says one byte each so many seconds, for a while.
    SlowPeer(u8, u32, Duration),
    /// What a domain's name leads to changes each so many seconds, for a while.
    Flap(u8, u32, Duration),
    /// The TLS of a server elsewhere is not as it should be, for a while.
    Tls(u8, Posture, Duration),
    /// The policy of a domain that has one is not as it should be, for a while, and somebody may use that.
    Sts(u8, web::Trouble, Attack, Duration),
    /// What DNSSEC proves of a domain cannot be had, or is wrong, for a while, and somebody may use that.
    Dane(u8, Doubt, Attack, Duration),
}

/// What somebody does who is between an office and a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attack {
    /// Nothing.
    None,
    /// Its hosts are no longer as they should be about TLS.
    Tls(Posture),
    /// Its names lead to hosts elsewhere, where nothing proves them.
    Hosts,
}

impl Attack {
    fn draw(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::None,
            1 => Self::Hosts,
            _ => Self::Tls(*dice.pick(&Posture::BAD)),
        }
    }
}

/// What is wrong with the records that prove something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doubt {
    /// TLSA records are bogus, or their servers fail.
    Bogus,
    /// Nobody answers for TLSA records.
    Silent,
    /// They name another key than the hosts have.
    OtherKey,
    /// The hosts of the domain are bogus.
    BogusHosts,
    /// The addresses of the hosts are bogus.
    BogusAddresses,
}

impl Doubt {
    const ALL: [Self; 5] =
        [Self::Bogus, Self::Silent, Self::OtherKey, Self::BogusHosts, Self::BogusAddresses];
}

impl What {
    /// Its kind, as `--without` takes it and the table shows it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Die(Death::PowerCut) => "power-cut",
            Self::Die(_) => "kill",
            Self::DieInDisk(Death::PowerCut, _) => "power-cut-in-write",
            Self::DieInDisk(..) => "kill-in-write",
            Self::DieInStep(Death::PowerCut, _) => "power-cut-in-step",
            Self::DieInStep(..) => "kill-in-step",
            Self::Restart => "restart",
            Self::DiskError(_) => "disk-error",
            Self::DiskDead(_) => "disk-dead",
            Self::ReadErrors(..) => "read-errors",
            Self::DiskFull(..) => "disk-full",
            Self::SlowDisk(..) => "slow-disk",
            Self::ClockJump(_) => "clock-jump",
            Self::ClockRate(..) => "clock-rate",
            Self::NoFiles(_) => "no-files",
            Self::Part(..) => "partition",
            Self::Weather(..) => "weather",
            Self::Names(..) => "dns",
            Self::Restore(true, ..) => "disk-lost",
            Self::Restore(false, ..) => "restore",
            Self::Undelete(_) => "undelete",
            Self::Rot(..) => "rot",
            Self::Storm(..) => "storm",
            Self::SlowPeer(..) => "slow-peer",
            Self::Flap(..) => "flap",
            Self::Tls(..) => "tls",
            Self::Sts(..) => "sts",
            Self::Dane(..) => "dane",
        }
    }

    /// The counter of its kind.
    pub fn counter(&self) -> &'static str {
        let kind = self.kind();
        KINDS.iter().find(|(known, _)| *known == kind).map_or("fault.other", |(_, counter)| counter)
    }

    /// Draws one of a kind, for a time of trouble that lasts so long.
    pub(super) fn draw(kind: &str, dice: &mut Dice, safety: Duration) -> Self {
        let span = |dice: &mut Dice| safety / 100 * dice.between(2..=100) as u32;
        match kind {
            "power-cut" => Self::Die(Death::PowerCut),
            "kill" => Self::Die(Death::Kill),
            "power-cut-in-write" => Self::DieInDisk(Death::PowerCut, few(dice)),
            "kill-in-write" => Self::DieInDisk(Death::Kill, few(dice)),
            "power-cut-in-step" => Self::DieInStep(Death::PowerCut, 4 * few(dice)),
            "kill-in-step" => Self::DieInStep(Death::Kill, 4 * few(dice)),
            "restart" => Self::Restart,
            "disk-error" => Self::DiskError(few(dice)),
            "disk-dead" => Self::DiskDead(span(dice).min(Duration::from_mins(10))),
            "read-errors" => Self::ReadErrors(dice.between(1..=300) as u32, span(dice)),
            "disk-full" => Self::DiskFull(dice.between(0..=200_000), span(dice)),
            "slow-disk" => Self::SlowDisk(dice.between(1..=300) as u32, dice.between(1..=20_000), span(dice)),
            "clock-jump" => Self::ClockJump(jump(dice)),
            "clock-rate" => Self::ClockRate(*dice.pick(&[0, 0, 990_000, 1_010_000, 100_000_000]), span(dice)),
            "no-files" => Self::NoFiles(dice.between(1..=20) as u32),
            "partition" => {
                let (there, back) = *dice.pick(&[(true, true), (true, false), (false, true)]);
                Self::Part(dice.below(8) as usize, there, back, span(dice))
            }
            "dns" => Self::Names(trouble(dice), span(dice)),
            "storm" => {
                let whom = if dice.chance(300) { None } else { Some(dice.below(8) as u8) };
                Self::Storm(whom, storm(dice), span(dice))
            }
            "slow-peer" => {
                let pace = *dice.pick(&[1, 5, 20, 119, 121, 299, 301, 599, 601]);
                Self::SlowPeer(dice.below(8) as u8, pace, span(dice))
            }
            "flap" => {
                let longest = *dice.pick(&[10, 120, 1800, 20_000]);
                Self::Flap(dice.below(8) as u8, dice.between(1..=longest) as u32, span(dice))
            }
            "tls" => Self::Tls(dice.below(8) as u8, *dice.pick(&Posture::BAD), span(dice)),
            "sts" => {
                Self::Sts(dice.below(8) as u8, *dice.pick(&web::Trouble::ALL), Attack::draw(dice), span(dice))
            }
            "dane" => {
                Self::Dane(dice.below(8) as u8, *dice.pick(&Doubt::ALL), Attack::draw(dice), span(dice))
            }
            "disk-lost" => Self::Restore(true, span(dice) / 2, span(dice) / 4),
            "restore" => Self::Restore(false, span(dice) / 2, span(dice) / 4),
            "rot" => Self::Rot(dice.between(1..=4) as u8, dice.below(u64::MAX)),
            "undelete" => Self::Undelete(dice.below(2) as u8),
            _ => Self::Weather(weather(dice), span(dice)),
        }
    }
}

/// All kinds, with the names of their counters.
pub const KINDS: [(&str, &str); 28] = [
    ("power-cut", "fault.power-cut"),
    ("kill", "fault.kill"),
    ("power-cut-in-write", "fault.power-cut-in-write"),
    ("kill-in-write", "fault.kill-in-write"),
    ("power-cut-in-step", "fault.power-cut-in-step"),
    ("kill-in-step", "fault.kill-in-step"),
    ("restart", "fault.restart"),
    ("disk-error", "fault.disk-error"),
    ("disk-dead", "fault.disk-dead"),
    ("read-errors", "fault.read-errors"),
    ("disk-full", "fault.disk-full"),
    ("slow-disk", "fault.slow-disk"),
    ("clock-jump", "fault.clock-jump"),
    ("clock-rate", "fault.clock-rate"),
    ("no-files", "fault.no-files"),
    ("partition", "fault.partition"),
    ("weather", "fault.weather"),
    ("dns", "fault.dns"),
    ("disk-lost", "fault.disk-lost"),
    ("restore", "fault.restore"),
    ("undelete", "fault.undelete"),
    ("rot", "fault.rot"),
    ("storm", "fault.storm"),
    ("slow-peer", "fault.slow-peer"),
    ("flap", "fault.flap"),
    ("tls", "fault.tls"),
    ("sts", "fault.sts"),
    ("dane", "fault.dane"),
];

/// Those of servers and domains elsewhere, which may last for days.
pub(super) const STORMS: [&str; 6] = ["storm", "slow-peer", "flap", "tls", "sts", "dane"];

/// How many of the kinds are drawn together, each with the same chance. The others have chances of their own.
pub(super) const COMMON: usize = 18;

/// The other kinds, with their chances in a thousand seeds.
pub(super) const SPECIAL: [(&str, u32); 4] =
    [("disk-lost", 40), ("restore", 40), ("undelete", 100), ("rot", 80)];

/// Mostly soon: 1 to about 100.
fn few(dice: &mut Dice) -> u64 {
    let size = dice.between(1..=6);
    dice.between(1..=1 << size) + dice.below(10)
}

/// Seconds: up to ten years, to either side, and often little.
fn jump(dice: &mut Dice) -> i64 {
    let size = *dice.pick(&[2, 90, 3600, 90_000, 40_000_000, 315_000_000]);
    let seconds = dice.between(1..=size) as i64;
    if dice.chance(500) { seconds } else { -seconds }
}

fn storm(dice: &mut Dice) -> Storm {
    let stage = if dice.chance(500) { None } else { Some(*dice.pick(&Stage::ALL)) };
    let act = *dice.pick(&[Act::Temporary, Act::GoAway]);
    Storm { stage, act, chance: *dice.pick(&[300, 900, 1000]) }
}

fn weather(dice: &mut Dice) -> Weather {
    let bad = |dice: &mut Dice, most: u64| if dice.chance(500) { dice.between(1..=most) as u32 } else { 0 };
    Weather {
        latency_us: *dice.pick(&[(0, 0), (0, 5_000), (1_000, 200_000), (0, 3_000_000)]),
        segment: *dice.pick(&[1, 16, 100, 1500, u64::MAX]),
        refused: bad(dice, 300),
        unanswered: bad(dice, 200),
        reset: bad(dice, 400),
        stalled: bad(dice, 200),
        harsh_close: bad(dice, 500),
    }
}

fn trouble(dice: &mut Dice) -> Trouble {
    let bad = |dice: &mut Dice| if dice.chance(600) { dice.between(1..=1000) as u32 } else { 0 };
    Trouble { fails: bad(dice), silent: bad(dice), lies: 0, broken: Vec::new() }
}
