//! Routes, paces and pauses: where mail goes when the operator has a say, and how fast.

use std::time::Duration;

use mta::{NextHop, Pace, Route, Settings, Smarthost, SmarthostTls};
use queue::{Item, Via};
use store::Batch;

use crate::office::{Office, Plan, message};
use crate::outgoing::{send, state, wait};
use crate::remote::Remote;
use crate::taking::run;
use crate::world::Outside;

fn host(name: &str, port: u16, lmtp: bool) -> Smarthost {
    let host = name.parse().expect("a host");
    Smarthost { host, port, credentials: None, tls: SmarthostTls::Opportunistic, lmtp }
}

fn route(to: &[&str], from: &[&str], next: NextHop) -> Route {
    let matches = |list: &[&str]| list.iter().map(|text| text.parse().expect("a match")).collect();
    Route {
        to: matches(to),
        from: matches(from),
        next,
        sources: Vec::new(),
        retry: mta::Retry::default(),
        pace: Pace { concurrency: 5, rate: None },
    }
}

fn settings() -> Settings {
    Settings::new("mx.alpha.test".parse().expect("a host"))
}

fn peers(remote: &Remote) -> Vec<String> {
    remote.ledger.lock().expect("no panics").peers.iter().map(ToString::to_string).collect()
}

fn commands(remote: &Remote) -> String {
    remote.ledger.lock().expect("no panics").commands.join("\n")
}

async fn waiting(office: &Office) -> Vec<String> {
    office.queued().await.iter().map(|item| item.destination.to_string()).collect()
}

async fn change(office: &Office, how: impl Fn(&mut Batch, &Item)) {
    for item in office.queued().await {
        let mut batch = Batch::new();
        how(&mut batch, &item);
        office.store.commit(batch).await.expect("a commit");
    }
}

#[test]
fn routes_lead_to_hosts_and_from_addresses() {
    run(|outside| async move {
        for record in ["lists.test MX 1 no.test", "r.test A 192.0.2.9", "relay.test A 10.0.0.2"] {
            outside.zones.add(record);
        }
        let lmtp = Remote::bind(&outside, "10.0.0.1:24", &[]);
        let relay = Remote::bind(&outside, "10.0.0.2:2525", &[]);
        let mx = Remote::bind(&outside, "192.0.2.9:25", &[]);
        let office = Office::open(&outside, &Plan::alpha(), |settings| {
            let own: std::net::IpAddr = "192.0.2.77".parse().expect("an address");
            settings.outbound.source_names.insert(own, "bulk.alpha.test".parse().expect("a name"));
            let bulk = Route { sources: vec![own], ..route(&[], &["abe@alpha.test"], NextHop::Mx) };
            settings.outbound.routes = vec![
                route(&["lists.test"], &[], NextHop::Host(host("10.0.0.1", 24, true))),
                route(&[".one.test"], &[], NextHop::Host(host("relay.test", 2525, false))),
                bulk,
            ];
        })
        .await;
        office.start_queue();
        send(&office, &["a@lists.test", "b@sub.one.test", "c@r.test"]).await;
        wait(&office, 5).await;
        assert!(commands(&lmtp).contains("LHLO mx.alpha.test"), "{}", commands(&lmtp));
        assert_eq!(lmtp.taken()[0].to, ["a@lists.test"]);
        assert_eq!(relay.taken()[0].to, ["b@sub.one.test"]);
        assert_eq!(mx.taken()[0].to, ["c@r.test"]);
        assert_eq!(peers(&mx), ["192.0.2.1"]);
        let mut user = office.user("abe@alpha.test").await;
        let text = message("abe@alpha.test", "c@r.test", "bulk");
        assert!(user.mail("abe@alpha.test", &["c@r.test"], &text).await.starts_with("250"));
        wait(&office, 5).await;
        assert_eq!(peers(&mx), ["192.0.2.1", "192.0.2.77"]);
        assert!(commands(&mx).contains("EHLO bulk.alpha.test"), "{}", commands(&mx));
        assert!(waiting(&office).await.is_empty());
    });
}

/// What waits follows the configuration of the moment.
#[test]
fn mail_in_the_queue_follows_new_routes() {
    run(|outside| async move {
        for record in ["one.test A 192.0.2.9", "two.test A 192.0.2.9", "smart.test A 10.0.0.1"] {
            outside.zones.add(record);
        }
        let busy = [("RCPT", "450 4.3.0 not now")];
        let (mx, smart) =
            (Remote::bind(&outside, "192.0.2.9:25", &[]), Remote::bind(&outside, "10.0.0.1:587", &busy));
        let office = Office::open(&outside, &Plan::alpha(), |settings| {
            settings.outbound.smarthost = Some(host("smart.test", 587, false));
        })
        .await;
        office.start_queue();
        send(&office, &["a@one.test", "b@two.test"]).await;
        wait(&office, 10).await;
        assert_eq!(waiting(&office).await, ["(smarthost)"]);
        // One of two domains has a route now: the item becomes two.
        let mut changed = settings();
        changed.outbound.smarthost = Some(host("smart.test", 587, false));
        changed.outbound.routes = vec![route(&["one.test"], &[], NextHop::Mx)];
        office.mta.reload(changed);
        wait(&office, 6 * 60).await;
        assert_eq!(waiting(&office).await, ["(smarthost)"]);
        assert_eq!(mx.taken()[0].to, ["a@one.test"]);
        let attempts: Vec<u32> = office.queued().await.iter().map(|item| item.attempts).collect();
        assert_eq!(attempts, [2], "it has grown no younger");
        // No smarthost any more: what waits for it goes by MX.
        office.mta.reload(settings());
        wait(&office, 20 * 60).await;
        assert!(waiting(&office).await.is_empty());
        assert_eq!(mx.taken()[1].to, ["b@two.test"]);
        assert!(smart.taken().is_empty());
        assert!(office.told().await.join("\n").contains("queued for two.test"));
    });
}

