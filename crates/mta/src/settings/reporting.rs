//! Reports about mail and TLS: those that others want of us, and those that we get.

use std::convert::Infallible;
use std::str::FromStr;

use mail::{Address, Domain, Host};

/// What an operator says of reports.
#[derive(Clone, Debug)]
pub struct Reporting {
    /// Whether anything is counted for other domains and sent to those who want it.
    pub send: bool,
    /// The author of our reports; `None` for `postmaster@` and the host's name.
    pub from: Option<Address>,
    /// Who we are, in our reports; `None` for the host's name.
    pub organization: Option<String>,
    /// Addresses of ours at which reports from others are read.
    pub addresses: Vec<ReportAddress>,
}

impl Default for Reporting {
    fn default() -> Self {
        let addresses = vec![ReportAddress::EachDomain("postmaster".into())];
        Self { send: true, from: None, organization: None, addresses }
    }
}

impl Reporting {
    /// Whether a report to this address of ours is read.
    pub(crate) fn are_read_at(&self, to: &Address) -> bool {
        self.addresses.iter().any(|address| match address {
            ReportAddress::One(one) => one.to_string().eq_ignore_ascii_case(&to.to_string()),
            ReportAddress::EachDomain(local) => local.eq_ignore_ascii_case(to.local()),
        })
    }

    /// The author of our reports.
    pub(crate) fn author(&self, hostname: &Domain) -> Address {
        let usual = || Address::new("postmaster", Host::Domain(hostname.clone())).expect("a good local-part");
        self.from.clone().unwrap_or_else(usual)
    }
}

/// Where reports from others arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportAddress {
    /// At one address.
    One(Address),
    /// At this local-part of each of our domains.
    EachDomain(String),
}

impl FromStr for ReportAddress {
    type Err = Infallible;

    /// With an `@` an address, else a local-part.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::EachDomain(text.to_owned()), Self::One))
    }
}
