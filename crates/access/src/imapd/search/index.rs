//! What the index of words says of the messages of a mailbox, and making it.

use std::sync::Arc;

use imap::Code;
use imap::grammar::Day;
use mail::Uid;
use mailbox::{Entry, View};
use search::{Builder, Document, Hits, Likeness, Place, Verdict, Volumes, Zones};

use super::super::connection::Connection;
use super::super::place::At;
use super::super::selected::Selected;
use super::super::stop::Stop;
use super::content::{HeaderText, RawText};
use super::plan::Plan;
use crate::turn::take_turn;

/// As many messages are read rather than put into the index.
pub(super) const READ_AT_MOST: usize = if cfg!(test) { 4 } else { 256 };
/// What goes to another thread at once: messages, and bytes of their texts.
const BATCH: usize = if cfg!(test) { 3 } else { 256 };
const BATCH_BYTES: usize = 4 << 20;
/// Bytes of memory that words being collected take at most, about.
const COLLECTED: usize = 32 << 20;

/// The index's answers to a search. Its entries are asked for in ascending order.
pub(super) struct Known {
    volumes: Volumes,
    /// What each volume says.
    answers: Vec<Answers>,
    /// For each volume, how far it was asked.
    at: Vec<usize>,
}

/// What a volume says.
#[derive(Default)]
struct Answers {
    /// Of each term.
    hits: Vec<Hits>,
    /// Of each of what is matched fuzzily, how well each message fits.
    scores: Vec<Vec<u8>>,
}

/// What the index says of one message.
pub(super) struct Indexed<'a> {
    answers: &'a Answers,
    place: usize,
    document: Document,
}

impl Indexed<'_> {
    pub(super) fn verdict(&self, term: usize) -> Verdict {
        self.answers.hits.get(term).map_or(Verdict::Maybe, |hits| hits.of(self.place))
    }

    /// How well it fits; see [`Test::Fuzzy`](super::plan::Test::Fuzzy).
    pub(super) fn score(&self, fuzzy: usize) -> u8 {
        let scores = self.answers.scores.get(fuzzy).and_then(|scores| scores.get(self.place));
        scores.copied().unwrap_or(0)
    }

    /// The day of its Date field, if it has one.
    pub(super) fn sent(&self) -> Option<Day> {
        self.document.sent.map(|day| Day(day.into()))
    }
}

impl Known {
    fn new(volumes: Volumes, answers: Vec<Answers>) -> Self {
        let at = vec![0; volumes.len()];
        Self { volumes, answers, at }
    }

    /// What is known of a message.
    pub(super) fn of(&mut self, entry: &Entry) -> Option<Indexed<'_>> {
        let uid = entry.uid.get();
        for (number, volume) in self.volumes.iter().enumerate() {
            let place = &mut self.at[number];
            while volume.document(*place).is_some_and(|document| document.uid < uid) {
                *place += 1;
            }
            if let Some(document) = volume.document(*place).filter(|document| is_of(document, entry)) {
                return Some(Indexed { answers: self.answers.get(number)?, place: *place, document });
            }
        }
        None
    }
}

fn is_of(document: &Document, entry: &Entry) -> bool {
    document.uid == entry.uid.get() && document.body == entry.blob.0
}

/// A message on its way into the index.
struct Raw {
    entry: Entry,
    header: Vec<u8>,
    texts: Vec<RawText>,
}

impl Raw {
    fn bytes(&self) -> usize {
        self.header.len() + self.texts.iter().map(RawText::len).sum::<usize>()
    }

    fn add_to(self, builder: &mut Builder) {
        let header = HeaderText::new(&self.header);
        // Four digits of a year are the most that a date has.
        let sent = header.sent.and_then(|day| i32::try_from(day.0).ok());
        let document = Document { uid: self.entry.uid.get(), body: self.entry.blob.0, sent };
        let body = self.texts.into_iter().flat_map(RawText::read).map(|text| (Zones::BODY, text));
        let texts: Vec<_> = header.zones().chain(body).collect();
        builder.add(document, texts.iter().map(|(zones, text)| (*zones, text.as_str())));
    }
}

