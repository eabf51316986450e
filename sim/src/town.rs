//! Who lives in a universe: offices with their people, and other mail servers.
//!
//! Everything here is plain data, drawn from a seed, and can be made smaller.

pub mod odd;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::rng::Dice;

/// The password of every account.
pub const PASSWORD: &str = "a good password";

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Town {
    /// Real servers.
    pub offices: Vec<OfficePlan>,
    /// Domains elsewhere, served by scripted servers.
    pub remotes: Vec<RemoteDomain>,
}

/// A real server: SMTP on its address, everything that people log in to on its loopback, where passwords may be sent
/// in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficePlan {
    /// `mx.alpha.test`
    pub hostname: String,
    /// `alpha.test`
    pub domain: String,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Full addresses, each an account with [`PASSWORD`].
    pub users: Vec<String>,
    /// An address and where it leads.
    pub aliases: Vec<(String, Vec<String>)>,
    /// Whether it reads everything every few minutes, to find damage.
    #[serde(default)]
    pub scrubs_often: bool,
}

impl OfficePlan {
    /// Where other servers bring mail.
    pub fn smtp(&self) -> SocketAddr {
        SocketAddr::new(self.ip.into(), 25)
    }

    /// Where its people hand in mail; only from its own machine.
    pub fn submission(&self) -> SocketAddr {
        loopback(587)
    }

    /// LMTP, only from its own machine.
    pub fn lmtp(&self) -> SocketAddr {
        loopback(24)
    }

    /// IMAP, only from its own machine.
    pub fn imap(&self) -> SocketAddr {
        loopback(143)
    }

    /// POP3, only from its own machine.
    pub fn pop3(&self) -> SocketAddr {
        loopback(110)
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

/// A domain elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteDomain {
    /// `gamma.test`
    pub domain: String,
    /// Its MX hosts, at least one.
    pub hosts: Vec<RemoteHost>,
    /// How mail to it is protected.
    #[serde(default)]
    pub guard: Guard,
}

/// What a domain asks of whoever brings it mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Guard {
    /// Nothing; its hosts have no TLS.
    #[default]
    None,
    /// Nothing; its hosts have TLS.
    Offered,
    /// What its MTA-STS policy says, which offices may have known for long.
    Sts {
        /// Whether they have.
        known: bool,
    },
    /// What its TLSA records say, proven by DNSSEC.
    Dane,
}

impl Guard {
    /// Any.
    pub fn draw(dice: &mut Dice) -> Self {
        match dice.below(20) {
            0..8 => Self::None,
            8..10 => Self::Offered,
            10..14 => Self::Sts { known: true },
            14..16 => Self::Sts { known: false },
            _ => Self::Dane,
        }
    }
}

/// A mail server elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteHost {
    /// The preference of its MX record.
    pub preference: u16,
    /// `mx1.gamma.test`
    pub hostname: String,
    /// Its address; it listens on port 25.
    pub ip: Ipv4Addr,
}

impl RemoteHost {
    /// Where it takes mail.
    pub fn smtp(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.ip), 25)
    }
}

/// Names of domains, in the order in which they are used: offices first.
const DOMAINS: [&str; 6] =
    ["alpha.test", "beta.test", "gamma.test", "delta.test", "epsilon.test", "zeta.test"];
const USERS: [&str; 4] = ["ann", "bob", "cleo", "dan"];

impl Town {
    /// Draws one: a single office, with one to three domains elsewhere.
    pub fn draw(dice: &mut Dice) -> Self {
        let offices = 1;
        let remotes = dice.between(1..=3) as usize;
        Self {
            offices: (0..offices).map(|number| Self::office(number, dice)).collect(),
            remotes: (offices..offices + remotes).map(|number| Self::remote(number, dice)).collect(),
        }
    }

    /// A second office, to which the first one brings mail. Nobody else knows its people.
    pub fn neighbour(dice: &mut Dice) -> OfficePlan {
        OfficePlan { aliases: Vec::new(), ..Self::office(DOMAINS.len() - 1, dice) }
    }

    fn office(number: usize, dice: &mut Dice) -> OfficePlan {
        let domain = DOMAINS[number].to_owned();
        let many = dice.between(2..=3) as usize;
        let users: Vec<String> = USERS[..many].iter().map(|user| format!("{user}@{domain}")).collect();
        OfficePlan {
            hostname: format!("mx.{domain}"),
            ip: Ipv4Addr::new(192, 0, 2, number as u8 + 1),
            aliases: aliases(&domain, &users),
            users,
            domain,
            scrubs_often: false,
        }
    }

    fn remote(number: usize, dice: &mut Dice) -> RemoteDomain {
        let domain = DOMAINS[number].to_owned();
        let host = |at: u8, preference| RemoteHost {
            preference,
            hostname: format!("mx{at}.{domain}"),
            ip: Ipv4Addr::new(198, 51, 100, number as u8 * 8 + at),
        };
        let second = *dice.pick(&[10, 20]);
        let hosts = if dice.chance(400) { vec![host(1, 10), host(2, second)] } else { vec![host(1, 10)] };
        RemoteDomain { domain, hosts, guard: Guard::None }
    }
}

/// One of each kind: to several here, to one elsewhere, to both, and one that leads to another.
fn aliases(domain: &str, users: &[String]) -> Vec<(String, Vec<String>)> {
    let alias = |name: &str, to: &[&str]| {
        (format!("{name}@{domain}"), to.iter().map(|to| (*to).to_owned()).collect::<Vec<_>>())
    };
    let all: Vec<&str> = users.iter().map(String::as_str).collect();
    // Each address elsewhere in one alias only: the oracle tells forwarded copies apart by it.
    vec![
        alias("all", &all),
        alias("away", &["forward@gamma.test"]),
        alias("team", &[&users[0], "team@gamma.test"]),
        alias("crew", &[&format!("all@{domain}"), "gone-crew@gamma.test"]),
    ]
}
