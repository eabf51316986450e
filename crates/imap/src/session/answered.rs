//! Commands that the session answers by itself.

use mail::MailboxName;

use super::{Completion, Session};

impl Session {
    pub(super) fn capability(&mut self, tag: &str) {
        let list = self.capabilities();
        self.out().text("* CAPABILITY ").text(&list).end();
        self.tagged(tag, &Completion::ok("Capabilities listed"));
    }

    pub(super) fn logout(&mut self, tag: &str) {
        self.out().untagged("BYE", None, "Until next time");
        self.tagged(tag, &Completion::ok("Logged out"));
        self.close();
    }

    /// RFC 5161 §3.1: what needs no enabling, or is unknown, is passed over.
    pub(super) fn enable(&mut self, tag: &str, names: &[String]) {
        let known: Vec<&str> = names.iter().filter_map(|name| self.enabled.enable(name)).collect();
        let mut out = self.out();
        out.text("* ENABLED");
        for name in &known {
            out.text(" ").text(name);
        }
        out.end();
        let text = if known.is_empty() { "Nothing needed enabling" } else { "Enabled" };
        self.tagged(tag, &Completion::ok(text));
    }

    /// RFC 2342 §5: what is one's own, what others share, and what belongs to nobody in particular. All of them always, because
    /// clients ask once, and then look for what is shared with them later under the prefixes that they know.
    pub(super) fn namespace(&mut self, tag: &str) {
        let mut out = self.out();
        out.text("* NAMESPACE ((\"\" \"/\"))");
        for root in [MailboxName::OTHER_USERS, MailboxName::SHARED] {
            out.text(" ((\"").text(root).text("/\" \"/\"))");
        }
        out.end();
        self.tagged(tag, &Completion::ok("Namespaces listed"));
    }
}
