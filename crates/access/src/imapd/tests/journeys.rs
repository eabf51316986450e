//! What users do with their mail is told in its journey.

use journey::{Query, What};

use super::House;

#[tokio::test]
async fn appended_copied_moved_expunged() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    let message = "Message-ID: <7@x.test>\r\nSubject: hello\r\n\r\nx\r\n";
    let reply = client.run(&format!("APPEND INBOX {{{}+}}\r\n{message}", message.len())).await;
    assert!(reply.contains("OK [APPENDUID"), "{reply}");
    client.run("COPY 1 Archive").await;
    client.run("MOVE 1 Trash").await;
    client.run("SELECT Trash").await;
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.check("EXPUNGE", "* 1 EXPUNGE\nOK Expunged").await;
    let query = Query { message_id: Some("<7@x.test>".into()), ..Query::default() };
    let found = house.parts.journeys.search(&query).await.expect("a working store");
    let [journey] = found.as_slice() else { panic!("one journey, not {found:?}") };
    let names: Vec<String> = journey.events.iter().map(|event| told(&event.what)).collect();
    assert_eq!(
        names,
        [
            "accepted by imap, subject hello",
            "in INBOX",
            "copied from INBOX to Archive",
            "moved from INBOX to Trash",
            "expunged from Trash",
        ]
    );
}

fn told(what: &What) -> String {
    match what {
        What::Accepted(a) => {
            format!("accepted by {}, subject {}", a.service, a.subject.as_deref().unwrap_or("?"))
        }
        What::Delivered { mailbox, .. } => format!("in {mailbox}"),
        What::Moved { from, to, copied: true, .. } => format!("copied from {from} to {to}"),
        What::Moved { from, to, .. } => format!("moved from {from} to {to}"),
        What::Expunged { mailbox, .. } => format!("expunged from {mailbox}"),
        other => format!("{other:?}"),
    }
}
