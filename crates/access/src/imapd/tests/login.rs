//! Logging in and out.

use std::net::SocketAddr;
use std::time::Duration;

use directory::sasl::Mechanisms;
use world::Stream;
use world::tls::{Connector, Demand};

use super::{House, PASSWORD};

#[tokio::test]
async fn by_login_and_by_plain() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("LOGIN u x", "BAD You are logged in already").await;
    client.check("LOGOUT", "* BYE Until next time\nOK Logged out").await;
    assert_eq!(client.line().await, "", "the connection is closed");
    let mut client = house.connect().await;
    let reply = client.run("AUTHENTICATE PLAIN AHVAeC50ZXN0AGNvcnJlY3QgaG9yc2U=").await;
    assert!(reply.starts_with("OK [CAPABILITY"), "{reply}");
    let mut client = house.connect().await;
    client.send(b"a AUTHENTICATE LOGIN\r\n").await;
    assert_eq!(client.line().await, "+ VXNlcm5hbWU6");
    client.send(b"dUB4LnRlc3Q=\r\n").await;
    assert_eq!(client.line().await, "+ UGFzc3dvcmQ6");
    client.send(b"Y29ycmVjdCBob3JzZQ==\r\n").await;
    assert!(client.line().await.starts_with("a OK [CAPABILITY"));
}

#[tokio::test]
async fn failures_wait_and_then_end_the_connection() {
    let house = House::new().await;
    let mut client = house.connect().await;
    for (name, wait) in [("u@x.test", 1), ("nobody@x.test", 2), ("u@x.test", 4)] {
        client.send(format!("a LOGIN {name} wrong\r\n").as_bytes()).await;
        assert!(client.is_silent().await, "the answer waits");
        let mut line = Box::pin(client.line());
        // Moves time until the answer comes; the hash is computed in real time.
        let line = loop {
            match world::race(&mut line, tokio::task::yield_now()).await {
                world::Either::Left(line) => break line,
                world::Either::Right(()) => house.advance(Duration::from_millis(wait)),
            }
        };
        assert_eq!(line, "a NO [AUTHENTICATIONFAILED] Name or password is wrong");
    }
    assert_eq!(client.line().await, "* BYE Too many failed logins");
    assert_eq!(client.line().await, "");
}

#[tokio::test]
async fn not_in_clear() {
    let house = House::new().await;
    house.demand_tls();
    let mut client = house.connect().await;
    client
        .check(
            "CAPABILITY",
            "* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ID ENABLE SASL-IR LOGINDISABLED
             OK Capabilities listed",
        )
        .await;
    client.check("LOGIN u@x.test x", "NO [PRIVACYREQUIRED] Logging in needs TLS; use STARTTLS first").await;
    client.check("STARTTLS", "BAD TLS is not available").await;
}

#[tokio::test]
async fn silence_and_shutdown_end_sessions() {
    let house = House::new().await;
    let mut client = house.connect().await;
    tokio::task::yield_now().await;
    house.advance(Duration::from_secs(61));
    assert_eq!(client.line().await, "* BYE Nothing was heard for too long");
    let mut client = house.in_inbox().await;
    house.shutdown();
    assert_eq!(client.line().await, "* BYE The server is going down; come back soon");
    assert_eq!(client.line().await, "");
}

/// RFC 2177: an idle connection is kept open by something that means nothing.
#[tokio::test]
async fn idling_is_not_silence() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    client.send(b"a IDLE\r\n").await;
    assert_eq!(client.line().await, "+ idling");
    assert!(client.is_silent().await);
    house.advance(Duration::from_secs(241));
    assert_eq!(client.line().await, "* OK Still here");
    assert!(client.is_silent().await);
    client.send(b"DONE\r\n").await;
    assert_eq!(client.line().await, "a OK Idle no more");
}

