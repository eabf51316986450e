//! The tour: one message on every way, watched through the journeys that the servers write, and read again as its
//! recipient does.

use std::collections::BTreeMap;
use std::time::Duration;

use journey::{Query, What};
use mail::{Id, Wall};

use super::letter::Letter;
use super::show::Show;
use super::town::{Place, Town};
use super::{read, submit};
use crate::admin::journey_row;
use crate::config::Service;

/// How often the journeys are looked at.
const GLANCE: Duration = Duration::from_millis(25);
/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the dead host stays dead.
const DEATH: Duration = Duration::from_secs(3);

/// One message of the tour.
struct Leg {
    title: &'static str,
    from: &'static str,
    to: &'static str,
    subject: &'static str,
    text: &'static str,
    ends: End,
}

/// What is to become of it.
#[derive(Clone, Copy)]
enum End {
    /// It reaches its recipient, who reads it this way.
    Arrives(Service),
    /// The recipient's server is closed when it is sent, and opens again.
    ArrivesLate(Service),
    /// It comes back to the sender with this status.
    Returns(&'static str),
}

const LEGS: [Leg; 6] = [
    Leg {
        title: "To a neighbour in the same domain",
        from: "alice@alpha.test",
        to: "adam@alpha.test",
        subject: "Good morning, neighbour",
        text: "No queue, no hop: the commit that says 250 puts this into your mailbox. Grüße!",
        ends: End::Arrives(Service::Imap),
    },
    Leg {
        title: "To another domain, found by its MX",
        from: "alice@alpha.test",
        to: "bob@beta.test",
        subject: "Across the hills",
        text: "I asked the name server where beta.test takes its mail.",
        ends: End::Arrives(Service::Pop3),
    },
    Leg {
        title: "Through a relay: beta sends everything by its smarthost",
        from: "bob@beta.test",
        to: "alice@alpha.test",
        subject: "An answer by the long road",
        text: "The riders changed horses at relay.test.",
        ends: End::Arrives(Service::Imap),
    },
    Leg {
        title: "To someone who does not exist",
        from: "alice@alpha.test",
        to: "nobody@beta.test",
        subject: "Is anybody there?",
        text: "This one comes back.",
        ends: End::Returns("5.1.1"),
    },
    Leg {
        title: "To a domain that takes no mail (null MX)",
        from: "adam@alpha.test",
        to: "anyone@silent.test",
        subject: "Hello, silence",
        text: "This one comes back as well.",
        ends: End::Returns("5.1.10"),
    },
    Leg {
        title: "To a dead host that comes back",
        from: "alice@alpha.test",
        to: "berta@beta.test",
        subject: "Whenever you are back",
        text: "I waited in alpha's queue while your host was down.",
        ends: End::ArrivesLate(Service::Imap),
    },
];

/// Sends all letters, one after the other, and gives the number of those that went wrong.
pub(super) async fn walk(town: &mut Town, show: &mut Show) -> usize {
    let mut failures = 0;
    for (i, leg) in LEGS.iter().enumerate() {
        show.heading(i + 1, leg.title, leg.from, leg.to, town.world.clock.wall());
        match travel(leg, town, show).await {
            Ok(said) => show.arrived(&said),
            Err(why) => {
                show.failed(&why);
                failures += 1;
            }
        }
    }
    failures
}

/// Sends one letter and follows it to its end. What is said of it then.
async fn travel(leg: &Leg, town: &mut Town, show: &Show) -> Result<String, String> {
    let mut watch = Watch::new(town).await?;
    let late = matches!(leg.ends, End::ArrivesLate(_));
    if late {
        town.shut(Place::Beta).await;
        show.note(Some(Place::Beta), town.world.clock.wall(), "the post office closes");
    }
    let letter = letter(leg, town);
    let bytes = letter.to_bytes(town.world.clock.wall());
    send(leg, &bytes, town, show).await?;
    if late {
        until_deferred(&mut watch, town, show).await?;
        town.reopen(Place::Beta).await?;
        watch.during(town, show, Duration::ZERO).await;
        show.note(Some(Place::Beta), town.world.clock.wall(), "the post office opens again");
    }
    match leg.ends {
        End::Arrives(how) | End::ArrivesLate(how) => {
            watch.until_delivered(leg.to, town, show).await?;
            arrived(leg, how, &letter, &bytes, town).await
        }
        End::Returns(status) => {
            watch.until_delivered(leg.from, town, show).await?;
            // The other side tells of it, too.
            watch.during(town, show, GLANCE * 2).await;
            returned(leg, status, &letter, town).await
        }
    }
}

fn letter(leg: &Leg, town: &Town) -> Letter {
    Letter {
        from: leg.from.into(),
        to: leg.to.into(),
        subject: leg.subject,
        token: format!("{:016x}", town.world.rng.number()),
        text: leg.text,
    }
}

async fn send(leg: &Leg, bytes: &[u8], town: &Town, show: &Show) -> Result<(), String> {
    let user = town.user(leg.from);
    let door = town.door(user.place, Service::Submission);
    show.wait("sending");
    let login = (user.address.as_str(), user.password.as_str());
    let reply = submit::submit(&town.world, &door, login, leg.to, bytes).await?;
    if reply.is_positive() { Ok(()) } else { Err(format!("the server did not take it: {reply}")) }
}

/// Watches until the message waits for the dead host, and some time more.
async fn until_deferred(watch: &mut Watch, town: &Town, show: &Show) -> Result<(), String> {
    show.wait("waiting in the queue for a host that is down");
    watch.until(town, show, PATIENCE, |what| matches!(what, What::Deferred { .. })).await?;
    watch.during(town, show, DEATH).await;
    Ok(())
}

/// The recipient reads the message: its body must be what was sent, byte for byte.
async fn arrived(
    leg: &Leg,
    how: Service,
    letter: &Letter,
    sent: &[u8],
    town: &Town,
) -> Result<String, String> {
    let messages = inbox(leg.to, how, town).await?;
    let copies: Vec<&Vec<u8>> = messages.iter().filter(|m| contains(m, &letter.token)).collect();
    let [message] = copies.as_slice() else {
        return Err(format!("{} has {} copies of it in the mailbox", leg.to, copies.len()));
    };
    if Letter::body(message) != Letter::body(sent) {
        return Err(format!("{} reads other bytes than were sent", leg.to));
    }
    let hops = count(message, "\nReceived:") + usize::from(message.starts_with(b"Received:"));
    Ok(format!(
        "{} reads it over {}: {} bytes, {hops} Received {}, every byte of the text as sent",
        leg.to,
        how.name().to_uppercase(),
        message.len(),
        if hops == 1 { "header" } else { "headers" },
    ))
}

/// The sender reads the report (RFC 3464).
async fn returned(leg: &Leg, status: &str, letter: &Letter, town: &Town) -> Result<String, String> {
    let messages = inbox(leg.from, Service::Imap, town).await?;
    let report = messages.iter().find(|m| contains(m, &letter.token) && contains(m, "multipart/report"));
    let report = report.ok_or_else(|| format!("{} has no report about it in the mailbox", leg.from))?;
    for part in ["message/delivery-status", &format!("Status: {status}"), leg.to] {
        if !contains(report, part) {
            return Err(format!("the report says nothing of {part:?}"));
        }
    }
    Ok(format!("{} reads the report over IMAP: {} failed with {status}", leg.from, leg.to))
}

async fn inbox(who: &str, how: Service, town: &Town) -> Result<Vec<Vec<u8>>, String> {
    let user = town.user(who);
    let door = town.door(user.place, how);
    match how {
        Service::Pop3 => read::pop3(&town.world, &door, &user.address, &user.password).await,
        _ => read::imap(&town.world, &door, &user.address, &user.password).await,
    }
}

fn contains(message: &[u8], part: &str) -> bool {
    count(message, part) > 0
}

fn count(message: &[u8], part: &str) -> usize {
    message.windows(part.len()).filter(|window| *window == part.as_bytes()).count()
}

/// Follows the journeys of all three post offices, and shows what is new.
pub(super) struct Watch {
    /// How many events of each journey were seen.
    seen: BTreeMap<(Place, Id), usize>,
    since: Wall,
}

impl Watch {
    /// From now on: what is there already is not new.
    pub(super) async fn new(town: &Town) -> Result<Self, String> {
        let mut watch = Self { seen: BTreeMap::new(), since: town.world.clock.wall() };
        watch.news(town).await?;
        Ok(watch)
    }

