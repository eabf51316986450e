//! APPEND and REPLACE (RFC 3501 §6.3.11, RFC 3502, RFC 4469, RFC 8508): messages go to the store as they arrive.

mod commit;
mod part;

use std::io;

use bytes::Bytes;
use imap::command::{Append, NewMessage, Replaced};
use imap::{Code, Completion};
use journey::Event;
use mail::{Uid, limits};
use message::Parser;
use store::{Batch, BlobWriter, Staged};

use super::connection::Connection;
use super::place::Place;
use super::stop::{Done, Stop};
use super::sync::Moment;

/// A command whose messages are coming in.
pub(crate) struct Appending {
    target: Place,
    /// As the client wrote it, if that is another form.
    supplied: Option<String>,
    /// REPLACE: the message of the selected mailbox that goes.
    replaced: Option<Uid>,
    /// Messages and bytes that are free in the target's account then.
    frees: (u64, u64),
    /// Those that are whole.
    whole: Vec<Whole>,
    /// The one that is coming in.
    current: Option<Incoming>,
    /// Bytes of all of them so far.
    total: u64,
    /// Bytes of the summaries of those that are whole.
    summaries: usize,
}

struct Incoming {
    message: NewMessage,
    writer: BlobWriter,
    parser: Parser,
    length: u64,
}

struct Whole {
    message: NewMessage,
    staged: Staged,
    summary: Bytes,
    events: [Event; 2],
}

