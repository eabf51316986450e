//! What a sender wants of TLS: REQUIRETLS, and its opposite (RFC 8689 §4.2).

use std::time::Duration;

use mail::{Envelope, Recipient, TlsRequired};
use queue::NewItem;
use store::Batch;

use super::town::Town;
use crate::taking::run;

const ENFORCE: &str = "version: STSv1\nmode: enforce\nmx: mx.r.test\nmax_age: 86400\n";

/// A message with such a wish waits for `r.test`; what became of it soon after.
async fn came(town: &Town, wanted: TlsRequired) -> String {
    let office = &town.office;
    let mut batch = Batch::new();
    let staged = office.store.stage().finish().await.expect("an empty body");
    let blob = batch.blob(staged);
    let now = office.world.clock.wall();
    let taken = town.remote.taken().len();
    let reports = office.inbox("ann@alpha.test").await.len();
    let new = NewItem {
        message: office.store.next_id(),
        blob,
        size: 0,
        prefix: b"Subject: wishes\r\n\r\n".to_vec(),
        envelope: Envelope {
            reverse_path: "ann@alpha.test".parse().expect("a path"),
            recipients: vec![Recipient::plain("a@r.test".parse().expect("an address"))],
            tls_required: wanted,
            ..Envelope::default()
        },
        destination: "r.test".parse().expect("a destination"),
        begun: now,
        created: now,
    };
    office.queue.enqueue(&mut batch, new);
    office.store.commit(batch).await.expect("a commit");
    office.world.clock.sleep(Duration::from_mins(1)).await;
    match (town.remote.taken().len() - taken, office.inbox("ann@alpha.test").await.len() - reports) {
        (1, 0) => "taken".into(),
        (0, 0) => "waiting".into(),
        (0, 1) => office.inbox("ann@alpha.test").await.pop().expect("a report"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn senders_get_what_they_want_or_nothing() {
    let certificate = "the sender requires TLS on the whole way";
    for (zone, offer, yes, unsaid, no) in [
        ("", "good", "5.7.10", "taken", "taken"),
        ("enforce", "good", "taken", "taken", "taken"),
        ("enforce", "old", "5.7.10", "waiting", "taken"),
        ("enforce", "none", "5.7.10", "waiting", "taken"),
        ("signed", "good", "taken", "taken", "taken"),
        ("signed", "none", "5.7.10", "taken", "taken"),
        ("TLSA fails", "good", "waiting", "waiting", "taken"),
    ] {
        run(move |outside| async move {
            let town = Town::open(&outside, |_| {}).await;
            match offer {
                "good" => drop(town.offer_good()),
                "old" => town.offer(&town.certificate("mx.r.test", 2021)),
                _ => {}
            }
            match zone {
                "enforce" => town.publish("1", ENFORCE),
                "signed" => town.zone(&["r.test SIGNED"]),
                "TLSA fails" => {
                    town.zone(&["r.test SIGNED", "mx.r.test SIGNED", "_25._tcp.mx.r.test SERVFAIL x"]);
                }
                _ => {}
            }
            // Each after the other on one line: a connection for one is not good for the next.
            for (wanted, expected) in [
                (TlsRequired::Unsaid, unsaid),
                (TlsRequired::Yes, yes),
                (TlsRequired::No, no),
                (TlsRequired::Yes, yes),
            ] {
                let came = came(&town, wanted).await;
                let as_expected = came == expected || came.contains(certificate) && came.contains(expected);
                assert!(as_expected, "{zone} {offer} {wanted:?}: {came}, not {expected}");
            }
        });
    }
}
