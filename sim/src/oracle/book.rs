//! Who lives at the office: addresses and where their mail must end. Its own few lines, not the product's directory.

use std::collections::{BTreeMap, BTreeSet};

/// How often an alias may lead to another.
const DEPTH: usize = 12;

/// Where mail for an address must end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Final {
    /// In an account's mailbox.
    Local(String),
    /// At another host.
    Remote(String),
}

/// Domains, accounts and aliases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Domains that are ours.
    pub domains: BTreeSet<String>,
    /// Accounts by address.
    pub accounts: BTreeSet<String>,
    /// Aliases with their targets; `*@domain` catches all.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Addresses of which it has changed during the run: an answer about them may come from before.
    pub changed: BTreeSet<String>,
}

impl Book {
    /// A book of these accounts and aliases; their domains are ours.
    pub fn new(accounts: &[&str], aliases: &[(&str, &[&str])]) -> Self {
        let mut book = Self::default();
        for account in accounts {
            book.accounts.insert((*account).to_owned());
        }
        for (alias, targets) in aliases {
            book.aliases.insert((*alias).to_owned(), targets.iter().map(|t| (*t).to_owned()).collect());
        }
        let ours = book.accounts.iter().chain(book.aliases.keys());
        book.domains = ours.map(|address| domain(address).to_owned()).collect();
        book
    }

    /// Whether an address is in one of our domains.
    pub fn is_ours(&self, address: &str) -> bool {
        self.domains.contains(domain(&address.to_lowercase()))
    }

    /// Whether what is known of an address has changed during the run.
    pub fn is_unsure(&self, address: &str) -> bool {
        self.changed.contains(&address.to_lowercase())
    }

    /// Where mail for an address must end; nothing for somebody who is not here.
    pub fn resolve(&self, address: &str) -> BTreeSet<Final> {
        let mut finals = BTreeSet::new();
        let (mut next, mut seen) = (vec![address.to_owned()], BTreeSet::new());
        for _ in 0..DEPTH {
            for address in std::mem::take(&mut next) {
                let folded = address.to_lowercase();
                if !seen.insert(folded.clone()) {
                    continue;
                }
                if !self.is_ours(&folded) {
                    finals.insert(Final::Remote(address));
                } else if let Some(account) = self.account(&folded) {
                    finals.insert(Final::Local(account));
                } else {
                    next.extend(self.alias(&folded).into_iter().flatten().cloned());
                }
            }
        }
        finals
    }

    fn account(&self, address: &str) -> Option<String> {
        if self.aliases.contains_key(address) {
            return None;
        }
        let base = without_detail(address);
        self.accounts.get(address).or_else(|| self.accounts.get(&base)).cloned()
    }

    fn alias(&self, address: &str) -> Option<&Vec<String>> {
        let catch_all = format!("*@{}", domain(address));
        [address, &without_detail(address), &catch_all].into_iter().find_map(|name| self.aliases.get(name))
    }
}

/// The domain of an address.
pub fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

fn without_detail(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let base = local.split_once('+').map_or(local, |(base, _)| base);
    format!("{base}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_where_they_should() {
        let book = Book::new(
            &["ann@a.test", "abe@a.test"],
            &[
                ("both@a.test", &["ann@a.test", "abe@a.test"]),
                ("away@a.test", &["x@far.test", "both@a.test"]),
            ],
        );
        let of = |address: &str| {
            book.resolve(address)
                .into_iter()
                .map(|end| match end {
                    Final::Local(who) | Final::Remote(who) => who,
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(of("ANN+tag@A.test"), ["ann@a.test"]);
        assert_eq!(of("away@a.test"), ["abe@a.test", "ann@a.test", "x@far.test"]);
        assert_eq!(of("nobody@a.test"), Vec::<String>::new());
        assert_eq!(of("y@else.test"), ["y@else.test"]);
    }
}
