//! The disk fails, and no mail is lost, doubled or cut.

use std::time::Duration;

use store::Error;

use crate::office::{Office, Plan, message};
use crate::remote::Remote;
use crate::taking::run;

#[test]
fn a_commit_that_fails_refuses_for_now_and_stores_nothing() {
    for (error, expected) in [
        (Error::Full, "452 4.3.1"),
        (Error::Conflict, "451 4.3.0"),
        (Error::Io("broken".into()), "451 4.3.0"),
        (Error::Poisoned("broken".into()), "451 4.3.0"),
    ] {
        run(move |outside| async move {
            let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
            let mut user = office.user("ann@alpha.test").await;
            office.faults.fail_commits(&error, 1);
            let text = message("ann@alpha.test", "abe", "s");
            let reply = user.mail("ann@alpha.test", &["abe@alpha.test", "x@else.test"], &text).await;
            assert!(reply.starts_with(expected), "{reply}");
            assert!(office.holds_no_mail(&["ann@alpha.test", "abe@alpha.test"]).await);
            let reply = user.mail("ann@alpha.test", &["abe@alpha.test"], &text).await;
            assert!(reply.starts_with("250"), "the session goes on: {reply}");
        });
    }
}

/// F14: who says how much is coming hears at once that there is no room; what is small may still go.
#[test]
fn a_full_disk_is_told_at_mail() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user("ann@alpha.test").await;
        office.faults.refuse_room(Some(Error::Full));
        let reply = user.say("MAIL FROM:<ann@alpha.test> SIZE=5000").await;
        assert!(reply.starts_with("452 4.3.1"), "{reply}");
        let text = message("ann@alpha.test", "abe", "s");
        let reply = user.mail("ann@alpha.test", &["abe@alpha.test"], &text).await;
        assert!(reply.starts_with("250"), "{reply}");
        office.faults.refuse_room(None);
        let reply = user.say("MAIL FROM:<ann@alpha.test> SIZE=5000").await;
        assert!(reply.starts_with("250"), "{reply}");
    });
}

#[test]
fn a_body_that_cannot_be_read_is_never_sent_cut_off() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let remote = Remote::bind(&outside, "192.0.2.9:25", &[]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user("ann@alpha.test").await;
        let long = "From: <ann@alpha.test>\r\nDate: x\r\nMessage-ID: <x@y>\r\n\r\n".to_owned();
        let long = long + &"0123456789\r\n".repeat(30_000);
        let reply = user.mail("ann@alpha.test", &["x@r.test"], &long).await;
        assert!(reply.starts_with("250"), "{reply}");
        office.faults.fail_reads_from(Some(100_000));
        office.start_queue();
        office.world.clock.sleep(Duration::from_mins(1)).await;
        assert_eq!((remote.connections(), remote.taken().len()), (1, 0));
        assert_eq!(office.queued().await.len(), 1);
        office.faults.fail_reads_from(None);
        office.world.clock.sleep(Duration::from_secs(400)).await;
        let taken = remote.taken();
        assert_eq!(taken.len(), 1);
        assert!(taken[0].data.ends_with(&long), "whole");
    });
}

#[test]
fn what_a_remote_has_taken_is_recorded_even_if_the_disk_is_full_for_a_while() {
    for (error, times) in [(Error::Full, 100), (Error::Conflict, 5), (Error::Io("broken".into()), 100)] {
        run(move |outside| async move {
            outside.zones.add("r.test A 192.0.2.9");
            let remote = Remote::bind(&outside, "192.0.2.9:25", &[]);
            let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
            let mut user = office.user("ann@alpha.test").await;
            let text = message("ann@alpha.test", "x", "s");
            user.mail("ann@alpha.test", &["x@r.test"], &text).await;
            office.faults.fail_commits(&error, times);
            office.start_queue();
            office.world.clock.sleep(Duration::from_hours(3)).await;
            assert_eq!(remote.taken().len(), 1, "exactly once");
            assert!(office.queued().await.is_empty());
        });
    }
}

#[test]
fn a_report_that_cannot_be_written_keeps_the_original() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        Remote::bind(&outside, "192.0.2.9:25", &[("RCPT", "550 5.1.1 no")]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user("ann@alpha.test").await;
        user.mail("ann@alpha.test", &["x@r.test"], &message("ann@alpha.test", "x", "s")).await;
        office.faults.fail_commits(&Error::Full, 10);
        office.start_queue();
        office.world.clock.sleep(Duration::from_secs(10)).await;
        assert_eq!((office.queued().await.len(), office.inbox("ann@alpha.test").await.len()), (1, 0));
        office.world.clock.sleep(Duration::from_hours(1)).await;
        assert_eq!((office.queued().await.len(), office.inbox("ann@alpha.test").await.len()), (0, 1));
    });
}
