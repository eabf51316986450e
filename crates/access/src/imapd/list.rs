//! LIST (RFC 3501 §6.3.8, RFC 9051 §6.3.9, RFC 5258, RFC 6154, RFC 5819).

use std::collections::{BTreeMap, BTreeSet};

use imap::command::List;
use mail::{MailboxName, Right, Rights, nfc};

use super::connection::{Connection, WRITE_AT};
use super::metadata::may_annotate;
use super::namespaces::{Listed, TURN};
use super::place::write_rights;
use super::stop::{Done, Stop};
use crate::turn::take_turn;

/// A name in the tree: a mailbox, or only a level above others, or only a subscription.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that LIST tells")]
pub(super) struct Node {
    mailbox: Option<Listed>,
    has_children: bool,
    subscribed: bool,
    /// It matches one of the patterns.
    matches: bool,
    /// It satisfies the selection options.
    selected: bool,
    /// Something below it does.
    selected_below: bool,
    /// And does not match.
    unmatched_below: bool,
    /// It may not be used for what NOTIFY was asked to tell of it (RFC 5465 §3.1).
    pub(super) no_access: bool,
}

impl Connection<'_> {
    pub(super) async fn list(&mut self, list: List) -> Done {
        // RFC 3501 §6.3.8: an empty pattern asks for the separator.
        if !list.extended && list.patterns.iter().all(String::is_empty) {
            self.session.out().text("* LIST (\\Noselect) \"/\" \"\"").end();
            return Self::done("Separator told");
        }
        let mut tree = self.tree(list.select_subscribed).await?;
        // RFC 5258 §3: an empty pattern says nothing there.
        let patterns = list.patterns.iter().filter(|pattern| !pattern.is_empty());
        let patterns: Vec<String> = patterns.map(|p| format!("{}{p}", list.reference)).collect();
        for (at, (name, node)) in tree.iter_mut().enumerate() {
            if at % TURN == TURN - 1 {
                take_turn().await;
            }
            node.matches = patterns.iter().any(|pattern| matches(pattern, name));
            node.selected = is_selected(&list, node);
        }
        if list.select_recursive {
            mark_above_selected(&mut tree);
        }
        for (name, node) in tree.iter().filter(|(_, node)| is_told(node)) {
            self.tell(&list, name, node, None);
            if node.selected {
                self.tell_status(&list, node).await?;
                if let Some(listed) = &node.mailbox {
                    self.tell_more(&list, name, listed).await?;
                }
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
            above(&mut tree, &info.name, |node| node.has_children = true);
            let node = tree.entry(info.name.to_string()).or_default();
            node.subscribed = info.subscribed;
            node.mailbox = Some(Listed { owner: self.account(), rights: Rights::ALL, info });
        }
        let subscriptions = self.subscriptions().await?;
        self.add_others(&mut tree, &subscriptions).await?;
        if with_subscriptions {
            for name in subscriptions {
                if tree.get(name.as_str()).is_none_or(|node| node.mailbox.is_none()) {
                    // RFC 9051 §6.3.9.8, example 9: no mailbox, no child.
                    above(&mut tree, &name, |_| {});
                    tree.entry(name.to_string()).or_default().subscribed = true;
                }
            }
        }
        Ok(tree)
    }

    /// What others let one see (RFC 4314 §4).
    async fn add_others(
        &self,
        tree: &mut BTreeMap<String, Node>,
        subscriptions: &BTreeSet<MailboxName>,
    ) -> Result<(), Stop> {
        for listed in self.of_others(subscriptions).await? {
            if listed.rights.has(Right::Lookup) {
                above(tree, &listed.info.name, |node| node.has_children = true);
                let node = tree.entry(listed.info.name.to_string()).or_default();
                node.subscribed = listed.info.subscribed;
                node.mailbox = Some(listed);
            }
        }
        Ok(())
    }

    /// What is told of a mailbox beside its name, if it was asked for: annotations (RFC 9590), rights (RFC 8440).
    async fn tell_more(&mut self, list: &List, name: &str, listed: &Listed) -> Result<(), Stop> {
        if may_annotate(listed.rights) {
            self.list_metadata((listed.owner, listed.info.id), name, &list.return_metadata).await?;
        }
        if list.return_rights {
            write_rights(&mut self.session.out(), name, listed.rights);
        }
        Ok(())
    }

    /// One mailbox, for clients of IMAP4rev2: what its attributes are (RFC 9051 §6.3.2), and that its name is not what the
    /// client called it (§6.3.9.7). \NonExistent if it is gone.
    pub(super) async fn tell_mailbox(
        &mut self,
        name: &MailboxName,
        supplied: Option<&str>,
    ) -> Result<(), Stop> {
        let tree = self.tree(false).await?;
        let gone = Node::default();
        let list = List { extended: true, ..List::default() };
        let supplied = supplied.filter(|supplied| *supplied != name.as_str());
        self.tell(&list, name.as_str(), tree.get(name.as_str()).unwrap_or(&gone), supplied);
        Ok(())
    }

    /// RFC 9051 §6.3.9.7: as [`Self::tell_mailbox`], where the client of the running command wrote a name in another way than it
    /// has here. The command was done, so that failing to tell is no failure of it.
    pub(super) async fn tell_renamed(&mut self, name: &MailboxName) -> Result<(), Stop> {
        let Some(supplied) = self.session.supplied().map(str::to_owned) else { return Ok(()) };
        self.tell_supplied(name, &supplied).await
    }

    /// The same for APPEND.
    pub(super) async fn tell_supplied(&mut self, name: &MailboxName, supplied: &str) -> Result<(), Stop> {
        if !self.session.enabled().rev2 || supplied == name.as_str() {
            return Ok(());
        }
        match self.tell_mailbox(name, Some(supplied)).await {
            Err(Stop::Answer(_)) => Ok(()),
            told => told,
        }
    }

    /// RFC 5258 §6: `* LIST (attributes) "/" name [("CHILDINFO" (...))]`, RFC 9051 §9: `("OLDNAME" ("old"))`
    pub(super) fn tell(&mut self, list: &List, name: &str, node: &Node, old: Option<&str>) {
        let mut out = self.session.out();
        out.text("* LIST (");
        let mut first = true;
        for attribute in attributes(list, node) {
            out.keyword(attribute, &mut first);
        }
        out.text(") \"/\" ").mailbox_text(name);
        let info = child_info(list, node);
        if !info.is_empty() {
            out.text(" (\"CHILDINFO\" (").text(&info.join(" ")).text("))");
        }
        if let Some(old) = old {
            out.text(" (\"OLDNAME\" (").mailbox_text(old).text("))");
        }
        out.end();
    }

    /// RFC 5819 §2: STATUS for what can be selected; RFC 9051 §6.3.9.8, example 11: and is not only told for what is below it.
    async fn tell_status(&mut self, list: &List, node: &Node) -> Result<(), Stop> {
        match &node.mailbox {
            Some(Listed { owner, rights, info })
                if !list.return_status.is_empty() && rights.has(Right::Read) =>
            {
                match self.report_status((*owner, info.id), &info.name, &list.return_status).await {
                    // Deleted meanwhile: nothing to tell.
                    Err(Stop::Answer(_)) => Ok(()),
                    told => told,
                }
            }
            _ => Ok(()),
        }
    }
}

