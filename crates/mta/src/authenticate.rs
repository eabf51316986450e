//! Who a message that a stranger brings really is from: iprev, SPF, DKIM, ARC and DMARC, what they found in one
//! Authentication-Results field, and what the author's domain wants done (RFC 9989 §5.3).
//!
//! The names that hang on the envelope alone are asked while the message comes in, the rest when it is whole. All
//! together have [`limits::AUTHENTICATION_TIME`]; what has no answer by then is a temporary error of its method and
//! never stops a message.

use std::net::IpAddr;

use mail::{Domain, EnhancedCode, Envelope, Mono, Reply, ReversePath, limits};
use mailauth::dkim::{self, Verifier};
use mailauth::dmarc::{self, Identifiers, Policy};
use mailauth::results::{self, Method, MethodResult};
use mailauth::{arc, iprev, spf};
use message::header;
use reports::Sample;
use tokio::sync::oneshot;
use world::World;

use crate::intake::Client;
use crate::reporting::{Judged, Reason};
use crate::settings::{self, DmarcPolicy, Settings};

/// What is asked about the client and the envelope while the message is still coming in.
pub(crate) struct Asked(oneshot::Receiver<Sender>);

/// What was found about them.
struct Sender {
    iprev: iprev::Outcome,
    helo: spf::Outcome,
    mail_from: spf::Outcome,
}

/// What was found about who sent a message.
pub(crate) struct Authentication {
    /// The Authentication-Results field (RFC 8601), folded, with its CRLF.
    pub(crate) field: String,
    /// The same for people, a line each.
    pub(crate) notes: Vec<String>,
    /// The chain of forwarders.
    pub(crate) arc: arc::Outcome,
    /// Whether the sender's domain says by SPF who may send for it.
    pub(crate) has_spf: bool,
    /// What is done for DMARC's sake.
    pub(crate) consequence: Consequence,
    /// What is counted for the report to the author's domain, if that wants one.
    pub(crate) sample: Option<Sample>,
}

impl Authentication {
    /// The value of the field, as a seal takes it along (RFC 8617 §4.1.1).
    pub(crate) fn results(&self) -> &str {
        self.field.split_once(": ").map_or("", |(_, value)| value)
    }
}

/// What becomes of a message because of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// It is taken like any other.
    None,
    /// It goes into Junk.
    Junk,
    /// It is not taken.
    Refuse(Reply),
}

/// Begins to ask.
pub(crate) fn ask(world: &World, settings: &Settings, client: &Client, envelope: &Envelope) -> Asked {
    let (tx, rx) = oneshot::channel();
    let facts = Facts {
        ip: client.address.ip(),
        helo: client.name.clone().unwrap_or_default(),
        path: envelope.reverse_path.clone(),
        receiver: settings.hostname.clone(),
        until: world.clock.mono() + limits::AUTHENTICATION_TIME,
    };
    let inner = world.clone();
    world.tasks.spawn(Box::pin(async move {
        // Nobody waits any more if the message was not completed.
        drop(tx.send(facts.ask(&inner).await));
    }));
    Asked(rx)
}

struct Facts {
    ip: IpAddr,
    helo: String,
    path: ReversePath,
    receiver: Domain,
    until: Mono,
}

impl Facts {
    async fn ask(&self, world: &World) -> Sender {
        let (dns, clock) = (&*world.dns, &world.clock);
        let client =
            spf::Client { ip: self.ip, helo: &self.helo, receiver: &self.receiver, now: clock.wall() };
        let mail_from = clock.before(self.until, client.mail_from(dns, &self.path)).await;
        let helo = clock.before(self.until, client.helo(dns)).await;
        let iprev = clock.before(self.until, iprev::check(dns, self.ip)).await;
        let domain = self.path.0.as_ref().and_then(|address| address.domain().cloned());
        Sender {
            iprev: iprev.unwrap_or_else(|| iprev::Outcome::timed_out(self.ip)),
            helo: helo.unwrap_or_else(|| spf::Outcome::timed_out(spf::Identity::Helo, None)),
            mail_from: mail_from.unwrap_or_else(|| spf::Outcome::timed_out(spf::Identity::MailFrom, domain)),
        }
    }
}

