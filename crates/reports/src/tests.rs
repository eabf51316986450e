use std::collections::BTreeMap;
use std::time::Duration;

use mail::{Id, Wall, limits};
use mailauth::report::aggregate::{self, Published, Row};
use mailauth::report::tls::{self, Applied, Failure, PolicyKind, Sessions};
use store::Batch;

use super::*;

const NOON: Wall = Wall::from_secs(20_000 * 86_400 + 43_200);
const TODAY: Day = Day(20_000);

fn reports() -> (Reports, Arc<dyn Store>) {
    let store = store::memory::open(&world::real::world(&[]));
    (Reports::new(Arc::clone(&store)), store)
}

fn message(domain: &str, source: &str, aligned: bool) -> Sample {
    let policy = Published { domain: domain.into(), ..Published::default() };
    let row = Row {
        source: source.parse().expect("an address"),
        disposition: aggregate::Disposition::None,
        dkim_aligned: aligned,
        spf_aligned: false,
        overrides: vec![aggregate::Override { kind: "mailing_list".into(), comment: None }],
        header_from: domain.into(),
        envelope_from: Some("b.test".into()),
        envelope_to: None,
        dkim: vec![aggregate::Dkim {
            domain: domain.into(),
            selector: "s".into(),
            result: "pass".into(),
            words: None,
        }],
        spf: None,
    };
    Sample::Dmarc(Box::new((policy, row)))
}

fn session(domain: &str, failure: Option<&str>) -> Sample {
    let failure = failure.map(|kind| Failure {
        kind: kind.into(),
        host: Some("mx.test".into()),
        reason: Some("because".into()),
        ..Failure::default()
    });
    let lines = vec!["version: STSv1".into(), "mode: enforce".into()];
    let applied =
        Applied { kind: PolicyKind::Sts, lines, domain: domain.into(), mx: vec!["*.x.test".into()] };
    Sample::Tls(Box::new((applied, failure)))
}

async fn commit(store: &Arc<dyn Store>, batch: Batch) {
    store.commit(batch).await.expect("a commit");
}

#[tokio::test]
async fn counts_come_back_by_day_kind_and_domain() {
    let (reports, store) = reports();
    let tomorrow = NOON + Duration::from_hours(24);
    for _ in 0..2 {
        let first = reports.count(NOON, message("a.test", "192.0.2.1", true));
        assert!(first, "the first one wants a flush");
        reports.count(NOON, message("a.test", "2001:db8::1", false));
        reports.count(NOON, session("b.test", Some("certificate-expired")));
        reports.flush(|batch| store.commit(batch)).await.expect("room");
    }
    reports.count(NOON, session("b.test", None));
    reports.count(tomorrow, session("a.test", None));
    reports.flush(|batch| store.commit(batch)).await.expect("room");

    let groups = reports.groups(Day(20_001), None, 10).await.expect("groups");
    let names: Vec<String> =
        groups.iter().map(|g| format!("{} {} {}", g.day.0, g.kind.name(), g.domain)).collect();
    assert_eq!(names, ["20000 dmarc a.test", "20000 tls b.test", "20001 tls a.test"]);
    assert_eq!(reports.groups(TODAY, None, 10).await.expect("groups"), groups[..2]);
    assert_eq!(reports.groups(Day(20_001), Some(&groups[0]), 1).await.expect("groups"), groups[1..2]);

    let mail = reports.collected(&groups[0]).await.expect("counts");
    let rows = mail.dmarc.values().next().expect("a policy");
    let counted: Vec<(String, u64)> = rows.iter().map(|(row, n)| (row.source.to_string(), *n)).collect();
    assert_eq!((counted, mail.total()), (vec![("192.0.2.1".into(), 2), ("2001:db8::1".into(), 2)], 4));
    let Sample::Dmarc(sample) = message("a.test", "192.0.2.1", true) else { unreachable!("made as such") };
    assert_eq!(rows.keys().next(), Some(&sample.1), "nothing is changed by being kept");

    let tls = reports.collected(&groups[1]).await.expect("counts");
    let sessions = tls.tls.values().next().expect("a policy");
    assert_eq!((sessions.successful, sessions.failed, tls.total()), (1, 2, 3));
    assert_eq!(sessions.failures.values().collect::<Vec<_>>(), [&2]);

    let mut batch = Batch::new();
    reports.forget(&mut batch, &mail);
    commit(&store, batch).await;
    assert_eq!(reports.groups(Day(20_001), None, 10).await.expect("groups"), groups[1..]);
}

