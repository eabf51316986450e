//! How a remote behaves: plain data, drawn from the seed or written down for a small world.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use world::Rng;

use crate::rng::Dice;
use crate::tls::Certificate;

/// When a remote speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// The connection was made.
    Greeting,
    /// EHLO.
    Hello,
    /// HELO.
    PlainHello,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// While the message comes.
    Body,
    /// The end of the message.
    End,
    /// RSET.
    Reset,
    /// QUIT.
    Quit,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Greeting,
        Self::Hello,
        Self::PlainHello,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Body,
        Self::End,
        Self::Reset,
        Self::Quit,
    ];
}

/// What a remote does then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Act {
    /// What it should.
    Fine,
    /// The same in several lines.
    Lines,
    /// The same, byte by byte.
    Split,
    /// The same after so many seconds.
    Slow(u32),
    /// The same, then it closes.
    Close,
    /// The same, then a reply that nobody asked for.
    TooMuch,
    /// A temporary refusal.
    Temporary,
    /// A refusal for good.
    Permanent,
    /// 421, and it closes.
    GoAway,
    /// Something that is no reply.
    Garbage,
    /// A reply without an end.
    Endless,
    /// A positive reply that does not fit.
    Odd,
    /// It closes and has done nothing.
    DropBefore,
    /// It does what it should and closes without a word (F6).
    DropAfter,
}

impl Act {
    /// Those of which a small world tries each at each stage.
    pub const TRIED: [Self; 14] = [
        Self::Fine,
        Self::Lines,
        Self::Split,
        Self::Slow(700),
        Self::Close,
        Self::TooMuch,
        Self::Temporary,
        Self::Permanent,
        Self::GoAway,
        Self::Garbage,
        Self::Endless,
        Self::Odd,
        Self::DropBefore,
        Self::DropAfter,
    ];

    /// Its place in [`Act::TRIED`].
    pub(crate) fn number(self) -> u64 {
        Self::TRIED.iter().position(|act| *act == self).unwrap_or_default() as u64
    }

    fn draw(rng: &dyn Rng) -> Self {
        match rng.below(22) {
            0 => Self::Lines,
            1 => Self::Split,
            2 => Self::Slow(1 + rng.below(20) as u32),
            3 => Self::Slow(rng.below(1200) as u32),
            4 => Self::Close,
            5 => Self::TooMuch,
            6..10 => Self::Temporary,
            10 => Self::Permanent,
            11..13 => Self::GoAway,
            13 => Self::Garbage,
            14 => Self::Endless,
            15 => Self::Odd,
            16..19 => Self::DropBefore,
            _ => Self::DropAfter,
        }
    }
}

/// A remote mail host.
///
/// Some of its users are special: `gone...` is unknown (550), `full...` has no room until the time of trouble is over,
/// `grey...` is deferred the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub host: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// How often it does something else than it should, in a thousand.
    pub mischief: u16,
    /// How often each extension is missing, in a thousand.
    pub missing: u16,
    /// What it does the next time it comes to a stage, before anything drawn.
    pub script: Vec<(Stage, Act)>,
    /// What it shows, if it has TLS.
    #[serde(default)]
    pub certificate: Option<Certificate>,
}

impl Plan {
    /// A remote with moods.
    pub fn draw(dice: &mut Dice, host: &str, listen: SocketAddr) -> Self {
        let mischief = [0, 20, 60, 150, 300][dice.below(5) as usize];
        let missing = [0, 0, 100, 300][dice.below(4) as usize];
        Self { host: host.to_owned(), listen, mischief, missing, script: Vec::new(), certificate: None }
    }

    /// A remote that does as the script says, and from then on what it should.
    pub fn scripted(host: &str, listen: SocketAddr, script: &[(Stage, Act)]) -> Self {
        let (host, script) = (host.to_owned(), script.to_vec());
        Self { host, listen, mischief: 0, missing: 0, script, certificate: None }
    }

    /// What to do, where nothing is scripted.
    pub(super) fn mood(&self, rng: &dyn Rng) -> Act {
        if rng.below(1000) < u64::from(self.mischief) { Act::draw(rng) } else { Act::Fine }
    }
}
