//! Who may do what with mailboxes of an account (RFC 4314).

use directory::Account;
use mail::{MailboxId, Right, Rights};
use mailbox::{Grant, MailboxInfo, RightsChange, Who};
use store::Batch;

use super::{Office, PAGE, Reply, Request, RightsRow, Trouble, mailbox_name};

const ANYONE: &str = "anyone";

/// How many names of mailboxes an error tells.
const NAMES: usize = 20;

impl Office {
    pub(super) async fn rights_list(
        &self,
        of: &str,
        mailbox: Option<&str>,
        after: Option<&str>,
    ) -> Result<Reply, Trouble> {
        let account = self.account(of).await?;
        let mut mailboxes = self.mailboxes_meant(&account, mailbox).await?;
        mailboxes.retain(|info| after.is_none_or(|after| info.name.as_str() > after));
        let mut rows = Vec::new();
        let mut next = None;
        for info in mailboxes {
            if rows.len() >= PAGE {
                return Ok(Reply::Rights { rows, next });
            }
            for grant in self.mailboxes.acl(account.id, info.id).await? {
                // Of a removed account that can come back nothing is told.
                if let Some(who) = self.identifier(&grant).await? {
                    rows.push(RightsRow {
                        mailbox: info.name.to_string(),
                        who,
                        rights: written(grant.rights),
                    });
                }
            }
            next = Some(info.name.to_string());
        }
        Ok(Reply::Rights { rows, next: None })
    }

    /// Carries out [`Request::RightsChange`].
    pub(super) async fn rights_change(&self, batch: &mut Batch, request: &Request) -> Result<Reply, Trouble> {
        let Request::RightsChange { address, mailbox, who, rights, give } = request else {
            return Err(Trouble::Said(format!("{request:?} changes no rights")));
        };
        let account = self.account(address).await?;
        let mailboxes = self.mailboxes_meant(&account, mailbox.as_deref()).await?;
        let rights = rights.as_deref().map_or(Ok(Rights::ALL), letters)?;
        let entry = self.entry(&account, who, rights).await?;
        if *give && entry.who == Who::Anyone && !entry.negative && !self.mailboxes.shares_with_anyone() {
            return Err(Trouble::Said(
                "nothing is shared with anyone on this server; to allow it: share_with_anyone = true in [limits]".into(),
            ));
        }
        let change = if *give { RightsChange::Add } else { RightsChange::Remove };
        let ids: Vec<MailboxId> = mailboxes.iter().map(|info| info.id).collect();
        let changed = self.mailboxes.set_acl(batch, account.id, &ids, entry, change).await?;
        let who = self.identifier(&entry).await?.unwrap_or_else(|| who.clone());
        let what = match (mailbox, &mailboxes[..]) {
            (Some(_), [one]) => format!("{:?} of {}", one.name.as_str(), account.address),
            _ => format!("{changed} mailboxes of {}", account.address),
        };
        if changed == 0 {
            let state = if *give { "has these rights already" } else { "has none of these rights" };
            return Ok(Reply::Done { text: format!("{who} {state}; nothing is changed") });
        }
        let verb = if *give { "is given" } else { "is no longer given" };
        let hint = hint(&account, &mailboxes, &entry, *give);
        Ok(Reply::Done { text: format!("{who} {verb} {} with {what}{hint}", written(rights)) })
    }

    /// That mailbox, or all that the account has.
    async fn mailboxes_meant(
        &self,
        account: &Account,
        mailbox: Option<&str>,
    ) -> Result<Vec<MailboxInfo>, Trouble> {
        let mut all = self.mailboxes.list(account.id).await?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let Some(text) = mailbox else { return Ok(all) };
        let name = mailbox_name(text)?;
        if let Some(at) = all.iter().position(|info| info.name == name) {
            return Ok(vec![all.swap_remove(at)]);
        }
        let mut names: Vec<&str> = all.iter().map(|info| info.name.as_str()).take(NAMES).collect();
        names.extend((all.len() > NAMES).then_some("…"));
        Err(Trouble::Said(format!(
            "{} has no mailbox {text:?}; it has: {}",
            account.address,
            names.join(", ")
        )))
    }

    /// The entry for an identifier: an address or `anyone`, or one of them behind a dash.
    async fn entry(&self, owner: &Account, text: &str, rights: Rights) -> Result<Grant, Trouble> {
        let (negative, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        if name.eq_ignore_ascii_case(ANYONE) {
            return Ok(Grant { who: Who::Anyone, negative, rights });
        }
        let account = self.account(name).await?;
        if account.id == owner.id {
            return Err(Trouble::Said(format!("{} has every right with its own mailboxes", owner.address)));
        }
        Ok(Grant { who: Who::Account(account.id), negative, rights })
    }

    /// As [`Self::entry`] reads it; `None` for an account that is no longer there.
    async fn identifier(&self, grant: &Grant) -> Result<Option<String>, Trouble> {
        let name = match grant.who {
            Who::Anyone => Some(ANYONE.to_owned()),
            Who::Account(id) => self.directory.account(id).await?.map(|account| account.address.to_string()),
        };
        Ok(name.map(|name| if grant.negative { format!("-{name}") } else { name }))
    }
}

/// Letters, without the obsolete ones.
fn written(rights: Rights) -> String {
    Right::ALL.into_iter().filter(|right| rights.has(*right)).map(Right::letter).collect()
}

fn letters(text: &str) -> Result<Rights, Trouble> {
    Rights::parse(text).filter(|rights| !rights.is_empty()).ok_or_else(|| {
        Trouble::Said(format!(
            "{text:?} are no rights; they are letters of: l (see it in lists), r (read), s (mark as read), w (other flags), \
             i (put mail in), p (post), k (create mailboxes below), x (delete or rename), t (mark as deleted), e (expunge), \
             a (administer)"
        ))
    })
}

/// Under which name it is found then, or why it is not.
fn hint(owner: &Account, mailboxes: &[MailboxInfo], entry: &Grant, give: bool) -> String {
    let [first, ..] = mailboxes else { return String::new() };
    if !give || entry.negative {
        return String::new();
    }
    match access::imapd::shown(owner, &first.name) {
        Some(name) if entry.rights.has(Right::Lookup) && mailboxes.len() == 1 => {
            format!(", found as {name:?}", name = name.as_str())
        }
        Some(_) if entry.rights.has(Right::Lookup) => String::new(),
        Some(_) => "; without l it is in no list".into(),
        None => "; IMAP does not show it to others, because the address is no level of a mailbox name".into(),
    }
}
