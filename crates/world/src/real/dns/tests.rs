//! Against a name server of our own on loopback.

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NS, NULL, PTR, TXT};
use hickory_resolver::proto::rr::{RData, Record};
use tokio::net::UdpSocket;

use super::*;

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a good name")
}

/// A name that no host has.
const ODD: &str = "u+v w%=:/.t.test";

/// The zone: CNAMEs `c1` to `c20` in a row, two that point at each other, and some plain records.
fn zone(asked: &str, kind: RecordType) -> Result<Vec<RData>, ResponseCode> {
    if let Some(n) = asked.strip_prefix('c').and_then(|rest| rest.strip_suffix(".test.")?.parse::<u32>().ok())
    {
        let next = if n == 20 { "a.test.".to_owned() } else { format!("c{}.test.", n + 1) };
        return Ok(vec![RData::CNAME(CNAME(name(&next)))]);
    }
    let odd = any_name(ODD).expect("it fits");
    let records = match asked {
        asked if asked == odd.to_ascii() => {
            vec![
                RData::A(A::new(192, 0, 2, 2)),
                RData::MX(MX::new(7, odd)),
                RData::MX(MX::new(9, Name::root())),
            ]
        }
        "a.test." => {
            vec![RData::A(A::new(192, 0, 2, 1)), RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))]
        }
        "m.test." => vec![RData::MX(MX::new(10, name("a.test."))), RData::MX(MX::new(5, name("b_ad.test.")))],
        "bad.test." => {
            vec![RData::MX(MX::new(5, name("*.bad.test."))), RData::A(A::new(192, 0, 2, 1))]
        }
        "null.test." => vec![RData::MX(MX::new(0, Name::root()))],
        "t.test." => vec![RData::TXT(TXT::new(vec!["v=spf1 ".into(), "-all".into()]))],
        "loop1.test." => return Ok(vec![RData::CNAME(CNAME(name("loop2.test.")))]),
        "loop2.test." => return Ok(vec![RData::CNAME(CNAME(name("loop1.test.")))]),
        "." => vec![RData::NS(NS(name("a.test.")))],
        "signed.test." => vec![RData::A(A::new(192, 0, 2, 3)), RData::MX(MX::new(10, name("signed.test.")))],
        "to-signed.test." => return Ok(vec![RData::CNAME(CNAME(name("signed.test.")))]),
        "_25._tcp.signed.test." => [&b"\x03\x01\x01good"[..], b"\x00\x09\xff"]
            .map(|bytes| RData::Unknown { code: RecordType::TLSA, rdata: NULL::with(bytes.to_vec()) })
            .into(),
        "_26._tcp.signed.test." => {
            vec![RData::Unknown { code: RecordType::TLSA, rdata: NULL::with(vec![3, 1]) }]
        }
        "1.2.0.192.in-addr.arpa." => vec![RData::PTR(PTR(name("a.test.")))],
        "broken.test." => return Err(ResponseCode::ServFail),
        _ => return Err(ResponseCode::NXDomain),
    };
    Ok(records.into_iter().filter(|r| r.record_type() == kind).collect())
}

fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let request = Message::from_vec(request).ok()?;
    let query = request.queries.first()?.clone();
    let mut reply = Message::response(request.metadata.id, request.metadata.op_code);
    match zone(&query.name().to_ascii().to_lowercase(), query.query_type()) {
        Ok(records) => {
            reply.answers =
                records.into_iter().map(|r| Record::from_rdata(query.name().clone(), 60, r)).collect();
            let asked = query.name().to_ascii().to_lowercase();
            // What a server that checks signatures adds, where it is asked for.
            reply.metadata.authentic_data =
                request.metadata.authentic_data && (asked == "." || asked.contains("signed"));
            if asked == "to-signed.test." && query.query_type() == RecordType::A {
                let end = RData::A(A::new(192, 0, 2, 3));
                reply.answers.push(Record::from_rdata(name("signed.test."), 60, end));
            }
        }
        Err(code) => reply.metadata.response_code = code,
    }
    reply.queries = vec![query];
    reply.to_vec().ok()
}

async fn resolver() -> RealDns {
    trusting(TrustAd::Loopback).await
}

async fn trusting(trust: TrustAd) -> RealDns {
    lying(trust, |_, truth| vec![truth]).await
}

/// Says what `lie` makes of each question and its true answer.
async fn lying(trust: TrustAd, lie: impl Fn(&[u8], Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) -> RealDns {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((n, peer)) = socket.recv_from(&mut buffer).await {
            let replies = answer(&buffer[..n]).map(|truth| lie(&buffer[..n], truth));
            for reply in replies.into_iter().flatten() {
                socket.send_to(&reply, peer).await.expect("loopback");
            }
        }
    });
    RealDns::new(&NameServers { servers: vec![address], trust })
}

fn domain(name: &str) -> Domain {
    Domain::new(name).expect("a good name")
}

