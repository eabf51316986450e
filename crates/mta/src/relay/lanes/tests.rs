//! Lanes, on a clock of their own.

use super::*;

fn domain(name: &str) -> Track {
    Track::To(name.parse().expect("a domain"))
}

fn at(seconds: u64) -> Mono {
    Mono::from_start(Duration::from_secs(seconds))
}

fn limits(all: usize, concurrency: usize) -> Limits {
    Limits { all, pace: Pace { concurrency, rate: None } }
}

fn free(lanes: &Lanes, track: &Track, limits: &Limits) -> usize {
    match lanes.room(track, limits, at(0)) {
        Room::Places(places) => places,
        Room::Paused => 0,
    }
}

fn reached(place: &mut Place, reached: bool) -> bool {
    place.went(if reached { Went::Well } else { Went::Unreachable }, at(0))
}

#[test]
fn lanes_widen_with_success_and_narrow_with_failure() {
    let limits = limits(4, 2);
    let (lanes, good, dead) = (Lanes::default(), domain("good.test"), domain("dead.test"));
    assert_eq!(free(&lanes, &good, &limits), 1, "an unknown destination gets one attempt");
    let mut first = lanes.take(&good);
    assert_eq!(free(&lanes, &good, &limits), 0);
    reached(&mut first, true);
    reached(&mut first, true);
    assert_eq!(free(&lanes, &good, &limits), 1, "one more, the bound is two");
    let mut second = lanes.take(&good);
    reached(&mut second, false);
    drop(first);
    assert_eq!(free(&lanes, &good, &limits), 0, "a failing lane has one place, which is taken");
    drop(second);
    assert_eq!(free(&lanes, &good, &limits), 1);
    assert!(lanes.is_idle() && free(&lanes, &dead, &limits) == 1);
}

#[test]
fn a_lane_that_was_narrowed_widens_again_slowly() {
    let limits = limits(500, 3);
    let (lanes, busy) = (Lanes::default(), domain("busy.test"));
    let mut place = lanes.take(&busy);
    assert!(reached(&mut place, true) && reached(&mut place, true));
    let mut other = lanes.take(&busy);
    assert!(!reached(&mut other, false), "it leaves the lane to the first");
    drop(other);
    for _ in 1..WELL {
        assert!(reached(&mut place, true));
        assert_eq!(free(&lanes, &busy, &limits), 0, "one connection is borne");
    }
    assert!(reached(&mut place, true));
    assert_eq!(free(&lanes, &busy, &limits), 1, "another may be tried");
}

#[test]
fn failing_destinations_leave_half_of_the_places() {
    let limits = limits(4, 5);
    let lanes = Lanes::default();
    for name in ["a.test", "b.test", "c.test"] {
        reached(&mut lanes.take(&domain(name)), false);
    }
    let busy = [lanes.take(&domain("a.test")), lanes.take(&domain("b.test"))];
    assert_eq!(free(&lanes, &domain("c.test"), &limits), 0, "two of four are with failing ones");
    assert_eq!(free(&lanes, &domain("new.test"), &limits), 1);
    drop(busy);
    assert_eq!(free(&lanes, &domain("c.test"), &limits), 1);
}

#[test]
fn a_quarter_of_the_places_is_for_those_that_answered() {
    let limits = limits(8, 8);
    let (lanes, good) = (Lanes::default(), domain("good.test"));
    reached(&mut lanes.take(&good), true);
    let new: Vec<Place> = (0..6).map(|n| lanes.take(&domain(&format!("new{n}.test")))).collect();
    assert_eq!(free(&lanes, &domain("other.test"), &limits), 0, "two of eight are kept");
    assert_eq!(free(&lanes, &good, &limits), 1);
    let mut new = new.into_iter();
    let mut answered = new.next().expect("six");
    reached(&mut answered, true);
    assert_eq!(free(&lanes, &domain("other.test"), &limits), 1, "one of the six turned out well");
    let _both = [lanes.take(&good), lanes.take(&domain("other.test"))];
    assert!(lanes.is_full(limits.all));
    drop((new, answered));
    assert_eq!(free(&lanes, &domain("more.test"), &limits), 1);
}

