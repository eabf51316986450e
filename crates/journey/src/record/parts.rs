//! The larger events, and what many have in common.

use std::time::Duration;

use mail::Address;
use store::Error;
use store::codec::{Reader, Writer};

use crate::{Accepted, Attempted, Refused, Tls, TlsFailure, TlsPolicy, TlsResult, Verified};

/// Bytes of a text that is kept; what others say must not fill our disk.
const TEXT_LENGTH: usize = 1000;
/// Characters of a subject that are kept.
const SUBJECT_CHARACTERS: usize = 200;

/// Text, cut to a bound.
pub(super) fn text(w: &mut Writer, text: &str) {
    w.text(&text[..text.floor_char_boundary(TEXT_LENGTH)]);
}

fn optional_text(w: &mut Writer, value: Option<&str>) {
    w.option(value, text);
}

pub(super) fn addresses(w: &mut Writer, addresses: &[Address]) {
    w.list(addresses, |w, address| {
        w.address(address);
    });
}

pub(super) fn read_addresses(r: &mut Reader<'_>) -> Result<Vec<Address>, Error> {
    r.list(Reader::address)
}

fn read_text(r: &mut Reader<'_>) -> Result<String, Error> {
    r.text().map(str::to_owned)
}

/// One of a fixed list, as its place in it.
fn number<T: Copy + PartialEq>(w: &mut Writer, all: &[T], one: T) {
    let place = all.iter().position(|other| *other == one);
    w.u8(place.expect("the list has all") as u8);
}

fn read_number<T: Copy>(r: &mut Reader<'_>, all: &[T]) -> Result<T, Error> {
    let place = r.u8()?;
    all.get(usize::from(place)).copied().ok_or_else(|| r.damaged())
}

fn tls(w: &mut Writer, tls: Option<&Tls>) {
    w.option(tls, |w, tls| {
        text(w, &tls.version);
        text(w, &tls.cipher);
        number(w, &Verified::ALL, tls.verified);
    });
}

fn read_tls(r: &mut Reader<'_>) -> Result<Option<Tls>, Error> {
    r.option(|r| {
        let (version, cipher) = (read_text(r)?, read_text(r)?);
        Ok(Tls { version, cipher, verified: read_number(r, &Verified::ALL)? })
    })
}

pub(super) fn accepted(w: &mut Writer, a: &Accepted) {
    text(w, &a.service);
    w.option(a.client, |w, ip| {
        w.ip(ip);
    });
    text(w, &a.helo);
    tls(w, a.tls.as_ref());
    w.option(a.account.as_ref(), |w, account| {
        w.address(account);
    });
    w.reverse_path(&a.reverse_path);
    addresses(w, &a.recipients);
    w.varint(a.size);
    let subject: Option<String> = a.subject.as_ref().map(|s| s.chars().take(SUBJECT_CHARACTERS).collect());
    optional_text(w, subject.as_deref());
    optional_text(w, a.message_id.as_deref());
}

pub(super) fn read_accepted(r: &mut Reader<'_>) -> Result<Accepted, Error> {
    Ok(Accepted {
        service: read_text(r)?,
        client: r.option(Reader::ip)?,
        helo: read_text(r)?,
        tls: read_tls(r)?,
        account: r.option(Reader::address)?,
        reverse_path: r.reverse_path()?,
        recipients: read_addresses(r)?,
        size: r.varint()?,
        subject: r.option(read_text)?,
        message_id: r.option(read_text)?,
    })
}

pub(super) fn refused(w: &mut Writer, refusal: &Refused) {
    text(w, &refusal.stage);
    text(w, &refusal.service);
    w.option(refusal.client, |w, ip| {
        w.ip(ip);
    });
    text(w, &refusal.helo);
    w.option(refusal.reverse_path.as_ref(), |w, path| {
        w.reverse_path(path);
    });
    addresses(w, &refusal.recipients);
    w.reply(&refusal.reply);
}

pub(super) fn read_refused(r: &mut Reader<'_>) -> Result<Refused, Error> {
    Ok(Refused {
        stage: read_text(r)?,
        service: read_text(r)?,
        client: r.option(Reader::ip)?,
        helo: read_text(r)?,
        reverse_path: r.option(Reader::reverse_path)?,
        recipients: read_addresses(r)?,
        reply: r.reply()?,
    })
}

pub(super) fn attempted(w: &mut Writer, attempt: &Attempted) {
    text(w.id(attempt.item), &attempt.host);
    w.option(attempt.ip, |w, ip| {
        w.ip(ip);
    });
    tls(w, attempt.tls.as_ref());
    w.list(&attempt.results, |w, (address, reply)| {
        w.address(address).reply(reply);
    });
    w.varint(attempt.took.as_millis() as u64);
}

pub(super) fn read_attempted(r: &mut Reader<'_>) -> Result<Attempted, Error> {
    Ok(Attempted {
        item: r.id()?,
        host: read_text(r)?,
        ip: r.option(Reader::ip)?,
        tls: read_tls(r)?,
        results: r.list(|r| Ok((r.address()?, r.reply()?)))?,
        took: Duration::from_millis(r.varint()?),
    })
}

pub(super) fn tls_failure(w: &mut Writer, failure: &TlsFailure) {
    number(w.id(failure.item), &TlsPolicy::ALL, failure.policy);
    text(w, &failure.domain);
    text(w, &failure.host);
    for ip in [failure.ip, failure.source] {
        w.option(ip, |w, ip| {
            w.ip(ip);
        });
    }
    number(w, &TlsResult::ALL, failure.result);
    text(w, &failure.detail);
    w.bool(failure.enforced);
}

pub(super) fn read_tls_failure(r: &mut Reader<'_>) -> Result<TlsFailure, Error> {
    Ok(TlsFailure {
        item: r.id()?,
        policy: read_number(r, &TlsPolicy::ALL)?,
        domain: read_text(r)?,
        host: read_text(r)?,
        ip: r.option(Reader::ip)?,
        source: r.option(Reader::ip)?,
        result: read_number(r, &TlsResult::ALL)?,
        detail: read_text(r)?,
        enforced: r.bool()?,
    })
}
