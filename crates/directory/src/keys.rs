//! The keys of this crate.

use mail::{AccountId, Domain};
use store::{Key, KeyBuilder, KeyRange, Space};

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    /// A domain of ours.
    Domain = 1,
    /// An account by its number.
    Account = 2,
    /// Who has an address: domain, then local-part in lower case.
    Address = 3,
    /// An account's credential.
    Credential = 4,
    /// Counter: account numbers given out.
    Number = 5,
    /// Salts the answers about unknown users.
    Secret = 6,
    /// Counter: addresses of a domain.
    Addresses = 7,
    /// A removed account by its number.
    Removed = 8,
    /// A key that a domain signs with: domain, then selector.
    SigningKey = 9,
    /// An account's app passwords.
    AppPasswords = 10,
}

fn start(kind: Kind) -> KeyBuilder {
    Key::build(Space::Directory).u8(kind as u8)
}

pub(crate) fn domain(domain: &Domain) -> Key {
    start(Kind::Domain).text(domain.as_str()).key()
}

pub(crate) fn domains() -> KeyRange {
    start(Kind::Domain).key().prefix_range()
}

/// The domain in a key of [`domains`].
pub(crate) fn domain_of(key: &Key) -> Option<Domain> {
    let text = key.as_bytes().get(2..)?.strip_suffix(&[0])?;
    Domain::new(std::str::from_utf8(text).ok()?).ok()
}

pub(crate) fn account(id: AccountId) -> Key {
    start(Kind::Account).u32(id.0).key()
}

pub(crate) fn accounts() -> KeyRange {
    start(Kind::Account).key().prefix_range()
}

pub(crate) fn removed(id: AccountId) -> Key {
    start(Kind::Removed).u32(id.0).key()
}

pub(crate) fn all_removed() -> KeyRange {
    start(Kind::Removed).key().prefix_range()
}

/// `local` is folded.
pub(crate) fn address(domain: &Domain, local: &str) -> Key {
    start(Kind::Address).text(domain.as_str()).text(local).key()
}

/// All addresses of a domain, or of all.
pub(crate) fn addresses(domain: Option<&Domain>) -> KeyRange {
    match domain {
        Some(domain) => start(Kind::Address).text(domain.as_str()).key().prefix_range(),
        None => start(Kind::Address).key().prefix_range(),
    }
}

pub(crate) fn credential(id: AccountId) -> Key {
    start(Kind::Credential).u32(id.0).key()
}

pub(crate) fn app_passwords(id: AccountId) -> Key {
    start(Kind::AppPasswords).u32(id.0).key()
}

pub(crate) fn number() -> Key {
    start(Kind::Number).key()
}

pub(crate) fn secret() -> Key {
    start(Kind::Secret).key()
}

pub(crate) fn address_count(domain: &Domain) -> Key {
    start(Kind::Addresses).text(domain.as_str()).key()
}

pub(crate) fn signing_key(domain: &Domain, selector: &str) -> Key {
    start(Kind::SigningKey).text(domain.as_str()).text(selector).key()
}

pub(crate) fn signing_keys(domain: &Domain) -> KeyRange {
    start(Kind::SigningKey).text(domain.as_str()).key().prefix_range()
}

/// The selector in a key of [`signing_keys`].
pub(crate) fn selector_of(key: &Key, domain: &Domain) -> Option<String> {
    let start = start(Kind::SigningKey).text(domain.as_str()).key();
    let text = key.as_bytes().strip_prefix(start.as_bytes())?.strip_suffix(&[0])?;
    String::from_utf8(text.to_vec()).ok()
}

/// The number in a key of [`accounts`] or [`all_removed`].
pub(crate) fn account_of(key: &Key) -> Option<AccountId> {
    Some(AccountId(u32::from_be_bytes(key.as_bytes().get(2..)?.try_into().ok()?)))
}

/// A key or counter that cannot be read.
pub(crate) fn damaged() -> crate::Error {
    store::Error::Damaged("a key or counter of the directory cannot be read".into()).into()
}
