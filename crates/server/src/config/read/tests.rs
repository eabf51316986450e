//! Texts and what they mean, or what is said about them.

use mta::SmarthostTls;

use super::*;
use crate::config::{Limits, Outbound};

const SMALL: &str = r#"
hostname = "mx.example.org"
data_dir = "data"
[[listener]]
service = "smtp"
bind = ["127.0.0.1:0"]
"#;

fn read(text: &str) -> Result<Config, Problems> {
    config(text, Path::new("/etc/posthouse/p.toml"))
}

fn wrong(text: &str) -> String {
    read(text).map(|_| "nothing wrong").expect_err("something is wrong").to_string()
}

#[test]
fn the_smallest_one_has_all_defaults() {
    let config = read(SMALL).expect("good");
    assert_eq!(config.data_dir, Path::new("/etc/posthouse/data"));
    assert_eq!((config.outbound.port, config.limits.recipients), (25, 1000));
    assert_eq!(config.limits.message_size, 50_000_000);
    assert!(config.tls.is_none() && config.dns_servers.is_empty() && config.outbound.smarthost.is_none());
    assert!(config.limits.exempt.iter().any(|n| n.contains(IpAddr::from([127, 9, 9, 9]))));
}

/// The documented example: the keys are those that are read, and the values are the defaults.
#[test]
fn the_documentation_tells_the_truth() {
    let page = include_str!("../../../../../docs/configuration.md");
    let example = page.split("```").nth(1).and_then(|block| block.strip_prefix("toml")).expect("an example");
    let told = read(example).expect("the example is good");
    let default = read(SMALL).expect("good");
    assert_eq!(format!("{:?}", told.limits), format!("{:?}", default.limits));
    assert_eq!(format!("{:?}", told.outbound.retry), format!("{:?}", default.outbound.retry));
    let plain = |o: &Outbound| (o.port, o.concurrency, o.concurrency_per_destination, o.connect_timeout);
    assert_eq!(plain(&told.outbound), plain(&default.outbound));
    assert_eq!(told.segment_size, default.segment_size);
    assert_eq!((told.gate.greeting_delay, told.gate.lists_wait), (Duration::ZERO, default.gate.lists_wait));
    assert!(told.gate.greylist.is_none());
    let text = |filter: &mta::filters::Filter| format!("{filter:?}");
    let usual = |filter: &mta::filters::Filter| text(&mta::filters::Filter::new(filter.kind.clone()));
    assert_eq!(
        told.filters.iter().map(text).collect::<Vec<_>>(),
        told.filters.iter().map(usual).collect::<Vec<_>>()
    );
    assert_eq!(told.retention, default.retention);
    let oauth = told.oauth.expect("documented").introspection;
    let usual = mta::Introspection::new(oauth.url.clone());
    assert_eq!(
        (&oauth.username, oauth.timeout, oauth.lifetime),
        (&usual.username, usual.timeout, usual.lifetime)
    );
    assert_eq!(default.oauth, None);
    assert_eq!(told.imap.keepalive, default.imap.keepalive);
    assert_eq!((told.imap.hidden.len(), default.imap.hidden.len()), (1, 0));
    // Every key that the reader asks for is in the example.
    let parts = [
        include_str!("outbound.rs"),
        include_str!("outgoing_tls.rs"),
        include_str!("gate.rs"),
        include_str!("filters.rs"),
        include_str!("oauth.rs"),
        include_str!("imap.rs"),
    ];
    let reader = [include_str!("../read.rs").to_owned(), parts.concat()].concat();
    let asked = reader.split(['(', ' ']).zip(reader.split(['(', ' ']).skip(1));
    for (_, word) in asked.filter(|(before, _)| before.ends_with("problems,")) {
        let Some(key) = word.strip_prefix('"').and_then(|w| w.split('"').next()) else { continue };
        let later = ["acme"].contains(&key);
        assert!(later || example.contains(key), "{key} is not documented");
    }
}

