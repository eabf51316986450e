//! Reports written, read, and built to hurt.

use std::fmt::Write as _;
use std::io::Read as _;

use mail::limits;

use super::*;
use crate::report::unpack::gzip;
use crate::zones::{Zones, at_once};

fn domain(name: &str) -> Domain {
    Domain::new(name).expect("a domain")
}

/// A report of one message that passed and two that failed.
fn collected() -> Report {
    let zones = Zones::parse(
        "_dmarc.a.test TXT v=DMARC1; p=reject; sp=quarantine; adkim=s; t=y; rua=mailto:r@a.test\n\
         a.test TXT v=spf1 ip4:192.0.2.1 -all",
    );
    let receiver = domain("mx.here.test");
    let mut report = Report {
        metadata: Metadata {
            organization: "Here & <there>".into(),
            email: "postmaster@here.test".into(),
            id: "1795392000.a.test@here.test".into(),
            begin: Wall::from_secs(1_795_392_000),
            end: Wall::from_secs(1_795_478_399),
            ..Metadata::default()
        },
        ..Report::default()
    };
    for (ip, times) in [("192.0.2.1", 1), ("2001:db8::1", 2)] {
        let ip = ip.parse().expect("an address");
        let client = spf::Client { ip, helo: "x", receiver: &receiver, now: Wall::default() };
        let path = mail::ReversePath(Some("u@a.test".parse().expect("an address")));
        let spf = at_once(client.mail_from(&zones, &path));
        let passed = spf.domain.clone().filter(|_| spf.verdict == spf::Verdict::Pass);
        let identifiers = dmarc::Identifiers { spf: passed.as_ref(), dkim: &[] };
        let dmarc = at_once(dmarc::evaluate(&zones, b"From: u@a.test\r\n", identifiers));
        let dkim = |domain: &str, result: &str| Dkim {
            domain: domain.into(),
            selector: "s1".into(),
            result: result.into(),
            words: None,
        };
        let dkim = vec![dkim("a.test", "fail"), dkim("esp.test", "pass")];
        let applied = dmarc.disposition;
        let row =
            Row::of(ip, &dmarc, &spf, dkim, spf.domain.as_ref(), applied, vec![]).expect("a policy applies");
        *report.rows.entry(row).or_default() += times;
        report.policy = dmarc.published.as_ref().map(Published::from).expect("a policy applies");
    }
    report
}

#[test]
fn what_is_collected_is_written_and_read() {
    let report = collected();
    let xml = report.to_xml();
    assert!(xml.starts_with(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
    ));
    for part in [
        "<org_name>Here &amp; &lt;there&gt;</org_name>",
        "<source_ip>2001:db8::1</source_ip>\n      <count>2</count>\n      <policy_evaluated>\n        \
         <disposition>quarantine</disposition>\n        <dkim>fail</dkim>\n        <spf>fail</spf>\n        \
         <reason>\n          <type>policy_test_mode</type>\n        </reason>",
        "<disposition>pass</disposition>",
        "<sp>quarantine</sp>\n    <fo>0</fo>\n    <adkim>s</adkim>\n    <aspf>r</aspf>\n    <testing>y</testing>",
        "<domain>esp.test</domain>",
        "<scope>mfrom</scope>\n        <result>fail</result>",
    ] {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
    // Passing signatures first (RFC 9990 §3.1.3).
    assert!(xml.find("esp.test") < xml.find("<result>fail</result>"));
    assert_eq!(read(xml.as_bytes()), Ok(report.clone()));
    assert_eq!(read(&gzip(xml.as_bytes())), Ok(report.clone()));
    let here = domain("here.test");
    assert_eq!(report.file_name(&here), "here.test!a.test!1795392000!1795478399.xml.gz");
    assert_eq!(
        report.subject(&here),
        "Report Domain: a.test Submitter: here.test Report-ID: <1795392000.a.test@here.test>"
    );
}

/// The older form, a namespace prefix, unknown elements, missing ones, attributes, comments, CDATA.
#[test]
fn reports_of_others_are_read_leniently() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8" ?>
        <d:feedback xmlns:d="http://dmarc.org/dmarc-xml/0.1"><!-- x -->
        <d:report_metadata><org_name lang="en">Th&#101;re<![CDATA[ <1>]]></org_name><email/><report_id> 17 </report_id>
        <date_range><begin>100</begin><end>x</end></date_range><more><domain>q</domain></more></d:report_metadata>
        <policy_published><domain>A.Test</domain><p>Reject</p><sp></sp><pct>100</pct><adkim>s</adkim></policy_published>
        <record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated><disposition>none</disposition>
        <dkim>pass</dkim></policy_evaluated></row><identifiers><header_from>A.Test</header_from></identifiers>
        <auth_results><spf><domain>b.test</domain><scope>helo</scope><result>None</result></spf></auth_results>
        <x:ext xmlns:x="y"><row><count>9</count></row></x:ext></record>
        <record><row><source_ip>::ffff:192.0.2.1</source_ip><count>4</count><policy_evaluated><disposition>none</disposition>
        <dkim>pass</dkim></policy_evaluated></row><identifiers><header_from>a.test</header_from></identifiers>
        <auth_results><spf><domain>b.test</domain><result>none</result></spf></auth_results></record>
        <record><row><source_ip>nowhere</source_ip><count>4</count></row></record>
        </d:feedback>"#;
    let report = read(xml.as_bytes()).expect("a report");
    assert_eq!((report.metadata.organization.as_str(), report.metadata.id.as_str()), ("There <1>", "17"));
    assert_eq!((report.metadata.begin.secs(), report.metadata.end.secs()), (100, 0));
    assert_eq!((report.policy.domain.as_str(), report.policy.policy), ("a.test", Policy::Reject));
    assert_eq!(report.policy.dkim_alignment, Alignment::Strict);
    assert!(report.truncated);
    let rows: Vec<_> = report.rows.iter().map(|(row, count)| (row.source.to_string(), *count)).collect();
    assert_eq!(rows, [("192.0.2.1".to_owned(), 7)]);
}