/// What the checks need of a message that has come in.
pub(crate) struct Examined {
    /// Its signatures, with the hashes that they need.
    pub(crate) verifier: Verifier,
    /// The one domain in From, or why there is none.
    pub(crate) author: Result<Domain, dmarc::AuthorError>,
    /// Whether a mailing list has sent it on (RFC 2919).
    pub(crate) from_list: bool,
}

impl Examined {
    /// Begins with the header section as it came.
    pub(crate) fn begin(header: &[u8]) -> Self {
        Self {
            verifier: Verifier::new(header),
            author: dmarc::author_domain(header),
            from_list: header::first(header, "List-Id").is_some(),
        }
    }
}

/// Finds out the rest, now that the message is whole.
pub(crate) async fn finish(
    world: &World,
    settings: &Settings,
    asked: Asked,
    examined: Examined,
    client: IpAddr,
) -> Authentication {
    let until = world.clock.mono() + limits::AUTHENTICATION_TIME;
    let Examined { verifier, author, from_list } = examined;
    let over = world.clock.sleep_until(until);
    let signatures = verifier.finish(&*world.dns, world.clock.wall(), over).await;
    let sender = asked.0.await.ok();
    let dmarc = dmarc(world, until, author, sender.as_ref(), &signatures.dkim).await;
    let found = results(sender.as_ref(), &signatures, &dmarc, client);
    let consequence = consequence(&settings.authentication, &dmarc, &signatures.arc, from_list);
    let sample = sender.as_ref().and_then(|sender| {
        let judged = Judged { dmarc: &dmarc, spf: &sender.mail_from, dkim: &signatures.dkim };
        judged.sample(client, &consequence, Reason { from_list, chosen: settings.authentication.dmarc })
    });
    Authentication {
        field: results::write(&settings.hostname, &found),
        notes: found.iter().map(note).collect(),
        has_spf: sender.is_none_or(|sender| sender.mail_from.verdict != spf::Verdict::None),
        arc: signatures.arc,
        consequence,
        sample,
    }
}

async fn dmarc(
    world: &World,
    until: Mono,
    author: Result<Domain, dmarc::AuthorError>,
    sender: Option<&Sender>,
    signatures: &[dkim::Outcome],
) -> dmarc::Outcome {
    let author = match author {
        Ok(author) => author,
        Err(error) => return dmarc::Outcome::without_author(&error),
    };
    let spf = sender.map(|sender| &sender.mail_from).filter(|spf| spf.verdict == spf::Verdict::Pass);
    let good = signatures.iter().filter(|outcome| outcome.verdict == dkim::Verdict::Pass);
    let dkim: Vec<Domain> = good.filter_map(|outcome| outcome.domain.clone()).collect();
    let identifiers = Identifiers { spf: spf.and_then(|spf| spf.domain.as_ref()), dkim: &dkim };
    let evaluated = dmarc::evaluate_author(&*world.dns, author.clone(), identifiers);
    let evaluated = world.clock.before(until, evaluated).await;
    evaluated.unwrap_or_else(|| dmarc::Outcome::timed_out(Some(author)))
}

/// All findings, in the order in which people read them.
fn results(
    sender: Option<&Sender>,
    signatures: &dkim::Findings,
    dmarc: &dmarc::Outcome,
    client: IpAddr,
) -> Vec<MethodResult> {
    let mut found = Vec::new();
    if let Some(Sender { iprev, helo, mail_from }) = sender {
        found.extend([iprev.into(), helo.into(), mail_from.into()]);
    }
    found.extend(signatures.dkim.iter().map(MethodResult::from));
    if signatures.dkim.is_empty() {
        found.push(MethodResult::new(Method::Dkim, "none"));
    }
    found.push(dmarc.into());
    if signatures.arc.status != arc::Status::None {
        let chain = MethodResult::from(&signatures.arc);
        // RFC 8617 §6.1: who brought the message belongs to what was found.
        found.push(chain.property("smtp", "remote-ip", client.to_string()));
    }
    found
}

/// A finding in one line, for the journey.
fn note(result: &MethodResult) -> String {
    let about = result.properties.first().map(|property| format!(" {}", property.value)).unwrap_or_default();
    let why = result.comment.as_ref().map(|comment| format!(" ({comment})")).unwrap_or_default();
    format!("{}: {}{about}{why}", result.method, result.result)
}

