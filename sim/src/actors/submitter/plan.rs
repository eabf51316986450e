//! What a submitter is going to do: plain data, drawn from the seed, that can be made smaller step by step.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::actors::letter::Shape;
use crate::rng::Dice;

/// Where an office takes mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    /// Its name in the greeting and in trace fields.
    pub name: String,
    /// Mail from anyone.
    pub mx: SocketAddr,
    /// Mail from its users, who may log in without TLS there (they are on loopback).
    pub submission: Option<SocketAddr>,
    /// Mail from a neighbour.
    pub lmtp: Option<SocketAddr>,
}

/// Whom one may write to and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Accounts of the office.
    pub users: Vec<String>,
    /// Their password; the same for all.
    pub password: String,
    /// Aliases of the office, and other addresses that lead to accounts.
    pub aliases: Vec<String>,
    /// Addresses in our domains that nobody has.
    pub unknown: Vec<String>,
    /// Addresses at remotes.
    pub others: Vec<String>,
    /// Bytes above which a body gets a file of its own.
    pub large: u32,
}

/// By which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Port {
    /// 25.
    Mx,
    /// 587, with AUTH.
    Submission,
    /// LMTP.
    Lmtp,
}

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct To {
    /// Who.
    pub address: String,
    /// NOTIFY, if any.
    pub notify: Option<String>,
    /// Whether ORCPT is said.
    pub orcpt: bool,
}

impl To {
    /// A recipient without parameters.
    pub fn plain(address: &str) -> Self {
        Self { address: address.to_owned(), notify: None, orcpt: false }
    }

    /// Whether the sender is to hear of a failure (RFC 3461 §4.1: it is unless NOTIFY says otherwise).
    pub fn wants_failure(&self) -> bool {
        self.notify.as_ref().is_none_or(|notify| notify.contains("FAILURE"))
    }
}

/// How the message is brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits")]
pub struct Way {
    /// Commands in one write, where the office offers PIPELINING.
    pub pipelined: bool,
    /// Bytes of one BDAT chunk, 0 for DATA.
    pub chunk: u32,
    /// On the connection of the message before, if it is still there.
    pub same_connection: bool,
    /// RET and ENVID.
    pub dsn: bool,
    /// SIZE.
    pub size: bool,
    /// Something before it that must leave no trace.
    pub prelude: Option<Prelude>,
}

/// What comes before the message on its connection, and must leave no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prelude {
    /// A transaction that is given up by RSET.
    Reset,
    /// A transaction that is given up by EHLO.
    Hello,
    /// A message that is refused at its end.
    Refused,
    /// Commands out of order, and no commands at all.
    Junk,
}

/// Where the submitter hangs up by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Point {
    /// Having read the greeting.
    Greeting,
    /// After MAIL.
    Mail,
    /// After the last RCPT.
    Rcpt,
    /// In the middle of the message.
    Middle,
    /// Just before its end.
    BeforeEnd,
    /// Just after its end.
    AfterEnd,
    /// Having read the answer, without QUIT.
    Answered,
}

/// One message to bring, again and again until it is answered for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Milliseconds to wait before.
    pub wait: u64,
    /// Its name.
    pub token: u64,
    /// The door.
    pub port: Port,
    /// MAIL FROM, empty for the null reverse-path; on submission the account that logs in.
    pub from: String,
    /// RCPT TO.
    pub to: Vec<To>,
    /// The message.
    pub shape: Shape,
    /// How.
    pub way: Way,
    /// Where the first try ends by itself.
    pub mishap: Option<Point>,
}

/// All of one submitter's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What it says in EHLO.
    pub name: String,
    /// Where it goes.
    pub office: Doors,
    /// Its users' password, and whom a [`Prelude`] may be addressed to.
    pub people: People,
    /// One after the other.
    pub steps: Vec<Step>,
}

