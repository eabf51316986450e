//! Many sessions, random commands: what each client was told must add up (promise F27).

use proptest::prelude::*;

use super::{Client, House};

/// What a client makes of the untagged responses: a UID, or not known yet, for each number.
#[derive(Default)]
struct Known {
    uids: Vec<Option<u32>>,
}

impl Known {
    fn hear(&mut self, line: &str, numbers_stay: bool) {
        let words: Vec<&str> = line.split([' ', '(']).filter(|w| !w.is_empty()).collect();
        let (Some(number), Some(&what)) = (words.get(1).and_then(|n| n.parse::<usize>().ok()), words.get(2))
        else {
            return;
        };
        match what {
            "EXISTS" => {
                assert!(number >= self.uids.len(), "messages do not go without EXPUNGE");
                self.uids.resize(number, None);
            }
            "EXPUNGE" => {
                assert!(!numbers_stay, "no EXPUNGE now: {line}");
                assert!((1..=self.uids.len()).contains(&number), "{line} of {}", self.uids.len());
                self.uids.remove(number - 1);
            }
            "FETCH" => {
                let uid = words
                    .iter()
                    .position(|w| *w == "UID")
                    .and_then(|at| words[at + 1].trim_end_matches(')').parse().ok());
                let known = self.uids.get_mut(number - 1).expect("a number that exists");
                assert!(
                    known.is_none() || uid.is_none() || *known == uid,
                    "{line}: number {number} was {known:?}"
                );
                *known = known.or(uid);
            }
            _ => {}
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Deliver,
    Run(usize, &'static str, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let command = prop::sample::select(vec![
        "NOOP",
        "EXPUNGE",
        "STORE # +FLAGS (\\Deleted)",
        "STORE # FLAGS.SILENT (\\Seen)",
        "UID STORE # +FLAGS (\\Deleted)",
        "FETCH # (UID FLAGS)",
        "UID FETCH # (UID)",
        "SEARCH ALL",
        "UID SEARCH UNSEEN",
        "COPY # INBOX",
        "UID MOVE # INBOX",
        "MOVE # INBOX",
        "UID EXPUNGE #",
        "UID FETCH # BODY[TEXT]",
    ]);
    let step = prop_oneof![1 => Just(Step::Deliver), 6 => (0usize..3, command, 1u32..12).prop_map(|(who, c, n)| Step::Run(who, c, n))];
    prop::collection::vec(step, 1..60)
}

async fn play(steps: Vec<Step>) {
    let house = House::new().await;
    house.fill(4).await;
    let mut clients: Vec<(Client, Known)> = Vec::new();
    for _ in 0..3 {
        clients.push((house.in_inbox().await, Known { uids: vec![None; 4] }));
    }
    for step in steps {
        match step {
            Step::Deliver => house.fill(1).await,
            Step::Run(who, command, number) => {
                let (client, known) = &mut clients[who];
                let reply = client.run(&command.replace('#', &number.to_string())).await;
                let numbers_stay = ["FETCH", "STORE", "SEARCH"].iter().any(|c| command.starts_with(c));
                reply.lines().filter(|l| l.starts_with("* ")).for_each(|l| known.hear(l, numbers_stay));
            }
        }
    }
    let mut last = None;
    for (client, known) in &mut clients {
        let reply = client.run("NOOP").await;
        reply.lines().for_each(|l| known.hear(l, false));
        let reply = client.run("UID SEARCH ALL").await;
        let found = reply.lines().next().and_then(|l| l.strip_prefix("* SEARCH")).expect("a SEARCH response");
        let uids: Vec<u32> = found.split_whitespace().map(|n| n.parse().expect("a number")).collect();
        assert_eq!(known.uids.len(), uids.len());
        for (known, uid) in known.uids.iter().zip(&uids) {
            assert!(known.is_none_or(|known| known == *uid), "{known:?} is {uids:?}");
        }
        assert!(last.replace(uids.clone()).is_none_or(|last| last == uids), "all see the same in the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_clients_are_told_adds_up(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(play(steps));
    }
}
