//! Filters outside of this process: milters and HTTP hooks, asked one after the other while the client waits. What they
//! say is an answer to the client; what they change is in the message before any commit takes it over. A filter that
//! does not do its part is 451 (F36), unless the operator has said otherwise.

mod ask;
mod endpoint;
mod envelope;
mod hook;
mod letter;
mod milter;
mod rules;
mod told;

use std::sync::Arc;

use ::filter::hook::{Question, Stage};
use ::filter::milter::{Changes, Verdict};
use mail::{EnhancedCode, Envelope, Id, Recipient, Reply, ReversePath};
use smtp::server::MailParams;

use crate::Mta;
use crate::incoming::Message;
use crate::intake::Client;
use crate::settings::Settings;
pub(crate) use endpoint::connect_tcp;
use letter::Letter;
use milter::{Failure, Milter, Reach};
use told::Told;

pub use rules::{Filter, Hook, Host, Kind, OnFailure, Socket, Url};

/// The filters of one connection.
pub(crate) struct Filters {
    mta: Arc<Mta>,
    settings: Arc<Settings>,
    /// Those for this service.
    running: Vec<Running>,
    told: Option<Told>,
    notes: Vec<String>,
    /// Which filter wants the message thrown away.
    discarded_by: Option<String>,
}

struct Running {
    rule: Filter,
    milter: Milter,
    /// It has failed in this transaction, and is left out.
    off: bool,
}

/// A message that all filters let pass.
pub(crate) struct Filtered {
    pub(crate) message: Message,
    /// The envelope, where it is another one now.
    pub(crate) envelope: Option<Envelope>,
    /// Why it is not for the inbox.
    pub(crate) quarantine: Option<String>,
    /// Which filter wants it thrown away.
    pub(crate) discarded_by: Option<String>,
    /// For the journey.
    pub(crate) notes: Vec<String>,
}

/// What filters look at once it is whole.
pub(crate) struct Whole<'a> {
    pub(crate) id: Id,
    pub(crate) client: &'a Client,
    pub(crate) envelope: &'a Envelope,
}

impl Filters {
    pub(crate) fn new(mta: &Arc<Mta>, settings: &Arc<Settings>, client: &Client) -> Self {
        let mine = settings.filters.iter().filter(|filter| filter.services.contains(&client.service));
        let running =
            mine.map(|rule| Running { rule: rule.clone(), milter: Milter::default(), off: false }).collect();
        Self {
            mta: Arc::clone(mta),
            settings: Arc::clone(settings),
            running,
            told: None,
            notes: Vec::new(),
            discarded_by: None,
        }
    }

    /// A client that has just come; told to hooks only.
    pub(crate) async fn connect(&mut self, client: &Client) -> Result<(), Reply> {
        let question = || ask::question(Stage::Connect, client, None);
        self.ask_hooks(Stage::Connect, question).await
    }

    /// What filters know of the client is true no more: STARTTLS, another HELO.
    pub(crate) fn restart(&mut self) {
        self.told = None;
        self.running.iter_mut().for_each(|running| running.milter.restart());
    }

    /// A sender.
    pub(crate) async fn mail(
        &mut self,
        client: &Client,
        id: Id,
        from: &ReversePath,
        params: &MailParams,
    ) -> Result<(), Reply> {
        if self.running.is_empty() {
            return Ok(());
        }
        (self.notes, self.discarded_by) = (Vec::new(), None);
        self.running.iter_mut().for_each(|running| running.off = false);
        let mut told = match self.told.take() {
            Some(told) => told,
            None => Told::new(&self.mta.world, &self.settings, client).await,
        };
        told.begin(&self.settings, client, id, from, params);
        let question = || ask::question(Stage::Mail, client, Some((id, from)));
        for place in 0..self.running.len() {
            let Some((running, mta)) = self.on_duty(place) else { continue };
            let outcome = match &running.rule.kind {
                Kind::Milter(socket) => running.milter.mail(&reach(mta, &running.rule, socket), &told).await,
                Kind::Hook(hook) => ask_hook(mta, hook, &running.rule, Stage::Mail, question).await,
            };
            let verdict = self.settle(place, outcome, Verdict::Continue)?;
            self.take(place, verdict)?;
        }
        self.told = Some(told);
        Ok(())
    }

