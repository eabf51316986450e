//! `posthouse setup`: from nothing to a server that can be started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mail::{Address, Domain};
use world::{World, disk};

use super::output::{self, Table};
use super::run::Runner;
use super::{Failure, run};
use crate::admin::{NewPassword, Reply, Request};
use crate::certificate;

/// What a new server listens on (RFC 8314 §3, RFC 6409).
const LISTENERS: [(&str, u16); 7] = [
    ("smtp", 25),
    ("submissions", 465),
    ("submission", 587),
    ("imaps", 993),
    ("imap", 143),
    ("pop3s", 995),
    ("pop3", 110),
];

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Your address: its domain becomes the server's first, and you its first user and postmaster
    address: String,
    /// This machine's name, which the MX record will point to [default: mail.DOMAIN]
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Where all mail is kept
    #[arg(long, value_name = "DIR", default_value = "/var/lib/posthouse")]
    data_dir: PathBuf,
}

impl Arguments {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        let wrong = |text: &str, why: mail::AddressError| Failure::Usage(format!("{text:?}: {why}"));
        let address: Address = self.address.parse().map_err(|why| wrong(&self.address, why))?;
        let domain = address
            .domain()
            .ok_or_else(|| Failure::Usage(format!("{address} has no domain that could be ours")))?;
        let hostname = self.hostname.unwrap_or_else(|| format!("mail.{domain}"));
        let hostname = Domain::new(&hostname).map_err(|why| wrong(&hostname, why))?;
        let world = world::real::world(&[]);
        let data_dir = absolute(&self.data_dir)?;
        let owned = owned(&world, config, &data_dir);
        write_config(&world, config, &configuration(&world, &hostname, &data_dir))?;
        settle(config, &address, domain).await?;
        let config_now = run::load(config)?;
        certificate::Pem::load(&world, &config_now)?;
        output::say(format!(
            "\nThen start it:  posthouse serve --config {}\n\
             A self-signed certificate is there to begin with; name a real one in [tls] when you have it.",
            config.display()
        ));
        if world::real::is_root() {
            output::say(format!(
                "To have it run as user posthouse:  chown -R posthouse: {}",
                owned.join(" ")
            ));
        }
        Ok(())
    }
}

/// A path that does not depend on where the command was typed.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::Usage(format!("--data-dir {}: {e}", path.display())))
}

/// What is the server's and not the system's: the configuration, with its directory where setup makes it, and the data.
fn owned(world: &World, config: &Path, data_dir: &Path) -> Vec<String> {
    let directory = config.parent().filter(|directory| !directory.as_os_str().is_empty());
    let config = directory.filter(|directory| !world.disk.exists(directory)).unwrap_or(config);
    [config, data_dir].map(|path| path.display().to_string()).to_vec()
}

fn write_config(world: &World, path: &Path, text: &str) -> Result<(), Failure> {
    if world.disk.exists(path) {
        return Err(Failure::Usage(format!(
            "{} is there already; setup is for a new server. Choose another --config, or remove it",
            path.display()
        )));
    }
    let told = |e: std::io::Error| {
        Failure::Failed(format!(
            "cannot write {}: {e}; choose another --config, or run this as its owner",
            path.display()
        ))
    };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        world.disk.create_dir_all(directory).map_err(told)?;
    }
    let path = std::path::absolute(path).map_err(told)?;
    disk::replace(world.disk.as_ref(), &path, text.as_bytes()).map_err(told)?;
    output::say(format!("Wrote {}", path.display()));
    Ok(())
}

fn configuration(world: &World, hostname: &Domain, data_dir: &Path) -> String {
    let any_v6 = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0));
    let has_v6 = world.net.listen(any_v6).is_ok();
    let listener = |(service, port): (&str, u16)| {
        let v6 = if has_v6 { format!(", \"[::]:{port}\"") } else { String::new() };
        format!("[[listener]]\nservice = \"{service}\"\nbind = [\"0.0.0.0:{port}\"{v6}]\n")
    };
    format!(
        "# What we call ourselves; the MX record and the address's PTR record name it too.\n\
         hostname = \"{hostname}\"\n\
         # All mail, accounts and keys.\n\
         data_dir = {}\n\n{}\n\
         # Without [tls] a self-signed certificate is used.\n\
         # [tls]\n# certificate = \"/path/to/fullchain.pem\"\n# private_key = \"/path/to/privkey.pem\"\n",
        toml::Value::from(data_dir.to_string_lossy().into_owned()),
        LISTENERS.map(listener).join("\n")
    )
}

/// Makes the domain and the account, and shows what to publish.
async fn settle(config: &Path, address: &Address, domain: &Domain) -> Result<(), Failure> {
    let mut runner = Runner::open(config).await?;
    let made = make(&mut runner, address, domain).await;
    runner.close().await;
    let (password, records) = made?;
    output::say(format!(
        "\n{address} can log in with this password, which is shown only now:\n\n  {password}\n\n\
         Publish these DNS records:\n"
    ));
    records.say("");
    Ok(())
}

async fn make(runner: &mut Runner, address: &Address, domain: &Domain) -> Result<(String, Table), Failure> {
    let unexpected = || Failure::Failed("the store answered something else".into());
    let name = domain.to_string();
    runner.call(Request::DomainAdd { name: name.clone() }).await?;
    let account = Request::AccountAdd { address: address.to_string(), password: NewPassword::Generate };
    let Reply::Generated { password, .. } = runner.call(account).await? else { return Err(unexpected()) };
    let Reply::Records { rows } = runner.call(Request::DomainDns { name }).await? else {
        return Err(unexpected());
    };
    Ok((password, super::domain::records_table(rows)))
}
