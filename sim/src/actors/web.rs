//! The web server of a domain that has an MTA-STS policy (RFC 8461 §3.3), and what becomes of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use world::{Stream, World};

use super::lines::{Gone, Wire};
use crate::dns::{Name, Zones};
use crate::oracle::ledger::Ledger;
use crate::tls::{Certificate, GREETING};

/// How long a policy may be kept.
pub const MAX_AGE: Duration = Duration::from_hours(8700);
/// How long a server that says nothing is silent.
const SILENCE: Duration = Duration::from_mins(10);

/// What is wrong with a policy's server, or with the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// It takes a connection and says nothing.
    Silent,
    /// It breaks off.
    Broken,
    /// 404.
    Missing,
    /// 500.
    Fails,
    /// Something that is no policy.
    Garbage,
    /// A certificate for another name.
    Certificate,
    /// A policy that names other hosts than the domain has, under a new id.
    Forbids,
    /// The record that announces the policy is gone.
    Unannounced,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Silent,
        Self::Broken,
        Self::Missing,
        Self::Fails,
        Self::Garbage,
        Self::Certificate,
        Self::Forbids,
        Self::Unannounced,
    ];
}

/// A domain's policy. Shared by its server and whoever troubles it.
pub struct Site {
    domain: String,
    listen: SocketAddr,
    hosts: Vec<String>,
    zones: Zones,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trouble: Trouble,
    id: u32,
}

impl Site {
    /// The policy of a domain with these hosts; its names are made.
    pub fn new(domain: &str, listen: SocketAddr, hosts: Vec<String>, zones: Zones) -> Arc<Self> {
        let state = Mutex::new(State { trouble: Trouble::None, id: 1 });
        let site = Self { domain: domain.to_owned(), listen, hosts, zones, state };
        let address = Name { addresses: vec![listen.ip()], ..Name::default() };
        site.zones.set(&site.host(), address);
        site.announce();
        Arc::new(site)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn host(&self) -> String {
        format!("mta-sts.{}", self.domain)
    }

    /// Whose policy it is.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Its id and its text, as long as nothing is wrong.
    pub fn policy(&self) -> (String, String) {
        (self.lock().id.to_string(), text(&self.hosts))
    }

    /// What is wrong from now on.
    pub fn set(&self, trouble: Trouble) {
        {
            let mut state = self.lock();
            // Another policy is announced, whether or not it can be had then.
            if trouble != state.trouble && trouble != Trouble::Unannounced {
                state.id += 1;
            }
            state.trouble = trouble;
        }
        self.announce();
    }

    /// The record at `_mta-sts` (RFC 8461 §3.1).
    fn announce(&self) {
        let (id, there) = {
            let state = self.lock();
            (state.id, state.trouble != Trouble::Unannounced)
        };
        let txt = if there { vec![format!("v=STSv1; id={id};")] } else { Vec::new() };
        self.zones.set(&format!("_mta-sts.{}", self.domain), Name { txt, ..Name::default() });
    }
}

fn text(hosts: &[String]) -> String {
    let names: Vec<String> = hosts.iter().map(|host| format!("mx: {host}\r\n")).collect();
    let names = names.concat();
    format!("version: STSv1\r\nmode: enforce\r\n{names}max_age: {}\r\n", MAX_AGE.as_secs())
}

/// Listens for ever.
pub async fn run(world: World, site: Arc<Site>, ledger: Arc<Ledger>) {
    let Ok(listener) = world.net.listen(site.listen) else {
        return ledger.wrong("I20", format!("{} cannot listen", site.domain));
    };
    loop {
        if let Ok(stream) = listener.accept().await {
            let (world, site, ledger) = (world.clone(), Arc::clone(&site), Arc::clone(&ledger));
            let tasks = Arc::clone(&world.tasks);
            tasks.spawn(Box::pin(async move {
                let _ended = serve(&world, &site, &ledger, stream).await;
            }));
        }
    }
}

async fn serve(world: &World, site: &Site, ledger: &Ledger, stream: Stream) -> Result<(), Gone> {
    let trouble = site.lock().trouble;
    let mut wire = Wire::around(stream, Arc::clone(&world.clock));
    let greeting = wire.text().await?;
    if greeting.strip_prefix(GREETING) != Some(&*site.host()) {
        ledger.wrong("I17", format!("{} was asked for by {greeting:?}", site.host()));
    }
    match trouble {
        Trouble::Broken => return Ok(()),
        Trouble::Silent => {
            world.clock.sleep(SILENCE).await;
            return Ok(());
        }
        _ => {}
    }
    let name = if trouble == Trouble::Certificate { "other.test".into() } else { site.host() };
    wire.say(Certificate::of(&name).line().as_bytes()).await?;
    while !wire.text().await?.is_empty() {}
    ledger.saw("policy.fetched");
    let elsewhere = [format!("mx9.{}", site.domain)];
    let (status, text) = match trouble {
        Trouble::Missing => ("404 Not Found", String::new()),
        Trouble::Fails => ("500 Internal Server Error", String::new()),
        Trouble::Garbage => ("200 OK", "<html>hello</html>\r\n".into()),
        Trouble::Forbids => ("200 OK", text(&elsewhere)),
        _ => ("200 OK", text(&site.hosts)),
    };
    let length = text.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    wire.say(format!("{head}{text}").as_bytes()).await?;
    wire.close().await;
    Ok(())
}