/// Attacks A19: whoever sends from many addresses must not fill memory or disk with counts.
#[tokio::test]
async fn counts_are_bounded() {
    let (reports, store) = reports();
    let mut first = 0;
    for n in 0..limits::REPORT_WAITING + 10 {
        let source = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
        first += usize::from(reports.count(NOON, message("a.test", &source, true)));
    }
    assert_eq!(first, 1);
    reports.wanted().await;
    assert_eq!(reports.tally.lock().expect("no panic").len(), limits::REPORT_WAITING);
    reports.flush(|batch| store.commit(batch)).await.expect("room");
    reports.count(NOON, message("a.test", "2001:db8::1", true));
    reports.count(NOON, message("a.test", "10.0.0.0", true));
    reports.flush(|batch| store.commit(batch)).await.expect("room");
    let group = Group { day: TODAY, kind: Kind::Dmarc, domain: "a.test".into() };
    let collected = reports.collected(&group).await.expect("counts");
    let rows = collected.dmarc.values().next().expect("a policy");
    assert_eq!(rows.len(), limits::REPORT_ROWS);
    assert_eq!(collected.total(), limits::REPORT_ROWS as u64 + 1, "known ones still count");
}

fn aggregate(rows: usize, words: usize) -> aggregate::Report {
    let Sample::Dmarc(sample) = message("a.test", "192.0.2.1", true) else { unreachable!("made as such") };
    let (policy, row) = *sample;
    let row = |n: u32| {
        let header_from = "x".repeat(words);
        (Row { source: std::net::Ipv4Addr::from(n).into(), header_from, ..row.clone() }, u64::from(n))
    };
    let metadata = aggregate::Metadata {
        organization: "there.test".into(),
        id: "17".into(),
        begin: TODAY.begin(),
        end: TODAY.end(),
        ..aggregate::Metadata::default()
    };
    let rows = (1..=u32::try_from(rows).expect("few")).map(row).collect();
    aggregate::Report { metadata, policy, rows, truncated: false }
}

#[tokio::test]
async fn received_reports_are_kept_once_and_bounded() {
    let (reports, store) = reports();
    let keep = async |file: File| {
        let mut batch = Batch::new();
        let kept = reports.keep(&mut batch, Id(5), "a.test", file, NOON);
        commit(&store, batch).await;
        kept
    };
    let first = keep(File::Dmarc(aggregate(3, 10))).await.expect("kept");
    assert_eq!((first.total, first.good, first.shortened), (6, 6, false));
    let again = keep(File::Dmarc(aggregate(4, 10))).await.expect("kept");
    assert_eq!(again.id, first.id, "the same report, corrected");
    let page = reports.list(Some("A.test"), None, 10).await.expect("a list");
    assert_eq!(page.rows, [again]);
    assert_eq!(reports.list(Some("b.test"), None, 10).await.expect("a list").rows, []);
    let Some(File::Dmarc(file)) = reports.file(first.id).await.expect("a file") else { panic!("a report") };
    assert_eq!(file.rows.len(), 4);
    assert_eq!(first.id.to_string().parse(), Ok(first.id));

    let mut large = aggregate(2000, 900);
    large.metadata.id = "18".into();
    let large = keep(File::Dmarc(large)).await.expect("kept");
    assert!(large.shortened);
    assert_eq!(large.total, 2000 * 2001 / 2, "the sums are those of the whole report");
    let Some(File::Dmarc(file)) = reports.file(large.id).await.expect("a file") else { panic!("a report") };
    assert!(file.rows.values().all(|n| *n > 1000), "those that count most are left");

    let mut sessions = Sessions::default();
    sessions.count(None, 7);
    let applied = Applied { domain: "a.test".into(), ..Applied::default() };
    let tls = tls::Report {
        id: "19".into(),
        organization: "there.test".into(),
        begin: TODAY.before(1).begin(),
        end: TODAY.before(1).end(),
        policies: BTreeMap::from([(applied, sessions)]),
        ..tls::Report::default()
    };
    let tls = keep(File::Tls(tls)).await.expect("kept");
    assert!(matches!(reports.file(tls.id).await, Ok(Some(File::Tls(_)))));
    assert_eq!(reports.list(None, None, 10).await.expect("a list").rows.last(), Some(&tls), "newest first");

    for (begin, end) in
        [(0, 10), (NOON.secs(), NOON.secs() - 1), (NOON.secs() + 90_000, NOON.secs() + 90_001)]
    {
        let mut wrong = aggregate(1, 1);
        (wrong.metadata.begin, wrong.metadata.end) = (Wall::from_secs(begin), Wall::from_secs(end));
        assert_eq!(keep(File::Dmarc(wrong)).await, None, "{begin} {end}");
    }

    let mut batch = Batch::new();
    assert_eq!(reports.prune(&mut batch, TODAY, 10).await, Ok(true));
    commit(&store, batch).await;
    assert!(matches!(reports.file(tls.id).await, Ok(None)));
    assert_eq!(reports.list(None, None, 10).await.expect("a list").rows.len(), 2);
}

#[tokio::test]
async fn announced_messages_wait_until_they_are_looked_at() {
    let (reports, store) = reports();
    let mut batch = Batch::new();
    let announced = Announced { message: Id(7), blob: store::BlobId(9), length: 100 };
    reports.announce(&mut batch, announced);
    commit(&store, batch).await;
    assert_eq!(reports.announced(5).await, Ok(vec![announced]));
    let mut batch = Batch::new();
    reports.looked_at(&mut batch, Id(7));
    commit(&store, batch).await;
    assert_eq!(reports.announced(5).await, Ok(vec![]));
}