#[test]
fn a_route_of_an_operator_goes_before_all_others() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        outside.zones.add("relay.test A 10.0.0.1");
        let dead = Remote::bind(&outside, "192.0.2.9:25", &[("connect", "450 4.3.0 no")]);
        let relay = Remote::bind(&outside, "10.0.0.1:2525", &[("RCPT", "451 4.3.0 soon")]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.start_queue();
        send(&office, &["a@r.test"]).await;
        wait(&office, 10).await;
        let now = office.world.clock.wall();
        let via: Via = "relay.test:2525".parse().expect("a host");
        change(&office, |batch, item| office.queue.route(batch, item, Some(via.clone()), now)).await;
        wait(&office, 1).await;
        assert_eq!((dead.connections(), relay.connections()), (1, 1), "at once");
        wait(&office, 16 * 60).await;
        assert_eq!((dead.connections(), relay.connections()), (1, 2), "and again by its schedule");
        let now = office.world.clock.wall();
        change(&office, |batch, item| office.queue.route(batch, item, None, now)).await;
        dead.follow(&[]);
        wait(&office, 1).await;
        assert_eq!(state(&office, &dead).await, "taken 1 waiting 0 reports 0");
    });
}

async fn many(outside: &Outside, script: &[(&str, &str)], count: usize) -> (Office, Remote, Remote) {
    outside.zones.add("slow.test A 192.0.2.8");
    outside.zones.add("r.test A 192.0.2.9");
    let slow = Remote::bind(outside, "192.0.2.8:25", script);
    let other = Remote::bind(outside, "192.0.2.9:25", &[]);
    let office = Office::open(outside, &Plan::alpha(), |settings| settings.sending.per_hour = None).await;
    for _ in 0..count {
        send(&office, &["x@slow.test"]).await;
    }
    office.start_queue();
    (office, slow, other)
}

/// F22: the pause is one destination's own.
#[test]
fn who_asks_for_less_mail_gets_a_pause_and_others_do_not() {
    run(|outside| async move {
        let slow_down = [("MAIL", "421 4.7.0 unusual rate, try again later")];
        let (office, slow, other) = many(&outside, &slow_down, 40).await;
        wait(&office, 10).await;
        let tried = slow.connections();
        assert!(tried <= 2, "{tried} connections in ten seconds");
        send(&office, &["a@r.test"]).await;
        wait(&office, 1).await;
        assert_eq!(other.taken().len(), 1, "nobody else waits");
        wait(&office, 30 * 60).await;
        let tried = slow.connections();
        assert!((5..20).contains(&tried), "{tried} connections in half an hour");
        let untried = office.queued().await.iter().filter(|item| item.attempts == 0).count();
        assert!(untried > 20, "only {untried} of 40 were left alone");
        slow.follow(&[]);
        wait(&office, 6 * 60).await;
        assert!(slow.taken().len() >= untried, "{} of {untried}", slow.taken().len());
        wait(&office, 3600).await;
        assert_eq!(slow.taken().len(), 40);
    });
}

/// P3: a long pause is no silence. Every sender hears of the delay, and of the end.
#[test]
fn what_is_never_tried_because_of_pauses_keeps_its_schedule() {
    run(|outside| async move {
        let (office, slow, _) = many(&outside, &[("connect", "421 4.3.2 too much")], 30).await;
        wait(&office, 7 * 3600).await;
        assert_eq!(state(&office, &slow).await, "taken 0 waiting 30 reports 30");
        wait(&office, 6 * 24 * 3600).await;
        assert_eq!(state(&office, &slow).await, "taken 0 waiting 0 reports 60");
        assert!(office.told().await.join("\n").contains("asks for less mail"));
    });
}

#[test]
fn no_more_mail_than_the_rate_lets_go() {
    run(|outside| async move {
        outside.zones.add("slow.test A 192.0.2.8");
        let slow = Remote::bind(&outside, "192.0.2.8:25", &[]);
        let office = Office::open(&outside, &Plan::alpha(), |settings| {
            settings.outbound.rate = Some("20/10s".parse().expect("a rate"));
        })
        .await;
        for _ in 0..50 {
            send(&office, &["x@slow.test"]).await;
        }
        office.start_queue();
        wait(&office, 60).await;
        let times = slow.ledger.lock().expect("no panics").times.clone();
        assert_eq!(times.len(), 50);
        for (first, began) in times.iter().enumerate() {
            let within = times[first..].iter().filter(|at| **at < *began + Duration::from_secs(10)).count();
            assert!(within <= 20, "{within} within ten seconds");
        }
        let took = times[49].saturating_sub(times[0]);
        assert!(took < Duration::from_secs(30), "{took:?}");
        assert!(slow.connections() <= 20, "connections are kept");
    });
}
