//! Handshakes between our two sides, and between ours and a client with an ALPN of its own.

use std::net::SocketAddr;

use mail::Domain;

use crate::Stream;
use crate::tls::{Acceptor, Connector, Demand, Facts, self_signed};

fn pair() -> (Stream, Stream) {
    let (a, b) = tokio::io::duplex(16_384);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    (Stream::new(Box::new(a), nowhere, nowhere), Stream::new(Box::new(b), nowhere, nowhere))
}

fn domain(name: &str) -> Domain {
    Domain::new(name).expect("a good name")
}

fn certificate(name: &str) -> (Acceptor, String) {
    let (chain, key) = self_signed(&[name.to_owned()]).expect("a good name");
    (Acceptor::from_pem(chain.as_bytes(), key.as_bytes()).expect("just made"), chain)
}

async fn shake(acceptor: &Acceptor, connector: &Connector, demand: Demand) -> (Option<Facts>, Option<Facts>) {
    let (server, client) = pair();
    let name = domain("mx.example.org");
    let client = async {
        let mut stream = connector.connect(client, &name, demand).await.ok()?;
        stream.write_all(b"x").await.ok()?;
        Some(stream)
    };
    let server = async {
        let mut stream = acceptor.accept(server, b"smtp").await.ok()?;
        let mut byte = [0];
        stream.read(&mut byte).await.ok().filter(|&n| n == 1)?;
        stream.tls().cloned()
    };
    // The client's end stays open until both are done.
    let (server, client) = tokio::join!(server, client);
    (server, client.and_then(|stream| stream.tls().cloned()))
}

#[tokio::test]
async fn opportunistic_takes_any_certificate_and_both_sides_see_the_same() {
    let (acceptor, _) = certificate("other.example");
    let connector = Connector::new(b"").expect("no extra roots");
    let (server, client) = shake(&acceptor, &connector, Demand::Nothing).await;
    let (server, client) = (server.expect("taken"), client.expect("taken"));
    assert_eq!((server.version, client.version), ("TLSv1.3", "TLSv1.3"));
    assert!(server.cipher.starts_with("TLS_"), "{}", server.cipher);
    assert_eq!(server.server_name.as_deref(), Some("mx.example.org"));
    assert!(!client.judged.is_good());
    assert!(server.exporter.is_some());
    assert_eq!(server.exporter, client.exporter);
    assert!(server.server_end_point.is_some());
    assert_eq!(server.server_end_point, client.server_end_point);
}

#[tokio::test]
async fn a_demand_is_held() {
    let (good, root) = certificate("mx.example.org");
    let (stranger, _) = certificate("mx.example.org");
    let (misnamed, misnamed_root) = certificate("other.example");
    let roots = format!("{root}{misnamed_root}");
    let connector = Connector::new(roots.as_bytes()).expect("good roots");
    let demand = || Demand::TrustedFor(domain("mx.example.org"));
    assert!(shake(&good, &connector, demand()).await.1.expect("trusted").judged.is_good());
    assert!(shake(&good, &connector, Demand::Nothing).await.1.expect("trusted").judged.is_good());
    assert!(shake(&stranger, &connector, demand()).await.1.is_none());
    assert!(shake(&misnamed, &connector, demand()).await.1.is_none());
}

#[tokio::test]
async fn a_certificate_is_replaced_only_by_a_good_one() {
    let (acceptor, _) = certificate("mx.example.org");
    let connector = Connector::new(b"").expect("no extra roots");
    let before = shake(&acceptor, &connector, Demand::Nothing).await.0.expect("taken").server_end_point;
    assert!(acceptor.replace(b"rubbish", b"rubbish").is_err());
    let kept = shake(&acceptor, &connector, Demand::Nothing).await.0.expect("taken").server_end_point;
    assert_eq!(before, kept);
    let (chain, key) = self_signed(&["mx.example.org".into()]).expect("a good name");
    acceptor.replace(chain.as_bytes(), key.as_bytes()).expect("a good one");
    let after = shake(&acceptor, &connector, Demand::Nothing).await.0.expect("taken").server_end_point;
    assert_ne!(before, after);
}

/// A client with the given ALPN, over raw rustls. Whether the handshake was taken.
async fn taken_with_alpn(acceptor: &Acceptor, offered: &[&[u8]]) -> bool {
    let mut config = (*super::ClientSide::new(b"").expect("no roots").config()).clone();
    config.alpn_protocols = offered.iter().map(|p| p.to_vec()).collect();
    let (server, client) = pair();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = "mx.example.org".try_into().expect("a good name");
    let (server, _client) =
        tokio::join!(acceptor.accept(server, b"imap"), connector.connect(name, client.io));
    server.is_ok()
}

#[tokio::test]
async fn a_client_that_offers_only_other_protocols_is_refused() {
    let (acceptor, _) = certificate("mx.example.org");
    for (offered, taken) in [
        (&[][..], true),
        (&[&b"imap"[..]][..], true),
        (&[b"http/1.1", b"imap"], true),
        (&[b"http/1.1"], false),
        (&[b"h2", b"pop3"], false),
    ] {
        assert_eq!(taken_with_alpn(&acceptor, offered).await, taken, "{offered:?}");
    }
}
