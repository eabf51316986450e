//! The operator: uses the control socket as `posthouse`'s commands do, while mail is on its way (F42).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use world::{Rng, Stream, World};

use crate::office::CONTROL;
use crate::oracle::ledger::{Kind, Ledger};
use crate::oracle::reading::Reading;
use crate::town::OfficePlan;

/// Bytes of a reply.
const REPLY_LENGTH: usize = 16 << 20;
/// How long an operator waits for a reply.
const PATIENCE: Duration = Duration::from_mins(2);

/// What one operator does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The control socket in `data_dir`.
    pub socket: PathBuf,
    /// The office's domain.
    pub domain: String,
    /// Who lives there.
    pub accounts: Vec<String>,
    /// Nobody pauses any more when so much time has passed.
    pub span: Duration,
    /// One deed after the other, and how many milliseconds to wait before each.
    pub steps: Vec<(u32, Deed)>,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// `queue list`
    List,
    /// `queue hold`, `release`, `retry` or `cancel` of the item at that place, or of all.
    Queue {
        /// Which.
        action: Action,
        /// Its place in the list; all items if nothing.
        item: Option<u8>,
    },
    /// `alias add` of one more name for an account.
    AliasAdd {
        /// Its number.
        alias: u8,
        /// The account's place.
        to: u8,
    },
    /// `alias remove`
    AliasRemove {
        /// Its number.
        alias: u8,
    },
    /// `account disable`, and `account enable` as many milliseconds later.
    Disable {
        /// The account's place.
        account: u8,
        /// For how long.
        millis: u32,
    },
    /// `account add`
    AccountAdd {
        /// Its number.
        account: u8,
    },
    /// `trace`
    Trace,
    /// `status`
    Status,
}

/// What is done to queue items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Tried now.
    Retry,
    /// Not tried any more.
    Hold,
    /// Tried again.
    Release,
    /// Taken out.
    Cancel,
}

impl Plan {
    /// A plan of up to `deeds` deeds within about `span`.
    pub fn draw(
        rng: &dyn Rng,
        (socket, domain, accounts): (PathBuf, &str, &[String]),
        deeds: u64,
        span: Duration,
    ) -> Self {
        let count = 1 + rng.below(deeds.max(1));
        // Whoever changes who lives here leaves less to be compared: most let it be.
        let people = rng.below(4) == 0;
        let pace = span.as_millis() as u64 / count;
        let steps = (0..count).map(|_| (rng.below(2 * pace + 1) as u32, Deed::draw(rng, people))).collect();
        Self { socket, domain: domain.into(), accounts: accounts.to_vec(), span, steps }
    }
}

impl Plan {
    /// An operator of an office who has nothing to do.
    pub fn idle(office: &OfficePlan) -> Self {
        let (socket, domain, accounts) = (CONTROL.into(), office.domain.clone(), office.users.clone());
        Self { socket, domain, accounts, span: Duration::ZERO, steps: Vec::new() }
    }
}

impl Deed {
    fn draw(rng: &dyn Rng, people: bool) -> Self {
        let small = |below: u64| rng.below(below) as u8;
        match rng.below(if people { 16 } else { 10 }) {
            0..2 => Self::List,
            2..8 => {
                let action = match rng.below(8) {
                    0..3 => Action::Hold,
                    3..5 => Action::Release,
                    5..7 => Action::Retry,
                    _ => Action::Cancel,
                };
                let all = matches!(action, Action::Release | Action::Retry) && rng.below(3) == 0;
                Self::Queue { action, item: (!all).then(|| small(8)) }
            }
            8 => Self::Trace,
            9 => Self::Status,
            10..12 => Self::AliasAdd { alias: small(2), to: small(3) },
            12..14 => Self::AliasRemove { alias: small(2) },
            14 => Self::Disable { account: small(3), millis: rng.below(60_000) as u32 },
            _ => Self::AccountAdd { account: small(2) },
        }
    }
}

/// An operator at work.
struct Desk {
    world: World,
    plan: Plan,
    ledger: Arc<Ledger>,
}

/// Does all deeds.
pub async fn run(world: World, plan: Plan, ledger: Arc<Ledger>) {
    let desk = Desk { world, plan, ledger };
    let end = desk.world.clock.mono() + desk.plan.span;
    for (pause, deed) in desk.plan.steps.clone() {
        let pause = Duration::from_millis(pause.into());
        desk.world.clock.sleep_until(end.min(desk.world.clock.mono() + pause)).await;
        // A server that is down is none to command; an operator tries another time.
        let done = desk.world.clock.within(PATIENCE, desk.perform(&deed)).await;
        desk.ledger.saw(if done.flatten().is_some() { "operator.done" } else { "operator.in-vain" });
    }
}

