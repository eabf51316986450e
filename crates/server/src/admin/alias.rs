//! Aliases.

use store::Batch;

use super::{AliasRow, Office, PAGE, Reply, Trouble, address, domain};

impl Office {
    pub(super) async fn alias_add(
        &self,
        batch: &mut Batch,
        alias: &str,
        targets: &[String],
    ) -> Result<Reply, Trouble> {
        let alias = alias_address(alias)?;
        let targets = targets.iter().map(|t| address(t)).collect::<Result<Vec<_>, _>>()?;
        self.directory.add_alias(batch, &alias, &targets).await?;
        let list = targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Ok(Reply::Done { text: format!("mail for {alias} goes to {list}") })
    }

    pub(super) async fn alias_remove(&self, batch: &mut Batch, alias: &str) -> Result<Reply, Trouble> {
        let alias = alias_address(alias)?;
        self.directory.remove_alias(batch, &alias).await?;
        Ok(Reply::Done { text: format!("{alias} is no alias any more") })
    }

    pub(super) async fn alias_list(&self, of: Option<&str>, after: Option<&str>) -> Result<Reply, Trouble> {
        let of = of.map(domain).transpose()?;
        let after = after.map(address).transpose()?;
        let found = self.directory.aliases(of.as_ref(), after.as_ref(), PAGE).await?;
        let rows: Vec<AliasRow> = found
            .iter()
            .map(|alias| AliasRow {
                address: alias.address.to_string(),
                targets: alias.targets.iter().map(ToString::to_string).collect(),
            })
            .collect();
        let next = if rows.len() < PAGE { None } else { rows.last().map(|row| row.address.clone()) };
        Ok(Reply::Aliases { rows, next })
    }
}

/// `@domain` is another way to write the catch-all `*@domain`.
fn alias_address(text: &str) -> Result<mail::Address, Trouble> {
    if text.starts_with('@') { address(&format!("*{text}")) } else { address(text) }
}
