//! What filters are told of a client and its transaction.

use std::net::IpAddr;

use filter::milter;
use mail::{Id, ReversePath, limits};
use smtp::server::MailParams;
use world::World;

use crate::intake::Client;
use crate::settings::Settings;

/// The same for all filters.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) client: milter::Client,
    pub(super) helo: String,
    /// With brackets.
    pub(super) from: String,
    /// The parameters of MAIL, as they were said.
    pub(super) parameters: Vec<String>,
    of_connection: Vec<(&'static str, String)>,
    of_message: Vec<(&'static str, String)>,
}

impl Told {
    pub(super) async fn new(world: &World, settings: &Settings, client: &Client) -> Self {
        let ip = client.address.ip();
        let name = client_name(world, ip).await.unwrap_or_else(|| format!("[{ip}]"));
        let mut told = Self {
            client: milter::Client { name, address: client.address },
            helo: String::new(),
            from: String::new(),
            parameters: Vec::new(),
            of_connection: Vec::new(),
            of_message: Vec::new(),
        };
        told.set_connection(settings, client);
        told
    }

    /// What may change with STARTTLS and AUTH.
    fn set_connection(&mut self, settings: &Settings, client: &Client) {
        let (name, ip) = (&self.client.name, client.address.ip());
        let mut known = vec![
            ("j", settings.hostname.to_string()),
            ("v", format!("Posthouse {}", env!("CARGO_PKG_VERSION"))),
            ("_", format!("{name} [{ip}]")),
            ("{daemon_name}", client.service_name().to_owned()),
            ("{client_addr}", ip.to_string()),
            ("{client_name}", name.clone()),
            ("{client_port}", client.address.port().to_string()),
        ];
        if let Some(tls) = &client.tls {
            known.push(("{tls_version}", tls.version.clone()));
            known.push(("{cipher}", tls.cipher.clone()));
        }
        if let Some(login) = &client.account {
            known.push(("{auth_type}", client.mechanism.unwrap_or_default().to_owned()));
            known.push(("{auth_authen}", login.address.to_string()));
        }
        self.of_connection = known;
    }

    pub(super) fn begin(
        &mut self,
        settings: &Settings,
        client: &Client,
        id: Id,
        from: &ReversePath,
        params: &MailParams,
    ) {
        self.set_connection(settings, client);
        self.helo = client.name.clone().unwrap_or_default();
        self.from = match &from.0 {
            Some(address) => format!("<{address}>"),
            None => "<>".into(),
        };
        let size = params.size.map(|size| format!("SIZE={size}"));
        let utf8 = params.smtputf8.then(|| "SMTPUTF8".to_owned());
        self.parameters = size.into_iter().chain(utf8).collect();
        self.of_message =
            vec![("i", id.to_string()), ("{mail_addr}", self.from.trim_matches(['<', '>']).to_owned())];
    }

    pub(super) fn macros(&self) -> Vec<(&'static str, String)> {
        [self.of_connection.clone(), self.of_message.clone()].concat()
    }

    pub(super) fn macros_of_recipient(&self, to: &str) -> Vec<(&'static str, String)> {
        let mut known = self.macros();
        known.push(("{rcpt_addr}", to.trim_matches(['<', '>']).to_owned()));
        known
    }
}

/// The name of a client that leads back to its address (RFC 8601 §2.7.3, "iprev").
async fn client_name(world: &World, ip: IpAddr) -> Option<String> {
    if ip.is_loopback() {
        return Some("localhost".into());
    }
    let looking = async {
        for name in world.dns.ptr(ip).await.ok()?.into_iter().take(10) {
            let back = world.dns.addresses(&name).await.unwrap_or_default();
            if back.iter().any(|found| found.to_canonical() == ip.to_canonical()) {
                return Some(name.to_string());
            }
        }
        None
    };
    world.clock.within(limits::CLIENT_NAME_WAIT, looking).await.flatten()
}
