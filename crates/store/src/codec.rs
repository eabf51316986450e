//! The compact binary form of records: varints, length-prefixed bytes and the words of mail.
//!
//! Each record begins with a version byte. Reading never trusts a length: what does not fit is
//! [`Error::Damaged`], never a panic and never an allocation larger than the input.

use std::net::IpAddr;

use mail::{Address, EnhancedCode, Host, Id, Notify, Recipient, Reply, ReversePath, Wall};

use crate::{BlobId, Error};

/// Puts a record together.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A record of format `version`.
    pub fn new(version: u8) -> Self {
        Self(vec![version])
    }

    /// Bytes so far: the offset of what comes next, for a [`Patch`](crate::Patch).
    pub fn offset(&self) -> usize {
        self.0.len()
    }

    /// One byte.
    pub fn u8(&mut self, n: u8) -> &mut Self {
        self.0.push(n);
        self
    }

    /// Yes or no.
    pub fn bool(&mut self, yes: bool) -> &mut Self {
        self.u8(yes.into())
    }

    /// Four bytes, big-endian: for numbers that are patched.
    pub fn u32(&mut self, n: u32) -> &mut Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// One to ten bytes, seven bits each, least significant first.
    pub fn varint(&mut self, mut n: u64) -> &mut Self {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.u8(n as u8)
    }

    /// A point in time, zigzag coded.
    pub fn wall(&mut self, at: Wall) -> &mut Self {
        self.difference(0, at.millis() as u64)
    }

    /// How far `to` is from `from`, either way, zigzag coded: short where they are near each other.
    pub fn difference(&mut self, from: u64, to: u64) -> &mut Self {
        let n = to.wrapping_sub(from) as i64;
        self.varint(((n << 1) ^ (n >> 63)) as u64)
    }

    /// Bytes as they are, without a length: only where the length is fixed or it is the record's end.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A length and bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.varint(bytes.len() as u64).raw(bytes)
    }

    /// A length and text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Whether there is something, and then what it is.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    /// How many, and each.
    pub fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.varint(items.len() as u64);
        for item in items {
            write(self, item);
        }
        self
    }

    /// An id.
    pub fn id(&mut self, id: Id) -> &mut Self {
        self.varint(id.0)
    }

    /// A body's name.
    pub fn blob(&mut self, id: BlobId) -> &mut Self {
        self.varint(id.0)
    }

    /// An IP address.
    pub fn ip(&mut self, ip: IpAddr) -> &mut Self {
        match ip {
            IpAddr::V4(ip) => self.u8(4).raw(&ip.octets()),
            IpAddr::V6(ip) => self.u8(6).raw(&ip.octets()),
        }
    }

    /// An address: local-part as meant, then host.
    pub fn address(&mut self, address: &Address) -> &mut Self {
        self.text(address.local()).text(&address.host().to_string())
    }

    /// A reverse-path.
    pub fn reverse_path(&mut self, path: &ReversePath) -> &mut Self {
        self.option(path.0.as_ref(), |w, a| {
            w.address(a);
        })
    }

    /// A recipient with its parameters.
    pub fn recipient(&mut self, recipient: &Recipient) -> &mut Self {
        let n = recipient.notify;
        let bits =
            u8::from(n.never) | u8::from(n.success) << 1 | u8::from(n.failure) << 2 | u8::from(n.delay) << 3;
        self.address(&recipient.address).u8(bits).option(recipient.original.as_deref(), |w, o| {
            w.text(o);
        })
    }

    /// A reply.
    pub fn reply(&mut self, reply: &Reply) -> &mut Self {
        self.varint(reply.code.into())
            .option(reply.enhanced, |w, e| {
                w.u8(e.0).varint(e.1.into()).varint(e.2.into());
            })
            .text(&reply.text)
    }

    /// The record.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Takes what [`Writer::varint`] wrote off the front; `None` if that is none. For long runs of numbers.
#[inline]
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if place == 9 && bits > 1 {
            return None;
        }
        n |= bits << (7 * place);
        if byte & 0x80 == 0 {
            *bytes = &bytes[place + 1..];
            return Some(n);
        }
    }
    None
}

/// Takes what [`Writer::difference`] wrote as its distance from `from` off the front.
#[inline]
pub fn take_difference(bytes: &mut &[u8], from: u64) -> Option<u64> {
    let n = take_varint(bytes)?;
    Some(from.wrapping_add(((n >> 1) as i64 ^ -((n & 1) as i64)) as u64))
}