impl Connection<'_> {
    /// Says whether messages may come. A client that waits for that does not send them in vain.
    pub(super) async fn append_start(&mut self, append: Append) -> io::Result<()> {
        let begun = match self.refresh_rights().await {
            Ok(()) => self.append_begun(append).await,
            Err(stop) => Err(stop),
        };
        let accepted = begun.map(|appending| {
            self.appending = Some(Box::new(appending));
            self.session.accept_append();
        });
        self.refuse_if(accepted)
    }

    async fn append_begun(&self, append: Append) -> Result<Appending, Stop> {
        self.parts().store.check_room(0)?;
        let target = self.target(append.mailbox).await?;
        let (replaced, frees) = match &append.replaces {
            Some(replaced) => {
                self.demand_removal()?;
                let (uid, size) = self.to_replace(replaced).await?;
                let stays = self.selected.as_ref().is_some_and(|s| s.view.account() == target.owner);
                (Some(uid), if stays { (1, size) } else { (0, 0) })
            }
            None => (None, (0, 0)),
        };
        let (supplied, whole) = (append.supplied, Vec::new());
        Ok(Appending { target, supplied, replaced, frees, whole, current: None, total: 0, summaries: 0 })
    }

    /// The message that REPLACE names, and its bytes. It must be there: nothing is appended in vain (RFC 8508 §3.2).
    async fn to_replace(&self, replaced: &Replaced) -> Result<(Uid, u64), Stop> {
        let (chosen, _) = self.chosen(replaced.uid, &replaced.set, self.message_limit())?;
        let view = self.latest().await?;
        match chosen.first().map(|&uid| view.by_uid(uid)) {
            Some(Some((_, entry))) => Ok((entry.uid, entry.size())),
            Some(None) => Err(Stop::no(Code::ExpungeIssued, "The message no longer exists")),
            None => Err(Stop::no(Code::NonExistent, "There is no such message")),
        }
    }

    pub(super) async fn append_message(&mut self, message: NewMessage) -> io::Result<()> {
        let begun = self.begin_message(message).await;
        self.refuse_if(begun)
    }

    async fn begin_message(&mut self, message: NewMessage) -> Result<(), Stop> {
        self.end_message().await?;
        let writer = self.parts().store.stage();
        let Some(appending) = self.appending.as_mut() else { return Ok(()) };
        if appending.whole.len() >= limits::IMAP_APPEND_MESSAGES {
            // RFC 9738 §3.1: none of them is taken.
            let code = Code::MessageLimit(limits::IMAP_APPEND_MESSAGES as u32, None);
            return Err(Stop::no(code, "At most 1000 messages at a time"));
        }
        appending.current = Some(Incoming { message, writer, parser: Parser::new(), length: 0 });
        Ok(())
    }

    /// The message that was coming in is whole.
    async fn end_message(&mut self) -> Result<(), Stop> {
        let Some(incoming) = self.appending.as_mut().and_then(|appending| appending.current.take()) else {
            return Ok(());
        };
        if incoming.length == 0 {
            return Err(Stop::no(Code::Cannot, "An empty message is not kept"));
        }
        let summary = incoming.parser.finish();
        let staged = incoming.writer.finish().await?;
        let Some(appending) = &self.appending else { return Ok(()) };
        let events = self.append_events(&summary, &appending.target, staged.len());
        let summary: Bytes = summary.encode().into();
        if let Some(appending) = self.appending.as_mut() {
            appending.summaries += summary.len();
            if appending.summaries > limits::IMAP_APPEND_SUMMARIES {
                let text = "The header fields are more than one command may bring";
                return Err(Stop::no(Code::TooBig, text));
            }
            appending.whole.push(Whole { message: incoming.message, staged, summary, events });
        }
        Ok(())
    }

    /// Whether so many bytes more may come.
    pub(super) async fn append_literal(&mut self, length: u64) -> io::Result<()> {
        let accepted = match self.room_in_message(length) {
            Ok(()) => self.room_in_account(length).await,
            refused => refused,
        };
        let accepted = accepted.map(|()| self.session.accept_append());
        self.refuse_if(accepted)
    }

    /// A client that waits does not send what is refused.
    async fn room_in_account(&self, length: u64) -> Result<(), Stop> {
        let Some(appending) = &self.appending else { return Ok(()) };
        let messages = appending.whole.len() as u64 + 1 - appending.frees.0;
        let bytes = (appending.total + length).saturating_sub(appending.frees.1);
        self.demand_room(&mut Batch::new(), appending.target.owner, messages, bytes).await
    }

    /// RFC 4469 §4.2: whether a message, and the command, may grow by so many bytes.
    fn room_in_message(&self, length: u64) -> Result<(), Stop> {
        let most = self.parts().settings.message_size;
        let Some(appending) = &self.appending else { return Ok(()) };
        let grown = |length_so_far: u64| length_so_far.saturating_add(length);
        if grown(appending.current.as_ref().map_or(0, |incoming| incoming.length)) > most {
            return Err(Stop::no(Code::TooBig, "The message is larger than this server takes"));
        }
        if grown(appending.total) > most.saturating_mul(limits::IMAP_APPEND_TOTAL) {
            return Err(Stop::no(Code::TooBig, "The messages are larger than one command may bring"));
        }
        Ok(())
    }

    pub(super) async fn append_data(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.append_bytes(bytes).await;
        self.refuse_if(written)
    }

    async fn append_bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let Some(appending) = self.appending.as_mut() else { return Ok(()) };
        let Some(incoming) = appending.current.as_mut() else { return Ok(()) };
        incoming.parser.feed(bytes);
        incoming.length += bytes.len() as u64;
        appending.total += bytes.len() as u64;
        Ok(incoming.writer.write(bytes).await?)
    }

    pub(super) async fn append_url(&mut self, url: &str) -> io::Result<()> {
        let written = self.append_part(url).await;
        self.refuse_if(written)
    }

    pub(super) async fn append_end(&mut self) -> io::Result<()> {
        let done = self.append_ended().await;
        self.finish(done, Moment::NumbersMay).await
    }

    async fn append_ended(&mut self) -> Done {
        let ended = self.end_message().await;
        let appending = self.appending.take();
        ended?;
        match appending {
            Some(appending) => self.append_commit(*appending).await,
            None => Err(Stop::no(Code::ServerBug, "The message was lost")),
        }
    }

    /// Ends the command if it is refused, and forgets what has come.
    fn refuse_if(&mut self, done: Result<(), Stop>) -> io::Result<()> {
        let Err(stop) = done else { return Ok(()) };
        self.appending = None;
        let refusal: Completion = match stop {
            Stop::Answer(refusal) => refusal,
            Stop::Gone(error) => return Err(error),
        };
        self.session.complete(refusal);
        Ok(())
    }
}
