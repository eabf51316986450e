//! Many sessions, random commands: what each client was told must add up (promise F27).

use std::collections::BTreeMap;

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
        "APPEND INBOX {1+}\r\nx (\\Seen) {1+}\r\ny",
        "APPEND INBOX {1+}\r\nx CATENATE (URL ;UID=# TEXT {1+}\r\ny)",
        "REPLACE # INBOX {1+}\r\nx",
        "UID REPLACE # INBOX CATENATE (TEXT {1+}\r\nx URL ;UID=#)",
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
    identifiers_hold(&mut house.in_inbox().await).await;
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

/// RFC 8474 §5.1: messages of one EMAILID are the same in all that is immutable.
async fn identifiers_hold(client: &mut Client) {
    let reply = client.run("UID FETCH 1:* (EMAILID RFC822.SIZE INTERNALDATE BODY.PEEK[])").await;
    let mut contents = BTreeMap::new();
    let told = reply.split(" EMAILID (").skip(1).filter_map(|told| told.split_once(") "));
    for (id, content) in told {
        let content = content.rsplit_once(')').map_or(content, |(content, _)| content);
        assert_eq!(*contents.entry(id).or_insert(content), content, "{id} in {reply}");
    }
}

/// What a client with QRESYNC keeps of a mailbox: flags by UID, and up to which change (RFC 7162 §6).
#[derive(Default)]
struct Kept {
    flags: BTreeMap<u32, String>,
    modseq: u64,
    /// It has asked for all UIDs up to here.
    asked_to: u32,
    highest_told: Option<u64>,
    highest_heard: u64,
    /// The message that a line speaks of.
    of: Option<u32>,
}

impl Kept {
    fn hear(&mut self, line: &str) {
        let number =
            |text: &str| text.split([')', ']', ' ']).next().and_then(|number| number.parse::<u64>().ok());
        if let Some((_, modseq)) = line.split_once("[HIGHESTMODSEQ ") {
            self.highest_told = number(modseq);
        }
        if let Some(set) = line.strip_prefix("* VANISHED ") {
            for range in set.trim_start_matches("(EARLIER) ").split(',') {
                let (low, high) = range.split_once(':').unwrap_or((range, range));
                let (low, high): (u32, u32) = (low.parse().expect("a UID"), high.parse().expect("a UID"));
                self.flags.retain(|uid, _| !(low..=high).contains(uid));
            }
        }
        // What stands behind a literal belongs to the message before it.
        if line.starts_with("* ") {
            let uid = match line.split_once(" UIDFETCH (") {
                Some((uid, _)) => number(&uid[2..]),
                None => line.split_once(" FETCH (UID ").and_then(|(_, uid)| number(uid)),
            };
            self.of = uid.map(|uid| uid as u32);
        }
        if let Some(uid) = self.of {
            if let Some((_, flags)) = line.split_once("FLAGS (") {
                let mut flags: Vec<&str> = flags.split(')').next().expect("an end").split(' ').collect();
                flags.retain(|flag| *flag != "\\Recent");
                self.flags.insert(uid, flags.join(" "));
            }
            if let Some((_, modseq)) = line.split_once("MODSEQ (") {
                self.highest_heard = self.highest_heard.max(number(modseq).expect("a number"));
            }
        }
    }

    fn reply(&mut self, reply: &str) {
        reply.lines().for_each(|line| self.hear(line));
        self.modseq = self.highest_told.take().unwrap_or(self.modseq.max(self.highest_heard));
        self.highest_heard = 0;
    }
}

/// One client goes and comes back, at any moment, and knows as much as if it asked for all again; also without message
/// numbers (RFC 9586).
async fn come_and_go(steps: Vec<Step>, uid_only: bool) {
    let house = House::new().await;
    house.fill(4).await;
    let mut others = [house.in_inbox().await, house.in_inbox().await];
    let (mut client, mut kept) = (house.client().await, Kept::default());
    client.run(if uid_only { "ENABLE QRESYNC UIDONLY" } else { "ENABLE QRESYNC" }).await;
    let reply = client.run("SELECT INBOX").await;
    let validity =
        reply.split("UIDVALIDITY ").nth(1).and_then(|s| s.split(']').next()).expect("one").to_owned();
    kept.reply(&reply);
    same(&mut client, &mut kept).await;
    let mut here = true;
    for step in steps {
        match step {
            Step::Deliver => house.fill(1).await,
            Step::Run(0, _, number) if number % 3 == 0 => {
                let command = if here {
                    "UNSELECT".into()
                } else {
                    format!("SELECT INBOX (QRESYNC ({validity} {}))", kept.modseq)
                };
                let reply = client.run(&command).await;
                here = !here;
                if here {
                    kept.reply(&reply);
                    same(&mut client, &mut kept).await;
                }
            }
            Step::Run(0, command, number) => {
                if here && !(uid_only && names_number(command)) {
                    // What .SILENT leaves out is known to who sent it, and would only make this client longer.
                    let command = command.replace('#', &number.to_string()).replace(".SILENT", "");
                    kept.reply(&client.run(&command).await);
                }
            }
            Step::Run(who, command, number) => {
                others[who - 1].run(&command.replace('#', &number.to_string())).await;
            }
        }
    }
    if !here {
        kept.reply(&client.run(&format!("SELECT INBOX (QRESYNC ({validity} {}))", kept.modseq)).await);
    }
    kept.reply(&client.run("NOOP").await);
    same(&mut client, &mut kept).await;
}

fn names_number(command: &str) -> bool {
    ["FETCH", "STORE", "SEARCH", "COPY", "MOVE", "REPLACE"].iter().any(|word| command.starts_with(word))
}

/// New messages are told by number only, so the client asks for UIDs above those it has asked for; then its picture is the
/// mailbox.
async fn same(client: &mut Client, kept: &mut Kept) {
    kept.reply(&client.run(&format!("UID FETCH {}:* (FLAGS)", kept.asked_to + 1)).await);
    kept.asked_to = kept.flags.last_key_value().map_or(kept.asked_to, |(uid, _)| kept.asked_to.max(*uid));
    let mut all = Kept::default();
    all.reply(&client.run("UID FETCH 1:* (FLAGS)").await);
    assert_eq!(kept.flags, all.flags);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_clients_are_told_adds_up(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(play(steps));
    }

    #[test]
    fn who_comes_back_knows_as_much_as_who_asks_for_all(steps in steps(), uid_only: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(come_and_go(steps, uid_only));
    }
}
