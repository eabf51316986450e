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

    /// RFC 2342 §5: what is one's own, and what others share; nothing belongs to nobody.
    pub(super) fn namespace(&mut self, tag: &str) {
        let others = MailboxName::OTHER_USERS;
        self.out().text("* NAMESPACE ((\"\" \"/\")) ((\"").text(others).text("/\" \"/\")) NIL").end();
        self.tagged(tag, &Completion::ok("Namespaces listed"));
    }
}