#[test]
fn the_memory_is_bounded_and_dead_domains_do_not_push_out_good_ones() {
    let limits = limits(4, 5);
    let (lanes, good) = (Lanes::default(), domain("good.test"));
    reached(&mut lanes.take(&good), true);
    for n in 0..=REMEMBERED {
        reached(&mut lanes.take(&domain(&format!("dead{n}.test"))), false);
    }
    let _new = ["a.test", "b.test", "c.test"].map(|name| lanes.take(&domain(name)));
    assert_eq!((free(&lanes, &domain("d.test"), &limits), free(&lanes, &good, &limits)), (0, 1));
    assert!(lanes.state.lock().expect("no holder panics").lanes.len() < 10);
}

fn said() -> Reply {
    Reply::plain(421, "4.7.0 too much")
}

#[test]
fn who_asks_to_slow_down_gets_a_pause_and_a_narrower_lane() {
    let limits = limits(500, 8);
    let (lanes, busy, other) = (Lanes::default(), domain("busy.test"), domain("other.test"));
    let mut places = vec![lanes.take(&busy)];
    for _ in 1..8 {
        reached(&mut places[0], true);
        places.push(lanes.take(&busy));
    }
    assert!(!places[7].went(Went::Slowed(said()), at(10)));
    assert!(!places[6].went(Went::Slowed(said()), at(10)), "the same news again");
    assert_eq!(places[0].permit(&limits, at(10)), Permit::Stop(Hurdle::Pause(said())), "all stop");
    drop(places);
    assert_eq!(lanes.room(&busy, &limits, at(24)), Room::Places(1), "worth waiting for");
    assert_eq!(lanes.room(&busy, &limits, at(12)), Room::Paused);
    assert_eq!(lanes.opening(at(12)), Some(Duration::from_secs(13)));
    assert_eq!(lanes.opening(at(12)), None);
    assert_eq!(lanes.room(&other, &limits, at(12)), Room::Places(1), "nobody else waits");
    let mut place = lanes.take(&busy);
    assert_eq!(place.permit(&limits, at(25)), Permit::Go);
    assert!(!place.went(Went::Slowed(said()), at(25)));
    drop(place);
    assert_eq!(lanes.room(&busy, &limits, at(50)), Room::Paused, "the second one is longer");
    assert_eq!(lanes.room(&busy, &limits, at(55)), Room::Places(1));
}

#[test]
fn one_that_keeps_other_connections_needs_no_pause() {
    let limits = limits(500, 3);
    let (lanes, busy) = (Lanes::default(), domain("busy.test"));
    let mut first = lanes.take(&busy);
    assert!(reached(&mut first, true));
    let mut second = lanes.take(&busy);
    assert!(!second.went(Went::Refused(said()), at(0)));
    assert_eq!(first.permit(&limits, at(0)), Permit::Go);
    drop((first, second));
    let mut alone = lanes.take(&busy);
    assert!(!alone.went(Went::Refused(said()), at(0)));
    drop(alone);
    assert_eq!(lanes.room(&busy, &limits, at(0)), Room::Paused);
}

#[test]
fn a_rate_holds_for_all_workers_of_a_lane_together() {
    let rate = Some("2/10s".parse().expect("a rate"));
    let limits = Limits { all: 500, pace: Pace { concurrency: 8, rate } };
    let (lanes, to) = (Lanes::default(), domain("slow.test"));
    let mut first = lanes.take(&to);
    assert_eq!(first.permit(&limits, at(100)), Permit::Go);
    assert!(first.went(Went::Well, at(100)));
    let second = lanes.take(&to);
    assert_eq!(second.permit(&limits, at(100)), Permit::Stop(Hurdle::Rate));
    assert_eq!(second.permit(&limits, at(104)), Permit::Wait(Duration::from_secs(1)));
    assert_eq!(lanes.room(&to, &limits, at(102)), Room::Places(0));
    drop((first, second));
    assert_eq!(lanes.room(&to, &limits, at(102)), Room::Paused);
    assert_eq!(lanes.opening(at(102)), Some(Duration::from_secs(3)));
    let third = lanes.take(&to);
    assert_eq!(third.permit(&limits, at(105)), Permit::Go, "a lane that was idle keeps its count");
}
