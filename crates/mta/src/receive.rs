//! Decides at MAIL, RCPT and DATA whether a message is taken, and takes its bytes as they stream in.
//! Knows no sockets and no grammar; what becomes of an accepted message is [`deliver`]'s.

use std::sync::Arc;

use directory::Resolution;
use directory::sasl::Login;
use mail::{Address, EnhancedCode, Envelope, Id, Recipient, Reply, ReversePath, Wall};
use queue::Deadline;
use smtp::server::{Answer, MailParams, Service};
use world::Stream;

use crate::authenticate::{self, Asked, Authentication, Consequence, Examined};
use crate::deliver::{self, Arrival};
use crate::incoming::{Incoming, Wanted};
use crate::intake::{self, Case, Client};
use crate::look_up::look_up;
use crate::sending::{self, Submission};
use crate::settings::Settings;
use crate::{Mta, refusals, reply};

/// One client's side of the story: who it is, and the transaction under way.
pub(crate) struct Receiver {
    mta: Arc<Mta>,
    settings: Arc<Settings>,
    client: Client,
    transaction: Option<Transaction>,
    /// Whether MAIL or a RCPT was refused and told since the last MAIL.
    refused: bool,
    directory_changes: store::Watch,
}

struct Transaction {
    id: Id,
    reverse_path: ReversePath,
    /// When MAIL came.
    begun: Wall,
    /// One per accepted recipient, in the envelope's order.
    resolutions: Vec<Resolution>,
    /// On the heap: most of the time a connection waits for its next message.
    incoming: Option<Box<Incoming>>,
    /// What is being asked about the client and the envelope.
    asked: Option<Asked>,
    /// Of the account that is logged in.
    submission: Option<Box<Submission>>,
}

impl Receiver {
    pub(crate) fn new(mta: Arc<Mta>, stream: &Stream, service: Service) -> Self {
        Self {
            settings: mta.settings(),
            client: Client::new(stream, service),
            transaction: None,
            refused: false,
            directory_changes: mta.store.watch(store::Topic::Directory),
            mta,
        }
    }

    pub(crate) fn hello(&mut self, name: String, extended: bool) {
        self.client.name = Some(name);
        self.client.extended = extended;
    }

    /// Forgets what the client said in clear (RFC 3207 §4.2).
    pub(crate) fn tls_started(&mut self, stream: &Stream) {
        self.client = Client::new(stream, self.client.service);
        self.transaction = None;
    }

    pub(crate) fn logged_in(&mut self, account: Login) {
        self.client.account = Some(account);
    }

    pub(crate) fn logged_out(&mut self) {
        self.client.account = None;
    }

