//! App passwords.

use directory::{AppPassword, Scope, Scopes};
use store::Batch;

use super::{AppPasswordRow, Office, Reply, Trouble, time};

impl Office {
    pub(super) async fn app_password_add(
        &self,
        batch: &mut Batch,
        who: &str,
        name: &str,
        scopes: &[String],
    ) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        let named = scopes.iter().map(|scope| scope.parse::<Scope>());
        let scopes: Scopes = if scopes.is_empty() {
            Scope::ALL.into_iter().collect()
        } else {
            named.collect::<Result<_, _>>()?
        };
        let now = self.world.clock.wall();
        let made = self.directory.add_app_password(batch, account.id, name, scopes, now).await?;
        Ok(Reply::Generated { address: account.address.to_string(), password: made.as_str().into() })
    }

    pub(super) async fn app_password_list(&self, who: &str) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        let found = self.directory.app_passwords(account.id).await?;
        Ok(Reply::AppPasswords { rows: found.into_iter().map(row).collect() })
    }

    pub(super) async fn app_password_remove(
        &self,
        batch: &mut Batch,
        who: &str,
        name: &str,
    ) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        self.directory.remove_app_password(batch, account.id, name).await?;
        Ok(Reply::Done { text: format!("{name:?} can no longer log in to {}", account.address) })
    }

    /// Writes on which days app passwords were used last.
    pub(crate) async fn write_uses(&self) -> Result<(), directory::Error> {
        loop {
            let mut batch = Batch::new();
            if !self.directory.write_uses(&mut batch).await? {
                return Ok(());
            }
            match self.store.commit(batch).await {
                // Somebody changed one of them meanwhile: read again.
                Ok(_) | Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn row(found: AppPassword) -> AppPasswordRow {
    AppPasswordRow {
        name: found.name,
        scopes: found.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        created: time(found.created),
        last_used: found.used.map(|day| time(day).split('T').next().unwrap_or_default().to_owned()),
    }
}
