//! The queue.

use ::queue::{Filter, Item, RecipientState, State, Via};
use journey::{Event, What};
use mail::Id;
use store::Batch;

use super::{
    ATTEMPTS, Office, PAGE, QueueAction, QueueFilter, QueueRecipient, QueueRow, Reply, Trouble, domain, time,
};

impl Office {
    pub(super) async fn queue_list(
        &self,
        filter: &QueueFilter,
        after: Option<&str>,
    ) -> Result<Reply, Trouble> {
        let after = after.map(id).transpose()?;
        let page = self.queue.list(&store_filter(filter)?, after, PAGE).await?;
        let rows = page.items.iter().map(row).collect();
        Ok(Reply::Queue { rows, next: page.next.map(|id| id.to_string()) })
    }

    pub(super) async fn queue_show(&self, which: &str) -> Result<Reply, Trouble> {
        match self.queue.get(id(which)?).await? {
            Some(item) => Ok(Reply::QueueItem { item: row(&item) }),
            None => Err(gone(which)),
        }
    }

    /// Does something to all items that match, each in a commit of its own: one that is being tried right now does
    /// not keep the others from it.
    pub(super) async fn queue_act(
        &self,
        action: &QueueAction,
        filter: &QueueFilter,
    ) -> Result<Reply, Trouble> {
        let act = Act::of(action)?;
        let mut count = 0;
        if let Some(which) = &filter.id {
            if !self.act_on(&act, id(which)?).await? {
                return Err(gone(which));
            }
            count = 1;
        } else {
            let filter = store_filter(filter)?;
            let mut after = None;
            loop {
                let page = self.queue.list(&filter, after, PAGE).await?;
                for item in &page.items {
                    count += usize::from(self.act_on(&act, item.id).await?);
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        let items = if count == 1 { "item" } else { "items" };
        Ok(Reply::Done { text: format!("{count} {items} {}", action.done()) })
    }

    /// Whether the item was still there. One that is being tried is not cancelled: what the remote says decides. Nothing else
    /// takes its lease: whoever looks for what is due would pass it over, and nobody is told when a lease ends.
    async fn act_on(&self, act: &Act, which: Id) -> Result<bool, Trouble> {
        let lease = (act.how == How::Cancel).then(|| self.queue.lease(which));
        if let Some(None) = lease {
            return Err(Trouble::Said(format!("{which} is being tried right now; try again in a moment")));
        }
        for _ in 0..ATTEMPTS {
            let Some(item) = self.queue.get(which).await? else { return Ok(false) };
            let now = self.world.clock.wall();
            let mut batch = Batch::new();
            match &act.how {
                How::Retry => self.queue.retry(&mut batch, &item, now),
                How::Hold => self.queue.hold(&mut batch, &item),
                How::Release => self.queue.release(&mut batch, &item, now),
                How::Cancel => self.queue.cancel(&mut batch, &item),
                How::Route(via) => self.queue.route(&mut batch, &item, via.clone(), now),
            }
            let what = What::Operator { action: act.done.clone(), item: Some(item.id) };
            self.journeys.record(&mut batch, item.message, &[Event { at: now, what }]);
            match self.store.commit(batch).await {
                Ok(_) => return Ok(true),
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Trouble::Conflict)
    }
}

/// An action whose words have been understood.
struct Act {
    how: How,
    done: String,
}

#[derive(PartialEq, Eq)]
enum How {
    Retry,
    Hold,
    Release,
    Cancel,
    Route(Option<Via>),
}

impl Act {
    fn of(action: &QueueAction) -> Result<Self, Trouble> {
        let how = match action {
            QueueAction::Retry => How::Retry,
            QueueAction::Hold => How::Hold,
            QueueAction::Release => How::Release,
            QueueAction::Cancel => How::Cancel,
            QueueAction::Route(via) => How::Route(via.as_deref().map(via_of).transpose()?),
        };
        Ok(Self { how, done: action.done() })
    }
}

fn via_of(text: &str) -> Result<Via, Trouble> {
    text.parse().map_err(|why| Trouble::Said(format!("{text:?} {why}")))
}

fn gone(which: &str) -> Trouble {
    Trouble::Said(format!("the queue has no item {which}; see: posthouse queue list"))
}

fn id(text: &str) -> Result<Id, Trouble> {
    text.parse().map_err(|why| Trouble::Said(format!("{text:?}: {why}")))
}

fn store_filter(filter: &QueueFilter) -> Result<Filter, Trouble> {
    Ok(Filter {
        domain: filter.domain.as_deref().map(domain).transpose()?,
        sender: filter.sender.as_deref().map(|sender| sender.trim_matches(['<', '>']).to_owned()),
        message: filter.message.as_deref().map(id).transpose()?,
        held: filter.held,
    })
}

fn row(item: &Item) -> QueueRow {
    QueueRow {
        id: item.id.to_string(),
        message: item.message.to_string(),
        sender: item.reverse_path.to_string(),
        destination: item.destination.to_string(),
        recipients: item.recipients.iter().map(recipient).collect(),
        size: item.size,
        attempts: item.attempts,
        created: time(item.created),
        due: time(item.due),
        held: item.held,
        via: item.via.as_ref().map(ToString::to_string),
    }
}

fn recipient(state: &RecipientState) -> QueueRecipient {
    let name = match state.state {
        State::Pending => "pending",
        State::Delivered => "delivered",
        State::Failed => "failed",
    };
    QueueRecipient {
        address: state.recipient.address.to_string(),
        state: name.into(),
        attempts: state.attempts,
        last: state.last.as_ref().map(ToString::to_string),
    }
}
