//! Fetching keys: all of a message's at once, within one span of time.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use mail::{Domain, limits};
use world::{BoxFuture, Dns, dns};

use super::{Reason, Record};

/// The keys that were asked for, each name once.
pub(crate) struct Keys(BTreeMap<Domain, Answer>);

type Answer = Result<Vec<Vec<u8>>, dns::Error>;

impl Keys {
    /// Asks for all `names` at the same time. What has not been answered when `until` is over is a time-out.
    pub(crate) async fn fetch(
        dns: &dyn Dns,
        names: BTreeSet<Domain>,
        until: impl Future<Output = ()>,
    ) -> Self {
        let mut until = pin!(until);
        let mut waiting: Vec<(&Domain, BoxFuture<'_, Answer>)> =
            names.iter().map(|name| (name, dns.txt(name))).collect();
        let mut answers = BTreeMap::new();
        poll_fn(|context| {
            waiting.retain_mut(|(name, answer)| match answer.as_mut().poll(context) {
                Poll::Ready(answer) => {
                    answers.insert(name.clone(), answer);
                    false
                }
                Poll::Pending => true,
            });
            if waiting.is_empty() { Poll::Ready(()) } else { until.as_mut().poll(context) }
        })
        .await;
        drop(waiting);
        let unanswered = || Err(dns::Error::TimedOut);
        let all = names.into_iter().map(|name| {
            let answer = answers.remove(&name).unwrap_or_else(unanswered);
            (name, answer)
        });
        Self(all.collect())
    }

    /// Whether the name was asked for.
    pub(crate) fn has(&self, name: &Domain) -> bool {
        self.0.contains_key(name)
    }

    /// The records at a name, at least one, at most [`limits::KEY_RECORDS`]; each may be good or not. There should be
    /// one only, and a verifier may try several (RFC 6376 §6.1.2).
    pub(crate) fn records(&self, name: &Domain) -> Result<Vec<Result<Record, Reason>>, Reason> {
        let unasked = Err(dns::Error::TimedOut);
        match self.0.get(name).unwrap_or(&unasked) {
            Ok(texts) if texts.is_empty() => Err(Reason::NoKey),
            Ok(texts) => Ok(texts.iter().take(limits::KEY_RECORDS).map(|text| Record::parse(text)).collect()),
            Err(dns::Error::NxDomain | dns::Error::NoData) => Err(Reason::NoKey),
            Err(error @ (dns::Error::Failed(_) | dns::Error::TimedOut)) => {
                Err(Reason::NoAnswer(error.to_string()))
            }
        }
    }
}
