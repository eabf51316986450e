//! The examples of the standards.

use super::super::{Algorithm, Outcome, Reason, SigningKey, Verdict};
use super::*;

const BODY: &str = "Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n";

const FIELDS: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
    To: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\n\
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n";

/// RFC 6376 appendix C.
const RFC6376_KEY: &str = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ\
    KBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt\
    IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v\
    /RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi\
    tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";

/// The same key as RSAPublicKey, the form that RFC 6376 §3.6.1 names.
const RFC6376_PLAIN_KEY: &str = "v=DKIM1; k=rsa; p=MIGJAoGBAPAhE/9QLdIGwSYapn1klbf8OQygZ4udCDV9afv/Ni0jE3ZKcUKPE4I\
    ob2/dviNh9xM2HmKNKyrrfW4Ei0truh36/9G10LZTMnWVZP3jupH5FxpzaBu2j80yonR/N9WMfg64qGK11j21/qZzAaNo0FxZOggyY9I8N1A81R\
    hyRxDZAgMBAAE=";

/// RFC 6376 appendix A.2: simple/simple, so every space counts.
const RFC6376_SIGNATURE: &str = "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n\
    \x20     c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n\
    \x20     h=Received : From : To : Subject : Date : Message-ID;\r\n\
    \x20     bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n\
    \x20     b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n\
    \x20     4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n\
    \x20     KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n\
    \x20     4bmp/YzhwvcubU4=;\r\n\
    Received: from client1.football.example.com  [192.0.2.1]\r\n\
    \x20     by submitserver.example.com with SUBMISSION;\r\n\
    \x20     Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n";

#[test]
fn rfc6376_appendix_a() {
    let message = [RFC6376_SIGNATURE, FIELDS, BODY].concat();
    let outcome = Outcome {
        verdict: Verdict::Pass,
        reason: Reason::Good,
        domain: Some(domain("example.com")),
        selector: Some("brisbane".into()),
        identity: Some("joe@football.example.com".into()),
        algorithm: Some("rsa-sha256".into()),
        signature_start: Some("AuUoFEfD".into()),
        testing: false,
    };
    for key in [RFC6376_KEY, RFC6376_PLAIN_KEY] {
        let zone = Zone::default().with("brisbane._domainkey.example.com", &[key]);
        assert_eq!(check(message.as_bytes(), &zone).dkim, std::slice::from_ref(&outcome));
    }
}

/// RFC 8463 appendix A.2.
const RFC8463_KEYS: [(&str, &str); 2] = [
    (
        "brisbane._domainkey.football.example.com",
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    ),
    (
        "test._domainkey.football.example.com",
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR\
        iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC\
        DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3\
        Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
    ),
];

/// RFC 8463 appendix A.3.
const RFC8463_SIGNATURES: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n\
    \x20d=football.example.com; i=@football.example.com;\r\n\
    \x20q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n\
    \x20subject : date : message-id : from : subject : date;\r\n\
    \x20bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n\
    \x20b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n\
    \x20Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n\
    \x20d=football.example.com; i=@football.example.com;\r\n\
    \x20q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n\
    \x20date : message-id : from : subject : date;\r\n\
    \x20bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n\
    \x20b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n\
    \x20DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n\
    \x20dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n";

#[test]
fn rfc8463_appendix_a() {
    let zone = RFC8463_KEYS.iter().fold(Zone::default(), |zone, (name, key)| zone.with(name, &[key]));
    let message = [RFC8463_SIGNATURES, FIELDS, BODY].concat();
    let found = check(message.as_bytes(), &zone).dkim;
    let verdicts: Vec<_> = found.iter().map(|o| (o.algorithm.as_deref(), o.verdict)).collect();
    assert_eq!(
        verdicts,
        [(Some("ed25519-sha256"), Verdict::Pass), (Some("rsa-sha256"), Verdict::Pass)],
        "{found:?}"
    );
}

#[test]
fn rfc8463_key() {
    // The secret key of RFC 8032 §7.1, test 1.
    let seed = super::super::signature::decode_base64("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
    let seed: [u8; 32] = seed.and_then(|seed| seed.try_into().ok()).expect("32 bytes");
    let key = SigningKey::ed25519_from_seed(&seed).expect("a key");
    assert_eq!(key.algorithm(), Algorithm::Ed25519Sha256);
    assert_eq!(key.record().as_deref(), Ok(RFC8463_KEYS[0].1));
}
