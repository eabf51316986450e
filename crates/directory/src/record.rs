//! How records look in the store. The first byte is the format's version.

use std::fmt;
use std::num::NonZeroU32;

use mail::{AccountId, Address};
use store::Error;
use store::codec::{Reader, Writer};

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Account(AccountId),
    /// The address as it was written, and where it leads.
    Alias(Address, Vec<Address>),
}

impl Owner {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(1);
        match self {
            Self::Account(id) => w.u8(1).u32(id.0),
            Self::Alias(address, targets) => w.u8(2).address(address).list(targets, |w, target| {
                w.address(target);
            }),
        };
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let (mut r, _) = Reader::new(bytes, 1, "an address's record")?;
        match r.u8()? {
            1 => Ok(Self::Account(AccountId(r.u32()?))),
            2 => Ok(Self::Alias(r.address()?, r.list(Reader::address)?)),
            _ => Err(r.damaged()),
        }
    }
}

/// An account without its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountRecord {
    pub(crate) address: Address,
    pub(crate) enabled: bool,
    pub(crate) shared: bool,
}

impl AccountRecord {
    /// The first version, which knew no shared accounts, goes on being written for all others: older programs read it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(if self.shared { 2 } else { 1 });
        w.address(&self.address).bool(self.enabled);
        if self.shared {
            w.bool(true);
        }
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let (mut r, version) = Reader::new(bytes, 2, "an account's record")?;
        Ok(Self { address: r.address()?, enabled: r.bool()?, shared: version >= 2 && r.bool()? })
    }
}

/// What is kept of a password (RFC 5802 §5.1).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: NonZeroU32,
    pub(crate) keys: Keys,
}

/// What proves a password, by SCRAM or not, and what proves to a client that we know it (RFC 5802 §3).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) stored_key: [u8; 32],
    pub(crate) server_key: [u8; 32],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Credential {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(1);
        w.bytes(&self.salt).varint(self.iterations.get().into());
        w.raw(&self.keys.stored_key).raw(&self.keys.server_key);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let (mut r, _) = Reader::new(bytes, 1, "an account's credential")?;
        let salt = r.bytes()?.to_vec();
        let iterations = NonZeroU32::new(r.number()?).ok_or_else(|| r.damaged())?;
        let mut key = || r.raw(32).map(|key| key.try_into().expect("32 bytes were taken"));
        let (stored_key, server_key) = (key()?, key()?);
        Ok(Self { salt, iterations, keys: Keys { stored_key, server_key } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app_password::AppPasswords;
    use proptest::prelude::*;

    #[test]
    fn records_come_back() {
        let address: Address = "Team@x.test".parse().expect("an address");
        let owner = Owner::Alias(address.clone(), vec![address.clone(), address.clone()]);
        assert_eq!(Owner::decode(&owner.encode()), Ok(owner));
        for (enabled, shared, version) in [(false, false, 1), (true, true, 2), (false, true, 2)] {
            let account = AccountRecord { address: address.clone(), enabled, shared };
            let bytes = account.encode();
            assert_eq!((bytes[0], AccountRecord::decode(&bytes)), (version, Ok(account)));
        }
    }

    proptest! {
        #[test]
        fn damaged_records_are_errors(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            drop(Owner::decode(&bytes));
            drop(AccountRecord::decode(&bytes));
            drop(Credential::decode(&bytes).map(|_| ()));
            drop(AppPasswords::decode(&bytes));
        }
    }
}