/// Does something to all names above one.
fn above(tree: &mut BTreeMap<String, Node>, name: &MailboxName, mark: impl Fn(&mut Node)) {
    let mut at = name.parent();
    while let Some(parent) = at {
        mark(tree.entry(parent.to_string()).or_default());
        at = parent.parent();
    }
}

/// Whether it meets the conditions itself, rather than something below it.
fn is_chosen(list: &List, node: &Node) -> bool {
    let special = node.mailbox.as_ref().is_some_and(|listed| listed.info.special_use.is_some());
    (!list.select_subscribed || node.subscribed) && (!list.select_special_use || special)
}

fn is_selected(list: &List, node: &Node) -> bool {
    let itself = is_chosen(list, node);
    let selects = list.select_subscribed || list.select_special_use;
    // Without conditions only what is there or leads to what is there; a subscription alone is not there.
    let there = node.mailbox.is_some() || node.has_children;
    itself && (selects || there)
}

/// RECURSIVEMATCH: what is above those that are selected (RFC 5258 §3.5).
fn mark_above_selected(tree: &mut BTreeMap<String, Node>) {
    let selected = tree.iter().filter(|(_, node)| node.selected);
    let selected: Vec<(String, bool)> = selected.map(|(name, node)| (name.clone(), node.matches)).collect();
    for (name, matches) in selected {
        let mut at = name.as_str();
        while let Some((parent, _)) = at.rsplit_once(MailboxName::SEPARATOR) {
            if let Some(node) = tree.get_mut(parent) {
                node.selected_below = true;
                node.unmatched_below |= !matches;
            }
            at = parent;
        }
    }
}

/// RFC 9051 §6.3.9.3: what matches and is selected, or stands for something below that is selected and does not match.
fn is_told(node: &Node) -> bool {
    node.matches && (node.selected || node.unmatched_below)
}

/// RFC 5258 §3.5: which conditions something below satisfies.
fn child_info(list: &List, node: &Node) -> Vec<&'static str> {
    let conditions =
        [(list.select_subscribed, "\"SUBSCRIBED\""), (list.select_special_use, "\"SPECIAL-USE\"")];
    conditions.into_iter().filter(|(asked, _)| *asked && node.selected_below).map(|(_, name)| name).collect()
}

fn attributes(list: &List, node: &Node) -> Vec<&'static str> {
    let mut attributes = Vec::new();
    if node.mailbox.is_none() {
        // RFC 5258 §3.4: \NonExistent implies \Noselect; older clients know only the latter.
        attributes.push(if list.extended { "\\NonExistent" } else { "\\Noselect" });
    }
    attributes.extend(node.no_access.then_some("\\NoAccess"));
    if list.select_subscribed || list.return_subscribed {
        attributes.extend(node.subscribed.then_some("\\Subscribed"));
    }
    attributes.push(if node.has_children { "\\HasChildren" } else { "\\HasNoChildren" });
    let special = node.mailbox.as_ref().and_then(|listed| listed.info.special_use);
    attributes.extend(special.map(mail::SpecialUse::attribute));
    attributes
}

/// RFC 3501 §6.3.8: `*` matches anything, `%` anything within a level. Linear in name times pattern. Both in one normal form
/// (RFC 9051 §5.1).
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (canonical(pattern), nfc(name));
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
            format!("INBOX{}", nfc(&pattern[5..]))
        }
        _ => nfc(pattern).into_owned(),
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
            ("u\u{308}*", "\u{fc}/x", true),
            ("\u{fc}%", "u\u{308}x", true),
            ("u%", "u\u{308}", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
