//! What the operator does to the first office as a whole: backups, the way back to one, bringing back what was removed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use directory::Directory;
use mailbox::Mailboxes;
use store::Store;
use tokio::sync::Mutex;

use super::stage::Stage;
use crate::actors::operator;
use crate::executor::Executor;
use crate::office::Office;
use crate::oracle::ledger::{Kind, Ledger};
use crate::oracle::reading::Reading;
use crate::plan::What;

/// How long an operator waits before another try.
const PAUSE: Duration = Duration::from_secs(30);
/// Accounts looked at.
const ACCOUNTS: usize = 100;

/// See the module's description. Cheap to clone.
#[derive(Clone)]
pub(super) struct Care {
    office: Office,
    ledger: Arc<Ledger>,
    reading: Arc<Reading>,
    /// One restore after the other.
    turn: Arc<Mutex<()>>,
}

impl Care {
    pub(super) fn of(stage: &Stage<'_>) -> Self {
        Self {
            office: stage.offices[0].clone(),
            ledger: Arc::clone(&stage.ledger),
            reading: Arc::clone(&stage.reading),
            turn: Arc::default(),
        }
    }

    pub(super) async fn act(&self, executor: &Executor, what: What) {
        match what {
            What::Restore(lost, wait, held) => self.restore(executor, lost, wait, held).await,
            What::Undelete(account) => self.undelete(account).await,
            _ => {}
        }
    }

    /// A backup, and later the way back to it; then the queue is let go.
    async fn restore(&self, executor: &Executor, lost: bool, wait: Duration, held: Duration) {
        let _turn = self.turn.lock().await;
        self.office.up().await;
        while !self.office.back_up().await {
            executor.sleep(PAUSE).await;
            self.office.up().await;
        }
        self.ledger.saw("office.backup");
        executor.sleep(wait).await;
        let before = self.modseqs().await;
        self.office.want_back(lost).await;
        self.office.up().await;
        self.compare(&before, &self.modseqs().await);
        executor.sleep(held).await;
        let plan = operator::Plan::idle(self.office.plan());
        let world = self.office.visitor("operator");
        while !operator::tidy(world.clone(), plan.clone(), Arc::clone(&self.ledger)).await {
            executor.sleep(PAUSE).await;
            self.office.up().await;
        }
    }

    /// The HIGHESTMODSEQ of each mailbox; nothing where the store cannot say.
    async fn modseqs(&self) -> BTreeMap<String, Vec<u64>> {
        let Some(store) = self.office.store() else { return BTreeMap::new() };
        self.read_modseqs(store).await.unwrap_or_default()
    }

    async fn read_modseqs(
        &self,
        store: Arc<dyn Store>,
    ) -> Result<BTreeMap<String, Vec<u64>>, mailbox::Error> {
        let world = self.office.visitor("modseqs");
        let (directory, mailboxes) = (Directory::new(Arc::clone(&store), world), Mailboxes::new(store));
        let mut all = BTreeMap::new();
        for account in directory.accounts(None, None, ACCOUNTS).await.unwrap_or_default() {
            let of = all.entry(account.address.to_string()).or_insert_with(Vec::new);
            for info in mailboxes.list(account.id).await? {
                of.push(mailboxes.view(account.id, info.id).await?.highest_modseq().0);
            }
        }
        Ok(all)
    }

    /// P6: whatever a client remembers of an account's changes is from before all that it hears now. Two restores of one backup
    /// lean on the clock.
    fn compare(&self, before: &BTreeMap<String, Vec<u64>>, after: &BTreeMap<String, Vec<u64>>) {
        if self.ledger.has_been(Kind::Clock) {
            return;
        }
        for (account, now) in after {
            let known = before.get(account).and_then(|known| known.iter().max());
            if let (Some(known), Some(now)) = (known, now.iter().min())
                && now <= known
            {
                let what = format!("{account}: HIGHESTMODSEQ was {known} and is {now} in what was restored");
                self.ledger.wrong("I8", what);
            }
        }
        if !after.is_empty() {
            self.ledger.saw("office.modseqs-compared");
        }
    }

    async fn undelete(&self, account: u8) {
        let users = &self.office.plan().users;
        let Some(account) = users.get(usize::from(account) % users.len().max(1)) else { return };
        let (plan, world) = (operator::Plan::idle(self.office.plan()), self.office.visitor("operator"));
        self.office.up().await;
        operator::undelete(world, plan, (&self.ledger, &self.reading), account).await;
    }
}
