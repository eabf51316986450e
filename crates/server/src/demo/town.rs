//! The demo's town: three post offices, each the server that `posthouse serve` runs, and the name server they ask.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mail::Domain;
use tokio::task::JoinSet;
use world::tls::Connector;
use world::{World, disk};

use super::client::Door;
use super::dns::{self, Zones};
use super::show::Show;
use crate::admin::{NewPassword, Reply, Request};
use crate::config::{Config, Service};
use crate::serve::Server;

/// Which post office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Alpha,
    Beta,
    Relay,
}

impl Place {
    pub(super) const ALL: [Self; 3] = [Self::Alpha, Self::Beta, Self::Relay];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Relay => "relay",
        }
    }

    pub(super) fn domain(self) -> String {
        format!("{}.test", self.name())
    }

    pub(super) fn hostname(self) -> String {
        format!("mail.{}", self.domain())
    }

    /// Each has an address of its own, because all MX hosts are tried on one port.
    pub(super) fn address(self) -> Ipv4Addr {
        let last = match self {
            Self::Alpha => 2,
            Self::Beta => 3,
            Self::Relay => 4,
        };
        Ipv4Addr::new(127, 0, 0, last)
    }

    /// Local-parts of its users.
    pub(super) fn people(self) -> &'static [&'static str] {
        match self {
            Self::Alpha => &["alice", "adam"],
            Self::Beta => &["bob", "berta"],
            Self::Relay => &["rita"],
        }
    }
}

/// The ports that each post office listens on, wanted first; the same everywhere.
const PORTS: [(Service, u16); 7] = [
    (Service::Smtp, 2525),
    (Service::Submission, 2587),
    (Service::Submissions, 2465),
    (Service::Imap, 2143),
    (Service::Imaps, 2993),
    (Service::Pop3, 2110),
    (Service::Pop3s, 2995),
];

/// How long a post office may take to close.
const CLOSING: Duration = Duration::from_secs(5);

/// Someone with an account.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) place: Place,
    pub(super) address: String,
    pub(super) password: String,
}

/// One post office, open or closed.
struct Office {
    place: Place,
    config: Config,
    server: Option<Server>,
    connector: Connector,
}

/// All of it.
pub(super) struct Town {
    pub(super) world: World,
    pub(super) users: Vec<User>,
    pub(super) ports: Vec<(Service, u16)>,
    offices: Vec<Office>,
    _names: JoinSet<()>,
}

impl Town {
    /// Builds everything in `directory` and opens all three.
    pub(super) async fn build(directory: &Path, show: &mut Show) -> Result<Self, String> {
        let (names, tasks) = dns::serve(zones()).await.map_err(|e| format!("cannot serve names: {e}"))?;
        show.built("name server", &format!("{names}, zones alpha.test, beta.test, relay.test"));
        let world = world::real::world(&[names]);
        let ports = free_ports(&world)?;
        let mut town = Self { world, users: Vec::new(), ports, offices: Vec::new(), _names: tasks };
        for place in Place::ALL {
            let office = town.open(place, directory, names).await?;
            town.offices.push(office);
            show.built(&place.domain(), &format!("{} at {}", place.hostname(), place.address()));
        }
        for place in Place::ALL {
            town.settle(place).await?;
        }
        show.people(&town.users);
        Ok(town)
    }

    async fn open(&self, place: Place, directory: &Path, names: SocketAddr) -> Result<Office, String> {
        let text = configuration(place, &self.ports, names);
        let file = config_file(directory, place);
        let told = |e: std::io::Error| format!("cannot write {}: {e}", file.display());
        self.world.disk.create_dir_all(&directory.join(place.name())).map_err(told)?;
        disk::replace(self.world.disk.as_ref(), &file, text.as_bytes()).map_err(told)?;
        let config = Config::parse(&text, &file).map_err(|problems| problems.to_string())?;
        let server = Server::start(self.world.clone(), &config).await?;
        let connector = Connector::new(&crate::certificate::own_chain(&self.world, &config)?)?;
        Ok(Office { place, config, server: Some(server), connector })
    }

    /// The domain and its people, through the same functions as `posthouse domain` and `posthouse account`.
    async fn settle(&mut self, place: Place) -> Result<(), String> {
        let domain = place.domain();
        self.ask(place, Request::DomainAdd { name: domain.clone() }).await?;
        for person in place.people() {
            let request = Request::AccountAdd {
                address: format!("{person}@{domain}"),
                password: NewPassword::Generate,
            };
            let Reply::Generated { address, password } = self.ask(place, request).await? else {
                return Err("an account was made without a password".into());
            };
            self.users.push(User { place, address, password });
        }
        Ok(())
    }

    async fn ask(&self, place: Place, request: Request) -> Result<Reply, String> {
        let server = self.server(place).ok_or("the post office is closed")?;
        server.office.carry_out(request).await
    }

    /// The running server of a place; `None` while it is closed.
    pub(super) fn server(&self, place: Place) -> Option<&Server> {
        self.office(place).server.as_ref()
    }

