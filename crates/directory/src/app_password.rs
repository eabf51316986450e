//! App passwords: one for each program of an account, made by us, good for some services only, each revocable alone.
//!
//! They have 100 bits, so nobody guesses one, and a keyed hash is enough of a verifier: PLAIN and LOGIN cost no PBKDF2.
//! Beside it stand the keys for SCRAM (RFC 5802 §3). The server names one salt before it knows which password the client
//! has, so all passwords of an account have the same salt and iterations; [`Directory::set_password`] keeps to that.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Mutex;

use mail::{AccountId, Wall, limits};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Snapshot, Topic};

use crate::credential::{self, hmac_sha256, is_equal};
use crate::record::{Credential, Keys};
use crate::{Directory, Error, Password, keys};

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// Accounts whose last uses one batch writes.
const AT_ONCE: usize = 500;

/// A service that an app password may be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Reading and writing mailboxes by IMAP.
    Imap,
    /// Fetching mail by POP3.
    Pop3,
    /// Sending mail (RFC 6409).
    Submission,
}

impl Scope {
    /// All there are. Their places are what is stored: new ones come at the end.
    pub const ALL: [Self; 3] = [Self::Imap, Self::Pop3, Self::Submission];

    /// Its name, as in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Submission => "submission",
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == name)
            .ok_or_else(|| Error::NoSuchScope(name.into()))
    }
}

/// What an app password is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u64);

impl Scopes {
    /// Whether it is good for `scope`.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    /// All that it is good for.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u32))
    }
}

/// An app password, as far as anyone can see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPassword {
    /// What its owner calls it.
    pub name: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Wall,
    /// The beginning of the day (UTC) on which it was last used.
    pub used: Option<Wall>,
}

/// An app password as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Never given again within the account.
    number: u32,
    name: String,
    scopes: Scopes,
    created: Wall,
    /// Days since 1970.
    used: Option<u32>,
    verifier: [u8; 32],
    pub(crate) keys: Keys,
}

/// All app passwords of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AppPasswords {
    /// Of all passwords of the account.
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: NonZeroU32,
    /// Numbers given out.
    given: u32,
    pub(crate) entries: Vec<Entry>,
}

impl AppPasswords {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(1);
        w.bytes(&self.salt).varint(self.iterations.get().into()).varint(self.given.into());
        w.list(&self.entries, |w, entry| {
            w.varint(entry.number.into()).text(&entry.name).varint(entry.scopes.0).wall(entry.created);
            w.option(entry.used, |w, day| {
                w.varint(day.into());
            });
            w.raw(&entry.verifier).raw(&entry.keys.stored_key).raw(&entry.keys.server_key);
        });
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, store::Error> {
        let (mut r, _) = Reader::new(bytes, 1, "an account's app passwords")?;
        let salt = r.bytes()?.to_vec();
        let iterations = NonZeroU32::new(r.number()?).ok_or_else(|| r.damaged())?;
        let given = r.number()?;
        let entries = r.list(|r| {
            let (number, name) = (r.number()?, r.text()?.to_owned());
            let (scopes, created) = (Scopes(r.varint()?), r.wall()?);
            let used = r.option(Reader::number)?;
            let mut key = || r.raw(32).map(|key| key.try_into().expect("32 bytes were taken"));
            let (verifier, stored_key, server_key) = (key()?, key()?, key()?);
            Ok(Entry { number, name, scopes, created, used, verifier, keys: Keys { stored_key, server_key } })
        })?;
        Ok(Self { salt, iterations, given, entries })
    }

    /// The one that `password` is. Looks at all, whichever it is.
    pub(crate) fn find(&self, password: &str) -> Option<&Entry> {
        let verifier = verifier(&self.salt, password);
        self.entries.iter().fold(
            None,
            |found, entry| {
                if is_equal(&entry.verifier, &verifier) { Some(entry) } else { found }
            },
        )
    }
}

