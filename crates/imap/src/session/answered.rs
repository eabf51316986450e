//! Commands that the session answers by itself.

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

    /// RFC 2971 §3.2. No version: it would help attackers more than clients.
    pub(super) fn id(&mut self, tag: &str) {
        self.out().text("* ID (\"name\" \"Posthouse\")").end();
        self.tagged(tag, &Completion::ok("Pleased to meet you"));
    }

    /// RFC 5161 §3.1: no extension offered needs enabling, and unknown ones are passed over.
    pub(super) fn enable(&mut self, tag: &str) {
        self.out().text("* ENABLED").end();
        self.tagged(tag, &Completion::ok("Nothing needed enabling"));
    }

    /// RFC 2342 §5: one personal namespace, no others.
    pub(super) fn namespace(&mut self, tag: &str) {
        self.out().text("* NAMESPACE ((\"\" \"/\")) NIL NIL").end();
        self.tagged(tag, &Completion::ok("Namespaces listed"));
    }
}