/// A server that only this machine can reach may send to this machine; any other keeps to public addresses (F13).
#[test]
fn only_a_server_on_loopback_sends_to_private_hosts_unasked() {
    for (bind, alone) in [
        (r#"["127.0.0.1:25", "[::1]:25", "127.3.0.9:0"]"#, true),
        (r#"["0.0.0.0:25"]"#, false),
        (r#"["[::]:25"]"#, false),
        (r#"["127.0.0.1:25", "192.0.2.1:25"]"#, false),
    ] {
        let text = format!(
            "hostname = \"mx.a.test\"\ndata_dir = \"/d\"\n[[listener]]\nservice = \"smtp\"\nbind = {bind}\n"
        );
        assert_eq!(read(&text).expect("good").is_on_loopback_only(), alone, "{bind}");
    }
}

/// Every table and most keys.
const EVERYTHING: &str = r#"
hostname = "mx.example.org"
data_dir = "/var/lib/posthouse"
[[listener]]
service = "submission"
bind = ["127.0.0.1:2525", "[::1]:2525"]
plaintext_auth = "loopback"
auth_mechanisms = ["SCRAM-SHA-256", "PLAIN"]
[[listener]]
service = "imaps"
bind = ["127.0.0.1:993"]
[tls]
certificate = "cert.pem"
private_key = "/keys/key.pem"
[dns]
servers = ["127.0.0.1:5353", "::1", "9.9.9.9"]
dnssec = "trust-remote-ad"
[outbound]
port = 2525
smarthost = { host = "relay.example.net", port = 465, user = "u", password_file = "pw", tls = "required" }
retry = ["1s", "5m"]
lifetime = "5d"
outage_grace = "7d"
delay_notice = "4h"
allow_private = true
source_ipv4 = ["192.0.2.1", "192.0.2.2"]
source_ipv6 = "2001:db8::1"
rate = "100/1m"
suppression = false
dane = false
mta_sts = false
sts_port = 8443
ca_file = "roots.pem"
[[outbound.source]]
address = "192.0.2.2"
hostname = "out2.example.org"
[[outbound.tls]]
domain = ".partner.example"
level = "verify"
hosts = ["mx.partner.example", "*.mail.example"]
[[outbound.tls]]
domain = "old.example"
level = "none"
[[route]]
to = ["partner.example", ".partner.example"]
host = "10.1.1.1"
lmtp = true
retry = ["1m"]
lifetime = "1d"
concurrency = 2
[[route]]
from = "bulk@example.org"
source_ipv4 = "192.0.2.2"
[[route]]
to = "x.example"
host = "relay.x.example"
user = "u"
password_file = "pw2"
[relay]
domains = ["partner.example"]
networks = ["192.0.2.0/24"]
[limits]
message_size = "25MB"
recipients = 100
connections = 20
connections_per_ip = 5
exempt = []
shutdown_deadline = "3s"
journey_days = 7
sending_per_hour = "none"
sending_per_day = 50
suspend_senders = false
quota_storage = "5GB"
quota_messages = 1000
share_with_anyone = true
[store]
backend = "embedded"
keep_expunged = "0"
keep_removed_accounts = "2h"
"#;

#[test]
fn everything_at_once() {
    let config = read(EVERYTHING).expect("good");
    assert_eq!(config.listeners.len(), 2);
    assert!(config.limits.share_with_anyone && !Limits::default().share_with_anyone);
    assert!(
        config.listeners[0].logins.plaintext_auth_on_loopback
            && !config.listeners[1].logins.plaintext_auth_on_loopback
    );
    let offered = |at: usize, name| config.listeners[at].logins.mechanisms.has(name);
    assert!(offered(0, "PLAIN") && offered(0, "SCRAM-SHA-256") && !offered(0, "SCRAM-SHA-256-PLUS"));
    assert!(Mechanisms::NAMES.iter().all(|name| offered(1, name)));
    let tls = config.tls.expect("given");
    assert_eq!(tls.certificate, Path::new("/etc/posthouse/cert.pem"));
    assert_eq!(tls.private_key, Path::new("/keys/key.pem"));
    let ports: Vec<_> = config.dns_servers.iter().map(SocketAddr::port).collect();
    assert_eq!(ports, [5353, 53, 53]);
    let smarthost = config.outbound.smarthost.expect("given");
    assert_eq!((smarthost.port(), smarthost.tls), (465, SmarthostTls::Required));
    let sources: Vec<_> = config.outbound.sources.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    assert_eq!(config.outbound.source_names.len(), 1);
    let [lmtp, bulk, login] = &config.outbound.routes[..] else { panic!("three routes") };
    let host = lmtp.host.as_ref().expect("given");
    assert_eq!((host.port(), host.tls, host.lmtp), (24, SmarthostTls::Opportunistic, true));
    assert_eq!((lmtp.retry.waits.len(), lmtp.retry.lifetime), (1, Duration::from_hours(24)));
    assert_eq!((lmtp.pace.concurrency, lmtp.pace.rate), (2, config.outbound.rate));
    assert!(bulk.host.is_none() && bulk.sources.len() == 1 && bulk.retry == config.outbound.retry);
    let host = login.host.as_ref().expect("given");
    assert_eq!((host.port(), host.tls), (587, SmarthostTls::Verified));
    let sending = config.limits.sending;
    assert_eq!((sending.per_hour, sending.per_day, sending.suspend), (None, Some(50), false));
    assert_eq!(config.outbound.retry.waits, [Duration::from_secs(1), Duration::from_mins(5)]);
    let tls = config.outbound.tls;
    assert_eq!((tls.dane, tls.mta_sts, tls.sts_port), (false, false, 8443));
    assert_eq!(config.outbound.ca_file.as_deref(), Some(Path::new("/etc/posthouse/roots.pem")));
    let levels: Vec<_> = tls.rules.iter().map(|rule| (rule.level, rule.hosts.len())).collect();
    assert_eq!(levels, [(mta::TlsLevel::Verify, 2), (mta::TlsLevel::None, 0)]);
    assert_eq!(config.dnssec, TrustAd::Always);
    assert!(config.limits.exempt.is_empty());
    assert_eq!(config.limits.journey_days, 7);
    let kept = config.retention;
    assert_eq!((kept.expunged, kept.accounts), (Duration::ZERO, Duration::from_hours(2)));
}

#[test]
fn what_strangers_may_do() {
    let text = format!(
        "{SMALL}{}",
        r#"
[smtp]
greeting_delay = "2s"
[[dnsbl]]
zone = "zen.example"
answers = ["127.0.0.2-127.0.0.11"]
[[dnsbl]]
zone = "senders.example"
kind = "domain"
action = "note"
[greylist]
enabled = true
delay = "1m"
passes = 0
[limits]
unknown_recipients = 7
"#
    );
    let rules = read(&text).expect("good").gate;
    assert_eq!(rules.greeting_delay, Duration::from_secs(2));
    let lists: Vec<_> = rules.lists.iter().map(|list| (list.zone.as_str(), list.kind, list.action)).collect();
    let (address, domain) = (filter::dnsbl::Kind::Address, filter::dnsbl::Kind::Domain);
    let (refuse, note) = (mta::gate::Action::Refuse, mta::gate::Action::Note);
    assert_eq!(lists, [("zen.example", address, refuse), ("senders.example", domain, note)]);
    assert_eq!(rules.lists[0].answers[0].to_string(), "127.0.0.2-127.0.0.11");
    let rule = rules.greylist.expect("on");
    assert_eq!((rule.delay, rule.window, rule.passes), (Duration::from_mins(1), Duration::from_hours(24), 0));
    assert_eq!(rules.unknown_recipients.events, 7);
    assert_eq!(rules.exempt.len(), 2, "limits.exempt");
}

#[test]
fn filters_are_asked_in_order() {
    let text = format!(
        "{SMALL}{}",
        r#"
[[hook]]
url = "http://127.0.0.1:8080/hook?key=1"
stages = ["rcpt", "connect"]
[[milter]]
address = "unix:/run/rspamd/milter.sock"
on_failure = "accept"
services = ["smtp"]
[[milter]]
address = "inet:8891@localhost"
timeout = "1m"
"#
    );
    let filters = read(&text).expect("good").filters;
    let names: Vec<_> = filters.iter().map(ToString::to_string).collect();
    let expected =
        ["milter unix:/run/rspamd/milter.sock", "milter inet:8891@localhost", "hook http://127.0.0.1:8080"];
    assert_eq!(names, expected);
    assert_eq!(filters[0].on_failure, mta::filters::OnFailure::Accept);
    assert_eq!((filters[0].services.len(), filters[1].services.len()), (1, 2));
    assert_eq!(filters[1].timeout, Duration::from_mins(1));
}

/// What is added, and what is said of it.
const WRONG: &[(&str, &str)] = &[
    ("[limits]\nfuture_release = \"4000d\"", "limits.future_release: must be at most 3650d"),
    ("[limits]\nrecipient = 5", "p.toml:8: limits.recipient: is unknown; did you mean \"recipients\"?"),
    (
        "[limits]\nmessages_per_command = 999",
        "p.toml:8: limits.messages_per_command: 999 is too few: RFC 9738 §3 asks for at least 1000",
    ),
    ("[limits]\nrecipients = 5", "p.toml:8: limits.recipients: 5 is too few: RFC 5321"),
    (
        "[limits]\nmessage_size = 5",
        "p.toml:8: limits.message_size: must be a string in quotes, but is integer",
    ),
    ("[limits]\nmessage_size = \"5x\"", "p.toml:8: limits.message_size: \"5x\": is a size such as"),
    ("[colour]\nred = 1", "p.toml:7: colour: is unknown; known here: hostname, data_dir"),
    ("[[listener]]\nbind = []", "p.toml:7: listener.service: is missing"),
    (
        "[[listener]]\nservice = \"smpt\"\nbind = []",
        "p.toml:8: listener.service: \"smpt\" is unknown; did you mean \"smtp\"?",
    ),
    (
        "[[listener]]\nservice = \"imap\"\nbind = [\"[::1]:1\"]\nauth_mechanisms = [\"PLAYN\"]",
        "p.toml:10: listener.auth_mechanisms: \"PLAYN\" is unknown; did you mean \"PLAIN\"?",
    ),
    (
        "[[listener]]\nservice = \"imap\"\nbind = [\"[::1]:1\"]\nauth_mechanisms = []",
        "p.toml:10: listener.auth_mechanisms: needs at least one mechanism; leave it out for all",
    ),
    (
        "[[listener]]\nservice = \"lmtp\"\nbind = [\"[::1]:1\"]\nauth_mechanisms = [\"PLAIN\"]",
        "p.toml:10: listener.auth_mechanisms: nobody logs in there; leave it out",
    ),
    (
        "[[listener]]\nservice = \"http\"\nbind = []",
        "p.toml:8: listener.service: the service \"http\" is not available in this version",
    ),
    (
        "[[listener]]\nservice = \"imap\"\nbind = [\"localhost:1\"]",
        "p.toml:9: listener.bind: \"localhost:1\": must be an IP address",
    ),
    ("[tls]\ncertificate = \"c\"", "p.toml:7: tls.private_key: is missing"),
    ("[[dnsbl]]\nkind = \"ip\"", "p.toml:7: dnsbl.zone: is missing"),
    (
        "[[dnsbl]]\nzone = \"z.example\"\nanswers = [\"1.2.3.4\"]",
        "p.toml:9: dnsbl.answers: \"1.2.3.4\": an answer is",
    ),
    ("[dnsbl]\nzone = \"z.example\"", "p.toml:7: dnsbl: must be written as [[dnsbl]]"),
    ("[[milter]]\ntimeout = \"1s\"", "p.toml:7: milter.address: is missing"),
    (
        "[[milter]]\naddress = \"127.0.0.1:1\"",
        "p.toml:8: milter.address: \"127.0.0.1:1\": must be inet:PORT@HOST",
    ),
    ("[[hook]]\nurl = \"x\"", "p.toml:8: hook.url: \"x\": must be http://"),
    ("[imap]\nkeepalive = \"5s\"", "p.toml:8: imap.keepalive: must be at least 30s"),
    ("[[imap_client]]\nhide = [\"IDLE\"]", "p.toml:7: imap_client: needs id or account"),
    ("[[imap_client]]\nid = \"x\"", "p.toml:7: imap_client.hide: is missing"),
    (
        "[[imap_client]]\nid = \"x\"\nhide = [\"IMAP4rev1\"]",
        "p.toml:9: imap_client.hide: \"IMAP4rev1\" is not a capability",
    ),
    ("[oauth]", "p.toml:7: oauth.introspection: is missing"),
    (
        "[oauth]\nintrospection = \"http://id.example/\"",
        "p.toml:8: oauth.introspection: must be https, or on this machine",
    ),
    (
        "[oauth]\nintrospection = \"https://id.example/\"\nclient_id = \"mail\"",
        "p.toml:7: oauth.client_id: goes with client_secret_file",
    ),
    (
        "[oauth]\nintrospection = \"http://localhost/\"\nscope = \"a b\"",
        "p.toml:9: oauth.scope: must be one word",
    ),
    (
        "[oauth]\nintrospection = \"http://[::1]:8/\"\ncache = \"2h\"",
        "p.toml:9: oauth.cache: must be at most 1h",
    ),
    ("[smtp]\ngreeting_delay = \"1m\"", "p.toml:8: smtp.greeting_delay: must be at most 30s"),
    ("[greylist]\ndelay = \"2d\"", "p.toml:8: greylist.delay: the delay must be shorter than the window"),
    ("[outbound]\nport = 70000", "p.toml:8: outbound.port: must be from 1 to 65535"),
    ("[[outbound.tls]]\nlevel = \"may\"", "p.toml:7: outbound.tls.domain: is missing"),
    (
        "[[outbound.tls]]\ndomain = \"*.b.test\"\nlevel = \"my\"",
        "p.toml:8: outbound.tls.domain: \"*.b.test\": must be a domain, a domain with a dot",
    ),
    (
        "[[outbound.tls]]\ndomain = \"b.test\"\nlevel = \"encript\"",
        "p.toml:9: outbound.tls.level: \"encript\" is unknown; did you mean \"encrypt\"?",
    ),
    (
        "[[outbound.tls]]\ndomain = \"b.test\"\nlevel = \"may\"\nhosts = [\"mx.b.test\"]",
        "p.toml:10: outbound.tls.hosts: can only be given with level = \"verify\"",
    ),
    ("[outbound]\ntls = \"may\"", "p.toml:8: outbound.tls: must be written as [[outbound.tls]]"),
    ("[dns]\ndnssec = \"validate\"", "p.toml:8: dns.dnssec: \"validate\" is unknown"),
    ("[outbound]\nretry = [\"5\"]", "p.toml:8: outbound.retry: \"5\": is a duration such as"),
    (
        "[outbound]\nsmarthost = { host = \"x\", user = \"u\" }",
        "p.toml:8: outbound.smarthost.password_file: is missing",
    ),
    ("[[route]]\nhost = \"x\"", "p.toml:7: route: needs to or from"),
    ("[[route]]\nto = \"a@b.c\"", "p.toml:8: route.to: must be domains"),
    ("[[route]]\nto = []", "p.toml:8: route.to: needs at least one"),
    ("[[route]]\nfrom = \"a@b.c\"\nrate = \"1/1s\"", "p.toml:7: route: concurrency and rate hold"),
    ("[[route]]\nto = \"a.b\"\nport = 5", "p.toml:7: route.port: needs host"),
    ("[[route]]\nto = \"a.b\"\nhosst = \"x\"", "route.hosst: is unknown; did you mean \"host\"?"),
    ("[outbound]\nrate = \"0/1m\"", "p.toml:8: outbound.rate: \"0/1m\": is a number of messages"),
    ("[outbound]\nsource_ipv4 = [\"::1\"]", "p.toml:8: outbound.source_ipv4: must be an IPv4 address"),
    ("[limits]\nquota_storage = \"much\"", "p.toml:8: limits.quota_storage: \"much\": is a size such as"),
    ("[limits]\nquota_messages = 0", "p.toml:8: limits.quota_messages: must be from 1"),
    ("[limits]\nsending_per_day = 0", "p.toml:8: limits.sending_per_day: must be from 1"),
    ("[limits]\nsending_per_day = \"many\"", "p.toml:8: limits.sending_per_day: must be a number, or"),
    ("[store]\nbackend = \"postgres\"", "not available in this version"),
    ("[store]\nkeep_expunged = 0", "p.toml:8: store.keep_expunged: must be a string in quotes"),
    ("[store]\nkeep_expunged = \"14\"", "p.toml:8: store.keep_expunged: \"14\": is a duration such as"),
    ("[store]\nkeep_removed_accounts = \"99999d\"", "must be at most 36500d"),
    ("[store", "p.toml:7: is not TOML"),
];

#[test]
fn what_is_wrong_is_said_with_file_line_and_key() {
    for (added, says) in WRONG {
        let said = wrong(&format!("{SMALL}{added}\n"));
        assert!(said.contains(says), "{added}\n{said}\n{says}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let said = wrong("hostnme = \"x\"\n[limits]\nconnections = 0\n");
    for part in [
        "hostnme: is unknown; did you mean \"hostname\"?",
        "hostname: is missing",
        "data_dir: is missing",
        "listener: is missing",
        "p.toml:3: limits.connections: must be from 1",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}
