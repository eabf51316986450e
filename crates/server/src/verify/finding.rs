//! What a verification found, as `--json` shows it. Names are stable.

use serde::{Deserialize, Serialize};

/// Findings that are kept; more are only counted.
const FINDINGS_MAX: usize = 10_000;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A message, or mail in the queue, of which the body or its records are damaged.
    Message,
    /// An item of the queue.
    Queue,
    /// Records of what happened to a message.
    Journey,
    /// Records of the log: commits.
    Log,
    /// A file of the store, as a whole or bytes of it that nothing needs any more.
    File,
    /// A body that nothing is known to need.
    Body,
    /// References to a body are not those that were found.
    References,
    /// A counter, or records of a mailbox.
    Mailbox,
    /// Domains, accounts, aliases.
    Directory,
    /// The index over the log. The next start rebuilds it.
    Index,
}

/// Which message is damaged, as far as that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The account's address, or its number where that is not known.
    pub account: String,
    /// The mailbox's name, or its number.
    pub mailbox: String,
    /// Its UID there.
    pub uid: Option<u32>,
    /// The id of its journey.
    pub id: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Its first author's address.
    pub from: Option<String>,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub kind: Kind,
    /// What is wrong, for people.
    pub text: String,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// The queue item's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The number of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<u64>,
    /// The file, relative to the store's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The first damaged byte of the file, or of the body where no file is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Behind the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// Commits behind the first and before the second of these numbers cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits: Option<(u64, u64)>,
    /// References to the body that are too many, or (negative) too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excess: Option<i64>,
    /// Nothing is lost by it: the damaged bytes belong to a body that nothing needs any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub harmless: bool,
}

impl Finding {
    /// Without particulars.
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        let text = text.into();
        let (message, item, body, file) = (None, None, None, None);
        Self {
            kind,
            text,
            message,
            item,
            body,
            file,
            from: None,
            to: None,
            commits: None,
            excess: None,
            harmless: false,
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Seen {
    pub files: u64,
    pub bytes: u64,
    pub bodies: u64,
    pub messages: u64,
    pub queue_items: u64,
    pub journeys: u64,
    pub accounts: u64,
}

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What was looked at.
    pub seen: Seen,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Further findings that are not listed.
    pub more: u64,
}

impl Report {
    /// Whether nothing is wrong, but for what is harmless.
    pub fn is_sound(&self) -> bool {
        self.more == 0 && self.findings.iter().all(|finding| finding.harmless)
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}
