//! Addresses elsewhere that do not exist.

use ::queue::Suppressed;
use store::Batch;

use super::{Office, PAGE, Reply, SuppressedRow, Trouble, address, domain, time};

impl Office {
    pub(super) async fn suppress_add(&self, batch: &mut Batch, which: &str) -> Result<Reply, Trouble> {
        let which = remote(self, which).await?;
        self.queue.suppress(batch, &which, self.world.clock.wall());
        Ok(Reply::Done { text: format!("mail of our users to {which} is refused from now on") })
    }

    pub(super) async fn suppress_remove(&self, batch: &mut Batch, which: &str) -> Result<Reply, Trouble> {
        let which = address(which)?;
        // Also what is to be forgotten soon.
        if self.queue.suppressed(&which, mail::Wall::from_secs(0)).await?.is_none() {
            return Err(Trouble::Said(format!(
                "nothing speaks against {which}; see: posthouse suppress list"
            )));
        }
        self.queue.free_suppressed(batch, &which);
        Ok(Reply::Done { text: format!("our users may write to {which} again") })
    }

    pub(super) async fn suppress_list(
        &self,
        of: Option<&str>,
        after: Option<&str>,
    ) -> Result<Reply, Trouble> {
        let of = of.map(domain).transpose()?;
        let after = after.map(address).transpose()?;
        let now = self.world.clock.wall();
        let page = self.queue.list_suppressed(of.as_ref(), after.as_ref(), PAGE, now).await?;
        let rows = page.rows.iter().map(row).collect();
        Ok(Reply::Suppressed { rows, next: page.next.map(|next| next.to_string()) })
    }
}

/// An address that is not ours: what does not exist here is known better.
async fn remote(office: &Office, text: &str) -> Result<mail::Address, Trouble> {
    let address = address(text)?;
    let Some(domain) = address.domain() else {
        return Err(Trouble::Said(format!("{address} has no domain; mail to address literals is not sent")));
    };
    if office.directory.is_local_domain(domain).await? {
        return Err(Trouble::Said(format!(
            "{domain} is a domain of this server; remove the account or alias instead"
        )));
    }
    Ok(address)
}

fn row(known: &Suppressed) -> SuppressedRow {
    SuppressedRow {
        address: known.address.to_string(),
        refused: known.is_refused(),
        bounces: known.bounces,
        days: known.days,
        first: time(known.first),
        last: time(known.last),
        reply: known.reply.as_ref().map(ToString::to_string),
    }
}