    /// Whether stopping now would make the client send a message again.
    pub(crate) fn is_mid_message(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.incoming.is_some())
    }

    /// The transaction is over without a message.
    pub(crate) fn reset(&mut self) {
        self.transaction = None;
    }

    /// MAIL: submitters may only use addresses of their own account (RFC 6409 §6.1).
    pub(crate) async fn mail(&mut self, reverse_path: ReversePath, params: MailParams) -> Answer {
        self.refused = false;
        let begun = self.mta.world.clock.wall();
        // RFC 4865 §5.2.2.
        if let (Some(hold), Some(by)) = (params.hold, params.deliver_by)
            && hold.release(begun) > Deadline::of(by, begun).at
        {
            let text = "the message is to be delivered before it may be let go (BY, HOLDFOR, HOLDUNTIL)";
            return Answer::Reject(Reply::new(501, EnhancedCode(5, 5, 4), text));
        }
        // Told now, a client need not send its message in vain (F14, RFC 1870 §6.1).
        if let Err(error) = self.mta.store.check_room(params.size.unwrap_or(0)) {
            return Answer::Reject(reply::store(&error));
        }
        if let (Some(account), Some(address)) = (&self.client.account, &reverse_path.0) {
            match self.mta.directory.may_send_as(account.account, address).await {
                Ok(true) => {}
                Ok(false) => {
                    let text = format!("<{address}> is not an address of your account");
                    return self.refuse(
                        "MAIL",
                        Some(&reverse_path),
                        Vec::new(),
                        Reply::new(553, EnhancedCode(5, 7, 1), text),
                    );
                }
                Err(error) => return Answer::Reject(reply::directory(&error)),
            }
        }
        // What the last transaction counted for an account is settled before the next one begins.
        self.transaction = None;
        let submission = match &self.client.account {
            // Boxed: few connections are our users', and each holds what its largest step may need.
            Some(login) => match Box::pin(Submission::begin(&self.mta, login)).await {
                Ok(submission) => Some(Box::new(submission)),
                Err(reply) => return self.refuse("MAIL", Some(&reverse_path), Vec::new(), reply),
            },
            None => None,
        };
        if self.directory_changes.has_changed() {
            self.directory_changes.changed().await;
        }
        let id = self.mta.store.next_id();
        self.transaction = Some(Transaction {
            id,
            reverse_path,
            begun,
            resolutions: Vec::new(),
            incoming: None,
            asked: None,
            submission,
        });
        Answer::Accept
    }

    /// RCPT: known users, or whoever may use us as a relay.
    pub(crate) async fn recipient(&mut self, recipient: Recipient) -> Answer {
        match self.decide_and_count(&recipient.address).await {
            Ok(resolution) => {
                let transaction = self.transaction.as_mut().expect("the session allows RCPT after MAIL only");
                transaction.resolutions.push(resolution);
                Answer::Accept
            }
            Err(reply) => {
                let from = self.transaction.as_ref().map(|t| t.reverse_path.clone());
                self.refuse("RCPT", from.as_ref(), vec![recipient.address], reply)
            }
        }
    }

    /// Decides, and counts for the account that is logged in.
    async fn decide_and_count(&mut self, address: &Address) -> Result<Resolution, Reply> {
        let mut decided = self.decide(address).await;
        let Some(submission) = self.transaction.as_mut().and_then(|t| t.submission.as_mut()) else {
            return decided;
        };
        if decided == Ok(Resolution::NotLocal) && self.settings.outbound.suppression {
            decided = Box::pin(sending::suppressed(&self.mta, address)).await.and(decided);
        }
        match &decided {
            Ok(_) => Box::pin(submission.add()).await?,
            Err(reply) if reply.status() == EnhancedCode(5, 1, 1) => Box::pin(submission.unknown()).await,
            Err(_) => {}
        }
        decided
    }

    async fn decide(&self, address: &Address) -> Result<Resolution, Reply> {
        let Some(domain) = address.domain() else {
            return Err(Reply::new(550, EnhancedCode(5, 1, 2), "mail to address literals is not taken"));
        };
        match look_up(&self.mta, &self.settings, address).await {
            Ok(Resolution::NoSuchUser) => {
                Err(Reply::new(550, EnhancedCode(5, 1, 1), format!("no such user: <{address}>")))
            }
            Ok(Resolution::NotLocal) if self.may_relay() || self.settings.relay_domains.contains(domain) => {
                Ok(Resolution::NotLocal)
            }
            Ok(Resolution::NotLocal) => Err(Reply::new(
                550,
                EnhancedCode(5, 7, 1),
                format!("relaying denied: mail for {domain} is not taken here without login"),
            )),
            Ok(targets) => Ok(targets),
            Err(error) => Err(reply::directory(&error)),
        }
    }

    /// Whether this client may send to anywhere: users who logged in, and trusted networks.
    fn may_relay(&self) -> bool {
        match self.client.service {
            Service::Submission => self.client.account.is_some(),
            Service::Mx => self.settings.trusts(self.client.address.ip()),
            Service::Lmtp => false,
        }
    }

    /// DATA: opens a body and writes our trace header into it.
    pub(crate) async fn data_start(&mut self, envelope: &Envelope) -> Answer {
        let ours = self.may_relay();
        let Some(transaction) = &mut self.transaction else { return Answer::Reject(reply::internal()) };
        let wanted = Wanted {
            verify: self.client.service == Service::Mx && !ours && self.settings.authentication.check,
            sign: ours || transaction.resolutions.iter().any(Resolution::leads_elsewhere),
        };
        let (mta, settings, client) = (&self.mta, &self.settings, &self.client);
        match Incoming::start(mta, settings, transaction.id, client, envelope, wanted).await {
            Ok(incoming) => {
                transaction.incoming = Some(Box::new(incoming));
                transaction.asked =
                    wanted.verify.then(|| authenticate::ask(&mta.world, settings, client, envelope));
                Answer::Accept
            }
            Err(reply) => Answer::Reject(reply),
        }
    }

    /// The next bytes of the message. What goes wrong is told at its end.
    pub(crate) async fn body(&mut self, bytes: &[u8]) {
        if let Some(incoming) = self.transaction.as_mut().and_then(|t| t.incoming.as_mut()) {
            incoming.write(bytes).await;
        }
    }

    /// The session refused the message; its bytes are dropped.
    pub(crate) fn body_refused(&mut self, reply: &Reply) {
        if let Some(transaction) = self.transaction.take() {
            self.record("DATA", Some(&transaction.reverse_path), Vec::new(), reply);
        }
    }

    /// The message is complete: judged, then made durable, then answered.
    pub(crate) async fn body_end(&mut self, envelope: &Envelope) -> Answer {
        let Some(transaction) = self.transaction.take() else { return Answer::Reject(reply::internal()) };
        let outcome = self.take_over(transaction, envelope).await;
        match outcome {
            Ok(words) if self.client.service == Service::Lmtp => {
                let each = Reply::new(250, EnhancedCode(2, 0, 0), words);
                Answer::Each(vec![each; envelope.recipients.len()])
            }
            Ok(words) => Answer::AcceptWith(words),
            Err(reply) => self.refuse("DATA", Some(&envelope.reverse_path), addresses(envelope), reply),
        }
    }

    async fn take_over(&mut self, transaction: Transaction, envelope: &Envelope) -> Result<String, Reply> {
        let incoming = transaction.incoming.ok_or_else(reply::internal)?;
        let mut message = incoming.finish().await?;
        let (id, client) = (transaction.id, &self.client);
        let verdict = intake::judge(&self.mta, &Case { id, client, envelope, message: &message }).await;
        if let Some(reply) = verdict.refusal {
            return Err(reply);
        }
        let authentication = self.authenticate(transaction.asked, message.examined.take()).await;
        if let Some(Consequence::Refuse(reply)) = authentication.as_ref().map(|found| &found.consequence) {
            return Err(reply.clone());
        }
        // Last, for names may have been asked for long.
        let resolutions = self.still_true(transaction.resolutions, envelope).await?;
        let arrival = Arrival {
            id,
            client: &self.client,
            ours: self.may_relay(),
            envelope,
            begun: transaction.begun,
            resolutions,
            message,
            reasons: verdict.reasons,
            submission: transaction.submission,
            authentication,
        };
        deliver::take_over(&self.mta, arrival).await
    }

    /// Who the message really is from; nothing for mail that is ours.
    async fn authenticate(&self, asked: Option<Asked>, examined: Option<Examined>) -> Option<Authentication> {
        let (world, peer) = (&self.mta.world, self.client.address.ip());
        Some(authenticate::finish(world, &self.settings, asked?, examined?, peer).await)
    }

    /// What RCPT found out, looked up again if the directory has changed since (F42).
    async fn still_true(
        &mut self,
        resolutions: Vec<Resolution>,
        envelope: &Envelope,
    ) -> Result<Vec<Resolution>, Reply> {
        if !self.directory_changes.has_changed() {
            return Ok(resolutions);
        }
        let mut fresh = Vec::with_capacity(resolutions.len());
        for recipient in &envelope.recipients {
            let found = look_up(&self.mta, &self.settings, &recipient.address).await;
            fresh.push(found.map_err(|error| reply::directory(&error))?);
        }
        Ok(fresh)
    }

    /// Something the session itself refused, for the journey.
    pub(crate) fn violation(&mut self, command: &str, reply: &Reply) {
        let is = |verb: &str| command.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(verb));
        if reply.code == 503 && (is("RCPT") || is("DATA") || is("BDAT")) && self.is_aftermath() {
            return;
        }
        self.refused |= is("MAIL") || is("RCPT");
        self.record(command, self.transaction.as_ref().map(|t| &t.reverse_path), Vec::new(), reply);
    }

    /// Whether a command out of order is what a pipelining client sent before it could read of a refusal that has been
    /// told (RFC 2920 §3.1): one mistake, told once.
    fn is_aftermath(&self) -> bool {
        self.refused && self.transaction.as_ref().is_none_or(|transaction| transaction.resolutions.is_empty())
    }

    pub(crate) fn login_refused(&mut self, reply: &Reply) {
        self.record("AUTH", None, Vec::new(), reply);
    }

    fn refuse(&mut self, stage: &str, from: Option<&ReversePath>, to: Vec<Address>, reply: Reply) -> Answer {
        self.refused |= stage != "DATA";
        self.record(stage, from, to, &reply);
        Answer::Reject(reply)
    }

    fn record(&self, stage: &str, from: Option<&ReversePath>, to: Vec<Address>, reply: &Reply) {
        refusals::record(&self.mta, &self.client, stage, from, to, reply);
    }
}

fn addresses(envelope: &Envelope) -> Vec<Address> {
    envelope.recipients.iter().map(|recipient| recipient.address.clone()).collect()
}
