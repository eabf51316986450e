//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2, RFC 9051 §6.3.2, §6.3.3, RFC 7162 §3.1.2, §3.2.5).

use imap::command::Select;
use imap::{Code, Completion, State};
use mail::{Flag, Keyword, Right};
use store::Topic;

use super::connection::Connection;
use super::object::mailbox_id;
use super::place::CHANGING;
use super::selected::Selected;
use super::stop::Done;

/// Keywords with a meaning that clients agree on (RFC 9051 §2.3.2, RFC 8457 §2). They are told whether in use or not, since
/// no further FLAGS comes when one is first used while a client looks on.
const AGREED: [&str; 6] = ["$Forwarded", "$Important", "$Junk", "$MDNSent", "$NotJunk", "$Phishing"];

impl Connection<'_> {
    pub(super) async fn select(&mut self, select: Select) -> Done {
        let Select { mailbox, read_only: examine, resync, .. } = select;
        // RFC 3501 §6.3.1: whatever comes of it, the mailbox selected before is no longer.
        self.deselect();
        let place = self.existing(mailbox).await?;
        place.demand(Right::Read)?;
        // Watches before it looks, so that nothing falls between.
        let is_own = place.owner == self.account();
        let watch = (!is_own).then(|| self.parts().store.watch(Topic::Account(place.owner)));
        let view = self.mailboxes().view(place.owner, place.mailbox).await?;
        // RFC 4314 §5.2.
        let read_only = examine || !place.rights.has_any(&CHANGING);
        let name = place.shown;
        let mut selected = Selected::new(view, read_only, place.rights, watch);
        let rev2 = self.session.enabled().rev2;
        if rev2 {
            let supplied = self.session.supplied().map(str::to_owned);
            self.tell_mailbox(&name, supplied.as_deref()).await?;
        } else {
            selected.add_recent(self.mailboxes().recent(&selected.view, !read_only));
        }
        self.report_selected(&selected, rev2);
        self.selected = Some(selected);
        self.session.set_state(State::Selected { read_only });
        if let Some(resync) = resync {
            self.resync(&resync).await?;
        }
        Ok(if read_only {
            Completion::ok_with(Code::ReadOnly, if examine { "Examined" } else { "Selected" })
        } else {
            Completion::ok_with(Code::ReadWrite, "Selected")
        })
    }

    /// Leaves the selected mailbox; RFC 7162 §3.2.11 says so to clients that pipeline.
    pub(super) fn deselect(&mut self) {
        if self.selected.take().is_some() {
            self.session.out().untagged("OK", Some(&Code::Closed), "Previous mailbox closed");
            self.session.set_state(State::Authenticated);
        }
    }

    /// Tells the flags again, because other ones may be changed now (RFC 4314 §5.1.1).
    pub(super) fn report_flags(&mut self) {
        let Some(selected) = &self.selected else { return };
        let (known, permanent) = flag_lists(selected);
        let mut out = self.session.out();
        out.text("* FLAGS (").text(&known).text(")").end();
        out.untagged("OK", Some(&Code::PermanentFlags(permanent)), "Flags that are kept");
    }

    /// RFC 9051 §6.3.2, Appendix E: IMAP4rev2 knows neither RECENT nor UNSEEN.
    fn report_selected(&mut self, selected: &Selected, rev2: bool) {
        let view = &selected.view;
        let object = mailbox_id(view.account(), view.object());
        let uid_only = self.session.enabled().uid_only;
        let (known, permanent) = flag_lists(selected);
        let mut out = self.session.out();
        out.text("* FLAGS (").text(&known).text(")").end();
        out.counted(u64::from(selected.count()), "EXISTS");
        if !rev2 {
            out.counted(u64::from(selected.recent_count()), "RECENT");
            // RFC 9586 §3: a message number.
            if let Some(number) = view.first_unseen().filter(|_| !uid_only) {
                out.untagged("OK", Some(&Code::Unseen(number)), "First unseen message");
            }
        }
        out.untagged("OK", Some(&Code::PermanentFlags(permanent)), "Flags that are kept");
        out.untagged("OK", Some(&Code::UidNext(view.uid_next().get())), "Next UID");
        out.untagged("OK", Some(&Code::UidValidity(view.uid_validity())), "UIDs hold");
        out.untagged("OK", Some(&Code::HighestModSeq(view.highest_modseq())), "Newest change");
        // RFC 8474 §4.2.
        out.untagged("OK", Some(&Code::MailboxId(object)), "Its identifier");
    }
}

/// The flags that there are, with the keywords that clients agree on, and those that this client may change (RFC 4314 §5.1.1).
fn flag_lists(selected: &Selected) -> (String, String) {
    let keywords = selected.view.keywords();
    let is_agreed = |name: &str| AGREED.iter().any(|agreed| agreed.eq_ignore_ascii_case(name));
    let others = keywords.iter().map(Keyword::as_str).filter(|name| !is_agreed(name));
    let keywords: Vec<&str> = AGREED.into_iter().chain(others).collect();
    let system = |may: &dyn Fn(Flag) -> bool| -> Vec<&str> {
        Flag::ALL.into_iter().filter(|flag| may(*flag)).map(|flag| -> &str { flag.name() }).collect()
    };
    let known = [system(&|_| true), keywords.clone()].concat().join(" ");
    if selected.read_only {
        return (known, String::new());
    }
    let mut permanent = system(&|flag| selected.rights.may_change(flag));
    if selected.rights.has(Right::Write) {
        permanent.extend(keywords);
        permanent.push("\\*");
    }
    (known, permanent.join(" "))
}
