//! Files of mailboxes that are made from the store and can be made again, so that they may be lost or damaged.
//!
//! `DIR/XX/ACCOUNT-MAILBOX` or `DIR/XX/ACCOUNT-MAILBOX-MORE`, all hexadecimal: XX are the last digits of the account's.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::{AccountId, MailboxId};

use super::Disk;

/// A disk with less free space gets no more files: mail needs what is left.
const FREE: u64 = 512 << 20;
/// Folders that the files are in, so that none has too many.
const FOLDERS: u32 = 256;

/// A mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Whose.
    pub account: AccountId,
    /// Its number, which is never given to another one.
    pub mailbox: MailboxId,
}

/// The files of one kind. Calls block.
#[derive(Clone)]
pub struct Cabinet {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Cabinet {
    /// Of the files in `dir`. Touches none yet.
    pub fn new(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Self { disk, dir: dir.to_owned() }
    }

    /// Where they are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The name of a mailbox's file: the only one, or the one of `more`.
    pub fn file(&self, place: Place, more: Option<&str>) -> PathBuf {
        let dash = if more.is_some() { "-" } else { "" };
        let (account, mailbox) = (place.account.0, place.mailbox.0);
        let name = format!("{account:08x}-{mailbox:08x}{dash}{}", more.unwrap_or_default());
        self.folder(account).join(name)
    }

    /// The mailbox's files.
    pub fn files(&self, place: Place) -> impl Iterator<Item = PathBuf> {
        self.list(place.account.0).filter(move |file| place_of(file) == Some(place))
    }

    /// Reads a file of at most `limit` bytes.
    pub fn read(&self, file: &Path, limit: u64) -> io::Result<Vec<u8>> {
        super::read(&*self.disk, file, limit)
    }

    /// Writes a file, in place of one that may be there, if the disk has space to spare.
    pub fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = file.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.disk.create_dir_all(folder)?;
        if self.disk.free_bytes(folder)? < FREE + bytes.len() as u64 {
            return Err(io::Error::other("the disk has little space left"));
        }
        super::replace(&*self.disk, file, bytes)
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, file: &Path) -> io::Result<()> {
        if self.disk.exists(file) { self.disk.remove(file) } else { Ok(()) }
    }

    /// The mailboxes that have files.
    pub fn places(&self) -> HashSet<Place> {
        self.all().filter_map(|file| place_of(&file)).collect()
    }

    /// Removes all files of mailboxes that are no more. One that stays does not keep the others; the error is of the last.
    pub fn clear(&self, gone: &HashSet<Place>) -> io::Result<()> {
        let files = self.all().filter(|file| place_of(file).is_some_and(|place| gone.contains(&place)));
        let failed: Vec<_> = files.filter_map(|file| self.remove(&file).err()).collect();
        failed.into_iter().next_back().map_or(Ok(()), Err)
    }

    fn all(&self) -> impl Iterator<Item = PathBuf> {
        (0..FOLDERS).flat_map(|number| self.list(number))
    }

    fn list(&self, account: u32) -> impl Iterator<Item = PathBuf> + use<> {
        self.disk.list(&self.folder(account)).unwrap_or_default().into_iter()
    }

    fn folder(&self, account: u32) -> PathBuf {
        self.dir.join(format!("{:02x}", account % FOLDERS))
    }
}

/// Which mailbox a file is of, by its name.
fn place_of(file: &Path) -> Option<Place> {
    let mut numbers = file.file_name()?.to_str()?.split('-').map(|text| u32::from_str_radix(text, 16).ok());
    Some(Place { account: AccountId(numbers.next()??), mailbox: MailboxId(numbers.next()??) })
}