/// The end of the operator's shift, in the liveness phase: nothing stays held, nobody stays disabled. Whether it worked.
pub async fn tidy(world: World, plan: Plan, ledger: Arc<Ledger>) -> bool {
    let desk = Desk { world, plan, ledger };
    let mut done = desk.queue(Action::Release, &json!({})).await.is_some();
    for account in &desk.plan.accounts {
        done &= desk
            .ask(json!({"request": "account-enable", "address": account, "enabled": true}))
            .await
            .is_some();
    }
    done
}

/// How much an account may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// No message.
    None,
    /// One message more than it has.
    One,
    /// As much as all may.
    Default,
}

/// Leaves an account so much room. Whether that was acknowledged.
pub async fn leave_room(world: World, ledger: &Arc<Ledger>, account: &str, room: Room) -> Option<()> {
    let (accounts, steps) = (vec![account.to_owned()], Vec::new());
    let plan = Plan { socket: CONTROL.into(), domain: String::new(), accounts, span: Duration::ZERO, steps };
    let desk = Desk { world, plan, ledger: Arc::clone(ledger) };
    desk.world.clock.within(PATIENCE, desk.leave_room(account, room)).await.flatten()
}

/// Brings back all that was removed from an account.
pub async fn undelete(
    world: World,
    plan: Plan,
    (ledger, reading): (&Arc<Ledger>, &Arc<Reading>),
    account: &str,
) {
    let desk = Desk { world, plan, ledger: Arc::clone(ledger) };
    let (op, gone) = reading.undeleting(account);
    let mut unsettled = Unsettled { ledger, account, removed: ledger.undeleting(account, &gone) };
    let filter = json!({"mailbox": null, "since": null, "subject": null, "uids": []});
    let request = json!({"request": "bring-back", "address": account, "filter": filter, "into": null});
    let reply = desk.world.clock.within(PATIENCE, desk.ask(request)).await.flatten();
    let outcome = reply.map(|reply| reply["outcome"].clone());
    let whole = outcome.as_ref().is_some_and(|outcome| outcome["unreadable"] == 0);
    reading.lost(op, desk.world.clock.mono());
    if outcome.is_some_and(|outcome| outcome["count"].as_u64().unwrap_or(0) > 0) {
        ledger.saw("operator.undeleted");
    }
    // What has been removed for long is gone for good, and clocks say what is long.
    if whole && !ledger.has_been(Kind::Clock) {
        unsettled.removed.clear();
    }
}

/// Messages that may or may not be back: so it stays for those that are left when this is dropped, also because the operator
/// was interrupted (seed 2006888).
struct Unsettled<'a> {
    ledger: &'a Ledger,
    account: &'a str,
    removed: BTreeSet<u64>,
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        for token in &self.removed {
            self.ledger.removed(self.account, *token);
        }
    }
}

impl Desk {
    /// One request over a connection of its own; nothing if it was refused or lost.
    async fn ask(&self, request: Value) -> Option<Value> {
        let mut stream = self.world.net.connect_local(&self.plan.socket).await.ok()?;
        let bytes = request.to_string().into_bytes();
        let length = (bytes.len() as u32).to_be_bytes();
        stream.write_all(&[&length[..], &bytes].concat()).await.ok()?;
        let mut length = [0; 4];
        fill(&mut stream, &mut length).await?;
        let length = u32::from_be_bytes(length) as usize;
        if length > REPLY_LENGTH {
            self.ledger.wrong("I16", format!("a reply of {length} bytes to {request}"));
            return None;
        }
        let mut reply = vec![0; length];
        fill(&mut stream, &mut reply).await?;
        let Ok(mut reply) = serde_json::from_slice::<Value>(&reply) else {
            self.ledger.wrong("I7", format!("{request} is answered with no JSON"));
            return None;
        };
        reply.get_mut("Ok").map(Value::take)
    }

    async fn leave_room(&self, account: &str, room: Room) -> Option<()> {
        if room != Room::Default {
            self.ledger.squeezing(account);
        }
        let limit = match room {
            Room::None => json!({"at-most": 0}),
            Room::One => {
                let shown = self.ask(json!({"request": "account-show", "address": account})).await?;
                json!({"at-most": shown["account"]["quota"]["messages"]["used"].as_u64()? + 1})
            }
            Room::Default => json!("default"),
        };
        let request = json!({"request": "account-quota", "address": account, "messages": limit});
        self.ask(request).await.map(drop)
    }

