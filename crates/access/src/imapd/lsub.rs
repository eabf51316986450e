//! LSUB (RFC 3501 §6.3.9).

use std::collections::BTreeMap;

use mail::MailboxName;

use super::connection::Connection;
use super::list::matches;
use super::stop::Done;

impl Connection<'_> {
    /// Subscribed names, whether or not a mailbox has them. With `%`, a name above a subscribed one that does not
    /// match itself stands for it, with \Noselect (§6.3.9).
    pub(super) async fn lsub(&mut self, reference: &str, pattern: &str) -> Done {
        let pattern = format!("{reference}{pattern}");
        let mut told: BTreeMap<String, bool> = BTreeMap::new();
        for name in self.subscriptions().await? {
            if matches(&pattern, name.as_str()) {
                told.insert(name.to_string(), true);
            } else if pattern.ends_with('%')
                && let Some(above) = nearest_match(&pattern, &name)
            {
                told.entry(above.to_string()).or_insert(false);
            }
        }
        let mut out = self.session.out();
        for (name, subscribed) in &told {
            out.text(if *subscribed { "* LSUB () \"/\" " } else { "* LSUB (\\Noselect) \"/\" " });
            out.mailbox_text(name).end();
        }
        Self::done("Subscriptions listed")
    }
}

fn nearest_match(pattern: &str, name: &MailboxName) -> Option<MailboxName> {
    let mut above = name.parent();
    while let Some(name) = above {
        if matches(pattern, name.as_str()) {
            return Some(name);
        }
        above = name.parent();
    }
    None
}
