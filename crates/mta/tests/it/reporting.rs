//! Aggregate reports of DMARC (RFC 9990): counted for others, sent when the day is over; and those of others read.

use ::reports::Kind;
use mailauth::report::aggregate::{Disposition, Report};
use mailauth::report::incoming::{self, Incoming};
use mailauth::report::letter::{Attachment, Letter};
use mailauth::report::unpack::gzip;

use crate::office::{Office, Plan, message};
use crate::outgoing::wait;
use crate::remote::Remote;
use crate::taking::run;
use crate::world::Outside;

const DAY: u64 = 86_400;

/// `there.test` wants reports at `r.test`.
async fn office(outside: &Outside, agreed: bool) -> (Office, Remote) {
    for record in [
        "r.test MX 10 mx.r.test",
        "mx.r.test A 192.0.2.9",
        "there.test TXT v=spf1 ip4:198.51.100.7 -all",
        "_dmarc.there.test TXT v=DMARC1; p=reject; rua=mailto:d@r.test!10m,mailto:v@victim.test,https://r.test/",
    ] {
        outside.zones.add(record);
    }
    if agreed {
        outside.zones.add("there.test._report._dmarc.r.test TXT v=DMARC1");
    }
    let remote = Remote::bind(outside, "192.0.2.9:25", &[]);
    let office = Office::open(outside, &Plan::alpha(), |settings| settings.authentication.check = true).await;
    office.start_queue();
    (office, remote)
}

async fn receive(office: &Office, from: &str, list: &str) -> String {
    let mut client = office.client_from(from, 25).await;
    client.say("EHLO out.there.test").await;
    let text = list.to_owned() + &message("who@there.test", "ann@alpha.test", "hello");
    client.mail("who@there.test", &["ann@alpha.test"], &text).await
}

fn sent(remote: &Remote) -> Vec<(Report, Vec<String>)> {
    let reports =
        remote.taken().into_iter().filter_map(|taken| match incoming::find(taken.data.as_bytes()) {
            Some(Incoming::Aggregate(report)) => Some(((*report).expect("a good report"), taken.to)),
            _ => None,
        });
    reports.collect()
}

/// Attacks A19: `victim.test` has not agreed, and gets nothing.
#[test]
fn what_came_in_a_domains_name_is_reported_to_who_agreed() {
    run(|outside| async move {
        let (office, remote) = office(&outside, true).await;
        for _ in 0..2 {
            assert!(receive(&office, "198.51.100.7", "").await.starts_with("250"));
        }
        assert!(receive(&office, "203.0.113.66", "").await.starts_with("550"));
        assert!(receive(&office, "203.0.113.66", "List-Id: <l.list.test>\r\n").await.starts_with("250"));
        wait(&office, DAY + 5 * 3600).await;
        let sent = sent(&remote);
        assert_eq!(sent.len(), 1, "{:?}", remote.taken());
        let (report, to) = &sent[0];
        assert_eq!(to, &["d@r.test"]);
        assert_eq!(report.policy.domain, "there.test");
        assert_eq!(report.metadata.email, "postmaster@mx.alpha.test");
        assert_eq!(report.metadata.end.secs() - report.metadata.begin.secs(), 86_399);
        let rows: Vec<String> = report
            .rows
            .iter()
            .map(|(row, n)| {
                let why: Vec<&str> = row.overrides.iter().map(|reason| reason.kind.as_str()).collect();
                let spf = row.spf.as_ref().map(|spf| spf.result.clone()).unwrap_or_default();
                format!("{n} {} {} {spf} {}", row.source, row.disposition.word(), why.join(" "))
            })
            .collect();
        assert_eq!(
            rows,
            [
                "2 198.51.100.7 pass pass ",
                "1 203.0.113.66 quarantine fail mailing_list",
                "1 203.0.113.66 reject fail ",
            ]
        );
        assert_eq!(report.rows.keys().next().map(|row| row.disposition), Some(Disposition::Pass));
        wait(&office, 2 * DAY).await;
        assert_eq!(self::sent(&remote).len(), 1, "once");
        assert!(office.told().await.join("\n").contains("Report Domain: there.test"), "it can be traced");
    });
}

