//! THREAD (RFC 5256 §3, §4).

use imap::command::{Thread, ThreadBy};
use imap::response::Writer;
use message::thread::{Forest, Threaded, by_references, by_subject};
use message::{Summary, header, subject};

use super::super::connection::Connection;
use super::super::stop::Done;
use super::sort::Budget;

impl Connection<'_> {
    pub(in super::super) async fn thread(&mut self, thread: Thread) -> Done {
        let Thread { search, by } = thread;
        let uid = search.uid;
        let found = self.found_whole(search).await?;
        let (mut messages, mut numbers) = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
        let mut budget = Budget::default();
        let mut progress = self.begin_progress(found.len());
        for (at, hit) in found.into_iter().enumerate() {
            if let Some((entry, summary)) = self.summary_of(at, hit, true, &mut progress).await? {
                let sent = summary.date.or(Some(entry.internal_date));
                let message = Threaded { sent, ..threaded(&summary) };
                budget.take(bytes(&message))?;
                messages.push(message);
                numbers.push(hit.called(uid));
            }
        }
        let forest = match by {
            ThreadBy::OrderedSubject => by_subject(&messages),
            ThreadBy::References => by_references(&messages),
        };
        let mut out = self.session.out();
        out.text("* THREAD");
        if !forest.roots.is_empty() {
            out.text(" ");
        }
        write(&mut out, &forest, &numbers);
        out.end();
        Self::done("Threaded")
    }
}

/// What a message takes beside its own size.
fn bytes(message: &Threaded) -> usize {
    let references: usize = message.references.iter().map(String::len).sum();
    message.id.as_ref().map_or(0, String::len) + references + message.subject.text.len()
}

/// RFC 5256 §3 REFERENCES, step 1: In-Reply-To counts where there is no References.
fn threaded(summary: &Summary) -> Threaded {
    let answers =
        || summary.envelope.in_reply_to.as_deref().and_then(|value| header::message_ids(value).next());
    let references = if summary.references.is_empty() {
        answers().map(str::to_owned).into_iter().collect()
    } else {
        summary.references.clone()
    };
    Threaded {
        id: summary.message_id().map(str::to_owned),
        references,
        subject: subject::base(summary.envelope.subject.as_deref().unwrap_or_default()),
        sent: None,
    }
}

/// What is left to write.
enum Rest {
    Thread(usize),
    End,
}

/// RFC 5256 §5: `thread-list = "(" (thread-members / thread-nested) ")"`. Without recursion: threads may be deep.
fn write(out: &mut Writer<'_>, forest: &Forest, numbers: &[u32]) {
    let mut rest: Vec<Rest> = forest.roots.iter().rev().map(|&root| Rest::Thread(root)).collect();
    while let Some(next) = rest.pop() {
        let Rest::Thread(mut at) = next else {
            out.text(")");
            continue;
        };
        out.text("(");
        rest.push(Rest::End);
        loop {
            let node = &forest.nodes[at];
            if let Some(message) = node.message {
                out.number(u64::from(numbers[message]));
            }
            match node.answers[..] {
                [only] => {
                    out.text(" ");
                    at = only;
                    continue;
                }
                [] => {}
                ref many => {
                    if node.message.is_some() {
                        out.text(" ");
                    }
                    rest.extend(many.iter().rev().map(|&answer| Rest::Thread(answer)));
                }
            }
            break;
        }
    }
}
