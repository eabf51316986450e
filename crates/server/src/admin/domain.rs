//! Domains, and the keys that they sign with.

use directory::{KeyState, SigningKey};
use mail::Domain;
use mailauth::dkim;
use store::Batch;

use super::{DnsRecord, KeyRow, Office, PAGE, Reply, Trouble, domain, time};
use crate::signing;

impl Office {
    pub(super) async fn domain_add(&self, batch: &mut Batch, name: &str) -> Result<Reply, Trouble> {
        let name = domain(name)?;
        self.directory.add_domain(batch, &name).await?;
        // Nothing was signed with others before: these are in use at once.
        for key in signing::make(&*self.world.rng, KeyState::Active, self.world.clock.wall())? {
            self.directory.put_first_signing_key(batch, &name, &key);
        }
        Ok(Reply::Done { text: format!("{name} is ours now. Its DNS records: posthouse domain dns {name}") })
    }

    pub(super) async fn domain_remove(&self, batch: &mut Batch, name: &str) -> Result<Reply, Trouble> {
        let name = domain(name)?;
        self.directory.remove_domain(batch, &name).await?;
        Ok(Reply::Done { text: format!("{name} is no longer ours") })
    }

    pub(super) async fn domain_list(&self, after: Option<&str>) -> Result<Reply, Trouble> {
        let after = after.map(domain).transpose()?;
        let found = self.directory.domains(after.as_ref(), PAGE).await?;
        let rows: Vec<String> = found.iter().map(ToString::to_string).collect();
        let next = if rows.len() < PAGE { None } else { rows.last().cloned() };
        Ok(Reply::Domains { rows, next })
    }

    /// Makes new keys, or uses at once those that wait.
    pub(super) async fn domain_rotate(
        &self,
        batch: &mut Batch,
        name: &str,
        now: bool,
    ) -> Result<Reply, Trouble> {
        let name = domain(name)?;
        let keys = self.keys_of(&name).await?;
        let at = self.world.clock.wall();
        let waiting = keys.iter().any(|key| key.state == KeyState::Waiting);
        let text = match (waiting, now) {
            (true, true) => {
                signing::switch(self, batch, &name, &keys, at);
                format!("{name} signs with its new keys now; the old ones stay in DNS for two weeks")
            }
            (false, true) => {
                return Err(Trouble::Said(format!("{name} has no new keys that wait to be used")));
            }
            (true, false) => {
                return Err(Trouble::Said(format!(
                    "{name} has new keys already: publish them (posthouse domain dns {name}), or use them at once with --now"
                )));
            }
            (false, false) => {
                for key in signing::make(&*self.world.rng, KeyState::Waiting, at)? {
                    self.directory.put_signing_key(batch, &name, &key);
                }
                format!(
                    "made new keys; publish them (posthouse domain dns {name}), and they are used an hour after DNS shows them"
                )
            }
        };
        Ok(Reply::Done { text })
    }

    /// The keys, and whether DNS shows them.
    pub(super) async fn domain_keys(&self, name: &str) -> Result<Reply, Trouble> {
        let name = domain(name)?;
        let mut rows = Vec::new();
        for key in self.keys_of(&name).await? {
            rows.push(KeyRow {
                selector: key.selector.clone(),
                algorithm: key.algorithm.clone(),
                state: state_word(key.state).into(),
                since: time(key.since),
                published: signing::is_shown(&*self.world.dns, &name, &key).await,
            });
        }
        Ok(Reply::Keys { rows })
    }

    async fn keys_of(&self, name: &Domain) -> Result<Vec<SigningKey>, Trouble> {
        if !self.directory.is_local_domain(name).await? {
            return Err(directory::Error::NoSuchDomain(name.to_string()).into());
        }
        Ok(self.directory.signing_keys(name).await?)
    }

    /// What to publish so that others find the domain's mail, and its users their servers.
    pub(super) async fn domain_dns(&self, name: &str) -> Result<Reply, Trouble> {
        let name = domain(name)?;
        let host = &self.hostname;
        let record = |name: String, kind: &str, value: String, why: &str| DnsRecord {
            name,
            kind: kind.into(),
            value,
            why: why.into(),
        };
        let service = |service: &str, port: u16, why: &str| {
            record(format!("_{service}._tcp.{name}."), "SRV", format!("0 1 {port} {host}."), why)
        };
        let mut rows = vec![
            record(format!("{name}."), "MX", format!("10 {host}."), "who takes the domain's mail"),
            record(format!("{name}."), "TXT", "\"v=spf1 mx -all\"".into(), "who may send it (RFC 7208)"),
            record(
                format!("_dmarc.{name}."),
                "TXT",
                format!("\"v=DMARC1; p=none; rua=mailto:postmaster@{name}\""),
                "what others do with forgeries (RFC 9989)",
            ),
            record(
                format!("_smtp._tls.{name}."),
                "TXT",
                format!("\"v=TLSRPTv1; rua=mailto:postmaster@{name}\""),
                "others report TLS that fails with the domain's hosts (RFC 8460)",
            ),
            service("submissions", 465, "where users send (RFC 8314)"),
            service("submission", 587, "where users send (RFC 6186)"),
            service("imaps", 993, "where users read (RFC 6186)"),
            service("pop3s", 995, "where users fetch (RFC 6186)"),
            record(
                format!("{host}."),
                "A/AAAA",
                "this machine's public addresses".into(),
                "where the host is",
            ),
            record(
                format!("{host}."),
                "TXT",
                "\"v=spf1 a -all\"".into(),
                "what proves delivery reports, which have no other sender (RFC 7208 §2.3)",
            ),
            record("the address's PTR".into(), "PTR", format!("{host}."), "many refuse mail without it"),
        ];
        for key in self.directory.signing_keys(&name).await? {
            let strings: Vec<String> =
                dkim::txt_strings(&key.record).map(|part| format!("\"{part}\"")).collect();
            let name = format!("{}.", signing::record_name(&name, &key));
            rows.push(record(name, "TXT", strings.join(" "), key_purpose(key.state)));
        }
        Ok(Reply::Records { rows })
    }
}

fn state_word(state: KeyState) -> &'static str {
    match state {
        KeyState::Waiting => "waiting",
        KeyState::Active => "in use",
        KeyState::Retired => "retired",
    }
}

fn key_purpose(state: KeyState) -> &'static str {
    match state {
        KeyState::Waiting => "a new key; used an hour after DNS shows it (RFC 6376)",
        KeyState::Active => "what mail is signed with (RFC 6376)",
        KeyState::Retired => "an old key; keep it while mail signed with it is under way",
    }
}