#[tokio::test]
async fn answers_of_all_kinds() {
    let dns = resolver().await;
    let four = IpAddr::from([192, 0, 2, 1]);
    let six: IpAddr = "2001:db8::1".parse().expect("an address");
    assert_eq!(dns.addresses(&domain("a.test")).await, Ok(vec![four, six]));
    let hosts = dns.mx(&domain("m.test")).await.expect("it has MX");
    assert!(hosts.contains(&Mx { preference: 10, host: Some(domain("a.test")) }), "{hosts:?}");
    assert_eq!(dns.mx(&domain("null.test")).await, Ok(vec![Mx { preference: 0, host: None }]));
    assert_eq!(dns.txt(&domain("t.test")).await, Ok(vec![b"v=spf1 -all".to_vec()]));
    assert_eq!(dns.ptr(four).await, Ok(vec![domain("a.test")]));
}

/// RFC 7208 §7: SPF's macros make names that no host has.
#[tokio::test]
async fn any_name_can_be_asked_for() {
    let dns = resolver().await;
    assert_eq!(dns.ipv4(ODD).await, Ok(vec![Ipv4Addr::new(192, 0, 2, 2)]));
    assert_eq!(dns.ipv6(ODD).await, Err(Error::NoData));
    assert_eq!(dns.mx_names(ODD).await, Ok(vec![(7, ODD.to_owned())]));
    assert_eq!(dns.ipv6("a.test").await.map(|found| found.len()), Ok(1));
    let long = format!("{}.test", "x".repeat(64));
    for none in ["", "a..test", long.as_str(), "nothing.test"] {
        assert_eq!(dns.ipv4(none).await, Err(Error::NxDomain), "{none:?}");
    }
}

#[tokio::test]
async fn each_no_has_its_own_meaning() {
    let dns = resolver().await;
    assert_eq!(dns.mx(&domain("a.test")).await, Err(Error::NoData));
    assert_eq!(dns.addresses(&domain("m.test")).await, Err(Error::NoData));
    assert_eq!(dns.mx(&domain("nothing.test")).await, Err(Error::NxDomain));
    assert_eq!(dns.addresses(&domain("nothing.test")).await, Err(Error::NxDomain));
    assert!(matches!(dns.mx(&domain("broken.test")).await, Err(Error::Failed(_))));
    assert!(matches!(dns.addresses(&domain("broken.test")).await, Err(Error::Failed(_))));
}

#[tokio::test]
async fn cname_chains_have_an_end() {
    let dns = resolver().await;
    assert_eq!(dns.addresses(&domain("c15.test")).await.map(|found| found.len()), Ok(2));
    for endless in ["c1.test", "loop1.test"] {
        assert!(matches!(dns.addresses(&domain(endless)).await, Err(Error::Failed(_))), "{endless}");
        assert!(matches!(dns.mx(&domain(endless)).await, Err(Error::Failed(_))), "{endless}");
    }
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let servers = vec![socket.local_addr().expect("bound")];
    let dns = RealDns::new(&NameServers { servers, ..NameServers::default() });
    let mut options = ResolverOpts::default();
    set_options(&mut options);
    assert!(options.timeout <= Duration::from_secs(5));
    // Real time, so only the error's mapping is looked at here.
    assert_eq!(error_of(&NetError::Timeout), Error::TimedOut);
    drop(dns);
}

/// RFC 5321 §5.1: only a domain without MX records is its own host.
#[tokio::test]
async fn mx_records_that_name_no_host_are_not_the_same_as_none() {
    let resolver = resolver().await;
    let found = resolver.mx(&"bad.test".parse().expect("a domain")).await;
    assert!(matches!(found, Err(Error::Failed(_))), "{found:?}");
}

#[tokio::test]
async fn what_is_secure_is_said_by_a_trusted_server_only() {
    let dns = resolver().await;
    let found = dns.proven_addresses(&domain("signed.test")).await.expect("it has an address");
    assert_eq!((found.secure, found.canonical), (true, None));
    assert!(dns.proven_mx(&domain("signed.test")).await.expect("it has MX").secure);
    assert!(!dns.proven_addresses(&domain("a.test")).await.expect("it has addresses").secure);
    assert_eq!(dns.checks_signatures().await, Ok(true));
    assert_eq!(dns.dnssec(), Dnssec::Trusted("127.0.0.1".into()));
    // The same from the cache.
    assert!(dns.proven_addresses(&domain("signed.test")).await.expect("it has an address").secure);

    let dns = trusting(TrustAd::Never).await;
    assert!(!dns.proven_addresses(&domain("signed.test")).await.expect("it has an address").secure);
    assert_eq!(dns.checks_signatures().await, Ok(false));
    assert!(matches!(dns.dnssec(), Dnssec::Off(_)));
}

/// RFC 7672 §2.1.3: an answer that the stub put together from several is no more secure than the least of them.
#[tokio::test]
async fn aliases_are_secure_as_a_whole_or_not() {
    let dns = resolver().await;
    let found = dns.proven_addresses(&domain("to-signed.test")).await.expect("it has an address");
    assert_eq!((found.secure, found.canonical), (true, Some(domain("signed.test"))));
    for _ in 0..2 {
        let found = dns.proven_mx(&domain("to-signed.test")).await.expect("it has MX");
        assert_eq!((found.secure, found.canonical), (false, Some(domain("signed.test"))));
    }
    assert_eq!(dns.is_secure_alias(&domain("to-signed.test")).await, Ok(true));
    for no in ["c19.test", "signed.test", "nothing.test"] {
        assert_eq!(dns.is_secure_alias(&domain(no)).await, Ok(false), "{no}");
    }
    assert!(dns.is_secure_alias(&domain("broken.test")).await.is_err());
}

