//! Domains.

use store::Batch;

use super::{DnsRecord, Office, PAGE, Reply, Trouble, domain};

impl Office {
    pub(super) async fn domain_add(&self, batch: &mut Batch, name: &str) -> Result<Reply, Trouble> {
        let name = domain(name)?;
        self.directory.add_domain(batch, &name).await?;
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

    /// What to publish so that others find the domain's mail, and its users their servers.
    pub(super) fn domain_dns(&self, name: &str) -> Result<Reply, Trouble> {
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
        let rows = vec![
            record(format!("{name}."), "MX", format!("10 {host}."), "who takes the domain's mail"),
            record(format!("{name}."), "TXT", "\"v=spf1 mx -all\"".into(), "who may send it (RFC 7208)"),
            record(
                format!("_dmarc.{name}."),
                "TXT",
                format!("\"v=DMARC1; p=none; rua=mailto:postmaster@{name}\""),
                "what others do with forgeries (RFC 9989)",
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
            record("the address's PTR".into(), "PTR", format!("{host}."), "many refuse mail without it"),
        ];
        Ok(Reply::Records { rows })
    }
}