#[test]
fn who_did_not_agree_gets_no_report() {
    run(|outside| async move {
        let (office, remote) = office(&outside, false).await;
        assert!(receive(&office, "198.51.100.7", "").await.starts_with("250"));
        wait(&office, 2 * DAY).await;
        assert_eq!(remote.taken(), []);
        assert_eq!(office.reports.groups(::reports::Day(30_000), None, 10).await, Ok(vec![]));
    });
}

/// Names that cannot be asked put a report off, for some days; a restart loses nothing of it.
#[test]
fn a_report_waits_for_names_and_survives_a_restart() {
    run(|outside| async move {
        let (mut office, remote) = office(&outside, true).await;
        assert!(receive(&office, "198.51.100.7", "").await.starts_with("250"));
        wait(&office, 61).await;
        outside.zones.add("_dmarc.there.test SERVFAIL x");
        wait(&office, DAY + 5 * 3600).await;
        assert_eq!(remote.taken(), []);
        office.restart().await;
        outside.zones.remove("_dmarc.there.test");
        outside.zones.add("_dmarc.there.test TXT v=DMARC1; p=reject; rua=mailto:d@r.test");
        wait(&office, 2 * 3600).await;
        assert_eq!(sent(&remote).len(), 1);
    });
}

fn letter(about: &str, office: &Office) -> String {
    let day = ::reports::Day::of(office.world.clock.wall()).before(1);
    let xml = format!(
        "<feedback><report_metadata><org_name>there.test</org_name><report_id>17</report_id><date_range>\
         <begin>{}</begin><end>{}</end></date_range></report_metadata><policy_published><domain>{about}</domain>\
         </policy_published><record><row><source_ip>203.0.113.66</source_ip><count>3</count><policy_evaluated>\
         <disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers>\
         <header_from>{about}</header_from></identifiers></record></feedback>",
        day.begin().secs(),
        day.end().secs()
    );
    let content = gzip(xml.as_bytes());
    let letter = Letter {
        from: &"reports@there.test".parse().expect("an address"),
        to: &"postmaster@alpha.test".parse().expect("an address"),
        subject: "Report Domain: alpha.test Submitter: there.test Report-ID: <17>",
        message_id: "<17@there.test>",
        date: office.world.clock.wall(),
        fields: &[],
        report_type: None,
        text: "A report.",
        attachment: Attachment {
            media_type: "application/gzip",
            file_name: "there.test!x.xml.gz",
            content: &content,
        },
    };
    String::from_utf8(letter.to_bytes()).expect("ASCII")
}

#[test]
fn reports_of_others_are_read_kept_and_delivered() {
    for (about, to, kept, told) in [
        (
            "alpha.test",
            "postmaster@alpha.test",
            1,
            "brings a DMARC report of there.test about alpha.test: 3 messages, 0 passed",
        ),
        ("sub.alpha.test", "postmaster@alpha.test", 1, "about sub.alpha.test"),
        ("other.test", "postmaster@alpha.test", 0, "none of ours"),
        ("alpha.test", "abe@alpha.test", 0, ""),
    ] {
        run(move |outside| async move {
            let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
            office.add_alias("postmaster@alpha.test", &["ann@alpha.test"]).await;
            office.start_queue();
            let mut client = office.client(25).await;
            client.say("EHLO out.there.test").await;
            let reply = client.mail("", &[to], &letter(about, &office)).await;
            assert!(reply.starts_with("250"), "{reply}");
            wait(&office, 1).await;
            let list = office.reports.list(None, None, 10).await.expect("a list").rows;
            assert_eq!(list.len(), kept, "{about} {to}");
            if let Some(report) = list.first() {
                assert_eq!((report.kind, report.total, report.good), (Kind::Dmarc, 3, 0));
                assert!(office.reports.file(report.id).await.expect("a file").is_some());
            }
            assert_eq!(office.reports.announced(5).await, Ok(vec![]));
            let journey = office.told().await.join("\n");
            assert!(journey.contains(told), "{journey}");
            let user = if to.starts_with("abe") { "abe@alpha.test" } else { "ann@alpha.test" };
            assert_eq!(office.inbox(user).await.len(), 1, "it is mail all the same");
        });
    }
}
