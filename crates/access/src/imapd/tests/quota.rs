//! QUOTA (RFC 9208).

use mail::Flags;
use mailbox::{Each, Own, Quota};
use store::Batch;

use super::{Client, House};

/// The examples of RFC 9208 §4.1 and §4.2, as far as one root without a name has them.
#[tokio::test]
async fn what_is_used_and_what_may_be() {
    let house = House::new().await;
    house.deliver("INBOX", &"x".repeat(1025), Flags::new()).await;
    let mut client = house.client().await;
    // Not limited: nothing to name.
    client.check("GETQUOTA \"\"", "* QUOTA \"\" ()\nOK Quota told").await;
    house.parts.mailboxes.set_default_quota(Quota { storage: Some(512 << 10), messages: None });
    client.check("GETQUOTA \"\"", "* QUOTA \"\" (STORAGE 2 512)\nOK Quota told").await;
    let mut batch = Batch::new();
    let own = Each { storage: Own::Default, messages: Own::AtMost(1000) };
    house.parts.mailboxes.set_own_quota(&mut batch, house.account, own);
    house.parts.store.commit(batch).await.expect("a commit");
    for name in ["INBOX", "nowhere"] {
        client
            .check(
                &format!("GETQUOTAROOT {name}"),
                &format!(
                    "* QUOTAROOT \"{name}\" \"\"
                    * QUOTA \"\" (STORAGE 2 512 MESSAGE 1 1000)
                    OK Quota roots told"
                ),
            )
            .await;
    }
    client.check("GETQUOTA \"#user/alice\"", "NO [NONEXISTENT] There is no such quota root").await;
    client.check("SETQUOTA \"\" (STORAGE 99999999)", "NO [NOPERM] Quotas are set by the operator").await;
    client.check("SETQUOTA \"\" (STORAGE)", "BAD Missing argument").await;
    let capabilities = client.run("CAPABILITY").await;
    assert!(capabilities.contains(" QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE "), "{capabilities}");
    assert!(!capabilities.contains("QUOTASET"), "{capabilities}");
}

/// RFC 9208 §4.1.4.
#[tokio::test]
async fn what_an_expunge_would_free() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    let status = "STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)";
    client.check(status, "* STATUS \"INBOX\" (MESSAGES 2 DELETED 0 DELETED-STORAGE 0)\nOK Status told").await;
    client.run("STORE 2 +FLAGS (\\Deleted)").await;
    client
        .check(status, "* STATUS \"INBOX\" (MESSAGES 2 DELETED 1 DELETED-STORAGE 22)\nOK Status told")
        .await;
}

async fn append(client: &mut Client) -> String {
    client.run("APPEND Sent {5+}\r\nhello").await
}

/// RFC 9208 §4.3.1.
#[tokio::test]
async fn over_quota() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    house.parts.mailboxes.set_default_quota(Quota { storage: None, messages: Some(3) });
    let no = "NO [OVERQUOTA] The account is over its quota: number of messages";
    client.check("COPY 1:2 Sent", no).await;
    client.check("STATUS Sent (MESSAGES)", "* STATUS \"Sent\" (MESSAGES 0)\nOK Status told").await;
    let reply = append(&mut client).await;
    assert!(reply.starts_with("OK [APPENDUID"), "{reply}");
    assert_eq!(append(&mut client).await, no);
    // Who waits to be asked for it need not send it.
    client.check("APPEND Sent {5}", no).await;
    // What moves takes no more room, and what is removed gives some.
    let reply = client.run("MOVE 1 Trash").await;
    assert!(reply.ends_with("OK Moved"), "{reply}");
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.check("EXPUNGE", "* 1 EXPUNGE\nOK Expunged").await;
    let reply = append(&mut client).await;
    assert!(reply.starts_with("OK [APPENDUID"), "{reply}");
    house.parts.mailboxes.set_default_quota(Quota { storage: Some(10), messages: None });
    client.check("APPEND Sent {5}", "NO [OVERQUOTA] The account is over its quota: space").await;
}