    /// A recipient that would be taken.
    pub(crate) async fn rcpt(
        &mut self,
        client: &Client,
        id: Id,
        from: &ReversePath,
        to: &Recipient,
    ) -> Result<(), Reply> {
        let Some(told) = self.told.clone() else { return Ok(()) };
        let address = format!("<{}>", to.address);
        let question = || {
            let mut question = ask::question(Stage::Rcpt, client, Some((id, from)));
            ask::set_recipients(&mut question, std::iter::once(&to.address));
            question
        };
        for place in 0..self.running.len() {
            let Some((running, mta)) = self.on_duty(place) else { continue };
            let outcome = match &running.rule.kind {
                Kind::Milter(socket) => {
                    running.milter.rcpt(&reach(mta, &running.rule, socket), &told, &address).await
                }
                Kind::Hook(hook) => ask_hook(mta, hook, &running.rule, Stage::Rcpt, question).await,
            };
            let verdict = self.settle(place, outcome, Verdict::Continue)?;
            self.take(place, verdict)?;
        }
        Ok(())
    }

    /// The whole message. Each filter sees what those before it have made of it.
    pub(crate) async fn message(&mut self, whole: &Whole<'_>, message: Message) -> Result<Filtered, Reply> {
        let mut filtered =
            Filtered { message, envelope: None, quarantine: None, discarded_by: None, notes: Vec::new() };
        if let (Some(told), None) = (self.told.clone(), &self.discarded_by) {
            let mut letter = Letter::open(filtered.message).await?;
            for place in 0..self.running.len() {
                let Some(changes) = self.one(place, whole, &told, &mut letter).await? else { continue };
                self.apply(place, changes, whole.envelope, &mut filtered.envelope, &mut filtered.quarantine)?;
                if self.discarded_by.is_some() {
                    break;
                }
            }
            filtered.message = letter.close(&self.mta).await?;
        }
        filtered.notes = std::mem::take(&mut self.notes);
        filtered.discarded_by = self.discarded_by.take();
        if filtered.envelope.as_ref().is_some_and(|envelope| envelope.recipients.is_empty()) {
            filtered.discarded_by.get_or_insert("filters, which left no recipient,".into());
        }
        Ok(filtered)
    }

    /// One filter looks at the message; `None` if it is not on duty.
    async fn one(
        &mut self,
        place: usize,
        whole: &Whole<'_>,
        told: &Told,
        letter: &mut Letter,
    ) -> Result<Option<Changes>, Reply> {
        let Some((running, mta)) = self.on_duty(place) else { return Ok(None) };
        let outcome = match &running.rule.kind {
            Kind::Milter(socket) => {
                running.milter.message(&reach(mta, &running.rule, socket), told, letter).await
            }
            Kind::Hook(hook) if hook.stages.contains(&Stage::Data) => {
                let mut asked =
                    ask::question(Stage::Data, whole.client, Some((whole.id, &whole.envelope.reverse_path)));
                ask::set_recipients(&mut asked, whole.envelope.recipients.iter().map(|to| &to.address));
                let answer = hook::ask_about(mta, hook, running.rule.timeout, asked, letter).await;
                answer.map(|answer| ask::take(answer, letter))
            }
            Kind::Hook(_) => return Ok(None),
        };
        let (verdict, changes) = self.settle(place, outcome, (Verdict::Continue, Changes::default()))?;
        self.take(place, verdict)?;
        Ok(Some(changes))
    }

