//! Reports that others sent about our domains.

use std::time::Duration;

use bytes::Bytes;
use mail::{Id, Wall, limits};
use mailauth::report::unpack::gzip;
use mailauth::report::{aggregate, tls};
use store::codec::{Reader, Writer};
use store::{Batch, BlobId, Error, Key};

use crate::{Day, Kind, Reports, keys, sample};

/// How far back a report may reach; what is older is not believed.
const OLDEST: Duration = Duration::from_hours(90 * 24);

/// The name of a report: the same for one that comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceivedId(pub u64);

impl std::fmt::Display for ReceivedId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for ReceivedId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let good = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if good { u64::from_str_radix(text, 16).map(Self).map_err(|_| ()) } else { Err(()) }
    }
}

/// What a report says, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its name.
    pub id: ReceivedId,
    /// What it is about.
    pub kind: Kind,
    /// The domain of ours.
    pub domain: String,
    /// Who reports, in their words.
    pub reporter: String,
    /// Their name for it.
    pub report_id: String,
    /// The period.
    pub begin: Wall,
    /// Its end.
    pub end: Wall,
    /// The message that brought it.
    pub message: Id,
    /// When it was read.
    pub at: Wall,
    /// Messages or sessions.
    pub total: u64,
    /// Those that passed DMARC, or had the TLS that was asked for.
    pub good: u64,
    /// Whether rows were left out because there were too many.
    pub shortened: bool,
}

/// A report.
#[derive(Clone, Debug)]
pub enum File {
    /// About mail.
    Dmarc(aggregate::Report),
    /// About TLS.
    Tls(tls::Report),
}

/// A message that may bring a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Which.
    pub message: Id,
    /// Its body.
    pub blob: BlobId,
    /// How long that is.
    pub length: u64,
}

/// Some reports.
#[derive(Debug, Default)]
pub struct Page {
    /// Newest first.
    pub rows: Vec<Received>,
    /// Pass it as `after` for what follows; `None` at the end.
    pub next: Option<(Day, ReceivedId)>,
}

impl File {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Dmarc(_) => Kind::Dmarc,
            Self::Tls(_) => Kind::Tls,
        }
    }

    /// The domains that it says something of.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let (dmarc, tls) = match self {
            Self::Dmarc(report) => (Some(report.policy.domain.as_str()), None),
            Self::Tls(report) => (None, Some(report.policies.keys().map(|applied| applied.domain.as_str()))),
        };
        dmarc.into_iter().chain(tls.into_iter().flatten())
    }

    fn period(&self) -> (Wall, Wall) {
        match self {
            Self::Dmarc(report) => (report.metadata.begin, report.metadata.end),
            Self::Tls(report) => (report.begin, report.end),
        }
    }

    /// Who reports, and their name for it.
    fn reporter(&self) -> (&str, &str) {
        match self {
            Self::Dmarc(report) => (&report.metadata.organization, &report.metadata.id),
            Self::Tls(report) => (&report.organization, &report.id),
        }
    }

    /// All that is counted in it, and what of it is good.
    fn counts(&self) -> (u64, u64) {
        let sum = |(total, good): (u64, u64), n: u64, is_good: bool| {
            (total.saturating_add(n), good.saturating_add(if is_good { n } else { 0 }))
        };
        match self {
            Self::Dmarc(report) => report
                .rows
                .iter()
                .fold((0, 0), |sums, (row, &n)| sum(sums, n, row.dkim_aligned || row.spf_aligned)),
            Self::Tls(report) => report.policies.values().fold((0, 0), |sums, sessions| {
                sum(sum(sums, sessions.successful, true), sessions.failed, false)
            }),
        }
    }

    /// Packed, in at most [`limits::REPORT_KEPT`] bytes before packing: of too many rows those that count most. Whether some
    /// were left out.
    fn pack(mut self) -> (Vec<u8>, bool) {
        let mut shortened = false;
        loop {
            let text = match &self {
                Self::Dmarc(report) => report.to_xml(),
                Self::Tls(report) => report.to_json(),
            };
            if text.len() <= limits::REPORT_KEPT || !self.halve() {
                return (gzip(text.as_bytes()), shortened);
            }
            shortened = true;
        }
    }

    /// Leaves the lesser half of the rows out. Whether there were any.
    fn halve(&mut self) -> bool {
        match self {
            Self::Dmarc(report) => {
                let mut rows: Vec<_> = std::mem::take(&mut report.rows).into_iter().collect();
                rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
                let had = !rows.is_empty();
                rows.truncate(rows.len() / 2);
                report.rows = rows.into_iter().collect();
                had
            }
            Self::Tls(report) => {
                let most =
                    report.policies.values().map(|sessions| sessions.failures.len()).max().unwrap_or(0);
                for sessions in report.policies.values_mut() {
                    while sessions.failures.len() > most / 2 {
                        sessions.failures.pop_last();
                    }
                }
                if most == 0 {
                    let policies = report.policies.len();
                    while report.policies.len() > policies / 2 {
                        report.policies.pop_last();
                    }
                    return policies > 0;
                }
                true
            }
        }
    }
}

impl Reports {
    /// Adds to the batch that takes a message over that it may bring a report. Call [`Reports::wake`] after the commit.
    pub fn announce(&self, batch: &mut Batch, announced: Announced) {
        let mut w = Writer::new(1);
        w.blob(announced.blob).varint(announced.length);
        batch.put(keys::announced(announced.message), w.finish());
    }

