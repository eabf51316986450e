//! LIST (RFC 3501 §6.3.8, RFC 5258, RFC 6154, RFC 5819).

use std::collections::BTreeMap;

use imap::command::List;
use mail::MailboxName;
use mailbox::MailboxInfo;

use super::connection::{Connection, WRITE_AT};
use super::stop::{Done, Stop};
use crate::turn::take_turn;

/// Other sessions of this thread get their turn after this many names.
const TURN: usize = 64;

/// A name in the tree: a mailbox, or only a level above others, or only a subscription.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that LIST tells")]
pub(super) struct Node {
    mailbox: Option<MailboxInfo>,
    has_children: bool,
    subscribed: bool,
    /// Something below it is subscribed.
    subscribed_below: bool,
    special_below: bool,
}

impl Connection<'_> {
    pub(super) async fn list(&mut self, list: List) -> Done {
        // RFC 3501 §6.3.8: an empty pattern asks for the separator.
        if !list.extended && list.patterns.iter().all(String::is_empty) {
            self.session.out().text("* LIST (\\Noselect) \"/\" \"\"").end();
            return Self::done("Separator told");
        }
        let tree = self.tree(list.select_subscribed).await?;
        let patterns: Vec<String> = list.patterns.iter().map(|p| format!("{}{p}", list.reference)).collect();
        for (at, (name, node)) in tree.iter().enumerate() {
            if at % TURN == TURN - 1 {
                take_turn().await;
            }
            if !patterns.iter().any(|pattern| matches(pattern, name)) || !is_selected(&list, node) {
                continue;
            }
            self.tell(&list, name, node);
            self.tell_status(&list, node).await?;
            if let Some(info) = node.mailbox.as_ref().filter(|_| is_chosen(&list, node)) {
                self.list_metadata(info.id, name, &list.return_metadata).await?;
            }
            if self.session.output_length() >= WRITE_AT {
                self.flush().await?;
            }
        }
        Self::done("Mailboxes listed")
    }

    /// All names by their levels, so that parents know of children. With the subscribed names that are no mailboxes
    /// if `with_subscriptions`.
    pub(super) async fn tree(&self, with_subscriptions: bool) -> Result<BTreeMap<String, Node>, Stop> {
        let mut tree: BTreeMap<String, Node> = BTreeMap::new();
        for info in self.mailboxes().list(self.account()).await? {
            mark_parents(&mut tree, &info.name, info.subscribed, info.special_use.is_some());
            let node = tree.entry(info.name.to_string()).or_default();
            node.subscribed = info.subscribed;
            node.mailbox = Some(info);
        }
        if with_subscriptions {
            for name in self.mailboxes().subscriptions(self.account()).await? {
                if tree.get(name.as_str()).is_none_or(|node| node.mailbox.is_none()) {
                    mark_parents(&mut tree, &name, true, false);
                    tree.entry(name.to_string()).or_default().subscribed = true;
                }
            }
        }
        Ok(tree)
    }

    /// RFC 5258 §6: `* LIST (attributes) "/" name [("CHILDINFO" (...))]`
    fn tell(&mut self, list: &List, name: &str, node: &Node) {
        self.begin_listed(list, name, node);
        if list.select_recursive {
            let info = child_info(list, node);
            if !info.is_empty() {
                self.session.out().text(" (\"CHILDINFO\" (").text(&info.join(" ")).text("))");
            }
        }
        self.session.out().end();
    }

    /// RFC 5465 §5.4: a name that changed, and what it was.
    pub(super) fn tell_listed(
        &mut self,
        list: &List,
        name: &str,
        node: Option<&Node>,
        old: Option<&MailboxName>,
    ) {
        self.begin_listed(list, name, node.unwrap_or(&Node::default()));
        let mut out = self.session.out();
        if let Some(old) = old {
            out.text(" (\"OLDNAME\" (").mailbox(old).text("))");
        }
        out.end();
    }

    fn begin_listed(&mut self, list: &List, name: &str, node: &Node) {
        let mut out = self.session.out();
        out.text("* LIST (");
        let mut first = true;
        for attribute in attributes(list, node) {
            out.keyword(attribute, &mut first);
        }
        out.text(") \"/\" ").mailbox_text(name);
    }

    /// RFC 5819 §2: STATUS for what can be selected.
    async fn tell_status(&mut self, list: &List, node: &Node) -> Result<(), Stop> {
        match &node.mailbox {
            Some(info) if !list.return_status.is_empty() => {
                match self.report_status(info.id, &info.name, &list.return_status).await {
                    // Deleted meanwhile: nothing to tell.
                    Err(Stop::Answer(_)) => Ok(()),
                    told => told,
                }
            }
            _ => Ok(()),
        }
    }
}

