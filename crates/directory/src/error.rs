//! What can go wrong in the directory.

use std::fmt;

use mail::{Address, Domain, limits};

use crate::Scope;

/// Why the directory did not do what it was asked. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The domain is not one of ours.
    NoSuchDomain(String),
    /// The domain is one of ours already.
    DomainExists(Domain),
    /// The domain still has accounts or aliases.
    DomainInUse(Domain),
    /// Nobody has that address.
    NoSuchAccount(String),
    /// The address is no alias.
    NoSuchAlias(String),
    /// The address belongs to an account or alias already.
    AddressTaken(Address),
    /// An alias needs targets.
    NoTargets,
    /// The address's aliases lead only to each other, too deep, or to too many targets.
    AliasLimit(String),
    /// The account has an app password of that name already.
    AppPasswordExists(String),
    /// The account has no app password of that name.
    NoSuchAppPassword(String),
    /// That is no name for an app password.
    AppPasswordName(String),
    /// An app password must be good for something.
    NoScopes,
    /// There is no such service.
    NoSuchScope(String),
    /// The account has [`limits::APP_PASSWORDS`] already.
    TooManyAppPasswords,
    /// Hashing a password failed.
    Hashing,
    /// The store's. `Conflict` is for the caller to retry.
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDomain(name) => {
                write!(f, "{name} is not one of our domains; add it first: posthouse domain add {name}")
            }
            Self::DomainExists(name) => write!(f, "the domain {name} is there already"),
            Self::DomainInUse(name) => {
                write!(f, "the domain {name} still has accounts or aliases; remove them first")
            }
            Self::NoSuchAccount(name) => write!(f, "there is no account {name}"),
            Self::NoSuchAlias(name) => write!(f, "there is no alias {name}"),
            Self::AddressTaken(address) => write!(f, "{address} is an account or alias already"),
            Self::NoTargets => f.write_str("an alias needs at least one target"),
            Self::AliasLimit(address) => write!(
                f,
                "the aliases of {address} go in a circle, deeper than {} levels, or to more than {} targets",
                limits::ALIAS_DEPTH,
                limits::ALIAS_TARGETS
            ),
            Self::AppPasswordExists(name) => write!(f, "there is an app password {name:?} already"),
            Self::NoSuchAppPassword(name) => write!(f, "there is no app password {name:?}"),
            Self::AppPasswordName(name) => write!(
                f,
                "{name:?} cannot be an app password's name: it has 1 to {} characters, and no control characters",
                limits::APP_PASSWORD_NAME
            ),
            Self::NoScopes => f.write_str("an app password needs at least one scope"),
            Self::NoSuchScope(name) => {
                let names = Scope::ALL.map(Scope::name).join(", ");
                write!(f, "there is no scope {name:?}; there are {names}")
            }
            Self::TooManyAppPasswords => {
                write!(f, "an account has at most {} app passwords; remove one first", limits::APP_PASSWORDS)
            }
            Self::Hashing => f.write_str("the password could not be hashed"),
            Self::Store(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
