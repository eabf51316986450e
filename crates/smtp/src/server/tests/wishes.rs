//! What a sender may want of TLS, time and priority: offered where it can be kept, and taken only there.

use mail::{ByMode, DeliverBy, Hold, TlsRequired, Wall};

use super::*;

fn with_all() -> Config {
    let longest = Duration::from_hours(1);
    let latest = Wall::from_rfc3339("2026-12-01T00:00:00Z").expect("a date");
    let future_release = Some(FutureRelease { longest, latest });
    Config { future_release, deliver_by: true, priority: true, auth: Vec::new(), ..submission() }
}

/// The lines of the reply to EHLO that name one of these extensions.
fn offered(config: Config) -> Vec<String> {
    let mut driver = Driver::new(config);
    driver.feed(b"EHLO c\r\n");
    let text = String::from_utf8(driver.output).expect("ASCII");
    let words = ["REQUIRETLS", "FUTURERELEASE", "DELIVERBY", "MT-PRIORITY"];
    let lines = text.lines().filter_map(|line| line.get(4..));
    lines.filter(|line| words.iter().any(|word| line.starts_with(word))).map(str::to_owned).collect()
}

#[test]
fn each_is_offered_where_it_can_be_kept() {
    let all = ["REQUIRETLS", "FUTURERELEASE 3600 2026-12-01T00:00:00Z", "DELIVERBY", "MT-PRIORITY"];
    assert_eq!(offered(with_all()), all);
    assert_eq!(offered(Config { tls: TlsOffer::Offered, ..with_all() }), all[1..]);
    assert_eq!(offered(config(Service::Mx)), Vec::<String>::new());
    let under_tls = Config { tls: TlsOffer::Active, ..config(Service::Mx) };
    assert_eq!(offered(under_tls), ["REQUIRETLS"]);
}

#[test]
fn what_is_asked_for_is_in_the_envelope() {
    let config = Config { service: Service::Mx, ..with_all() };
    let mut driver = Driver::new(config);
    driver.feed(b"EHLO c\r\nMAIL FROM:<a@x.test> REQUIRETLS HOLDFOR=60 BY=120;RT MT-PRIORITY=-3\r\n");
    let envelope = driver.session.envelope();
    assert_eq!(envelope.tls_required, TlsRequired::Yes);
    assert_eq!(envelope.hold, Some(Hold::For(Duration::from_mins(1))));
    assert_eq!(envelope.deliver_by, Some(DeliverBy { seconds: 120, mode: ByMode::Return, trace: true }));
    assert_eq!(envelope.priority, -3);
    driver.feed(b"RSET\r\nMAIL FROM:<a@x.test>\r\n");
    let plain = Envelope { reverse_path: "a@x.test".parse().expect("a path"), ..Envelope::default() };
    assert_eq!(*driver.session.envelope(), plain, "nothing is left of the transaction before");
}

#[test]
fn what_is_not_offered_is_unknown_and_what_is_malformed_is_refused() {
    let under_tls = Config { tls: TlsOffer::Active, ..config(Service::Mx) };
    let clear = config(Service::Mx);
    let all = Config { service: Service::Mx, ..with_all() };
    for (config, parameter, code) in [
        (&clear, "REQUIRETLS", "555 5.5.4"),
        (&under_tls, "REQUIRETLS", "250 2.1.0"),
        (&under_tls, "REQUIRETLS=1", "501 5.5.4"),
        (&clear, "HOLDFOR=1", "555 5.5.4"),
        (&clear, "BY=1;N", "555 5.5.4"),
        (&clear, "MT-PRIORITY=1", "555 5.5.4"),
        (&all, "HOLDFOR=3601", "501 5.5.4"),
        (&all, "HOLDUNTIL=2026-12-01T00:00:01Z", "501 5.5.4"),
        (&all, "HOLDFOR=1 HOLDFOR=1", "501 5.5.4"),
        (&all, "BY=0;R", "501 5.5.4"),
        (&all, "MT-PRIORITY=10", "501 5.5.4"),
    ] {
        let mut driver = Driver::new(config.clone());
        driver.feed(b"EHLO c\r\n");
        driver.output.clear();
        driver.feed(format!("MAIL FROM:<a@x.test> {parameter}\r\n").as_bytes());
        let reply = String::from_utf8(std::mem::take(&mut driver.output)).expect("ASCII");
        assert!(reply.starts_with(code), "{parameter}: {reply}");
    }
}