/// What the author's domain wants done, softened where a message has come by a way on which SPF and DKIM break though
/// nobody forged anything: RFC 9989 §7.4 forbids to refuse for the policy alone.
fn consequence(
    chosen: &settings::Authentication,
    dmarc: &dmarc::Outcome,
    chain: &arc::Outcome,
    from_list: bool,
) -> Consequence {
    if dmarc.disposition == Policy::None || is_vouched_for(chosen, chain) {
        return Consequence::None;
    }
    let indirect = from_list || chain.status == arc::Status::Pass;
    match (chosen.dmarc, dmarc.disposition) {
        (DmarcPolicy::Note, _) => Consequence::None,
        (DmarcPolicy::Obey, Policy::Reject) if !indirect => {
            let author = dmarc.author.as_ref().map(Domain::as_str).unwrap_or_default();
            let text =
                format!("{author} wants mail refused that it did not authenticate (DMARC): {}", dmarc.reason);
            Consequence::Refuse(Reply::new(550, EnhancedCode(5, 7, 1), text))
        }
        _ => Consequence::Junk,
    }
}

/// Whether all who forwarded the message are trusted to say what they found, and the first of them found that it
/// was authentic (RFC 8617 §7.2).
fn is_vouched_for(chosen: &settings::Authentication, chain: &arc::Outcome) -> bool {
    let trusted = |set: &arc::Set| chosen.trusted_sealers.contains(&set.domain);
    let Some(first) = chain.sets.first().filter(|_| chain.sets.iter().all(trusted)) else { return false };
    let said = results::parse(first.results.as_bytes());
    said.is_some_and(|said| said.results.iter().any(|r| r.method == Method::Dmarc && r.result == "pass"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dmarc(disposition: Policy) -> dmarc::Outcome {
        let author = "a.test".parse().expect("a domain");
        dmarc::Outcome { disposition, ..dmarc::Outcome::timed_out(Some(author)) }
    }

    fn chain(status: arc::Status, sealer: &str, results: &str) -> arc::Outcome {
        let mut chain = arc::Outcome::none();
        chain.status = status;
        if status == arc::Status::Pass {
            chain.sets.push(arc::Set { domain: sealer.parse().expect("a domain"), results: results.into() });
        }
        chain
    }

    #[test]
    fn what_the_author_wants_is_done_within_reason() {
        use arc::Status::{Fail, None as NoChain, Pass};
        let sealer = "list.test";
        for (policy, wanted, status, results, from_list, expected) in [
            (DmarcPolicy::Obey, Policy::None, NoChain, "", false, "none"),
            (DmarcPolicy::Obey, Policy::Quarantine, NoChain, "", false, "junk"),
            (DmarcPolicy::Obey, Policy::Reject, NoChain, "", false, "refuse"),
            (DmarcPolicy::Obey, Policy::Reject, NoChain, "", true, "junk"),
            (DmarcPolicy::Obey, Policy::Reject, Pass, "x.test; dmarc=pass", false, "junk"),
            (DmarcPolicy::Obey, Policy::Reject, Fail, "", false, "refuse"),
            (DmarcPolicy::Junk, Policy::Reject, NoChain, "", false, "junk"),
            (DmarcPolicy::Note, Policy::Reject, NoChain, "", false, "none"),
        ] {
            let mut chosen =
                settings::Authentication { dmarc: policy, ..settings::Authentication::default() };
            let chain = chain(status, sealer, results);
            let found = consequence(&chosen, &dmarc(wanted), &chain, from_list);
            assert_eq!(word(&found), expected, "{policy:?} {wanted:?} {status:?} {from_list}");
            chosen.trusted_sealers.insert(sealer.parse().expect("a domain"));
            let trusted = consequence(&chosen, &dmarc(wanted), &chain, from_list);
            let expected = if results.is_empty() { expected } else { "none" };
            assert_eq!(word(&trusted), expected, "trusted: {policy:?} {wanted:?} {status:?} {from_list}");
        }
    }

    fn word(consequence: &Consequence) -> &'static str {
        match consequence {
            Consequence::None => "none",
            Consequence::Junk => "junk",
            Consequence::Refuse(reply) => {
                assert_eq!(reply.status(), EnhancedCode(5, 7, 1));
                "refuse"
            }
        }
    }
}