    /// What has happened since the last look, in the order of time.
    pub(super) async fn news(&mut self, town: &Town) -> Result<Vec<News>, String> {
        let mut news = Vec::new();
        for place in Place::ALL {
            let Some(server) = town.server(place) else { continue };
            server.tell_refusals().await;
            let query = Query { since: Some(self.since), limit: 50, ..Query::default() };
            let found = server.office.journeys.search(&query).await.map_err(|e| e.to_string())?;
            // Oldest first: a report comes after what it reports.
            for journey in found.into_iter().rev() {
                let seen = self.seen.entry((place, journey.id)).or_default();
                let row = journey_row(&journey);
                for (event, shown) in journey.events.into_iter().zip(row.events).skip(*seen) {
                    *seen += 1;
                    news.push(News { place, what: event.what, shown });
                }
            }
        }
        news.sort_by_key(|news| news.shown.at);
        Ok(news)
    }

    /// Shows what happens until `done` says so of an event.
    async fn until(
        &mut self,
        town: &Town,
        show: &Show,
        patience: Duration,
        done: impl Fn(&What) -> bool,
    ) -> Result<(), String> {
        let deadline = town.world.clock.mono() + patience;
        loop {
            let news = self.news(town).await?;
            for news in &news {
                show.event(news.place, &news.what, &news.shown);
            }
            if news.iter().any(|news| done(&news.what)) {
                return Ok(());
            }
            if town.world.clock.mono() >= deadline {
                return Err(format!("nothing more happened within {} s", patience.as_secs()));
            }
            town.world.clock.sleep(GLANCE).await;
        }
    }

    /// Shows what happens for a while. Running out of time is what is wanted here.
    async fn during(&mut self, town: &Town, show: &Show, time: Duration) {
        drop(self.until(town, show, time, |_| false).await);
    }

    async fn until_delivered(&mut self, who: &str, town: &Town, show: &Show) -> Result<(), String> {
        show.wait("on the way");
        let done =
            |what: &What| matches!(what, What::Delivered { account, .. } if account.to_string() == who);
        self.until(town, show, PATIENCE, done).await
    }
}

/// Something that happened at one of the post offices.
pub(super) struct News {
    pub(super) place: Place,
    what: What,
    pub(super) shown: crate::admin::JourneyEvent,
}

impl Town {
    /// Shows the journeys of whatever the user sends, for ever.
    pub(super) async fn watch(&self, show: &mut Show) {
        let Ok(mut watch) = Watch::new(self).await else { return };
        let mut last = Wall::default();
        loop {
            for news in watch.news(self).await.unwrap_or_default() {
                let at = Wall::from_millis(news.shown.at);
                if at.since(last) > Duration::from_secs(5) {
                    show.own(at);
                }
                last = at;
                show.event(news.place, &news.what, &news.shown);
            }
            self.world.clock.sleep(GLANCE * 4).await;
        }
    }
}
