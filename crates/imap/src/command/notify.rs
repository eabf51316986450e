//! Arguments of NOTIFY (RFC 5465), and which mailboxes are meant by it and by ESEARCH.

use mail::MailboxName;

use super::{FetchItem, Mailbox};

/// NOTIFY (RFC 5465 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Nothing is to be told.
    None,
    /// This is, instead of what was before.
    Set {
        /// Whether the mailboxes' STATUS is told first.
        status: bool,
        /// What is to be told of which.
        groups: Vec<EventGroup>,
        /// `false` if there are events among them that nobody knows.
        supported: bool,
    },
}

/// What is to be told of some mailboxes (RFC 5465 §8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 5465 §8")]
pub struct EventGroup {
    pub filter: MailboxFilter,
    pub events: Events,
}

/// Which mailboxes (RFC 5465 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 5465 §6")]
pub enum MailboxFilter {
    /// `delayed`: EXPUNGE waits for a command.
    Selected {
        delayed: bool,
    },
    Inboxes,
    Personal,
    Subscribed,
    Subtree(Vec<Mailbox>),
    /// And children, but not theirs (RFC 7377 §2.2).
    SubtreeOne(Vec<Mailbox>),
    Mailboxes(Vec<Mailbox>),
}

impl MailboxFilter {
    /// The names in it.
    pub fn names(&self) -> &[Mailbox] {
        match self {
            Self::Subtree(names) | Self::SubtreeOne(names) | Self::Mailboxes(names) => names,
            _ => &[],
        }
    }

    /// The same, to be written in another way.
    pub fn names_mut(&mut self) -> &mut [Mailbox] {
        match self {
            Self::Subtree(names) | Self::SubtreeOne(names) | Self::Mailboxes(names) => names,
            _ => &mut [],
        }
    }

    /// Whether mailboxes of others may be meant.
    pub fn may_match_others(&self) -> bool {
        match self {
            Self::Selected { .. } | Self::Inboxes | Self::Personal => false,
            Self::Subscribed => true,
            Self::Subtree(names) | Self::SubtreeOne(names) | Self::Mailboxes(names) => {
                names.iter().flatten().any(MailboxName::is_of_others)
            }
        }
    }

    /// Whether a mailbox is meant by its name, in whichever normal form that is (RFC 9051 §5.1), by being one's `own`, in the
    /// personal namespace (RFC 2342 §4), or by being subscribed; never by being selected.
    pub fn matches(&self, name: &MailboxName, own: bool, subscribed: bool) -> bool {
        let name = &name.nfc().unwrap_or_else(|_| name.clone());
        let is_any =
            |names: &[Mailbox], meant: &dyn Fn(&MailboxName) -> bool| names.iter().flatten().any(meant);
        match self {
            Self::Selected { .. } => false,
            // RFC 5465 §6.3: filters of the owner's may deliver anywhere.
            Self::Inboxes | Self::Personal => own,
            Self::Subscribed => subscribed,
            Self::Subtree(roots) => is_any(roots, &|root| root == name || name.is_below(root)),
            Self::SubtreeOne(roots) => is_any(roots, &|root| root == name || name.is_child_of(root)),
            Self::Mailboxes(names) => is_any(names, &|one| one == name),
        }
    }
}

/// Events (RFC 5465 §5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, missing_docs, reason = "named by RFC 5465 §5")]
pub struct Events {
    pub message_new: bool,
    /// What is told of new messages in the selected mailbox.
    pub fetch: Vec<FetchItem>,
    pub message_expunge: bool,
    pub flag_change: bool,
    pub mailbox_name: bool,
    pub subscription_change: bool,
    pub mailbox_metadata: bool,
    pub server_metadata: bool,
}

impl Events {
    /// These and those. FETCH items, which are the selected mailbox's alone, stay.
    pub fn add(&mut self, others: &Self) {
        self.message_new |= others.message_new;
        self.message_expunge |= others.message_expunge;
        self.flag_change |= others.flag_change;
        self.mailbox_name |= others.mailbox_name;
        self.subscription_change |= others.subscription_change;
        self.mailbox_metadata |= others.mailbox_metadata;
        self.server_metadata |= others.server_metadata;
    }
}