#[tokio::test]
async fn tlsa_records_come_as_they_stand_there() {
    let dns = resolver().await;
    let found = dns.tlsa(25, &domain("signed.test")).await.expect("it has TLSA");
    let strange = Tlsa { usage: 0, selector: 9, matching: 255, data: Vec::new() };
    let good = Tlsa { usage: 3, selector: 1, matching: 1, data: b"good".to_vec() };
    assert!(found.secure);
    assert_eq!(found.records, [good, strange]);
    assert!(matches!(dns.tlsa(25, &domain("a.test")).await, Err(Error::NxDomain)));
    // Attacks A20: one that is too short to be one is a failure, not "no TLSA".
    assert!(matches!(dns.tlsa(26, &domain("signed.test")).await, Err(Error::Failed(_) | Error::TimedOut)));
}

/// F41.
#[test]
fn the_word_of_another_machine_is_believed_only_if_the_operator_says_so() {
    let near: IpAddr = "127.0.0.53".parse().expect("an address");
    let far: IpAddr = "192.0.2.53".parse().expect("an address");
    for (servers, trust, trusted) in [
        (vec![near], TrustAd::Loopback, true),
        (vec!["::1".parse().expect("an address")], TrustAd::Loopback, true),
        (vec![near, far], TrustAd::Loopback, false),
        (vec![far], TrustAd::Loopback, false),
        (vec![far], TrustAd::Always, true),
        (vec![near], TrustAd::Never, false),
    ] {
        let state = believed(&servers, trust);
        assert_eq!(matches!(state, Dnssec::Trusted(_)), trusted, "{servers:?} {trust:?}");
    }
}

/// An answer of our making: the question's id and name, these counts, and bytes behind the question.
fn made(question: &[u8], counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    let end = 12 + question[12..].iter().position(|byte| *byte == 0).expect("a name") + 5;
    let mut reply = question[..2].to_vec();
    reply.extend_from_slice(&[0x84, 0]);
    reply.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    reply.extend_from_slice(&question[12..end]);
    reply.extend_from_slice(rest);
    reply
}

/// A record for the name at `pointer`: an address of the attacker's.
fn evil(pointer: u16, length: u16) -> Vec<u8> {
    let mut record = pointer.to_be_bytes().to_vec();
    record.extend_from_slice(&[0, 1, 0, 1, 0, 0, 2, 88]);
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(&[192, 0, 2, 66]);
    record
}

/// Attacks A21: what those say who cannot see the question, and what broken servers say, is never believed; it costs an answer
/// at the worst, within the time of a question that nobody answers, and not the next one.
#[tokio::test]
async fn a21_lies_are_not_believed() {
    type Lie = fn(&[u8]) -> Vec<u8>;
    let lies: [(&str, Lie); 9] = [
        ("another id", |q| {
            let mut reply = made(q, [1, 1, 0, 0], &evil(0xc00c, 4));
            reply[0] ^= 0x55;
            reply
        }),
        ("another question", |q| {
            let mut reply = made(q, [1, 1, 0, 0], &evil(0xc00c, 4));
            reply[13] = b'x';
            reply
        }),
        ("a part of a header", |q| q[..7].to_vec()),
        ("a name that is a circle", |q| {
            let at = 0xc000 | u16::try_from(made(q, [0; 4], &[]).len()).expect("short");
            made(q, [1, 1, 0, 0], &evil(at, 4))
        }),
        ("a length beyond the end", |q| made(q, [1, 1, 0, 0], &evil(0xc00c, u16::MAX))),
        ("counts of more than there is", |q| made(q, [1, u16::MAX, u16::MAX, u16::MAX], &[])),
        ("bytes of nonsense", |_| (0..=255).collect()),
        ("nothing", |_| Vec::new()),
        ("the question itself", <[u8]>::to_vec),
    ];
    let mut tries = tokio::task::JoinSet::new();
    for (what, lie) in lies {
        tries.spawn(async move {
            let lie_once = std::sync::atomic::AtomicUsize::new(0);
            let dns = lying(TrustAd::Loopback, move |question, truth| {
                let asked = lie_once.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if asked < 2 { vec![lie(question), truth] } else { vec![truth] }
            })
            .await;
            let first = dns.ipv4("a.test").await;
            let good = [Ipv4Addr::new(192, 0, 2, 1)];
            assert!(
                first.as_ref().map_or_else(|e| !matches!(e, Error::NxDomain | Error::NoData), |f| f == &good),
                "{what}: {first:?}"
            );
            for _ in 0..4 {
                if dns.ipv4("a.test").await.is_ok_and(|found| found == good) {
                    return;
                }
            }
            panic!("{what}: the truth does not come through any more");
        });
    }
    while let Some(done) = tries.join_next().await {
        done.expect("a lie was believed");
    }
}