/// Takes a record apart.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Begins with a record whose version must be from 1 to `newest`; `what` names it in errors. Gives the version too.
    pub fn new(bytes: &'a [u8], newest: u8, what: &'static str) -> Result<(Self, u8), Error> {
        let mut reader = Self { rest: bytes, what };
        match reader.u8()? {
            0 => Err(reader.damaged()),
            version if version > newest => Err(Error::NewerFormat(what.into())),
            version => Ok((reader, version)),
        }
    }

    /// The error for this record.
    pub fn damaged(&self) -> Error {
        Error::Damaged(format!("{} cannot be read", self.what))
    }

    /// Exactly `length` bytes.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.damaged())?;
        self.rest = rest;
        Ok(taken)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Bytes that are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.raw(1)?[0])
    }

    /// Yes or no.
    pub fn bool(&mut self) -> Result<bool, Error> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged()),
        }
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.raw(4)?.try_into().expect("four bytes were taken")))
    }

    /// See [`Writer::varint`].
    pub fn varint(&mut self) -> Result<u64, Error> {
        take_varint(&mut self.rest).ok_or_else(|| self.damaged())
    }

    /// A varint that must fit a smaller number.
    pub fn number<T: TryFrom<u64>>(&mut self) -> Result<T, Error> {
        let n = self.varint()?;
        T::try_from(n).map_err(|_| self.damaged())
    }

    /// A point in time.
    pub fn wall(&mut self) -> Result<Wall, Error> {
        Ok(Wall::from_millis(self.difference(0)? as i64))
    }

    /// What [`Writer::difference`] wrote as its distance from `from`.
    pub fn difference(&mut self, from: u64) -> Result<u64, Error> {
        take_difference(&mut self.rest, from).ok_or_else(|| self.damaged())
    }

    /// A length and bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let length = self.number()?;
        self.raw(length)
    }

    /// A length and text.
    pub fn text(&mut self) -> Result<&'a str, Error> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged())
    }

    /// Text, parsed.
    pub fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, Error> {
        let text = self.text()?;
        text.parse().map_err(|_| self.damaged())
    }

    /// Something or nothing.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }

    /// A list; each item takes at least one byte, so a false count cannot cost memory.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let count: usize = self.number()?;
        if count > self.rest.len() {
            return Err(self.damaged());
        }
        (0..count).map(|_| read(self)).collect()
    }

    /// An id.
    pub fn id(&mut self) -> Result<Id, Error> {
        self.varint().map(Id)
    }

    /// A body's name.
    pub fn blob(&mut self) -> Result<BlobId, Error> {
        self.varint().map(BlobId)
    }

    /// An IP address.
    pub fn ip(&mut self) -> Result<IpAddr, Error> {
        match self.u8()? {
            4 => Ok(<[u8; 4]>::try_from(self.raw(4)?).expect("four bytes were taken").into()),
            6 => Ok(<[u8; 16]>::try_from(self.raw(16)?).expect("sixteen bytes were taken").into()),
            _ => Err(self.damaged()),
        }
    }

    /// An address.
    pub fn address(&mut self) -> Result<Address, Error> {
        let local = self.text()?;
        let host: Host = self.parsed()?;
        Address::new(local, host).map_err(|_| self.damaged())
    }

    /// A reverse-path.
    pub fn reverse_path(&mut self) -> Result<ReversePath, Error> {
        self.option(Self::address).map(ReversePath)
    }

    /// A recipient with its parameters.
    pub fn recipient(&mut self) -> Result<Recipient, Error> {
        let address = self.address()?;
        let bits = self.u8()?;
        let notify = Notify {
            never: bits & 1 != 0,
            success: bits & 2 != 0,
            failure: bits & 4 != 0,
            delay: bits & 8 != 0,
        };
        let original = self.option(|r| r.text().map(str::to_owned))?;
        Ok(Recipient { address, notify, original })
    }

    /// A reply.
    pub fn reply(&mut self) -> Result<Reply, Error> {
        let code = self.number()?;
        let enhanced = self.option(|r| Ok(EnhancedCode(r.u8()?, r.number()?, r.number()?)))?;
        let text = self.text()?.to_owned();
        Ok(Reply { code, enhanced, text })
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.damaged()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(bytes: &[u8]) -> Result<(), Error> {
        let (mut r, _) = Reader::new(bytes, 1, "a test record")?;
        r.varint()?;
        r.wall()?;
        r.list(Reader::recipient)?;
        r.option(Reader::reply)?;
        r.reverse_path()?;
        r.ip()?;
        r.end()
    }

    #[test]
    fn words_come_back_as_they_were() {
        let recipient = Recipient {
            address: r#""a b"@bücher.example"#.parse().expect("an address"),
            notify: Notify { never: false, success: true, failure: false, delay: true },
            original: Some("rfc822;a+2Bb@x.test".into()),
        };
        let reply = Reply::new(450, EnhancedCode(4, 2, 1), "busy\nlater");
        let bytes = Writer::new(1)
            .varint(u64::MAX)
            .wall(Wall::from_millis(-5))
            .recipient(&recipient)
            .reply(&reply)
            .ip("2001:db8::1".parse().expect("an IP address"))
            .finish();
        let (mut r, version) = Reader::new(&bytes, 1, "a test record").expect("version 1");
        assert_eq!((version, r.varint(), r.wall()), (1, Ok(u64::MAX), Ok(Wall::from_millis(-5))));
        assert_eq!(r.recipient(), Ok(recipient));
        assert_eq!(r.reply(), Ok(reply));
        assert_eq!(r.ip().map(|ip| ip.to_string()).as_deref(), Ok("2001:db8::1"));
        assert_eq!(r.end(), Ok(()));
    }

    #[test]
    fn newer_and_overlong_forms_are_refused() {
        assert!(matches!(Reader::new(&[2], 1, "it"), Err(Error::NewerFormat(_))));
        assert!(matches!(Reader::new(&[], 1, "it"), Err(Error::Damaged(_))));
        let (mut r, _) =
            Reader::new(&[1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], 1, "it").expect("v1");
        assert!(matches!(r.varint(), Err(Error::Damaged(_))));
    }

    proptest! {
        #[test]
        fn damaged_records_are_errors(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(read_all(&bytes));
        }

        #[test]
        fn varints_come_back(n in any::<u64>()) {
            let bytes = Writer::new(1).varint(n).finish();
            let (mut r, _) = Reader::new(&bytes, 1, "a number").expect("version 1");
            prop_assert_eq!(r.varint(), Ok(n));
        }
    }
}
