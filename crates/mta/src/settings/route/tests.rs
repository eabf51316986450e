//! Which route is for which mail.

use super::*;
use crate::settings::SmarthostTls;

fn matches(list: &[&str]) -> Vec<Match> {
    list.iter().map(|text| text.parse().expect(text)).collect()
}

fn route(to: &[&str], from: &[&str], host: Option<&str>) -> Route {
    let next = host.map_or(NextHop::Mx, |host| {
        NextHop::Host(Smarthost {
            host: host.parse().expect("a host"),
            port: 25,
            credentials: None,
            tls: SmarthostTls::Opportunistic,
            lmtp: false,
        })
    });
    let pace = Pace { concurrency: 1, rate: None };
    let (to, from) = (matches(to), matches(from));
    Route { to, from, next, sources: Vec::new(), retry: Retry::default(), pace }
}

fn settings(routes: Vec<Route>) -> Settings {
    let mut settings = Settings::new("mx.alpha.test".parse().expect("a host"));
    settings.outbound.routes = routes;
    settings
}

fn host(settings: &Settings, from: &str, to: &str) -> String {
    let from = from.parse().expect("a path");
    match settings.route(&from, &to.parse().expect("a domain")).map(|route| &route.next) {
        None => "-".into(),
        Some(NextHop::Mx) => "mx".into(),
        Some(NextHop::Host(host)) => host.host.to_string(),
    }
}

#[test]
fn the_first_route_that_fits_holds() {
    let settings = settings(vec![
        route(&["direct.one.test"], &[], None),
        route(&["one.test", ".one.test"], &[], Some("a.relay.test")),
        route(&["two.test"], &["news.alpha.test"], Some("b.relay.test")),
        route(&[], &["Bulk@alpha.test", ".bulk.test"], Some("c.relay.test")),
    ]);
    for (from, to, expected) in [
        ("ann@alpha.test", "direct.one.test", "mx"),
        ("ann@alpha.test", "one.test", "a.relay.test"),
        ("ann@alpha.test", "sub.one.test", "a.relay.test"),
        ("ann@alpha.test", "a.b.one.test", "a.relay.test"),
        ("ann@alpha.test", "notone.test", "-"),
        ("ann@alpha.test", "two.test", "-"),
        ("x@news.alpha.test", "two.test", "b.relay.test"),
        ("bulk@alpha.test", "two.test", "c.relay.test"),
        ("x@sub.bulk.test", "three.test", "c.relay.test"),
        ("x@bulk.test", "three.test", "-"),
        ("", "two.test", "-"),
        ("", "one.test", "a.relay.test"),
    ] {
        assert_eq!(host(&settings, from, to), expected, "{from} to {to}");
    }
}

#[test]
fn a_destination_has_one_pace_and_a_host_is_one_destination() {
    let mut settings = settings(vec![
        route(&["one.test"], &["ann@alpha.test"], Some("a.relay.test")),
        route(&["one.test", "two.test"], &[], Some("b.relay.test")),
        route(&["three.test"], &[], None),
    ]);
    settings.outbound.rate = Some("5/1s".parse().expect("a rate"));
    let to = |name: &str| name.parse::<Destination>().expect("a destination");
    for (destination, concurrency, limited, common) in [
        ("one.test", 1, false, Some("b.relay.test")),
        ("two.test", 1, false, Some("b.relay.test")),
        ("three.test", 1, false, None),
        ("four.test", 20, true, None),
        ("(smarthost)", 20, true, None),
        ("[192.0.2.1]", 20, true, None),
        ("(local)", 20, false, None),
    ] {
        let destination = to(destination);
        let pace = settings.pace(&destination);
        assert_eq!((pace.concurrency, pace.rate.is_some()), (concurrency, limited), "{destination}");
        let host = settings.common_host(&destination).map(|(host, _)| host.to_string());
        assert_eq!(host.as_deref(), common, "{destination}");
    }
}

#[test]
fn without_a_route_the_smarthost_has_it() {
    let mut settings = settings(vec![route(&["one.test"], &[], None)]);
    settings.relay_domains.insert("backup.test".parse().expect("a domain"));
    let NextHop::Host(smarthost) = route(&[], &[], Some("smart.test")).next else { panic!("a host") };
    for (with, to, expected) in [
        (false, "x@one.test", "one.test"),
        (false, "x@two.test", "two.test"),
        (true, "x@one.test", "one.test"),
        (true, "x@two.test", "(smarthost)"),
        (true, "x@backup.test", "backup.test"),
        (true, "x@[192.0.2.1]", "(smarthost)"),
    ] {
        settings.outbound.smarthost = with.then(|| smarthost.clone());
        let found = settings.destination(&ReversePath::default(), &to.parse().expect("an address"));
        assert_eq!(found.to_string(), expected, "{with} {to}");
    }
}

#[test]
fn rates_are_read_and_never_exceeded() {
    for (text, messages, seconds) in [
        ("100/1m", 100, 60),
        ("100/m", 100, 60),
        ("1/1s", 1, 1),
        ("5000 / 1h", 5000, 3600),
        ("7/2d", 7, 172_800),
    ] {
        let rate: Rate = text.parse().expect(text);
        assert_eq!((rate.messages, rate.per), (messages, Duration::from_secs(seconds)), "{text}");
        // What a burst and the steady rate give within `per`, its end not included.
        let steady = (rate.per.as_nanos() - 1) / rate.interval().as_nanos();
        assert!(u128::from(rate.burst()) + steady <= u128::from(messages), "{text}");
    }
    for bad in ["", "100", "0/1m", "-1/1m", "1/", "1/0s", "1/1w", "/1m", "1/99999999999d", "1.5/1m"] {
        assert!(bad.parse::<Rate>().is_err(), "{bad}");
    }
}