    async fn perform(&self, deed: &Deed) -> Option<()> {
        match deed {
            Deed::List => self.list().await.map(drop),
            Deed::Queue { action, item: None } => self.queue(*action, &json!({})).await,
            Deed::Queue { action, item: Some(at) } => {
                let ids = self.list().await?;
                let id = ids.get(usize::from(*at) % ids.len().max(1))?;
                self.queue(*action, &json!({ "id": id })).await
            }
            Deed::AliasAdd { alias, to } => self.alias(*alias, Some(*to)).await,
            Deed::AliasRemove { alias } => self.alias(*alias, None).await,
            Deed::Disable { account, millis } => self.disable(*account, *millis).await,
            Deed::AccountAdd { account } => self.account_add(*account).await,
            Deed::Trace => self.trace().await,
            Deed::Status => self.status().await,
        }
    }

    /// Ids of what is in the queue.
    async fn list(&self) -> Option<Vec<String>> {
        let reply = self.ask(json!({"request": "queue-list", "filter": {}, "after": null})).await?;
        let rows = reply["rows"].as_array()?;
        Some(rows.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect())
    }

    async fn queue(&self, action: Action, filter: &Value) -> Option<()> {
        if matches!(action, Action::Release | Action::Retry) {
            self.ledger.released();
        }
        self.ask(json!({"request": "queue-act", "action": action, "filter": filter})).await?;
        self.ledger.saw(match action {
            Action::Retry => "operator.retry",
            Action::Hold => "operator.hold",
            Action::Release => "operator.release",
            Action::Cancel => "operator.cancel",
        });
        Some(())
    }

    /// The book changes first: from then on the answer may be either.
    async fn alias(&self, number: u8, to: Option<u8>) -> Option<()> {
        let address = format!("extra{number}@{}", self.plan.domain);
        let Some(to) = to else {
            self.ledger.change_book(&address, |_| {});
            self.ask(json!({"request": "alias-remove", "address": address})).await?;
            self.ledger.change_book(&address, |book| drop(book.aliases.remove(&address)));
            return Some(());
        };
        let to = self.plan.accounts.get(usize::from(to) % self.plan.accounts.len().max(1))?.clone();
        self.ledger.change_book(&address, |_| {});
        self.ask(json!({"request": "alias-add", "address": address, "targets": [to]})).await?;
        self.ledger.change_book(&address, |book| drop(book.aliases.insert(address.clone(), vec![to])));
        Some(())
    }

    async fn disable(&self, account: u8, millis: u32) -> Option<()> {
        let address = self.plan.accounts.get(usize::from(account) % self.plan.accounts.len().max(1))?;
        self.ledger.locked(address);
        self.ask(json!({"request": "account-enable", "address": address, "enabled": false})).await?;
        self.world.clock.sleep(Duration::from_millis(millis.into())).await;
        self.ask(json!({"request": "account-enable", "address": address, "enabled": true})).await.map(drop)
    }

    async fn account_add(&self, number: u8) -> Option<()> {
        let address = format!("new{number}@{}", self.plan.domain);
        self.ledger.change_book(&address, |_| {});
        self.ask(json!({"request": "account-add", "address": address, "password": "none"})).await?;
        self.ledger.change_book(&address, |book| {
            book.accounts.insert(address.clone());
        });
        Some(())
    }

    async fn trace(&self) -> Option<()> {
        let reply = self.ask(json!({"request": "trace", "query": {"limit": 20}})).await?;
        for row in reply["rows"].as_array()? {
            if row["damaged"].as_u64().unwrap_or(0) > 0 {
                self.ledger.wrong("I1", format!("the journey of {} cannot be read", row["id"]));
            }
        }
        Some(())
    }

    /// Figures must fit each other.
    async fn status(&self) -> Option<()> {
        let reply = self.ask(json!({"request": "status"})).await?;
        let queue = &reply["status"]["queue"];
        let number = |name: &str| queue[name].as_u64().unwrap_or(0);
        if number("due") + number("held") > number("items") {
            self.ledger.wrong("I12", format!("status tells of a queue of {queue}"));
        }
        Some(())
    }
}

async fn fill(stream: &mut Stream, mut buffer: &mut [u8]) -> Option<()> {
    while !buffer.is_empty() {
        match stream.read(buffer).await.ok()? {
            0 => return None,
            count => buffer = &mut buffer[count..],
        }
    }
    Some(())
}
