//! Finding journeys.

use mail::{Id, Wall};
use store::{Key, KeyRange};

use crate::keys::Role;
use crate::names::fold;
use crate::{Error, Journey, Journeys, What, keys, names, record};

/// Keys read at a time.
const PAGE: usize = 500;
/// Journeys that a search gives where it does not say.
const DEFAULT_LIMIT: usize = 100;

/// What is looked for; all that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The reverse-path: an address, or `@domain`; without regard to case.
    pub from: Option<String>,
    /// A recipient, likewise.
    pub to: Option<String>,
    /// Part of the subject, without regard to case.
    pub subject: Option<String>,
    /// The Message-ID, with its angle brackets or without.
    pub message_id: Option<String>,
    /// Only if something happened then or later.
    pub since: Option<Wall>,
    /// This message only.
    pub id: Option<Id>,
    /// At most this many; 0 means 100.
    pub limit: usize,
}

impl Journeys {
    /// All events of one message that can be read, and how many records cannot.
    pub async fn get(&self, id: Id) -> Result<Option<Journey>, Error> {
        let (mut events, mut damaged) = (Vec::new(), 0);
        let snapshot = self.store.snapshot();
        let mut range = keys::events_of(id);
        loop {
            let page = snapshot.range(&range, PAGE).await?;
            for (_, found) in &page {
                match record::decode(&found.value) {
                    Ok(some) => events.extend(some),
                    Err(_) => damaged += 1,
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => range = range.after(last),
                _ => break,
            }
        }
        Ok((!events.is_empty() || damaged > 0).then_some(Journey { id, events, damaged }))
    }

    /// Journeys that match, newest first, and those that may because part of them cannot be read (P4). Looks at no more than [`Journeys::SEARCHED`] messages.
    pub async fn search(&self, query: &Query) -> Result<Vec<Journey>, Error> {
        if let Some(id) = query.id {
            let found = self.get(id).await?;
            return Ok(found.into_iter().filter(|journey| query.matches(journey)).collect());
        }
        match query.best_name() {
            Some((role, name)) => self.among(query, keys::named(role, &name), keys::message_of_name).await,
            None => self.among(query, keys::all_events(), keys::message_of_events).await,
        }
    }

    /// Messages that one search looks at, at most.
    pub const SEARCHED: usize = 100_000;

    /// The journeys that match among those of the messages in the keys of `range`, which are in their order.
    async fn among(
        &self,
        query: &Query,
        mut range: KeyRange,
        message: fn(&Key) -> Option<Id>,
    ) -> Result<Vec<Journey>, Error> {
        let snapshot = self.store.snapshot();
        let limit = if query.limit == 0 { DEFAULT_LIMIT } else { query.limit };
        let (mut journeys, mut searched, mut last) = (Vec::new(), 0, None);
        while searched < Self::SEARCHED {
            let page = snapshot.range_back(&range, PAGE).await?;
            for (key, _) in &page {
                let Some(id) = message(key) else { continue };
                if last.replace(id) == Some(id) {
                    continue;
                }
                searched += 1;
                journeys.extend(self.get(id).await?.filter(|journey| query.matches(journey)));
                if journeys.len() == limit {
                    return Ok(journeys);
                }
            }
            match page.last() {
                Some((first, _)) if page.len() == PAGE => range = range.before(first),
                _ => break,
            }
        }
        Ok(journeys)
    }
}

impl Query {
    /// The name with the fewest messages, most likely; domains are not indexed.
    fn best_name(&self) -> Option<(Role, String)> {
        let address = |text: &Option<String>| text.as_deref().map(fold).filter(|t| !is_domain(t));
        self.message_id
            .as_deref()
            .map(|id| (Role::MessageId, fold(id)))
            .or_else(|| address(&self.to).map(|to| (Role::Recipient, to)))
            .or_else(|| address(&self.from).map(|from| (Role::Sender, from)))
    }

    /// Whether a journey is looked for. What cannot be read may be what is.
    pub fn matches(&self, journey: &Journey) -> bool {
        if journey.damaged > 0 {
            return self.id.is_none_or(|id| id == journey.id);
        }
        let names = names::names(&journey.events);
        let has = |role: Role, wanted: &Option<String>| {
            wanted
                .as_deref()
                .map(fold)
                .is_none_or(|wanted| names.iter().any(|(r, name)| *r == role && is_meant(name, &wanted)))
        };
        has(Role::Sender, &self.from)
            && has(Role::Recipient, &self.to)
            && has(Role::MessageId, &self.message_id)
            && self.id.is_none_or(|id| id == journey.id)
            && self.since.is_none_or(|since| journey.events.iter().any(|event| event.at >= since))
            && self.subject.as_ref().is_none_or(|subject| is_about(journey, &subject.to_lowercase()))
    }
}

/// `@x.test` or `x.test`: a domain, not an address.
fn is_domain(text: &str) -> bool {
    text.starts_with('@') || !text.contains('@')
}

fn is_meant(name: &str, wanted: &str) -> bool {
    let domain = wanted.strip_prefix('@').unwrap_or(wanted);
    name == wanted || is_domain(wanted) && name.rsplit_once('@').is_some_and(|(_, d)| d == domain)
}

fn is_about(journey: &Journey, part: &str) -> bool {
    journey.events.iter().any(|event| match &event.what {
        What::Accepted(a) => a.subject.as_ref().is_some_and(|s| s.to_lowercase().contains(part)),
        _ => false,
    })
}
