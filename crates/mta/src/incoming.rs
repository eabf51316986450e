//! A message as its bytes come in: our trace header first, then to the store, the parser and the checks of signatures
//! chunk by chunk. Memory holds the header section and one chunk, whatever the message's size.

use std::sync::Arc;

use mail::{BodyType, EnhancedCode, Envelope, Id, Reply};
use mailauth::dkim::Draft;
use mailauth::dmarc;
use message::convert::Shape;
use message::{Parser, Summary};
use smtp::server::Service;
use store::{BlobWriter, Staged};

use crate::authenticate::Examined;
use crate::head::{Edit, Head, TooLong, Whole};
use crate::intake::Client;
use crate::settings::Settings;
use crate::{Mta, reply};

/// A whole message that no commit has taken over yet.
pub(crate) struct Message {
    /// Its bytes: our trace header, then what came (mended, if submitted).
    pub(crate) staged: Staged,
    /// What its header section and structure say; offsets count from the first byte of `staged`.
    pub(crate) summary: Summary,
    /// What a host must take to get its bytes as they are.
    pub(crate) needs: BodyType,
    /// What it says of itself, to be judged.
    pub(crate) examined: Option<Examined>,
    /// Its hashes, for signatures of our own.
    pub(crate) draft: Option<Draft>,
}

/// What is wanted to be known of a message once it is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Whether the signatures that it bears are checked.
    pub(crate) verify: bool,
    /// What we may put in front of it.
    pub(crate) sign: Sign,
}

/// What we may put in front of a message that needs its hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sign {
    #[default]
    Nothing,
    /// The signatures of its author's domain, if that is ours.
    Author,
    /// A seal of its chain.
    Chain,
}

/// A message under way.
pub(crate) struct Incoming {
    mta: Arc<Mta>,
    writer: Option<BlobWriter>,
    parser: Parser,
    head: Option<Head>,
    wanted: Wanted,
    examined: Option<Examined>,
    draft: Option<Draft>,
    eight_bit: bool,
    /// Of a message that may be binary.
    shape: Option<Shape>,
    /// What went wrong first; told at the end of the message.
    failed: Option<Reply>,
}

impl Incoming {
    /// Opens a body in the store and writes the trace header into it (RFC 5321 §4.4).
    pub(crate) async fn start(
        mta: &Arc<Mta>,
        settings: &Settings,
        id: Id,
        client: &Client,
        envelope: &Envelope,
        wanted: Wanted,
    ) -> Result<Self, Reply> {
        let now = mta.world.clock.wall();
        let edit = if client.service == Service::Submission {
            let message_id = format!("<{id}@{}>", settings.hostname);
            Edit::Mend { date: message::date::format_rfc5322(now), message_id }
        } else {
            Edit::Clean(settings.hostname.clone())
        };
        let mut incoming = Self {
            mta: Arc::clone(mta),
            writer: Some(mta.store.stage()),
            parser: Parser::new(),
            head: Some(Head::new(edit)),
            wanted,
            examined: None,
            draft: None,
            eight_bit: false,
            shape: (envelope.body == BodyType::BinaryMime).then(Shape::default),
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
        match self.head.as_mut().map(|head| head.feed(bytes)) {
            None => {
                self.examine(bytes);
                self.keep(bytes).await;
            }
            Some(Ok(None)) => {}
            Some(Ok(Some(whole))) => self.head_is_whole(whole).await,
            Some(Err(TooLong)) => {
                self.fail(Reply::new(552, EnhancedCode(5, 3, 4), "the header section is too long"));
            }
        }
    }

    async fn head_is_whole(&mut self, whole: Whole) {
        self.head = None;
        self.examined = self.wanted.verify.then(|| Examined::begin(&whole.came));
        self.draft = self.will_be_signed(&whole.kept).await.then(|| Draft::new(&whole.kept));
        // The body begins behind the empty line (RFC 5322 §2.1).
        self.examine(whole.rest.strip_prefix(b"\r\n").unwrap_or(&whole.rest));
        self.keep(&whole.kept).await;
        self.keep(&whole.rest).await;
    }

    /// Whether the message's hashes are needed. To find them costs more than all else that is done with its bytes.
    async fn will_be_signed(&self, header: &[u8]) -> bool {
        match (self.wanted.sign, dmarc::author_domain(header)) {
            (Sign::Nothing, _) => false,
            // Where the keys cannot be read, that is told when they are needed.
            (Sign::Author, Ok(author)) => {
                self.mta.signers.for_author(&author).await.map_or(true, |signers| !signers.is_empty())
            }
            (Sign::Author, Err(_)) | (Sign::Chain, _) => true,
        }
    }

    fn examine(&mut self, body: &[u8]) {
        if let Some(examined) = &mut self.examined {
            examined.verifier.feed(body);
        }
        if let Some(draft) = &mut self.draft {
            draft.feed(body);
        }
    }

    /// Ends the message, or says what went wrong on the way.
    pub(crate) async fn finish(mut self) -> Result<Message, Reply> {
        if let Some(mut head) = self.head.take() {
            self.head_is_whole(head.finish()).await;
        }
        let writer = match (self.failed, self.writer) {
            (None, Some(writer)) => writer,
            (failed, _) => return Err(failed.unwrap_or_else(reply::internal)),
        };
        let staged = writer.finish().await.map_err(|error| reply::store(&error))?;
        let lines = if self.eight_bit { BodyType::EightBitMime } else { BodyType::SevenBit };
        let needs = self.shape.as_ref().map_or(lines, Shape::needs);
        let (examined, draft) = (self.examined, self.draft);
        Ok(Message { staged, summary: self.parser.finish(), needs, examined, draft })
    }

    async fn keep(&mut self, bytes: &[u8]) {
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = writer.write(bytes).await {
            return self.fail(reply::store(&error));
        }
        self.parser.feed(bytes);
        self.eight_bit |= !bytes.is_ascii();
        if let Some(shape) = &mut self.shape {
            shape.look(bytes);
        }
    }

    /// Gives the space back at once and keeps the first reason.
    fn fail(&mut self, reply: Reply) {
        self.writer = None;
        self.head = None;
        self.failed.get_or_insert(reply);
    }
}
