//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2, RFC 9051 §6.3.2, §6.3.3, RFC 7162 §3.1.2, §3.2.5).

use imap::command::{Mailbox, Select};
use imap::{Code, Completion, State};
use mail::{Flag, Keyword, MailboxId, MailboxName};

use super::connection::Connection;
use super::selected::Selected;
use super::stop::{Done, Stop};

/// Keywords with a meaning that clients agree on (RFC 9051 §2.3.2, RFC 8457 §2). They are told whether in use or not, since
/// no further FLAGS comes when one is first used while a client looks on.
const AGREED: [&str; 6] = ["$Forwarded", "$Important", "$Junk", "$MDNSent", "$NotJunk", "$Phishing"];

impl Connection<'_> {
    pub(super) async fn select(&mut self, select: Select) -> Done {
        let Select { mailbox, read_only, resync, .. } = select;
        // RFC 3501 §6.3.1: whatever comes of it, the mailbox selected before is no longer.
        self.deselect();
        let (id, name) = self.existing(mailbox).await?;
        let view = self.mailboxes().view(self.account(), id).await?;
        let mut selected = Selected::new(view, read_only);
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
            Completion::ok_with(Code::ReadOnly, "Examined")
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

    /// RFC 9051 §6.3.2, Appendix E: IMAP4rev2 knows neither RECENT nor UNSEEN.
    fn report_selected(&mut self, selected: &Selected, rev2: bool) {
        let view = &selected.view;
        let keywords = view.keywords();
        let known = flag_names(&keywords);
        let permanent = if selected.read_only { String::new() } else { format!("{known} \\*") };
        let mut out = self.session.out();
        out.text("* FLAGS (").text(&known).text(")").end();
        out.counted(u64::from(selected.count()), "EXISTS");
        if !rev2 {
            out.counted(u64::from(selected.recent_count()), "RECENT");
            if let Some(number) = view.first_unseen() {
                out.untagged("OK", Some(&Code::Unseen(number)), "First unseen message");
            }
        }
        out.untagged("OK", Some(&Code::PermanentFlags(permanent)), "Flags that are kept");
        out.untagged("OK", Some(&Code::UidNext(view.uid_next().get())), "Next UID");
        out.untagged("OK", Some(&Code::UidValidity(view.uid_validity())), "UIDs hold");
        out.untagged("OK", Some(&Code::HighestModSeq(view.highest_modseq())), "Newest change");
    }

    /// The mailbox a command names, which must be there. A name that no mailbox can have names none.
    pub(super) async fn existing(&self, mailbox: Mailbox) -> Result<(MailboxId, MailboxName), Stop> {
        let missing = || Stop::no(Code::NonExistent, "There is no such mailbox");
        let name = mailbox.map_err(|_| missing())?;
        let id = self.mailboxes().named(self.account(), &name).await?.ok_or_else(missing)?;
        Ok((id, name))
    }

    /// The same for commands that could go on if the client created it (RFC 3501 §7.1 TRYCREATE).
    pub(super) async fn target(&self, mailbox: Mailbox) -> Result<(MailboxId, MailboxName), Stop> {
        let name = valid(mailbox)?;
        match self.mailboxes().named(self.account(), &name).await? {
            Some(id) => Ok((id, name)),
            None => Err(Stop::no(Code::TryCreate, "There is no such mailbox; create it first")),
        }
    }
}

/// The name of a mailbox that may be created; `NO [CANNOT]` where it may not.
pub(super) fn valid(mailbox: Mailbox) -> Result<MailboxName, Stop> {
    mailbox.map_err(|why| Stop::Answer(Completion::no(Code::Cannot, why.to_string())))
}

/// The system's flags, the keywords that clients agree on, and what else is in use.
fn flag_names(keywords: &[Keyword]) -> String {
    let system = Flag::ALL.into_iter().map(|flag| -> &str { flag.name() });
    let is_agreed = |name: &str| AGREED.iter().any(|agreed| agreed.eq_ignore_ascii_case(name));
    let others = keywords.iter().map(Keyword::as_str).filter(|name| !is_agreed(name));
    system.chain(AGREED).chain(others).collect::<Vec<_>>().join(" ")
}