/// What is kept of an app password under a salt. How it is typed does not matter: the case, the dashes, spaces, and the
/// letters that the alphabet leaves out because they look like digits.
pub(crate) fn verifier(salt: &[u8], password: &str) -> [u8; 32] {
    let plain = password.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| match c.to_ascii_lowercase() {
        'i' | 'l' => '1',
        'o' => '0',
        other => other,
    });
    hmac_sha256(salt, format!("app password {}", plain.collect::<String>()).as_bytes())
}

/// Uses that are not written yet: a login costs no write.
#[derive(Default)]
pub(crate) struct Uses(Mutex<BTreeMap<(AccountId, u32), u32>>);

impl Uses {
    fn get(&self, id: AccountId, entry: &Entry) -> Option<u32> {
        self.0.lock().expect("no holder panics").get(&(id, entry.number)).copied().max(entry.used)
    }

    /// Remembers a use today. As many are remembered as there are app passwords.
    fn note(&self, id: AccountId, entry: &Entry, now: Wall) {
        let today = day(now);
        if entry.used.is_none_or(|used| used < today) {
            self.0.lock().expect("no holder panics").insert((id, entry.number), today);
        }
    }

    /// Accounts that have some, from the first.
    fn accounts(&self, limit: usize) -> Vec<AccountId> {
        let uses = self.0.lock().expect("no holder panics");
        let mut accounts: Vec<AccountId> = uses.keys().map(|(id, _)| *id).collect();
        accounts.dedup();
        accounts.truncate(limit);
        accounts
    }

    /// Puts them into the record. Gives whether that changed it; what the record knows already is forgotten here.
    fn settle(&self, id: AccountId, record: Option<&mut AppPasswords>) -> bool {
        let mut uses = self.0.lock().expect("no holder panics");
        let mut changed = false;
        let entries = record.map(|record| &mut record.entries);
        let mut entries: BTreeMap<u32, &mut Entry> =
            entries.into_iter().flatten().map(|entry| (entry.number, entry)).collect();
        uses.retain(|(account, number), day| {
            if *account != id {
                return true;
            }
            let Some(entry) = entries.get_mut(number) else { return false };
            let newer = entry.used.is_none_or(|used| used < *day);
            if newer {
                entry.used = Some(*day);
                changed = true;
            }
            newer
        });
        changed
    }
}

fn day(at: Wall) -> u32 {
    u32::try_from(at.millis().max(0) / DAY).unwrap_or(u32::MAX)
}

/// The app passwords of an account, with what a batch expects of them.
pub(crate) async fn read(
    snapshot: &Snapshot,
    id: AccountId,
) -> Result<(Option<AppPasswords>, Expect), Error> {
    Ok(match snapshot.get(&keys::app_passwords(id)).await? {
        Some(found) => (Some(AppPasswords::decode(&found.value)?), Expect::Version(found.version)),
        None => (None, Expect::Absent),
    })
}

impl Directory {
    /// The app passwords of an account, oldest first.
    pub async fn app_passwords(&self, id: AccountId) -> Result<Vec<AppPassword>, Error> {
        self.existing(id).await?;
        let (record, _) = read(&self.store.snapshot(), id).await?;
        let seen = |entry: Entry| AppPassword {
            used: self.uses.get(id, &entry).map(|day| Wall::from_millis(i64::from(day) * DAY)),
            name: entry.name,
            scopes: entry.scopes,
            created: entry.created,
        };
        Ok(record.into_iter().flat_map(|record| record.entries).map(seen).collect())
    }

