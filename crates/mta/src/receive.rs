//! Decides at MAIL, RCPT and DATA whether a message is taken, and takes its bytes as they stream in.
//! Knows no sockets and no grammar; what becomes of an accepted message is [`deliver`]'s.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use directory::Resolution;
use directory::sasl::Login;
use mail::{Address, EnhancedCode, Envelope, Id, Recipient, Reply, ReversePath, Wall};
use queue::Deadline;
use smtp::server::{Answer, MailParams, Service, XClient};
use world::Stream;

use crate::authenticate::{self, Asked, Authentication, Consequence, Examined};
use crate::deliver::{self, Arrival};
use crate::filters::{Filters, Whole};
use crate::gate::{Gate, Held};
use crate::incoming::{Incoming, Sign, Wanted};
use crate::intake::{self, Case, Client};
use crate::look_up::look_up;
use crate::sending::{self, Submission};
use crate::settings::Settings;
use crate::{Mta, refusals, reply};

/// RFC 3463 §3.2: bad destination mailbox address.
const NO_SUCH_USER: EnhancedCode = EnhancedCode(5, 1, 1);

/// One client's side of the story: who it is, and the transaction under way.
pub(crate) struct Receiver {
    mta: Arc<Mta>,
    settings: Arc<Settings>,
    client: Client,
    /// What a proxy said of the client: it counts more than what the proxy then says as if it were the client.
    told: XClient,
    gate: Box<Gate>,
    filters: Box<Filters>,
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
    /// Bytes that MAIL declared; 0 if it did not.
    size: u64,
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
        let settings = mta.settings();
        let client = Client::new(stream, service);
        Self {
            gate: Box::new(Gate::new(&mta, &settings, &client)),
            filters: Box::new(Filters::new(&mta, &settings, &client)),
            settings,
            client,
            told: XClient::default(),
            transaction: None,
            refused: false,
            directory_changes: mta.store.watch(store::Topic::Directory),
            mta,
        }
    }

    pub(crate) fn hello(&mut self, name: String, extended: bool) {
        self.client.name = Some(self.told.helo.clone().unwrap_or(name));
        self.client.extended = self.told.extended.unwrap_or(extended);
        self.filters.restart();
    }

    /// A proxy tells whose connection it is, perhaps also who has logged in there. What it said of another client
    /// before stays as far as it does not say otherwise.
    pub(crate) async fn xclient(&mut self, told: XClient) -> Answer {
        let account = match &told.login {
            Some(login) => match self.mta.directory.account_by_login(login).await {
                Ok(Some(account)) if account.enabled => Some(account),
                Ok(_) => return self.refuse("XCLIENT", None, Vec::new(), unknown_login()),
                Err(error) => return Answer::Reject(reply::directory(&error)),
            },
            None => None,
        };
        let address = &mut self.client.address;
        address.set_ip(told.address.unwrap_or(address.ip()));
        address.set_port(told.port.unwrap_or(address.port()));
        if let Some(name) = &told.name {
            self.client.peer_name.clone_from(name);
        }
        let account = account.map(|account| Login { account: account.id, address: account.address });
        (self.client.name, self.client.extended, self.transaction) = (None, false, None);
        self.client.account = account;
        self.told = told;
        // The gate and filters were told of the proxy.
        *self.gate = Gate::new(&self.mta, &self.settings, &self.client);
        self.filters.restart();
        if self.client.account.is_some() { Answer::AuthOk(None) } else { Answer::Accept }
    }

    /// Where the client is.
    pub(crate) fn peer(&self) -> IpAddr {
        self.client.address.ip()
    }

    /// How long the greeting is held back, to see whether the client waits for it.
    pub(crate) fn greeting_delay(&self) -> Duration {
        self.gate.greeting_delay()
    }

    /// A client that has just come: whether it may stay.
    pub(crate) async fn connect(&mut self) -> Result<(), Reply> {
        let outcome = self.filters.connect(&self.client).await;
        if let Err(reply) = &outcome {
            self.record("CONNECT", None, Vec::new(), reply);
        }
        outcome
    }

    /// The client has gone.
    pub(crate) async fn end(&mut self) {
        self.transaction = None;
        self.filters.end().await;
    }

    /// A client that did not wait for the greeting (RFC 5321 §4.3.1), as worms do not.
    pub(crate) fn spoke_first(&self) -> Reply {
        let reply = Reply::new(554, EnhancedCode(5, 5, 1), "you spoke before the greeting");
        self.record("CONNECT", None, Vec::new(), &reply);
        reply
    }

    /// Forgets what the client said in clear (RFC 3207 §4.2).
    pub(crate) fn tls_started(&mut self, stream: &Stream) {
        self.client = Client::new(stream, self.client.service);
        self.told = XClient::default();
        self.filters.restart();
        self.transaction = None;
    }

    pub(crate) fn logged_in(&mut self, account: Login, mechanism: &'static str) {
        self.client.account = Some(account);
        self.client.mechanism = Some(mechanism);
    }

    pub(crate) fn logged_out(&mut self) {
        (self.client.account, self.client.mechanism) = (None, None);
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
        if let Err(reply) = self.gate.mail(&reverse_path) {
            return self.refuse("MAIL", Some(&reverse_path), Vec::new(), reply);
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
        if let Err(reply) = self.filters.mail(&self.client, id, &reverse_path, &params).await {
            return self.refuse("MAIL", Some(&reverse_path), Vec::new(), reply);
        }
        self.transaction = Some(Transaction {
            id,
            reverse_path,
            begun,
            size: params.size.unwrap_or(0),
            resolutions: Vec::new(),
            incoming: None,
            asked: None,
            submission,
        });
        Answer::Accept
    }

    /// RCPT: known users, or whoever may use us as a relay, and nobody whom the gate keeps out.
    pub(crate) async fn recipient(&mut self, recipient: Recipient) -> Answer {
        match self.pass_gate(&recipient).await {
            Ok(resolution) => {
                let transaction = self.transaction.as_mut().expect("the session allows RCPT after MAIL only");
                transaction.resolutions.push(resolution);
                Answer::Accept
            }
            Err(Held { reply, delay }) => {
                if !delay.is_zero() {
                    self.mta.world.clock.sleep(delay).await;
                }
                let from = self.transaction.as_ref().map(|t| t.reverse_path.clone());
                self.refuse("RCPT", from.as_ref(), vec![recipient.address], reply)
            }
        }
    }

    async fn pass_gate(&mut self, recipient: &Recipient) -> Result<Resolution, Held> {
        self.gate.recipient(recipient).await?;
        let resolution = match self.decide_and_count(&recipient.address).await {
            Err(reply) if reply.enhanced == Some(NO_SUCH_USER) => {
                return Err(Held { reply, delay: self.gate.unknown_recipient() });
            }
            decided => decided?,
        };
        if let Some(transaction) = &self.transaction {
            let (id, from) = (transaction.id, &transaction.reverse_path);
            self.gate.greylist(from, &recipient.address).await?;
            self.filters.rcpt(&self.client, id, from, recipient).await?;
        }
        Ok(resolution)
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
            Err(reply) if reply.status() == NO_SUCH_USER => Box::pin(submission.unknown()).await,
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
                Err(Reply::new(550, NO_SUCH_USER, format!("no such user: <{address}>")))
            }
            Ok(Resolution::NotLocal) if self.may_relay() || self.settings.relay_domains.contains(domain) => {
                Ok(Resolution::NotLocal)
            }
            Ok(Resolution::NotLocal) => Err(Reply::new(
                550,
                EnhancedCode(5, 7, 1),
                format!("relaying denied: mail for {domain} is not taken here without login"),
            )),
            Ok(Resolution::Targets(targets)) => {
                let bytes = self.transaction.as_ref().map_or(0, |transaction| transaction.size);
                Box::pin(deliver::room_refusal(&self.mta, &targets, bytes)).await?;
                Ok(Resolution::Targets(targets))
            }
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
            sign: match transaction.resolutions.iter().any(Resolution::leads_elsewhere) {
                _ if ours => Sign::Author,
                true => Sign::Chain,
                false => Sign::Nothing,
            },
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
        let outcome = Box::pin(self.take_over(transaction, envelope)).await;
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
        let gate_notes = self.gate.notes().await;
        let (id, client) = (transaction.id, &self.client);
        let verdict = intake::judge(&self.mta, &Case { id, client, envelope, message: &message }).await;
        if let Some(reply) = verdict.refusal {
            return Err(reply);
        }
        let authentication = self.authenticate(transaction.asked, message.examined.take()).await;
        if let Some(Consequence::Refuse(reply)) = authentication.as_ref().map(|found| &found.consequence) {
            return Err(reply.clone());
        }
        let mut reasons = gate_notes;
        reasons.extend(verdict.reasons);
        let filtered = self.filters.message(&Whole { id, client: &self.client, envelope }, message).await?;
        reasons.extend(filtered.notes);
        // Last, for names and filters may have been asked for long.
        let resolutions = match &filtered.envelope {
            Some(changed) => self.look_up_all(changed).await?,
            None => self.still_true(transaction.resolutions, envelope).await?,
        };
        let arrival = Arrival {
            id,
            client: &self.client,
            ours: self.may_relay(),
            envelope: filtered.envelope.as_ref().unwrap_or(envelope),
            begun: transaction.begun,
            resolutions,
            message: filtered.message,
            reasons,
            submission: transaction.submission,
            authentication,
            quarantine: filtered.quarantine,
        };
        match filtered.discarded_by {
            Some(filter) => deliver::discard(&self.mta, arrival, &filter).await,
            None => deliver::take_over(&self.mta, arrival).await,
        }
    }

    /// Who the message really is from; nothing for mail that is ours.
    async fn authenticate(&self, asked: Option<Asked>, examined: Option<Examined>) -> Option<Authentication> {
        let (world, peer) = (&self.mta.world, self.client.address.ip());
        let mut found = authenticate::finish(world, &self.settings, asked?, examined?, peer).await;
        if let Some(sample) = found.sample.take().filter(|_| self.settings.reports.send) {
            self.mta.count(sample);
        }
        Some(found)
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
        self.look_up_all(envelope).await
    }

    async fn look_up_all(&self, envelope: &Envelope) -> Result<Vec<Resolution>, Reply> {
        let mut fresh = Vec::with_capacity(envelope.recipients.len());
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

/// A proxy that lets somebody in whom we do not know is set up wrongly; the same words for a disabled account.
fn unknown_login() -> Reply {
    Reply::new(550, EnhancedCode(5, 7, 8), "no such login (XCLIENT)")
}

fn addresses(envelope: &Envelope) -> Vec<Address> {
    envelope.recipients.iter().map(|recipient| recipient.address.clone()).collect()
}
