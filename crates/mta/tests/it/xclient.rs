//! XCLIENT from proxies: their clients are judged, not they.

use crate::office::{Office, Plan, message};
use crate::taking::run;

const PROXY: &str = "192.0.2.8";

fn settings(settings: &mut mta::Settings) {
    settings.xclient_networks = vec![PROXY.parse().expect("a network")];
    settings.relay_networks =
        vec![PROXY.parse().expect("a network"), "203.0.113.0/24".parse().expect("a network")];
}

#[test]
fn the_client_is_the_one_that_the_proxy_tells_of() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), settings).await;
        let mut proxy = office.client_from(PROXY, 25).await;
        assert!(proxy.say("EHLO proxy.test").await.contains("XCLIENT NAME"));
        let line = "XCLIENT NAME=out.there.test ADDR=198.51.100.9 PORT=4711 HELO=me.test PROTO=SMTP";
        assert!(proxy.say(line).await.starts_with("220"));
        assert!(proxy.say("EHLO proxy.test").await.starts_with("250"));
        let reply = proxy
            .mail("x@side.test", &["ann@alpha.test"], &message("x@side.test", "ann@alpha.test", "hi"))
            .await;
        assert!(reply.starts_with("250"), "{reply}");
        let inbox = office.inbox("ann@alpha.test").await;
        assert!(
            inbox[0].contains("Received: from me.test (out.there.test [198.51.100.9])\r\n"),
            "{}",
            inbox[0]
        );
        assert!(inbox[0].contains(" with SMTP id "), "{}", inbox[0]);
        assert!(office.told().await.join("\n").contains("198.51.100.9"));
    });
}

#[test]
fn clients_of_a_trusted_proxy_are_not_trusted_themselves() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), settings).await;
        for (address, may) in
            [("198.51.100.9", false), ("203.0.113.5", true), ("IPV6:::ffff:203.0.113.6", true)]
        {
            let mut proxy = office.client_from(PROXY, 25).await;
            assert!(proxy.say(&format!("XCLIENT ADDR={address}")).await.starts_with("220"));
            proxy.say("EHLO c.test").await;
            proxy.say("MAIL FROM:<x@side.test>").await;
            let reply = proxy.say("RCPT TO:<y@elsewhere.test>").await;
            assert_eq!(reply.starts_with("250"), may, "{address}: {reply}");
        }
    });
}

#[test]
fn who_logged_in_at_the_proxy_is_logged_in() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), settings).await;
        let mut proxy = office.client_from(PROXY, 587).await;
        let reply = proxy.say("XCLIENT ADDR=198.51.100.9 LOGIN=nobody@alpha.test").await;
        assert!(reply.starts_with("550 5.7.8"), "{reply}");
        assert!(proxy.say("XCLIENT ADDR=198.51.100.9 LOGIN=ann+40alpha.test").await.starts_with("220"));
        proxy.say("EHLO c.test").await;
        assert!(proxy.say("MAIL FROM:<abe@alpha.test>").await.starts_with("553"), "as herself only");
        assert!(proxy.say("MAIL FROM:<ann@alpha.test>").await.starts_with("250"));
        assert!(proxy.say("RCPT TO:<y@elsewhere.test>").await.starts_with("250"));
        proxy.say("RSET").await;
        assert!(proxy.say("XCLIENT ADDR=198.51.100.10").await.starts_with("220"));
        proxy.say("EHLO c.test").await;
        let reply = proxy.say("MAIL FROM:<ann@alpha.test>").await;
        assert!(reply.starts_with("530"), "the next client is somebody else: {reply}");
    });
}

#[test]
fn others_may_not_say_it() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), settings).await;
        let mut client = office.client(25).await;
        assert!(!client.say("EHLO c.test").await.contains("XCLIENT"));
        let reply = client.say("XCLIENT ADDR=203.0.113.5").await;
        assert!(reply.starts_with("502"), "{reply}");
    });
}
