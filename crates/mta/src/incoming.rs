//! A message as its bytes come in: our trace header first, then to the store and the parser chunk by chunk.
//! Memory holds one chunk, whatever the message's size.

use mail::{EnhancedCode, Envelope, Id, Reply};
use message::{Parser, Summary};
use smtp::server::Service;
use store::{BlobWriter, Staged};

use crate::fixup::{Fixup, TooLong};
use crate::intake::Client;
use crate::settings::Settings;
use crate::{Mta, reply};

/// A whole message that no commit has taken over yet.
pub(crate) struct Message {
    /// Its bytes: our trace header, then what came (mended, if submitted).
    pub(crate) staged: Staged,
    /// What its header section and structure say; offsets count from the first byte of `staged`.
    pub(crate) summary: Summary,
    /// Whether it has bytes above 127.
    pub(crate) eight_bit: bool,
}

/// A message under way.
pub(crate) struct Incoming {
    writer: Option<BlobWriter>,
    parser: Parser,
    fixup: Option<Fixup>,
    eight_bit: bool,
    /// What went wrong first; told at the end of the message.
    failed: Option<Reply>,
}

impl Incoming {
    /// Opens a body in the store and writes the trace header into it (RFC 5321 §4.4).
    pub(crate) async fn start(
        mta: &Mta,
        settings: &Settings,
        id: Id,
        client: &Client,
        envelope: &Envelope,
    ) -> Result<Self, Reply> {
        let now = mta.world.clock.wall();
        let submitted = client.service == Service::Submission;
        let mut incoming = Self {
            writer: Some(mta.store.stage()),
            parser: Parser::new(),
            fixup: submitted.then(|| {
                let message_id = format!("<{id}@{}>", settings.hostname);
                Fixup::new(message::date::format_rfc5322(now), message_id)
            }),
            eight_bit: false,
            failed: None,
        };
        incoming.keep(client.received(settings, id, envelope, now).as_bytes()).await;
        match incoming.failed.take() {
            Some(reply) => Err(reply),
            None => Ok(incoming),
        }
    }

    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        match self.fixup.as_mut().map(|fixup| fixup.feed(bytes)) {
            None => self.keep(bytes).await,
            Some(Ok(None)) => {}
            Some(Ok(Some(mended))) => {
                self.fixup = None;
                self.keep(&mended).await;
            }
            Some(Err(TooLong)) => {
                self.fail(Reply::new(552, EnhancedCode(5, 3, 4), "the header section is too long"));
            }
        }
    }

    /// Ends the message, or says what went wrong on the way.
    pub(crate) async fn finish(mut self) -> Result<Message, Reply> {
        if let Some(mut fixup) = self.fixup.take() {
            self.keep(&fixup.finish()).await;
        }
        let writer = match (self.failed, self.writer) {
            (None, Some(writer)) => writer,
            (failed, _) => return Err(failed.unwrap_or_else(reply::internal)),
        };
        let staged = writer.finish().await.map_err(|error| reply::store(&error))?;
        Ok(Message { staged, summary: self.parser.finish(), eight_bit: self.eight_bit })
    }

    async fn keep(&mut self, bytes: &[u8]) {
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = writer.write(bytes).await {
            return self.fail(reply::store(&error));
        }
        self.parser.feed(bytes);
        self.eight_bit |= !bytes.is_ascii();
    }

    /// Gives the space back at once and keeps the first reason.
    fn fail(&mut self, reply: Reply) {
        self.writer = None;
        self.fixup = None;
        self.failed.get_or_insert(reply);
    }
}
