//! COMPRESS (RFC 4978).

use mail::Flags;

use super::{House, PASSWORD};

/// The example of RFC 4978 §3 without its TLS, and what it leaves open.
#[tokio::test]
async fn from_the_reply_on_all_is_compressed() {
    let house = House::new().await;
    let text = format!("Subject: long\r\n\r\n{}", "more and more\r\n".repeat(20_000));
    house.deliver("INBOX", &text, Flags::new()).await;
    let mut client = house.in_inbox().await;
    client.check("COMPRESS DEFLATE", "OK DEFLATE active").await;
    client.compress(true);
    client.check("COMPRESS DEFLATE", "BAD [COMPRESSIONACTIVE] DEFLATE is active already").await;
    client.check("FETCH 1 RFC822.SIZE", "* 1 FETCH (RFC822.SIZE 300017)\nOK Fetched").await;
    let body = client.run("FETCH 1 BODY.PEEK[]").await;
    assert_eq!(body.matches("more and more\n").count(), 20_000);
    // A message that comes in.
    client.send(format!("a APPEND INBOX {{{}+}}\r\n", 4000).as_bytes()).await;
    client.send(&[b'x'; 4000]).await;
    client.send(b"\r\n").await;
    let reply = client.reply("a ").await;
    assert!(reply.contains("* 2 EXISTS") && reply.contains("OK [APPENDUID"), "{reply}");
    // What is told while the client idles can be read at once, though each time a new packer makes it.
    client.send(b"b IDLE\r\n").await;
    assert_eq!(client.line().await, "+ idling");
    for n in 3..6 {
        house.deliver("INBOX", &text, Flags::new()).await;
        assert_eq!(client.line().await, format!("* {n} EXISTS"));
        assert_eq!(client.line().await, format!("* {n} RECENT"));
    }
    client.send(b"DONE\r\n").await;
    assert_eq!(client.reply("b ").await, "OK Idle no more");
}

/// RFC 8437 §4.1: it ends with the login, behind the reply.
#[tokio::test]
async fn it_ends_with_the_login() {
    let house = House::new().await;
    let mut client = house.client().await;
    for _ in 0..2 {
        client.check("COMPRESS DEFLATE", "OK DEFLATE active").await;
        client.compress(true);
        client.check("UNAUTHENTICATE", "OK Logged out").await;
        client.compress(false);
        let reply = client.run(&format!("LOGIN u@x.test \"{PASSWORD}\"")).await;
        assert!(reply.starts_with("OK [CAPABILITY"), "{reply}");
    }
}

/// Much in little: the bounds are those of what it expands to.
#[tokio::test]
async fn bounds_hold_for_what_is_expanded() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("COMPRESS DEFLATE", "OK DEFLATE active").await;
    client.compress(true);
    client.send(format!("a {}", "x".repeat(8 << 20)).as_bytes()).await;
    assert_eq!(client.line().await, "a BAD [TOOBIG] The command is too long");
    assert_eq!(client.line().await, "* BYE [TOOBIG] The command is too long");
    // Bytes that are no DEFLATE end the connection.
    let mut client = house.client().await;
    client.check("COMPRESS DEFLATE", "OK DEFLATE active").await;
    client.send(b"a NOOP\r\n").await;
    assert_eq!(client.line().await, "");
}