impl Connection<'_> {
    /// What the index says, brought up to date first where that spares more reading than it takes.
    pub(super) async fn known(&mut self, selected: &Selected, plan: &Plan) -> Result<Known, Stop> {
        let (shelf, view) = (&self.parts().search, Arc::clone(&selected.view));
        let place = Place { account: view.account(), mailbox: view.mailbox() };
        let mut volumes = shelf.volumes(place).await;
        if missing(&view, &volumes).len() > READ_AT_MOST {
            let _making = shelf.making(place).await;
            // Somebody else may have made it meanwhile.
            volumes = shelf.volumes(place).await;
            let missing = missing(&view, &volumes);
            if missing.len() > READ_AT_MOST {
                volumes = self.make(place, &view, &missing).await?;
            }
        }
        let terms: Vec<_> = plan.terms.iter().map(|term| (term.phrase.clone(), term.zones)).collect();
        let (asked, fuzzy) = (Arc::clone(&volumes), plan.fuzzy.clone());
        let ask = move || {
            let of = |volume: &Arc<search::Segment>| Answers {
                hits: terms.iter().map(|(phrase, zones)| volume.find(phrase, *zones)).collect(),
                scores: fuzzy.iter().map(|likeness| volume.find_like(likeness)).collect(),
            };
            asked.iter().map(of).collect()
        };
        let answers = self.world().tasks.compute_value(ask).await;
        Ok(Known::new(volumes, answers.ok_or(Stop::no(Code::ServerBug, "The search failed"))?))
    }

    /// Puts messages into the index. What cannot be read stays out, and is found out about when it is looked for.
    async fn make(&mut self, place: Place, view: &Arc<View>, missing: &[Entry]) -> Result<Volumes, Stop> {
        let mut builder = Builder::default();
        let mut volumes = Volumes::default();
        let mut waiting = missing.iter();
        let mut progress = self.begin_progress(missing.len());
        loop {
            self.tell_progress(&mut progress, missing.len() - waiting.len()).await?;
            let batch = self.batch((place.account, place.mailbox), &mut waiting).await?;
            let is_last = batch.is_empty();
            let work = move || {
                for raw in batch {
                    raw.add_to(&mut builder);
                }
                builder
            };
            let added = self.world().tasks.compute_value(work).await;
            builder = added.ok_or(Stop::no(Code::ServerBug, "The search failed"))?;
            if builder.bytes() > COLLECTED || is_last {
                let view = Arc::clone(view);
                let stays = move |document: &Document| is_there(&view, document);
                volumes = self.parts().search.add(place, std::mem::take(&mut builder), stays).await;
            }
            if is_last {
                return Ok(volumes);
            }
        }
    }

    /// The next messages, read.
    async fn batch(&self, at: At, waiting: &mut std::slice::Iter<'_, Entry>) -> Result<Vec<Raw>, Stop> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Some(entry) = waiting.next() else { break };
            match self.raw(at, entry).await {
                Ok(raw) => {
                    bytes += raw.bytes();
                    batch.push(raw);
                }
                // Expunged meanwhile, or damaged.
                Err(Stop::Answer(_)) => {}
                Err(stop) => return Err(stop),
            }
            if batch.len() % 16 == 0 {
                take_turn().await;
            }
        }
        Ok(batch)
    }

    /// How well a message fits that is not in the index.
    pub(super) async fn scores(&self, at: At, entry: &Entry, fuzzy: &[Likeness]) -> Result<Vec<u8>, Stop> {
        let (raw, fuzzy) = (self.raw(at, entry).await?, fuzzy.to_vec());
        let ask = move || {
            let mut builder = Builder::default();
            raw.add_to(&mut builder);
            let segment = search::Segment::open(builder.finish());
            let score = |likeness| segment.as_ref().and_then(|s| s.find_like(likeness).first().copied());
            fuzzy.iter().map(|likeness| score(likeness).unwrap_or(0)).collect()
        };
        let scores = self.world().tasks.compute_value(ask).await;
        scores.ok_or(Stop::no(Code::ServerBug, "The search failed"))
    }

    async fn raw(&self, at: At, entry: &Entry) -> Result<Raw, Stop> {
        let (header, texts) = (self.raw_header(at, entry).await?, self.raw_texts(at, entry).await?);
        Ok(Raw { entry: *entry, header, texts })
    }
}

fn is_there(view: &View, document: &Document) -> bool {
    let entry = Uid::new(document.uid).and_then(|uid| view.by_uid(uid));
    entry.is_some_and(|(_, entry)| is_of(document, entry))
}

/// The messages that the index does not have.
fn missing(view: &View, volumes: &Volumes) -> Vec<Entry> {
    let mut known = Known::new(Arc::clone(volumes), volumes.iter().map(|_| Answers::default()).collect());
    view.iter().map(|(_, entry)| *entry).filter(|entry| known.of(entry).is_none()).collect()
}