    /// What a filter does to the envelope.
    fn apply(
        &mut self,
        place: usize,
        changes: Changes,
        original: &Envelope,
        changed_envelope: &mut Option<Envelope>,
        quarantine: &mut Option<String>,
    ) -> Result<(), Reply> {
        if let Some(reason) = changes.quarantine {
            let name = self.name(place);
            self.notes.push(format!("{name}: quarantined: {reason}"));
            quarantine.get_or_insert(format!("{name}: {reason}"));
        }
        if changes.sender.is_none() && changes.recipients.is_empty() {
            return Ok(());
        }
        let mut changed = changed_envelope.clone().unwrap_or_else(|| original.clone());
        match envelope::change(&mut changed, changes.sender, changes.recipients) {
            Ok(what) => {
                let name = self.name(place);
                self.notes.extend(what.into_iter().map(|what| format!("{name}: {what}")));
                *changed_envelope = Some(changed);
                Ok(())
            }
            Err(why) => self.settle(place, Err(Failure::Filter(why)), ()),
        }
    }

    async fn ask_hooks(&mut self, stage: Stage, question: impl Fn() -> Question) -> Result<(), Reply> {
        for place in 0..self.running.len() {
            let Some((running, mta)) = self.on_duty(place) else { continue };
            let Kind::Hook(hook) = &running.rule.kind else { continue };
            let outcome = ask_hook(mta, hook, &running.rule, stage, &question).await;
            let verdict = self.settle(place, outcome, Verdict::Continue)?;
            self.take(place, verdict)?;
        }
        Ok(())
    }

    fn on_duty(&mut self, place: usize) -> Option<(&mut Running, &Mta)> {
        let running = self.running.get_mut(place).filter(|running| !running.off)?;
        Some((running, &self.mta))
    }

    /// Deals with a filter that has no answer.
    fn settle<T>(&mut self, place: usize, outcome: Result<T, Failure>, otherwise: T) -> Result<T, Reply> {
        let why = match outcome {
            Ok(answer) => return Ok(answer),
            Err(Failure::Ours(reply)) => return Err(reply),
            Err(Failure::Filter(why)) => why,
        };
        let name = self.name(place);
        tracing::warn!(filter = name, why, "a filter does not work");
        let Some(running) = self.running.get_mut(place) else { return Ok(otherwise) };
        running.milter.restart();
        match running.rule.on_failure {
            OnFailure::TempFail => {
                let text = "a filter is not available, try again later";
                Err(Reply::new(451, EnhancedCode(4, 7, 1), text))
            }
            OnFailure::Accept => {
                running.off = true;
                self.notes.push(format!("{name}: let pass without it: {why}"));
                Ok(otherwise)
            }
        }
    }

    fn take(&mut self, place: usize, verdict: Verdict) -> Result<(), Reply> {
        match verdict {
            Verdict::Continue | Verdict::Accept | Verdict::Skip => Ok(()),
            Verdict::Refuse(reply) => Err(reply),
            Verdict::Discard => {
                self.discarded_by = Some(self.name(place));
                Ok(())
            }
        }
    }

    fn name(&self, place: usize) -> String {
        self.running.get(place).map(|running| running.rule.to_string()).unwrap_or_default()
    }

    /// The client has gone.
    pub(crate) async fn end(&mut self) {
        for running in &mut self.running {
            if let Kind::Milter(socket) = &running.rule.kind {
                running.milter.quit(&reach(&self.mta, &running.rule, socket)).await;
            }
        }
    }
}

fn reach<'a>(mta: &'a Mta, rule: &Filter, socket: &'a Socket) -> Reach<'a> {
    Reach { mta, socket, timeout: rule.timeout }
}

/// Asks a hook, if it wants to be asked at this stage.
async fn ask_hook(
    mta: &Mta,
    hook: &Hook,
    rule: &Filter,
    stage: Stage,
    question: impl Fn() -> Question,
) -> Result<Verdict, Failure> {
    if !hook.stages.contains(&stage) {
        return Ok(Verdict::Continue);
    }
    hook::ask(mta, hook, rule.timeout, question()).await.map(|answer| answer.verdict)
}