#[test]
fn what_is_no_report_says_why() {
    for (file, want) in [
        ("", "the file is no aggregate report"),
        ("hello", "the file is no aggregate report"),
        ("<html></html>", "the file is no aggregate report"),
        ("<feedback/>", "the file is no aggregate report"),
        ("<feedback>", "the report is not well-formed XML: it breaks off"),
    ] {
        let error = read(file.as_bytes()).expect_err("no report").to_string();
        assert_eq!(error, want, "{file}");
    }
    assert!(matches!(read(b"<feedback><a></b></feedback>"), Err(Error::Xml(_))));
    assert!(matches!(read(b"\x1f\x8b\x08nonsense"), Err(Error::Packing(_))));
}

/// Attacks A19.
#[test]
fn bombs_do_not_go_off() {
    let mut entities = String::from("<!DOCTYPE feedback [<!ENTITY a \"aaaaaaaaaa\">");
    for (inner, outer) in [("a", "b"), ("b", "c"), ("c", "d")] {
        write!(entities, "<!ENTITY {outer} \"{}\">", format!("&{inner};").repeat(10)).expect("a String");
    }
    entities.push_str("]><feedback><report_metadata><org_name>&d;</org_name></report_metadata></feedback>");
    assert_eq!(read(entities.as_bytes()), Err(Error::DocumentType));
    // Entities without a definition are nothing.
    let xml = collected().to_xml().replace("Here &amp;", "&d;&#x110000;&#0;");
    assert_eq!(read(xml.as_bytes()).map(|r| r.metadata.organization).as_deref(), Ok("<there>"));

    let deep = format!("<feedback>{}", "<a>".repeat(1_000_000));
    assert_eq!(read(&gzip(deep.as_bytes())), Err(Error::TooDeep));
    let zeros = format!("<feedback><a>{}", " ".repeat(4_000_000));
    assert_eq!(read(&gzip(zeros.as_bytes())), Err(Error::Packing(unpack::Error::Ratio)));
    let cut = gzip(collected().to_xml().as_bytes());
    assert_eq!(read(&cut[..cut.len() - 9]), Err(Error::Packing(unpack::Error::Damaged)));
}

#[test]
fn rows_and_texts_are_bounded() {
    let xml = collected().to_xml();
    let (head, rest) = xml.split_at(xml.find("  <record>").expect("rows"));
    let mut rows = head.to_owned();
    for n in 0..limits::REPORT_ROWS as u32 + 5 {
        let ip = std::net::Ipv4Addr::from_bits(n);
        write!(rows, "<record><row><source_ip>{ip}</source_ip><count>1</count></row></record>")
            .expect("a String");
    }
    rows.push_str(rest);
    let report = read(rows.as_bytes()).expect("a report");
    assert_eq!((report.rows.len(), report.truncated), (limits::REPORT_ROWS, true));

    // 10^6 rows are not even unpacked.
    let row = "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>\n";
    let many = format!("{head}{}</feedback>", row.repeat(1_000_000));
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(many.as_bytes(), flate2::Compression::fast())
        .read_to_end(&mut packed)
        .expect("memory can be read");
    let refused = [unpack::Error::Ratio, unpack::Error::TooLarge].map(|error| Err(Error::Packing(error)));
    assert!(refused.contains(&read(&packed)));
}

#[test]
fn texts_and_counts_are_bounded() {
    let xml = collected().to_xml();
    let long = xml.replace("postmaster", &"x".repeat(100_000)).replace("esp.test", &"\u{e9}".repeat(100_000));
    let report = read(long.as_bytes()).expect("a report");
    assert_eq!(report.metadata.email.len(), limits::REPORT_TEXT);
    let signatures = "<dkim><domain>a</domain></dkim>".repeat(1000);
    let many = xml.replace("<auth_results>", &format!("<auth_results>{signatures}"));
    let report = read(many.as_bytes()).expect("a report");
    assert!(report.rows.keys().all(|row| row.dkim.len() == limits::REPORT_SIGNATURES));
    let overflow = xml.replace("<count>2<", "<count>18446744073709551615<").replace("</feedback>", "");
    let twice =
        format!("{overflow}{}", &overflow[overflow.find("  <record>").expect("rows")..]) + "</feedback>";
    assert!(read(twice.as_bytes()).expect("a report").rows.values().any(|&count| count == u64::MAX));
}

proptest::proptest! {
    #[test]
    fn any_text_is_written_and_read(words in "\\PC{0,40}", count: u64) {
        let mut report = collected();
        report.metadata.contact = Some(words.trim().to_owned());
        report.rows.values_mut().for_each(|value| *value = count);
        proptest::prop_assert_eq!(read(report.to_xml().as_bytes()), Ok(report));
    }

    #[test]
    fn any_file_is_read_or_refused(file in "<feedback>(<(record|row|count|/record|/row|a b='c'|!--|!\\[CDATA\\[|\\?x)>|&[a-z#0-9]{0,4};|[a-z]){0,20}") {
        drop(read(file.as_bytes()));
    }
}