    fn office(&self, place: Place) -> &Office {
        self.offices.iter().find(|office| office.place == place).expect("all three are built")
    }

    /// Closes one post office, as `SIGTERM` does.
    pub(super) async fn shut(&mut self, place: Place) {
        let office = self.offices.iter_mut().find(|office| office.place == place);
        if let Some(server) = office.and_then(|office| office.server.take()) {
            server.stop(CLOSING).await;
        }
    }

    /// Opens it again, on the same store and the same ports.
    pub(super) async fn reopen(&mut self, place: Place) -> Result<(), String> {
        let world = self.world.clone();
        if let Some(office) = self.offices.iter_mut().find(|office| office.place == place) {
            office.server = Some(Server::start(world, &office.config).await?);
        }
        Ok(())
    }

    pub(super) async fn close(mut self) {
        for place in Place::ALL {
            self.shut(place).await;
        }
    }

    pub(super) fn user(&self, address: &str) -> &User {
        self.users.iter().find(|user| user.address == address).expect("the tour knows its people")
    }

    pub(super) fn port(&self, service: Service) -> u16 {
        let found = self.ports.iter().find(|(s, _)| *s == service);
        found.map_or(0, |(_, port)| *port)
    }

    /// How a mail client reaches a service.
    pub(super) fn door(&self, place: Place, service: Service) -> Door {
        Door {
            address: SocketAddr::new(IpAddr::V4(place.address()), self.port(service)),
            name: Domain::new(&place.hostname()).expect("the demo's names are good"),
            connector: self.office(place).connector.clone(),
        }
    }
}

/// Where the configuration of a place is.
pub(super) fn config_file(directory: &Path, place: Place) -> PathBuf {
    directory.join(place.name()).join("posthouse.toml")
}

fn zones() -> Zones {
    let mut zones = Zones::default();
    for place in Place::ALL {
        zones.host(&place.hostname(), place.address());
        zones.domain(&place.domain(), &[(10, &place.hostname())]);
    }
    zones.no_mail("silent.test");
    zones
}

/// A configuration that differs from a real one only in ports, short waits, and that loopback is allowed.
fn configuration(place: Place, ports: &[(Service, u16)], names: SocketAddr) -> String {
    let address = place.address();
    let listener = |(service, port): &(Service, u16)| {
        format!("[[listener]]\nservice = \"{}\"\nbind = [\"{address}:{port}\"]\n\n", service.name())
    };
    let listeners = ports.iter().map(listener).collect::<Vec<_>>().concat();
    let smtp = ports.iter().find(|(s, _)| *s == Service::Smtp).map_or(25, |(_, port)| *port);
    let special = match place {
        Place::Alpha => String::new(),
        // Everything that leaves beta goes through the relay, which knows beta by its address.
        Place::Beta => format!(
            "smarthost = {{ host = \"{}\", port = {smtp}, tls = \"required\" }}\n",
            Place::Relay.hostname()
        ),
        Place::Relay => format!("\n[relay]\nnetworks = [\"{}/32\"]\n", Place::Beta.address()),
    };
    format!(
        "# The demo's {name}: the same server as any other.\n\
         hostname = \"{hostname}\"\ndata_dir = \"data\"\n\n{listeners}\
         [store]\nsegment_size = \"4MiB\"\n\n\
         [dns]\nservers = [\"{names}\"]\n\n\
         [outbound]\nport = {smtp}\nsource_ipv4 = \"{address}\"\nallow_private = true\n\
         retry = [\"2s\"]\nlifetime = \"1h\"\n{special}",
        name = place.name(),
        hostname = place.hostname(),
    )
}

/// Ports that are free on all three addresses, the wanted ones if possible.
fn free_ports(world: &World) -> Result<Vec<(Service, u16)>, String> {
    let mut ports: Vec<(Service, u16)> = Vec::new();
    for (service, wanted) in PORTS {
        let taken: Vec<u16> = ports.iter().map(|(_, port)| *port).collect();
        ports.push((service, free_port(world, wanted, &taken)?));
    }
    Ok(ports)
}

fn free_port(world: &World, wanted: u16, taken: &[u16]) -> Result<u16, String> {
    if is_free(world, wanted) {
        return Ok(wanted);
    }
    for _ in 0..50 {
        let any = SocketAddr::new(Place::Alpha.address().into(), 0);
        let port = world.net.listen(any).map_err(|e| no_address(&e))?.local_addr().port();
        if !taken.contains(&port) && is_free(world, port) {
            return Ok(port);
        }
    }
    Err("found no port that is free on 127.0.0.2, 127.0.0.3 and 127.0.0.4".into())
}

fn is_free(world: &World, port: u16) -> bool {
    Place::ALL.iter().all(|place| world.net.listen(SocketAddr::new(place.address().into(), port)).is_ok())
}

fn no_address(error: &std::io::Error) -> String {
    format!(
        "cannot listen on 127.0.0.2: {error}; the demo needs the loopback addresses 127.0.0.2 to 127.0.0.4 \
         (macOS: sudo ifconfig lo0 alias 127.0.0.2, and so on)"
    )
}
