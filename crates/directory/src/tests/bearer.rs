//! Bearer tokens, with an issuer that knows a few.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use mail::Wall;
use store::Batch;
use world::BoxFuture;

use super::House;
use crate::sasl::{Channel, Failure, Grant, Issuer, Step};

#[derive(Default)]
struct Knows {
    asked: AtomicUsize,
    /// When all tokens end.
    until: Option<Wall>,
    lifetime: Duration,
}

impl Issuer for Knows {
    fn introspect<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Grant>, String>> {
        self.asked.fetch_add(1, Relaxed);
        let grant = |user: &str| Ok(Some(Grant { user: user.into(), until: self.until }));
        let answer = match token {
            "ann.token" => grant("Ann@x.test"),
            "stranger" => grant("nobody@x.test"),
            "down" => Err("it does not answer".into()),
            _ => Ok(None),
        };
        Box::pin(std::future::ready(answer))
    }

    fn challenge(&self, mechanism: &str) -> Vec<u8> {
        format!("{{\"why\":\"{mechanism}\"}}").into_bytes()
    }

    fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

fn tls() -> Channel {
    Channel { tls: true, ..Channel::default() }
}

impl House {
    fn knowing(&self, until: Option<Wall>, lifetime: Duration) -> Arc<Knows> {
        let knows = Arc::new(Knows { until, lifetime, ..Knows::default() });
        self.directory.set_issuer(Some(knows.clone()));
        knows
    }

    /// One message, and a dummy answer where there is a challenge (RFC 7628 §3.2.3).
    async fn by_token(&self, mechanism: &str, message: &str) -> Step {
        let mut exchange = self.directory.sasl(mechanism, tls()).expect("offered");
        assert_eq!(exchange.start(None).await, Step::Challenge(Vec::new()));
        match exchange.step(message.as_bytes()).await {
            Step::Challenge(challenge) => {
                assert_eq!(challenge, format!("{{\"why\":\"{mechanism}\"}}").as_bytes());
                exchange.step(b"\x01").await
            }
            over => over,
        }
    }
}

/// RFC 7628 §3.1, §4; the examples' host and port stand in some.
#[tokio::test]
async fn tokens_log_in_whom_they_are_for() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", None).await;
    house.account("bob@x.test", None).await;
    house.knowing(None, Duration::from_mins(1));
    let good = "auth=Bearer ann.token\x01";
    let long = format!("n,,\x01auth=Bearer {}\x01\x01", "x".repeat(mail::limits::BEARER_TOKEN + 1));
    let (oauth, x) = ("OAUTHBEARER", "XOAUTH2");
    for (mechanism, message, wanted) in [
        (oauth, format!("n,a=ann@x.test,\x01host=mx.x.test\x01port=143\x01{good}\x01"), Ok(ann)),
        (oauth, format!("n,,\x01{good}\x01"), Ok(ann)),
        (oauth, format!("y,,\x01{good}foo=bar\x01\x01"), Ok(ann)),
        (oauth, "n,,\x01auth=bearer  ann.token\x01\x01".into(), Ok(ann)),
        (oauth, format!("n,a=ANN@x.test,\x01{good}\x01"), Ok(ann)),
        (oauth, format!("n,a=bob@x.test,\x01{good}\x01"), Err(Failure::Refused)),
        (oauth, format!("n,a=nobody@x.test,\x01{good}\x01"), Err(Failure::Refused)),
        (oauth, "n,,\x01auth=Bearer stranger\x01\x01".into(), Err(Failure::Refused)),
        (oauth, "n,,\x01auth=Bearer unknown\x01\x01".into(), Err(Failure::Refused)),
        (
            oauth,
            "n,,\x01auth=Bearer down\x01\x01".into(),
            Err(Failure::Unavailable("it does not answer".into())),
        ),
        (oauth, "n,,\x01auth=Basic YTpi\x01\x01".into(), Err(Failure::Malformed)),
        (oauth, "n,,\x01auth=Bearer a\r\nb\x01\x01".into(), Err(Failure::Malformed)),
        (oauth, format!("n,,\x01{good}{good}\x01"), Err(Failure::Malformed)),
        (oauth, format!("n,,\x01{good}"), Err(Failure::Malformed)),
        (oauth, format!("n,,\x01{good}1=2\x01\x01"), Err(Failure::Malformed)),
        (oauth, format!("p=tls-exporter,,\x01{good}\x01"), Err(Failure::Malformed)),
        (oauth, format!("n\x01{good}\x01"), Err(Failure::Malformed)),
        (oauth, "n,,\x01host=a\x01\x01".into(), Err(Failure::Malformed)),
        (oauth, "n,,\x01\x01".into(), Err(Failure::Malformed)),
        (oauth, "\x01".into(), Err(Failure::Malformed)),
        (oauth, String::new(), Err(Failure::Malformed)),
        (oauth, long, Err(Failure::Malformed)),
        (x, format!("user=ann@x.test\x01{good}\x01"), Ok(ann)),
        (x, format!("user=bob@x.test\x01{good}\x01"), Err(Failure::Refused)),
        (x, "user=ann@x.test\x01auth=Bearer unknown\x01\x01".into(), Err(Failure::Refused)),
        (x, format!("n,,\x01{good}\x01"), Err(Failure::Malformed)),
    ] {
        let got = match house.by_token(mechanism, &message).await {
            Step::Done(login) => Ok(login.account),
            Step::Failed(failure) => Err(failure),
            Step::Challenge(_) => panic!("one challenge at most"),
        };
        assert_eq!(got, wanted, "{mechanism} {message:?}");
    }
    let mut batch = Batch::new();
    house.directory.set_enabled(&mut batch, ann, false).await.expect("an account");
    house.commit(batch).await;
    let disabled = house.by_token("OAUTHBEARER", &format!("n,,\x01{good}\x01")).await;
    assert_eq!(disabled, Step::Failed(Failure::Refused));
}