impl Plan {
    /// `count` messages with tokens from `first_token` on, spread over `pace` milliseconds each on average.
    pub fn draw(
        dice: &mut Dice,
        office: &Doors,
        people: &People,
        first_token: u64,
        count: usize,
        pace: u64,
    ) -> Self {
        let step = |n: usize| Step::draw(dice, office, people, first_token + n as u64, pace);
        Self {
            name: format!("client{first_token}.test"),
            office: office.clone(),
            people: people.clone(),
            steps: (0..count).map(step).collect(),
        }
    }
}

impl Step {
    fn draw(dice: &mut Dice, office: &Doors, people: &People, token: u64, pace: u64) -> Self {
        let port = match dice.below(10) {
            0..5 if office.submission.is_some() => Port::Submission,
            5..7 if office.lmtp.is_some() => Port::Lmtp,
            _ => Port::Mx,
        };
        let from = sender(dice, people, port);
        let to = recipients(dice, people, port);
        let mut shape = Shape::draw(dice, people.large);
        // Many to one large message would be slow and show nothing more.
        shape.size = if to.len() > 4 { shape.size.min(2000) } else { shape.size };
        Self {
            wait: dice.below(2 * pace + 1),
            token,
            port,
            from,
            to,
            shape,
            way: Way::draw(dice),
            mishap: (dice.below(6) == 0).then(|| POINTS[dice.below(POINTS.len() as u64) as usize]),
        }
    }
}

const POINTS: [Point; 7] = [
    Point::Greeting,
    Point::Mail,
    Point::Rcpt,
    Point::Middle,
    Point::BeforeEnd,
    Point::AfterEnd,
    Point::Answered,
];

impl Way {
    fn draw(dice: &mut Dice) -> Self {
        let chunk = match dice.below(6) {
            0 => 1 + dice.below(300) as u32,
            1 => 100_000_000,
            _ => 0,
        };
        let prelude = match dice.below(24) {
            0 => Some(Prelude::Reset),
            1 => Some(Prelude::Hello),
            2 => Some(Prelude::Refused),
            3 => Some(Prelude::Junk),
            _ => None,
        };
        Self {
            pipelined: dice.below(2) == 0,
            chunk,
            same_connection: dice.below(2) == 0,
            dsn: dice.below(4) == 0,
            size: dice.below(2) == 0,
            prelude,
        }
    }
}

fn one<'a>(dice: &mut Dice, from: &'a [String]) -> Option<&'a String> {
    from.get(dice.below(from.len().max(1) as u64) as usize)
}

/// Users write as themselves; others as anybody, also as our users (forged) and as nobody.
fn sender(dice: &mut Dice, people: &People, port: Port) -> String {
    let pool = match (port, dice.below(12)) {
        (Port::Submission, _) | (_, 2) => &people.users,
        (_, 0) => return String::new(),
        (_, 1) => return format!("forged{}@nobody.test", dice.below(1000)),
        _ => &people.others,
    };
    one(dice, pool).cloned().unwrap_or_default()
}

fn recipients(dice: &mut Dice, people: &People, port: Port) -> Vec<To> {
    let count = match dice.below(8) {
        0..4 => 1,
        4..6 => 2,
        6 => 3,
        _ => 4 + dice.below(4),
    };
    let mut to: Vec<To> = Vec::new();
    for _ in 0..count {
        let pool = match (port, dice.below(12)) {
            (_, 0) => &people.unknown,
            (_, 1..4) => &people.aliases,
            (Port::Submission, 4..9) | (Port::Mx, 4) => &people.others,
            _ => &people.users,
        };
        if let Some(address) = one(dice, pool)
            && to.iter().all(|other| other.address != *address)
        {
            to.push(To { address: address.clone(), notify: notify(dice), orcpt: dice.below(6) == 0 });
        }
    }
    to
}

fn notify(dice: &mut Dice) -> Option<String> {
    let words = match dice.below(16) {
        0 => "NEVER",
        1 => "FAILURE",
        2 => "SUCCESS",
        3 => "SUCCESS,FAILURE,DELAY",
        _ => return None,
    };
    Some(words.to_owned())
}