async fn starttls(house: &House) -> Stream {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let address: SocketAddr = "127.0.0.1:1143".parse().expect("an address");
    house.serve(Stream::new(Box::new(theirs), address, address));
    let mut stream = Stream::new(Box::new(ours), address, address);
    assert!(read(&mut stream).await.contains("STARTTLS LOGINDISABLED"));
    stream.write_all(b"a STARTTLS\r\n").await.expect("an open connection");
    assert_eq!(read(&mut stream).await, "a OK Begin TLS negotiation now\r\n");
    let connector = Connector::new(b"").expect("no extra roots");
    let name = "mx.test".parse().expect("a domain");
    connector.connect(stream, &name, Demand::Nothing).await.expect("a handshake")
}

async fn read(stream: &mut Stream) -> String {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).await.expect("an open connection");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[tokio::test]
async fn under_tls_by_starttls() {
    let house = House::with_tls().await;
    house.demand_tls();
    let mut stream = starttls(&house).await;
    // RFC 3501 §6.2.1: what was said in clear is asked again.
    stream.write_all(b"b CAPABILITY\r\n").await.expect("an open connection");
    let capabilities = read(&mut stream).await;
    assert!(
        capabilities.starts_with(
            "* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ID ENABLE SASL-IR AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN\r\n"
        ),
        "{capabilities}"
    );
    stream.write_all(b"c LOGIN u@x.test \"correct horse\"\r\n").await.expect("an open connection");
    assert!(read(&mut stream).await.starts_with("c OK [CAPABILITY"));
}

#[tokio::test]
async fn only_what_the_door_offers() {
    let house = House::with_tls().await;
    house.offer(Mechanisms::NONE.with("SCRAM-SHA-256").with("PLAIN"));
    house.demand_tls();
    let mut stream = starttls(&house).await;
    stream.write_all(b"b CAPABILITY\r\n").await.expect("an open connection");
    let capabilities = read(&mut stream).await;
    assert!(capabilities.contains(" SASL-IR AUTH=SCRAM-SHA-256 AUTH=PLAIN\r\n"), "{capabilities}");
    stream.write_all(b"c AUTHENTICATE LOGIN\r\n").await.expect("an open connection");
    assert_eq!(read(&mut stream).await, "c NO [CANNOT] That authentication mechanism is not offered\r\n");
    let plain = b"d AUTHENTICATE PLAIN AHVAeC50ZXN0AGNvcnJlY3QgaG9yc2U=\r\n";
    stream.write_all(plain).await.expect("an open connection");
    assert!(read(&mut stream).await.starts_with("d OK [CAPABILITY"));
}

/// Attack A3: a command that an attacker put behind STARTTLS is not carried out under TLS.
#[tokio::test]
async fn nothing_is_carried_over_into_tls() {
    let house = House::with_tls().await;
    house.demand_tls();
    let mut client = house.connect().await;
    client.send(b"a STARTTLS\r\nb CAPABILITY\r\n").await;
    assert_eq!(client.line().await, "a BAD Bytes follow STARTTLS");
    assert_eq!(client.line().await, "* BYE Bytes follow STARTTLS");
    assert_eq!(client.line().await, "");
}

/// Performance §3: an idle session is small.
#[tokio::test]
async fn a_session_is_small() {
    let house = House::new().await;
    assert!(house.session_size() < 4096, "{} bytes", house.session_size());
}

/// RFC 8437 §2, RFC 7889 §4.
#[tokio::test]
async fn logging_out_leaves_nothing_behind() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    client
        .check("STATUS INBOX (APPENDLIMIT)", "* STATUS \"INBOX\" (APPENDLIMIT 50000000)\nOK Status told")
        .await;
    client.check("UNAUTHENTICATE", "OK Logged out").await;
    client.check("FETCH 1 FLAGS", "BAD Log in first").await;
    let reply = client.run(&format!("LOGIN u@x.test \"{PASSWORD}\"")).await;
    assert!(reply.starts_with("OK [CAPABILITY"), "{reply}");
    client.check("FETCH 1 FLAGS", "BAD Select a mailbox first").await;
}
