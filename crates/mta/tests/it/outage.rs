//! Our own network is down, or the clock jumps: no mail is given up for that (F26, F18).

use std::time::Duration;

use crate::office::{Office, Plan};
use crate::outgoing::{send, state, wait};
use crate::remote::Remote;
use crate::taking::run;
use crate::world::Outside;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const YEAR: Duration = Duration::from_hours(365 * 24);
const THREE: [&str; 3] = ["x@a.test", "x@b.test", "x@c.test"];

/// An office, and one remote host for three domains.
async fn office_and_remote(outside: &Outside, script: &[(&str, &str)]) -> (Office, Remote) {
    for domain in ["a.test", "b.test", "c.test"] {
        outside.zones.add(&format!("{domain} A 192.0.2.9"));
    }
    let remote = Remote::bind(outside, "192.0.2.9:25", script);
    let office = Office::open(outside, &Plan::alpha(), |_| {}).await;
    office.start_queue();
    (office, remote)
}

#[test]
fn six_days_without_a_network_lose_nothing() {
    for restarts in [false, true] {
        run(move |outside| async move {
            let (mut office, remote) = office_and_remote(&outside, &[]).await;
            outside.wires.cut(true);
            send(&office, &THREE).await;
            for day in 0..6 {
                wait(&office, DAY).await;
                if restarts {
                    office.restart().await;
                }
                let since = office.queue.outage().await.expect("an answer");
                assert!(since.is_some(), "noted for the operator on day {day}");
            }
            let reports = office.inbox("ann@alpha.test").await;
            assert!(!reports.is_empty() && reports.iter().all(|r| r.contains("Action: delayed")));
            assert_eq!(office.queued().await.len(), 3);
            outside.wires.cut(false);
            wait(&office, 5 * HOUR).await;
            assert_eq!(remote.taken().len(), 3);
            assert_eq!(office.queue.outage().await, Ok(None));
            assert!(office.queued().await.is_empty());
        });
    }
}

#[test]
fn an_outage_has_an_end_for_the_sender() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[]).await;
        outside.wires.cut(true);
        send(&office, &THREE).await;
        // Five days of lifetime, seven of grace.
        wait(&office, 11 * DAY).await;
        assert_eq!(office.queued().await.len(), 3);
        wait(&office, 2 * DAY).await;
        let reports = office.inbox("ann@alpha.test").await;
        assert_eq!(reports.iter().filter(|r| r.contains("Status: 5.4.7")).count(), 3, "{reports:?}");
        assert_eq!(state(&office, &remote).await, "taken 0 waiting 0 reports 6");
        wait(&office, 60).await;
        assert_eq!(office.queue.outage().await, Ok(None), "nothing is left that could not be delivered");
    });
}

/// What others do wrong is no outage of ours, and what waits for them grows old.
#[test]
fn dead_destinations_beside_one_that_answers_are_given_up_in_time() {
    run(|outside| async move {
        outside.zones.add("live.test A 192.0.2.8");
        Remote::bind(&outside, "192.0.2.8:25", &[("RCPT", "450 4.2.1 later")]);
        for domain in ["a.test", "b.test", "c.test"] {
            outside.zones.add(&format!("{domain} A 192.0.2.9"));
        }
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.start_queue();
        send(&office, &["x@a.test", "x@b.test", "x@c.test", "x@live.test"]).await;
        wait(&office, 5 * DAY + 5 * HOUR).await;
        assert!(office.queued().await.is_empty());
        let reports = office.inbox("ann@alpha.test").await;
        assert_eq!(reports.iter().filter(|r| r.contains("Status: 5.4.7")).count(), 4, "{reports:?}");
    });
}

#[test]
fn a_clock_that_jumps_ten_years_gives_nothing_up() {
    for ahead in [true, false] {
        run(move |outside| async move {
            let (office, remote) = office_and_remote(&outside, &[("RCPT", "450 4.2.1 later")]).await;
            send(&office, &["x@a.test"]).await;
            wait(&office, HOUR).await;
            if ahead {
                outside.time.put_ahead(10 * YEAR);
            } else {
                outside.time.put_back(10 * YEAR);
            }
            wait(&office, 4 * DAY).await;
            assert_eq!(office.queued().await.len(), 1, "ahead: {ahead}");
            if ahead {
                outside.time.put_back(10 * YEAR);
            } else {
                outside.time.put_ahead(10 * YEAR);
            }
            wait(&office, 2 * HOUR).await;
            assert_eq!(office.queued().await.len(), 1, "ahead: {ahead}");
            let attempts = remote.connections();
            assert!(attempts > 20, "{attempts} attempts");
            remote.follow(&[]);
            wait(&office, 5 * HOUR).await;
            assert_eq!(remote.taken().len(), 1, "ahead: {ahead}");
        });
    }
}

/// A jump takes some of the lifetime, but not its end: the sender hears of it in days, not never.
#[test]
fn mail_ends_in_days_wherever_the_clock_jumps() {
    run(|outside| async move {
        let (office, _) = office_and_remote(&outside, &[("RCPT", "450 4.2.1 later")]).await;
        send(&office, &["x@a.test"]).await;
        for _ in 0..4 {
            wait(&office, 2 * HOUR).await;
            outside.time.put_ahead(10 * YEAR);
            wait(&office, 2 * HOUR).await;
            outside.time.put_back(10 * YEAR);
        }
        wait(&office, 6 * DAY).await;
        assert!(office.queued().await.is_empty());
    });
}
