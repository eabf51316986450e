//! Where mail for an address goes.

use mail::{AccountId, Address};

use crate::{Directory, Error};

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
        let _ = address;
        todo!()
    }

    /// Whether `account` may write `address` as sender: its own address, with any detail, or one that leads to it.
    pub async fn may_send_as(&self, account: AccountId, address: &Address) -> Result<bool, Error> {
        let _ = (account, address);
        todo!()
    }
}