    /// Messages that may bring reports and have not been looked at, at most `limit`.
    pub async fn announced(&self, limit: usize) -> Result<Vec<Announced>, Error> {
        let found = self.store.snapshot().range(&keys::all_announced(), limit).await?;
        let read = |(key, value): &(Key, store::Versioned)| {
            let (mut r, _) = Reader::new(&value.value, 1, "a message that may bring a report")?;
            let message = key.as_bytes().last_chunk().map(|bytes| Id(u64::from_be_bytes(*bytes)));
            let message = message.ok_or_else(|| Error::Damaged("a key of a message".into()))?;
            Ok(Announced { message, blob: r.blob()?, length: r.varint()? })
        };
        found.iter().map(read).collect()
    }

    /// Adds to a batch that a message has been looked at.
    pub fn looked_at(&self, batch: &mut Batch, message: Id) {
        batch.delete(keys::announced(message));
    }

    /// Adds a report to a batch, in place of the same one that came before. `None` if its period cannot be true.
    pub fn keep(
        &self,
        batch: &mut Batch,
        message: Id,
        domain: &str,
        file: File,
        now: Wall,
    ) -> Option<Received> {
        let (begin, end) = file.period();
        let tomorrow = now + Duration::from_hours(24);
        if end < begin || begin > tomorrow || now.since(begin) > OLDEST {
            return None;
        }
        let (reporter, report_id) = file.reporter();
        let name = format!("{}\0{reporter}\0{report_id}\0{domain}\0{}", file.kind().name(), begin.secs());
        let id = ReceivedId(u64::from_be_bytes(first_half(sample::name_of(name.as_bytes()))));
        let (total, good) = file.counts();
        let (reporter, report_id, kind) = (reporter.to_owned(), report_id.to_owned(), file.kind());
        let (packed, shortened) = file.pack();
        let domain = domain.to_owned();
        let received = Received {
            id,
            kind,
            domain,
            reporter,
            report_id,
            begin,
            end,
            message,
            at: now,
            total,
            good,
            shortened,
        };
        batch.put(keys::received(Day::of(begin), id), received.encode());
        batch.put(keys::file(id), packed);
        Some(received)
    }

    /// Reports about a domain, or about all, behind `after`, newest first, at most `limit`.
    pub async fn list(
        &self,
        domain: Option<&str>,
        after: Option<(Day, ReceivedId)>,
        limit: usize,
    ) -> Result<Page, Error> {
        let mut range = keys::all_received();
        if let Some((day, id)) = after {
            range = range.before(&keys::received(day, id));
        }
        let found = self.store.snapshot().range_back(&range, limit).await?;
        let mut page = Page::default();
        for (key, value) in &found {
            page.next = (found.len() == limit).then(|| place(key)).flatten();
            let received = Received::decode(key, &value.value)?;
            if domain.is_none_or(|domain| received.domain.eq_ignore_ascii_case(domain)) {
                page.rows.push(received);
            }
        }
        Ok(page)
    }

    /// One report.
    pub async fn file(&self, id: ReceivedId) -> Result<Option<File>, Error> {
        let Some(found) = self.store.snapshot().get(&keys::file(id)).await? else { return Ok(None) };
        let damaged = || Error::Damaged(format!("report {id} cannot be read"));
        // Both are packed alike; only one is XML.
        match aggregate::read(&found.value) {
            Ok(report) => Ok(Some(File::Dmarc(report))),
            Err(_) => tls::read(&found.value).map(|report| Some(File::Tls(report))).map_err(|_| damaged()),
        }
    }

    /// What it says in short, for one that [`Reports::file`] has given.
    pub async fn received(&self, id: ReceivedId, file: &File) -> Result<Option<Received>, Error> {
        let key = keys::received(Day::of(file.period().0), id);
        let found = self.store.snapshot().get(&key).await?;
        found.map(|found| Received::decode(&key, &found.value)).transpose()
    }

    /// Adds the removal of up to `limit` reports about days before `day`. Whether there were any.
    pub async fn prune(&self, batch: &mut Batch, day: Day, limit: usize) -> Result<bool, Error> {
        let found = self.store.snapshot().range(&keys::received_before(day), limit).await?;
        for (key, _) in &found {
            if let Some((_, id)) = place(key) {
                batch.delete(keys::file(id));
            }
            batch.delete(key.clone());
        }
        Ok(!found.is_empty())
    }
}

impl Received {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(1);
        w.u8(self.kind as u8).text(&self.domain).text(&self.reporter).text(&self.report_id);
        w.wall(self.begin).wall(self.end).id(self.message).wall(self.at);
        w.varint(self.total).varint(self.good).bool(self.shortened).finish()
    }

    fn decode(key: &Key, value: &Bytes) -> Result<Self, Error> {
        let damaged = || Error::Damaged("what a report says".into());
        let (_, id) = place(key).ok_or_else(damaged)?;
        let (mut r, _) = Reader::new(value, 1, "what a report says")?;
        Ok(Self {
            id,
            kind: Kind::of(r.u8()?).ok_or_else(damaged)?,
            domain: r.text()?.to_owned(),
            reporter: r.text()?.to_owned(),
            report_id: r.text()?.to_owned(),
            begin: r.wall()?,
            end: r.wall()?,
            message: r.id()?,
            at: r.wall()?,
            total: r.varint()?,
            good: r.varint()?,
            shortened: r.bool()?,
        })
    }
}

/// Where a key stands among its like.
fn place(key: &Key) -> Option<(Day, ReceivedId)> {
    let (rest, id) = key.as_bytes().split_last_chunk()?;
    let day = rest.last_chunk()?;
    Some((Day(u32::from_be_bytes(*day)), ReceivedId(u64::from_be_bytes(*id))))
}

fn first_half(name: [u8; 16]) -> [u8; 8] {
    let mut half = [0; 8];
    half.copy_from_slice(&name[..8]);
    half
}
