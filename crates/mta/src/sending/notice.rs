//! The message that tells of a suspension.

use journey::What;
use mail::{Address, Host, TlsRequired};
use message::date;
use store::Batch;

use crate::Mta;
use crate::dsn::{self, Own};

/// Adds a message to the owner of an account and to its domain's postmaster: that it may not send, why, and what to do.
pub(super) async fn add(
    mta: &Mta,
    batch: &mut Batch,
    account: &Address,
    reason: &str,
) -> Result<(), store::Error> {
    let id = mta.store.next_id();
    let host = mta.settings().hostname.clone();
    let mut to = vec![account.clone()];
    if let Some(domain) = account.domain() {
        to.extend(Address::new("postmaster", Host::Domain(domain.clone())).ok());
    }
    let names: Vec<String> = to.iter().map(|address| format!("<{address}>")).collect();
    let text = format!(
        "From: Mail System <postmaster@{host}>\r\nTo: {}\r\nSubject: This account may not send mail now\r\nDate: {}\r\n\
         Message-ID: <{id}@{host}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         The account\r\n\r\n  {account}\r\n\r\n\
         may not send mail for now, because {reason}. It receives mail as before.\r\n\r\n\
         That is how an account behaves whose password somebody else knows.\r\n\r\n\
         If this is your account: change its password, and tell your postmaster whether it was you.\r\n\r\n\
         If you are the postmaster: what was sent is shown by\r\n\r\n\
         \x20 posthouse trace --from {account}\r\n  posthouse queue list --sender {account}\r\n\r\n\
         and once the password is changed, the account may send again after\r\n\r\n\
         \x20 posthouse account resume {account}\r\n",
        names.join(", "),
        date::format_rfc5322(mta.world.clock.wall()),
    );
    let smtputf8 = to.iter().any(Address::needs_smtputf8);
    let own = Own {
        id,
        service: "notice",
        author: None,
        bytes: text.as_bytes(),
        smtputf8,
        tls_required: TlsRequired::Unsaid,
    };
    if dsn::post(mta, batch, &to, &own).await? {
        let note = format!("{account} may not send mail: {reason}");
        mta.journeys.record(batch, id, &[mta.event(What::Noted(note))]);
    }
    Ok(())
}