fn mark_parents(tree: &mut BTreeMap<String, Node>, name: &MailboxName, subscribed: bool, special: bool) {
    let mut at = name.parent();
    while let Some(parent) = at {
        let node = tree.entry(parent.to_string()).or_default();
        node.has_children = true;
        node.subscribed_below |= subscribed;
        node.special_below |= special;
        at = parent.parent();
    }
}

/// Whether it meets the conditions itself, rather than something below it.
fn is_chosen(list: &List, node: &Node) -> bool {
    let special = node.mailbox.as_ref().is_some_and(|info| info.special_use.is_some());
    (!list.select_subscribed || node.subscribed) && (!list.select_special_use || special)
}

fn is_selected(list: &List, node: &Node) -> bool {
    let itself = is_chosen(list, node);
    let selects = list.select_subscribed || list.select_special_use;
    // Without conditions only what is there or leads to what is there; a subscription alone is not there.
    let there = node.mailbox.is_some() || node.has_children;
    (itself && (selects || there)) || (list.select_recursive && !child_info(list, node).is_empty())
}

/// RFC 5258 §3.5: which condition matches something below.
fn child_info(list: &List, node: &Node) -> Vec<&'static str> {
    let subscribed = (list.select_subscribed && node.subscribed_below).then_some("\"SUBSCRIBED\"");
    let special = (list.select_special_use && node.special_below).then_some("\"SPECIAL-USE\"");
    subscribed.into_iter().chain(special).collect()
}

fn attributes(list: &List, node: &Node) -> Vec<&'static str> {
    let mut attributes = Vec::new();
    if node.mailbox.is_none() {
        // RFC 5258 §3.4: \NonExistent implies \Noselect; older clients know only the latter.
        attributes.push(if list.extended { "\\NonExistent" } else { "\\Noselect" });
    }
    if list.select_subscribed || list.return_subscribed {
        attributes.extend(node.subscribed.then_some("\\Subscribed"));
    }
    attributes.push(if node.has_children { "\\HasChildren" } else { "\\HasNoChildren" });
    let special = node.mailbox.as_ref().and_then(|info| info.special_use);
    attributes.extend(special.map(mail::SpecialUse::attribute));
    attributes
}

/// RFC 3501 §6.3.8: `*` matches anything, `%` anything within a level. Linear in name times pattern.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let pattern = canonical(pattern);
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Which ends of the name the pattern read so far can have reached.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for &p in &pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            let before = at.checked_sub(1);
            next[at] = match p {
                '*' => reached[at] || before.is_some_and(|b| next[b]),
                '%' => reached[at] || before.is_some_and(|b| next[b] && name[b] != MailboxName::SEPARATOR),
                c => before.is_some_and(|b| reached[b] && name[b] == c),
            };
        }
        if !next.contains(&true) {
            return false;
        }
        reached = next;
    }
    reached[name.len()]
}

/// `inbox` in any case is INBOX, also as first level (RFC 3501 §5.1).
fn canonical(pattern: &str) -> String {
    match pattern.get(..5) {
        Some(first)
            if first.eq_ignore_ascii_case("INBOX")
                && (pattern.len() == 5 || pattern[5..].starts_with([MailboxName::SEPARATOR, '*', '%'])) =>
        {
            format!("INBOX{}", &pattern[5..])
        }
        _ => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, name, expected) in [
            ("*", "a/b/c", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a/*", "a/b/c", true),
            ("a*c", "a/b/c", true),
            ("%/c", "a/b/c", false),
            ("inbox", "INBOX", true),
            ("inBOX/%", "INBOX/x", true),
            ("", "a", false),
            ("***%%%*", "x", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
