//! Accounts that may have no more (RFC 9208): what their senders hear, and what becomes of mail already taken.

use mailbox::Quota;

use crate::office::message;
use crate::outgoing::{office_and_remote, state, wait};
use crate::taking::run;

const ANN: &str = "ann@alpha.test";
const FULL: &str = "452 4.2.2 the mailbox is full, try again later";

#[test]
fn a_full_mailbox_is_told_while_the_client_listens() {
    run(|outside| async move {
        let (office, _remote) = office_and_remote(&outside, &[]).await;
        let mut client = office.user(ANN).await;
        office.mailboxes.set_default_quota(Quota { storage: Some(10_000), messages: Some(2) });
        // By what MAIL declares, so that nothing is sent in vain.
        assert!(client.say(&format!("MAIL FROM:<{ANN}> SIZE=20000")).await.starts_with("250"));
        assert_eq!(client.say("RCPT TO:<abe@alpha.test>").await, FULL);
        assert!(client.say("RSET").await.starts_with("250"));
        // Or when it is known.
        assert!(client.say(&format!("MAIL FROM:<{ANN}>")).await.starts_with("250"));
        assert!(client.say("RCPT TO:<abe@alpha.test>").await.starts_with("250"));
        assert_eq!(
            client.data(&(message(ANN, "abe@alpha.test", "x") + &"long\r\n".repeat(3000))).await,
            FULL
        );
        for _ in 0..2 {
            assert!(client.say(&format!("MAIL FROM:<{ANN}>")).await.starts_with("250"));
            assert!(client.say("RCPT TO:<abe@alpha.test>").await.starts_with("250"));
            assert!(client.data(&message(ANN, "abe@alpha.test", "short")).await.starts_with("250"));
        }
        assert!(client.say(&format!("MAIL FROM:<{ANN}>")).await.starts_with("250"));
        assert_eq!(client.say("RCPT TO:<abe@alpha.test>").await, FULL);
        assert_eq!(office.inbox("abe@alpha.test").await.len(), 2);
    });
}

/// Where others have their copy, the one for the full mailbox waits, once, until there is room.
#[test]
fn what_was_taken_for_others_waits_for_room() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[]).await;
        let mut client = office.user(ANN).await;
        assert!(client.say(&format!("MAIL FROM:<{ANN}>")).await.starts_with("250"));
        assert!(client.say("RCPT TO:<abe@alpha.test>").await.starts_with("250"));
        assert!(client.data(&message(ANN, "abe@alpha.test", "short")).await.starts_with("250"));
        office.mailboxes.set_default_quota(Quota { storage: None, messages: Some(1) });
        office.add_alias("all@alpha.test", &["abe@alpha.test", ANN]).await;
        assert!(client.say(&format!("MAIL FROM:<{ANN}>")).await.starts_with("250"));
        assert!(client.say("RCPT TO:<all@alpha.test>").await.starts_with("250"));
        assert!(client.data(&message(ANN, "all@alpha.test", "for both")).await.starts_with("250"));
        assert_eq!(office.inbox(ANN).await.len(), 1);
        wait(&office, 3600).await;
        assert_eq!(office.inbox("abe@alpha.test").await.len(), 1);
        // What ann has is her copy.
        assert_eq!(state(&office, &remote).await, "taken 0 waiting 1 reports 1");
        office.mailboxes.set_default_quota(Quota::default());
        wait(&office, 86_400).await;
        assert_eq!(state(&office, &remote).await, "taken 0 waiting 0 reports 1");
        let inbox = office.inbox("abe@alpha.test").await;
        assert_eq!((inbox.len(), office.inbox(ANN).await.len()), (2, 1));
        assert!(inbox[1].contains("for both"), "{}", inbox[1]);
    });
}
