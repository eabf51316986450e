//! Reports about mail and TLS: those that came, and those that are counted for others.

use std::str::FromStr;

use ::reports::{Day, File, Received, ReceivedId};
use mailauth::report::{aggregate, tls};

use super::{CountedRow, Office, PAGE, Reply, ReportRow, ReportSource, Trouble, domain, time};

/// Groups of counts looked up at once.
const GROUPS: usize = 100;

impl Office {
    pub(super) async fn report_list(&self, of: Option<&str>, after: Option<&str>) -> Result<Reply, Trouble> {
        let of = of.map(domain).transpose()?;
        let after = after.map(place).transpose()?;
        let page = self.reports.list(of.as_ref().map(mail::Domain::as_str), after, PAGE).await?;
        let next = page.next.map(|(day, id)| format!("{}-{id}", day.0));
        Ok(Reply::Reports { rows: page.rows.iter().map(row).collect(), next })
    }

    pub(super) async fn report_show(&self, id: &str) -> Result<Reply, Trouble> {
        let unknown = || Trouble::Said(format!("there is no report {id:?}; see: posthouse reports list"));
        let id = ReceivedId::from_str(id).map_err(|()| unknown())?;
        let file = self.reports.file(id).await?.ok_or_else(unknown)?;
        let received = self.reports.received(id, &file).await?.ok_or_else(unknown)?;
        let mut sources = match &file {
            File::Dmarc(report) => report.rows.iter().map(|(row, n)| message(row, *n)).collect(),
            File::Tls(report) => sessions(report),
        };
        sources.sort_by_key(|source| std::cmp::Reverse(source.count));
        Ok(Reply::Report { report: row(&received), sources })
    }

    pub(super) async fn report_pending(&self) -> Result<Reply, Trouble> {
        self.reports.flush(|batch| self.store.commit(batch)).await?;
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let groups = self.reports.groups(Day(u32::MAX), after.as_ref(), GROUPS).await?;
            for group in &groups {
                let total = self.reports.collected(group).await?.total();
                rows.push(CountedRow {
                    day: date(group.day),
                    kind: group.kind.name().into(),
                    domain: group.domain.clone(),
                    total,
                });
            }
            after = groups.into_iter().next_back();
            if after.is_none() || rows.len() >= PAGE {
                return Ok(Reply::PendingReports { rows });
            }
        }
    }

    pub(super) fn report_send(&self) -> Result<Reply, Trouble> {
        if self.running.is_none() {
            return Err(Trouble::Said(
                "only a running server sends reports; start it with: posthouse serve".into(),
            ));
        }
        self.reports.demand();
        let text = "all that is counted goes out now to who wants it; see: posthouse queue list";
        Ok(Reply::Done { text: text.into() })
    }
}

fn date(day: Day) -> String {
    time(day.begin()).split('T').next().unwrap_or_default().to_owned()
}

fn place(text: &str) -> Result<(Day, ReceivedId), Trouble> {
    let parts = text.split_once('-').and_then(|(day, id)| Some((Day(day.parse().ok()?), id.parse().ok()?)));
    parts.ok_or_else(|| Trouble::Said(format!("{text:?} is no place in the list of reports")))
}

fn row(received: &Received) -> ReportRow {
    ReportRow {
        id: received.id.to_string(),
        kind: received.kind.name().into(),
        domain: received.domain.clone(),
        reporter: received.reporter.clone(),
        report_id: received.report_id.clone(),
        begin: time(received.begin),
        end: time(received.end),
        message: received.message.to_string(),
        total: received.total,
        good: received.good,
        shortened: received.shortened,
    }
}

fn message(row: &aggregate::Row, count: u64) -> ReportSource {
    let signatures = row.dkim.iter().map(|dkim| format!("dkim={} {}", dkim.result, dkim.domain));
    let spf = row.spf.iter().map(|spf| format!("spf={} {}", spf.result, spf.domain));
    let aligned = match (row.dkim_aligned, row.spf_aligned) {
        (true, true) => "by DKIM and SPF",
        (true, false) => "by DKIM",
        (false, true) => "by SPF",
        (false, false) => "by nothing",
    };
    let overrides = row.overrides.iter().map(|reason| reason.kind.clone());
    let findings = [format!("from {} proven {aligned}", row.header_from)].into_iter();
    ReportSource {
        count,
        good: row.dkim_aligned || row.spf_aligned,
        source: row.source.to_string(),
        outcome: row.disposition.word().into(),
        findings: findings.chain(signatures).chain(spf).chain(overrides).collect::<Vec<_>>().join(", "),
    }
}

fn sessions(report: &tls::Report) -> Vec<ReportSource> {
    let mut sources = Vec::new();
    for (applied, sessions) in &report.policies {
        let policy = format!("policy {} of {}", applied.kind.word(), applied.domain);
        let good = (sessions.successful > 0).then(|| ReportSource {
            count: sessions.successful,
            good: true,
            source: applied.mx.join(" "),
            outcome: "success".into(),
            findings: policy.clone(),
        });
        sources.extend(good);
        sources.extend(sessions.failures.iter().map(|(failure, count)| {
            ReportSource {
                count: *count,
                good: false,
                source: failure.host.clone().unwrap_or_default(),
                outcome: failure.kind.clone(),
                findings: [Some(policy.clone()), failure.reason.clone()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(", "),
            }
        }));
    }
    sources
}
