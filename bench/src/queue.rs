//! Fills a store's queue by the queue's own `enqueue`, far faster than mail could come in by SMTP.

use std::path::Path;
use std::sync::Arc;

use mail::{Envelope, Id, Recipient};
use queue::{NewItem, Queue};
use serde_json::{Value, json};
use store::{Batch, Store, embedded};
use world::World;

use crate::Outcome;
use crate::arguments::Arguments;

/// Items that share one commit, and one body.
const AT_ONCE: usize = 500;
/// Commits under way at once.
const COMMITS: usize = 8;

/// `bench queue --store DIR --items N --domains N --sender ADDRESS --bytes N`: so many items, all due now, dealt out to
/// `d0.test`, `d1.test`, … in turn.
pub(crate) fn run(arguments: &Arguments) -> Outcome<Value> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(fill(arguments))
}

async fn fill(arguments: &Arguments) -> Outcome<Value> {
    let world = world::real::world(&[]);
    let began = world.clock.mono();
    let (items, domains): (usize, usize) = (arguments.number("items")?, arguments.number("domains")?);
    let store =
        embedded::open(&world, Path::new(arguments.text("store")?), embedded::Options::default()).await?;
    let mut under_way = std::collections::VecDeque::new();
    for first in (0..items).step_by(AT_ONCE) {
        let range = first..items.min(first + AT_ONCE);
        let batch = batch(&world, &store, arguments, range, domains).await?;
        under_way.push_back(store.commit(batch));
        if under_way.len() == COMMITS {
            under_way.pop_front().ok_or("a commit is under way")?.await?;
        }
    }
    for commit in under_way {
        commit.await?;
    }
    store.close().await;
    Ok(json!({ "items": items, "seconds": world.clock.mono().since(began).as_secs_f64() }))
}

async fn batch(
    world: &World,
    store: &Arc<dyn Store>,
    arguments: &Arguments,
    range: std::ops::Range<usize>,
    domains: usize,
) -> Outcome<Batch> {
    let sender = arguments.text("sender")?;
    let text =
        format!("From: <{sender}>\r\nSubject: filler\r\n\r\n{}\r\n", "x".repeat(arguments.number("bytes")?));
    let mut writer = store.stage();
    writer.write(text.as_bytes()).await?;
    let mut batch = Batch::new();
    let blob = batch.blob(writer.finish().await?);
    let queue = Queue::new(Arc::clone(store));
    for number in range {
        let domain: mail::Domain = format!("d{}.test", number % domains).parse()?;
        let recipient = Recipient::plain(format!("u{number}@{domain}").parse()?);
        let envelope =
            Envelope { reverse_path: sender.parse()?, recipients: vec![recipient], ..Envelope::default() };
        let message: Id = store.next_id();
        let destination = queue::Destination::Domain(domain);
        let (size, created) = (text.len() as u64, world.clock.wall());
        queue.enqueue(
            &mut batch,
            NewItem {
                message,
                blob,
                size,
                prefix: Vec::new(),
                envelope,
                destination,
                begun: created,
                created,
            },
        );
    }
    Ok(batch)
}
