//! The first intake stage: judges look at a whole message before it is taken over and give one verdict with its
//! reasons. Later judges (sender authentication, junk filter) plug in here.

use std::net::SocketAddr;
use std::sync::Arc;

use directory::{Directory, sasl};
use mail::{Domain, EnhancedCode, Envelope, Id, Reply, Wall, limits};
use message::trace::{Received, With};
use smtp::server::Service;
use world::{BoxFuture, Stream};

use crate::incoming::Message;
use crate::settings::Settings;
use crate::{Mta, reply};

/// Who brings a message, as far as is known.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Where the connection comes from.
    pub(crate) address: SocketAddr,
    /// The name its address points back to, as far as a proxy tells it.
    pub(crate) peer_name: Option<Domain>,
    /// What it calls itself; a claim.
    pub(crate) name: Option<String>,
    /// EHLO or LHLO rather than HELO.
    pub(crate) extended: bool,
    /// What TLS agreed on.
    pub(crate) tls: Option<journey::Tls>,
    /// Which rules hold.
    pub(crate) service: Service,
    /// Who is logged in.
    pub(crate) account: Option<sasl::Login>,
    /// By which SASL mechanism.
    pub(crate) mechanism: Option<&'static str>,
}

impl Client {
    pub(crate) fn new(stream: &Stream, service: Service) -> Self {
        Self {
            address: SocketAddr::new(stream.peer().ip().to_canonical(), stream.peer().port()),
            peer_name: None,
            name: None,
            extended: false,
            tls: stream.tls().map(|facts| tls_facts(facts, journey::Verified::No)),
            service,
            account: None,
            mechanism: None,
        }
    }

    /// The service as the journey names it.
    pub(crate) fn service_name(&self) -> &'static str {
        match self.service {
            Service::Mx => "smtp",
            Service::Submission => "submission",
            Service::Lmtp => "lmtp",
        }
    }

    /// Our trace header for a message (RFC 5321 §4.4).
    pub(crate) fn received(&self, settings: &Settings, id: Id, envelope: &Envelope, at: Wall) -> String {
        let only = match &envelope.recipients[..] {
            [one] => Some(&one.address),
            _ => None,
        };
        message::trace::received(&Received {
            helo: self.name.as_deref().unwrap_or_default(),
            peer_name: self.peer_name.as_ref(),
            peer: Some(self.address.ip()),
            by: &settings.hostname,
            with: With {
                lmtp: self.service == Service::Lmtp,
                extended: self.extended,
                smtputf8: envelope.smtputf8,
                tls: self.tls.is_some(),
                authenticated: self.account.is_some(),
            },
            tls: self.tls.as_ref().map(|tls| (&*tls.version, &*tls.cipher)),
            id,
            recipient: only,
            priority: envelope.priority,
            at,
        })
    }
}

/// What TLS agreed on, for the journey, and what it proved of the other side.
pub(crate) fn tls_facts(facts: &world::tls::Facts, verified: journey::Verified) -> journey::Tls {
    journey::Tls { version: facts.version.to_owned(), cipher: facts.cipher.clone(), verified }
}

/// What judges look at.
pub(crate) struct Case<'a> {
    /// The message's name in the journey.
    pub(crate) id: Id,
    pub(crate) client: &'a Client,
    pub(crate) envelope: &'a Envelope,
    pub(crate) message: &'a Message,
}

/// What one judge finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing to say.
    Fine,
    /// Take it, and tell the journey why it was a close call.
    Note(String),
    /// Do not take it.
    Refuse(Reply),
}

/// One judge.
pub(crate) trait Judge: Send + Sync {
    /// Its name, for the journey.
    fn name(&self) -> &'static str;
    /// Looks at a message. A judge that cannot tell refuses with a 4xx (F36).
    fn judge<'a>(&'a self, case: &'a Case<'a>) -> BoxFuture<'a, Finding>;
}

/// What all judges together find.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// `judge: reason`, in order.
    pub(crate) reasons: Vec<String>,
    /// The first refusal; nobody was asked after it.
    pub(crate) refusal: Option<Reply>,
}

/// The judges in the order in which they are asked.
pub(crate) fn judges(directory: &Arc<Directory>) -> Vec<Box<dyn Judge>> {
    vec![Box::new(Loops), Box::new(Headers), Box::new(Author { directory: Arc::clone(directory) })]
}

/// Asks each judge until one refuses.
pub(crate) async fn judge(mta: &Mta, case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    for judge in &mta.judges {
        match judge.judge(case).await {
            Finding::Fine => {}
            Finding::Note(reason) => verdict.reasons.push(format!("{}: {reason}", judge.name())),
            Finding::Refuse(reply) => {
                let from = &case.envelope.reverse_path;
                tracing::debug!(id = %case.id, %from, judge = judge.name(), %reply, "refused a message");
                verdict.refusal = Some(reply);
                break;
            }
        }
    }
    verdict
}

/// Counts hops (RFC 5321 §6.3, F23).
struct Loops;

impl Judge for Loops {
    fn name(&self) -> &'static str {
        "loops"
    }

    fn judge<'a>(&'a self, case: &'a Case<'a>) -> BoxFuture<'a, Finding> {
        // One of them is ours.
        let hops = case.message.summary.received_count.saturating_sub(1) as usize;
        let finding = if hops >= limits::RECEIVED_HOPS {
            let text = format!("the message has passed {hops} hops: it is in a loop");
            Finding::Refuse(Reply::new(554, EnhancedCode(5, 4, 6), text))
        } else {
            Finding::Fine
        };
        Box::pin(std::future::ready(finding))
    }
}

/// Exactly one From on submission, never several anywhere (attack A15).
struct Headers;

impl Judge for Headers {
    fn name(&self) -> &'static str {
        "headers"
    }

    fn judge<'a>(&'a self, case: &'a Case<'a>) -> BoxFuture<'a, Finding> {
        let submitted = case.client.service == Service::Submission;
        let refuse = |text| Finding::Refuse(Reply::new(550, EnhancedCode(5, 6, 0), text));
        let finding = match case.message.summary.from_count {
            1 => Finding::Fine,
            0 if submitted => refuse("the message has no From field"),
            0 => Finding::Note("the message has no From field".into()),
            _ => refuse("the message has more than one From field"),
        };
        Box::pin(std::future::ready(finding))
    }
}

/// Users write as themselves only: every address of From is theirs, or Sender is (RFC 6409 §6.1, RFC 5322 §3.6.2).
struct Author {
    directory: Arc<Directory>,
}

impl Judge for Author {
    fn name(&self) -> &'static str {
        "author"
    }

    fn judge<'a>(&'a self, case: &'a Case<'a>) -> BoxFuture<'a, Finding> {
        Box::pin(async move {
            match &case.client.account {
                Some(login) => self.owns_from(login, case).await,
                None => Finding::Fine,
            }
        })
    }
}

impl Author {
    async fn owns_from(&self, login: &sasl::Login, case: &Case<'_>) -> Finding {
        let authors = case.message.summary.from_addresses();
        if authors.is_empty() {
            let text = "the From field names no valid address";
            return Finding::Refuse(Reply::new(550, EnhancedCode(5, 6, 0), text));
        }
        for author in authors {
            match self.directory.may_send_as(login.account, &author).await {
                Ok(true) => {}
                Ok(false) => {
                    let text = format!("From: <{author}> is not an address of your account");
                    return Finding::Refuse(Reply::new(550, EnhancedCode(5, 7, 1), text));
                }
                Err(error) => return Finding::Refuse(reply::directory(&error)),
            }
        }
        Finding::Fine
    }
}
