//! Against a name server of our own on loopback.

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, TXT};
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
        }
        Err(code) => reply.metadata.response_code = code,
    }
    reply.queries = vec![query];
    reply.to_vec().ok()
}

async fn resolver() -> RealDns {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((n, peer)) = socket.recv_from(&mut buffer).await {
            if let Some(reply) = answer(&buffer[..n]) {
                socket.send_to(&reply, peer).await.expect("loopback");
            }
        }
    });
    RealDns::new(&[address])
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
    let dns = RealDns::new(&[socket.local_addr().expect("bound")]);
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