    /// Makes an app password at `now`, at most [`limits::APP_PASSWORDS`] for an account, and gives it: it is kept nowhere.
    /// Its name, of at most [`limits::APP_PASSWORD_NAME`] characters, is the only one of that name.
    pub async fn add_app_password(
        &self,
        batch: &mut Batch,
        id: AccountId,
        name: &str,
        scopes: Scopes,
        now: Wall,
    ) -> Result<Password, Error> {
        self.existing(id).await?;
        let length = name.chars().count();
        if length == 0 || length > limits::APP_PASSWORD_NAME || name.chars().any(char::is_control) {
            return Err(Error::AppPasswordName(name.into()));
        }
        if scopes == Scopes::default() {
            return Err(Error::NoScopes);
        }
        let (mut record, expected) = self.app_passwords_or_new(batch, id).await?;
        if record.entries.iter().any(|entry| entry.name == name) {
            return Err(Error::AppPasswordExists(name.into()));
        }
        if record.entries.len() >= limits::APP_PASSWORDS {
            return Err(Error::TooManyAppPasswords);
        }
        let password = Password::generate(&*self.world.rng);
        let derived = credential::hash(&self.world, &password, &record.salt, record.iterations).await?;
        record.given = record.given.checked_add(1).ok_or_else(keys::damaged)?;
        record.entries.push(Entry {
            number: record.given,
            name: name.into(),
            scopes,
            created: now,
            used: None,
            verifier: verifier(&record.salt, password.as_str()),
            keys: derived.keys,
        });
        batch.expect(keys::account(id), Expect::Present);
        batch.expect(keys::app_passwords(id), expected);
        batch.put(keys::app_passwords(id), record.encode());
        batch.notify(Topic::Directory);
        Ok(password)
    }

    /// What there is; where there is none, an empty record with the salt of the account's password. That one must then stay as it is.
    async fn app_passwords_or_new(
        &self,
        batch: &mut Batch,
        id: AccountId,
    ) -> Result<(AppPasswords, Expect), Error> {
        let snapshot = self.store.snapshot();
        let (record, expected) = read(&snapshot, id).await?;
        let given = record.as_ref().map_or(0, |record| record.given);
        if let Some(record) = record.filter(|record| !record.entries.is_empty()) {
            return Ok((record, expected));
        }
        let main = snapshot.get(&keys::credential(id)).await?;
        let as_it_is = main.as_ref().map_or(Expect::Absent, |found| Expect::Version(found.version));
        batch.expect(keys::credential(id), as_it_is);
        let main = main.map(|found| Credential::decode(&found.value)).transpose()?;
        let (salt, iterations) = main.map_or_else(
            || (credential::salt(&self.world), self.iterations),
            |main| (main.salt, main.iterations),
        );
        Ok((AppPasswords { salt, iterations, given, entries: Vec::new() }, expected))
    }

    /// Revokes an app password: it is good for nothing once the batch is committed.
    pub async fn remove_app_password(
        &self,
        batch: &mut Batch,
        id: AccountId,
        name: &str,
    ) -> Result<(), Error> {
        let gone = || Error::NoSuchAppPassword(name.into());
        let (record, expected) = read(&self.store.snapshot(), id).await?;
        let mut record = record.ok_or_else(gone)?;
        let there = record.entries.len();
        record.entries.retain(|entry| entry.name != name);
        if record.entries.len() == there {
            return Err(gone());
        }
        batch.expect(keys::app_passwords(id), expected);
        // The record stays, also empty: it has the numbers given out.
        batch.put(keys::app_passwords(id), record.encode());
        batch.notify(Topic::Directory);
        Ok(())
    }

    /// Writes on which days app passwords were used last, of some accounts. Gives whether there was something to write;
    /// then it is asked again once the batch is committed.
    pub async fn write_uses(&self, batch: &mut Batch) -> Result<bool, Error> {
        let snapshot = self.store.snapshot();
        let mut some = false;
        for id in self.uses.accounts(AT_ONCE) {
            let (mut record, expected) = read(&snapshot, id).await?;
            if self.uses.settle(id, record.as_mut())
                && let Some(record) = record
            {
                batch.expect(keys::app_passwords(id), expected);
                batch.put(keys::app_passwords(id), record.encode());
                some = true;
            }
        }
        Ok(some)
    }

    /// Whether an app password that was right may be used for this; then the use is remembered.
    pub(crate) fn is_in_scope(&self, id: AccountId, entry: &Entry, service: Option<Scope>) -> bool {
        let good = service.is_some_and(|service| entry.scopes.contains(service));
        if good {
            self.uses.note(id, entry, self.world.clock.wall());
        }
        good
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Scope::name).collect::<Vec<_>>().join(","))
    }
}
