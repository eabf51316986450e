//! Where mail for an address goes.

use std::collections::BTreeSet;

use mail::{AccountId, Address, Domain, limits};
use store::Snapshot;

use crate::lookup::{CATCH_ALL, fold, folded};
use crate::record::Owner;
use crate::{Directory, Error, account, keys, lookup};

/// Addresses of a domain among which its oldest account is looked for.
const POSTMASTER_SEARCH: usize = 1000;

/// What an address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Its domain is not ours.
    NotLocal,
    /// Its domain is ours and nobody has it: 550 5.1.1.
    NoSuchUser,
    /// Where it goes: at least one target, no doubles.
    Targets(Vec<Target>),
}

impl Resolution {
    /// Whether some of the mail leaves this server.
    pub fn leads_elsewhere(&self) -> bool {
        match self {
            Self::NotLocal => true,
            Self::NoSuchUser => false,
            Self::Targets(targets) => targets.iter().any(|target| matches!(target, Target::Remote(_))),
        }
    }
}

/// One place where mail for an address goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An account's INBOX. Mail for a disabled account is kept like any other.
    Account {
        /// Whose.
        id: AccountId,
        /// The account's main address.
        address: Address,
        /// What stood behind `+` in the local-part (RFC 5233), if the address was matched without it.
        detail: Option<String>,
    },
    /// Someone else's, through an alias.
    Remote(Address),
}

impl Directory {
    /// Where mail for `address` goes: its account or aliases, without a `+detail` if there is none with it, for
    /// postmaster the domain's first account (RFC 5321 §4.5.1), else the domain's catch-all.
    pub async fn resolve(&self, address: &Address) -> Result<Resolution, Error> {
        walk(&self.store.snapshot(), address).await
    }

    /// Whether `account` may write `address` as sender: its own address, with any detail, or one that leads to it.
    pub async fn may_send_as(&self, account: AccountId, address: &Address) -> Result<bool, Error> {
        let snapshot = self.store.snapshot();
        if !account::read(&snapshot, account).await?.is_some_and(|account| account.enabled) {
            return Ok(false);
        }
        match walk(&snapshot, address).await? {
            Resolution::Targets(targets) => {
                Ok(targets.iter().any(|t| matches!(t, Target::Account { id, .. } if *id == account)))
            }
            Resolution::NotLocal | Resolution::NoSuchUser => Ok(false),
        }
    }
}

/// What one address is, without following it.
enum Found {
    NotLocal,
    Nobody,
    Account(Target),
    Alias(Vec<Address>),
}

/// Follows aliases level by level, each address once.
#[derive(Default)]
struct Walk {
    targets: Vec<Target>,
    next: Vec<Address>,
    seen: BTreeSet<(String, String)>,
    /// Whether some address has nobody.
    dangling: bool,
}

async fn walk(snapshot: &Snapshot, address: &Address) -> Result<Resolution, Error> {
    let mut walk = Walk::default();
    match find(snapshot, address).await? {
        Found::NotLocal => return Ok(Resolution::NotLocal),
        Found::Nobody => return Ok(Resolution::NoSuchUser),
        found => walk.take(address, found),
    }
    for _ in 0..limits::ALIAS_DEPTH {
        for address in std::mem::take(&mut walk.next) {
            if walk.is_new(&address) {
                walk.take(&address, find(snapshot, &address).await?);
            }
        }
        if walk.targets.len() + walk.next.len() > limits::ALIAS_TARGETS {
            return Err(Error::AliasLimit(address.to_string()));
        }
    }
    walk.end(address)
}

impl Walk {
    fn is_new(&mut self, address: &Address) -> bool {
        self.seen.insert((address.host().to_string(), fold(address.local())))
    }

    fn take(&mut self, address: &Address, found: Found) {
        match found {
            Found::NotLocal => self.targets.push(Target::Remote(address.clone())),
            Found::Nobody => self.dangling = true,
            Found::Account(target) => self.add(target),
            Found::Alias(targets) => self.next.extend(targets),
        }
    }

    /// An account gets one copy, by whatever ways.
    fn add(&mut self, target: Target) {
        let is_same = |other: &Target| match (other, &target) {
            (Target::Account { id, .. }, Target::Account { id: new, .. }) => id == new,
            _ => false,
        };
        if !self.targets.iter().any(is_same) {
            self.targets.push(target);
        }
    }

    fn end(self, address: &Address) -> Result<Resolution, Error> {
        match (self.next.is_empty(), self.targets.is_empty(), self.dangling) {
            (false, _, _) | (true, true, false) => Err(Error::AliasLimit(address.to_string())),
            (true, true, true) => Ok(Resolution::NoSuchUser),
            (true, false, _) => Ok(Resolution::Targets(self.targets)),
        }
    }
}

/// Looks in order: the address itself, without its detail, postmaster, the catch-all.
async fn find(snapshot: &Snapshot, address: &Address) -> Result<Found, Error> {
    let Some((domain, local)) = folded(address) else { return Ok(Found::NotLocal) };
    if !lookup::is_ours(snapshot, domain).await? {
        return Ok(Found::NotLocal);
    }
    if let Some((owner, _)) = lookup::owner(snapshot, domain, &local).await? {
        return found(snapshot, owner, None).await;
    }
    if let Some((base, _)) = local.split_once('+').filter(|(base, _)| !base.is_empty())
        && let Some((owner, _)) = lookup::owner(snapshot, domain, base).await?
    {
        let detail = address.local().split_once('+').map(|(_, detail)| detail.to_owned());
        return found(snapshot, owner, detail).await;
    }
    if local == "postmaster"
        && let Some(id) = first_account(snapshot, domain).await?
    {
        return found(snapshot, Owner::Account(id), None).await;
    }
    match lookup::owner(snapshot, domain, CATCH_ALL).await? {
        Some((owner, _)) => found(snapshot, owner, None).await,
        None => Ok(Found::Nobody),
    }
}

async fn found(snapshot: &Snapshot, owner: Owner, detail: Option<String>) -> Result<Found, Error> {
    Ok(match owner {
        Owner::Alias(_, targets) => Found::Alias(targets),
        Owner::Account(id) => match account::read(snapshot, id).await? {
            Some(account) => Found::Account(Target::Account { id, address: account.address, detail }),
            None => Found::Nobody,
        },
    })
}

/// The domain's oldest account, for its postmaster (RFC 5321 §4.5.1).
async fn first_account(snapshot: &Snapshot, domain: &Domain) -> Result<Option<AccountId>, Error> {
    let mut first = None;
    for (_, found) in snapshot.range(&keys::addresses(Some(domain)), POSTMASTER_SEARCH).await? {
        if let Owner::Account(id) = Owner::decode(&found.value)? {
            first = Some(first.map_or(id, |first: AccountId| first.min(id)));
        }
    }
    Ok(first)
}

/// Whether mail for `from` comes to `to` on some way through aliases.
pub(crate) async fn leads_to(snapshot: &Snapshot, from: &Address, to: &Address) -> Result<bool, Error> {
    let goal = folded(to);
    let mut walk = Walk { next: vec![from.clone()], ..Walk::default() };
    for _ in 0..limits::ALIAS_DEPTH {
        for address in std::mem::take(&mut walk.next) {
            if folded(&address) == goal {
                return Ok(true);
            }
            if walk.is_new(&address) {
                walk.take(&address, find(snapshot, &address).await?);
            }
        }
    }
    Ok(!walk.next.is_empty())
}