/// RFC 7628 §3: OAUTHBEARER is for TLS; and there must be someone to ask.
#[tokio::test]
async fn they_are_offered_where_they_can_be_used() {
    let house = House::new().await;
    let offered = |channel: &Channel| house.directory.mechanisms(channel).contains(&"OAUTHBEARER");
    assert!(!offered(&tls()) && house.directory.sasl("XOAUTH2", tls()).is_none());
    house.knowing(None, Duration::ZERO);
    assert!(offered(&tls()) && house.directory.sasl("XOAUTH2", tls()).is_some());
    assert!(!offered(&Channel::default()) && house.directory.sasl("XOAUTH2", Channel::default()).is_none());
    house.directory.set_issuer(None);
    assert!(!offered(&tls()));
}

#[tokio::test]
async fn good_answers_hold_for_a_while_and_never_beyond_the_tokens_end() {
    let house = House::new().await;
    house.account("ann@x.test", None).await;
    let good = async |count: usize, wanted: bool| {
        for _ in 0..count {
            let step = house.by_token("OAUTHBEARER", "n,,\x01auth=Bearer ann.token\x01\x01").await;
            assert_eq!(matches!(step, Step::Done(_)), wanted, "{step:?}");
        }
    };
    let knows = house.knowing(None, Duration::from_mins(1));
    good(3, true).await;
    assert_eq!(knows.asked.load(Relaxed), 1);
    let knows = house.knowing(None, Duration::ZERO);
    good(3, true).await;
    assert_eq!(knows.asked.load(Relaxed), 3, "another issuer is asked anew, and this one each time");
    let soon = house.directory.world.clock.wall() + Duration::from_millis(300);
    let knows = house.knowing(Some(soon), Duration::from_mins(1));
    good(2, true).await;
    assert_eq!(knows.asked.load(Relaxed), 1);
    house.directory.world.clock.sleep(Duration::from_millis(350)).await;
    good(1, false).await;
    assert_eq!(knows.asked.load(Relaxed), 2);
}

/// A11: bad tokens count as wrong passwords do, also where the client hangs up at the challenge.
#[tokio::test]
async fn guessing_tokens_ends() {
    let house = House::new().await;
    house.account("ann@x.test", None).await;
    let knows = house.knowing(None, Duration::from_mins(1));
    house.directory.set_login_limit(crate::LoginLimit { failures: 3, exempt: Vec::new() });
    let peer = Channel { peer: Some("192.0.2.1".parse().expect("an address")), ..tls() };
    for number in 0..5 {
        let mut exchange = house.directory.sasl("OAUTHBEARER", peer.clone()).expect("offered");
        let step = exchange.start(Some(format!("n,,\x01auth=Bearer guess{number}\x01\x01").as_bytes())).await;
        assert_eq!(matches!(step, Step::Challenge(_)), number < 3, "{step:?}");
        assert_eq!(matches!(step, Step::Failed(Failure::Throttled)), number >= 3, "{step:?}");
    }
    assert_eq!(knows.asked.load(Relaxed), 3);
}
