//! DKIM and ARC against the crate mail-auth: each verifies what the other signs, over generated messages, whole and
//! changed. Every difference must be one that README.md explains.
//!
//! `cargo run --manifest-path differential/Cargo.toml [MESSAGES]`

mod dice;
mod known;
mod ours;
mod theirs;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use dice::Dice;
use mail::{Domain, Wall};
use mail_auth::MessageAuthenticator;
use mailauth::arc::Status;
use mailauth::dkim::{Signer, SigningKey, Verdict};
use world::Rng;

/// Who signs.
pub const DOMAIN: &str = "x.test";

/// One signed message and what both say of it.
pub struct Case<'a> {
    /// What was done.
    pub what: &'static str,
    /// The message.
    pub message: &'a [u8],
    /// The body that was signed.
    pub signed_body: &'a [u8],
    /// It was signed in relaxed form.
    pub relaxed_body: bool,
    /// It has `l=`.
    pub length: bool,
    /// Our reason.
    pub we: String,
    /// We say pass.
    pub we_pass: bool,
    /// They say what.
    pub they: String,
    /// They say pass.
    pub they_pass: bool,
}

/// What was signed, and how.
struct Signed<'a> {
    body: &'a [u8],
    relaxed: bool,
    length: bool,
}

/// The keys of both sides and what was found.
struct Match {
    resolver: MessageAuthenticator,
    ours: ours::Names,
    theirs: theirs::Names,
    signers: [Signer; 2],
    pkcs8: [Vec<u8>; 2],
    now: Wall,
    agreed: BTreeMap<&'static str, usize>,
    explained: BTreeMap<&'static str, usize>,
    unexplained: usize,
}

struct Os;

impl Rng for Os {
    fn fill(&self, _: &mut [u8]) {
        unreachable!("the RSA key takes none")
    }
}

impl Match {
    fn new() -> Self {
        let rsa = SigningKey::from_pkcs8(&Os.rsa_key().expect("a key")).expect("a key");
        let ed25519 = SigningKey::ed25519_from_seed(&[7; 32]).expect("a key");
        let (mut names, mut their_names) = (ours::Names::default(), theirs::Names::default());
        let pkcs8 = [&rsa, &ed25519].map(|key| key.to_pkcs8().expect("DER"));
        let signers = [("rsa", rsa), ("ed25519", ed25519)].map(|(selector, key)| {
            let (name, record) = (format!("{selector}._domainkey.{DOMAIN}"), key.record().expect("a record"));
            their_names.add(&name, &record);
            names.0.insert(name, record);
            let domain = |name| Domain::new(name).expect("a domain");
            Signer { domain: domain(DOMAIN), selector: domain(selector), key }
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        Self {
            resolver: MessageAuthenticator::new_cloudflare().expect("a resolver that is never asked"),
            ours: names,
            theirs: their_names,
            signers,
            pkcs8,
            now: Wall::from_secs(now.as_secs() as i64),
            agreed: BTreeMap::new(),
            explained: BTreeMap::new(),
            unexplained: 0,
        }
    }

    /// Both look at a message with one signature.
    async fn look(&mut self, what: &'static str, message: &[u8], signed: &Signed<'_>) {
        let we = ours::verify(message, &self.ours, self.now).dkim;
        let they = theirs::verify(&self.resolver, message, &self.theirs).await;
        let case = Case {
            what,
            message,
            signed_body: signed.body,
            relaxed_body: signed.relaxed,
            length: signed.length,
            we: we.first().map_or_else(|| "no signature".into(), |outcome| outcome.reason.to_string()),
            we_pass: we.iter().any(|outcome| outcome.verdict == Verdict::Pass),
            they: format!("{they:?}"),
            they_pass: they.iter().any(Result::is_ok),
        };
        self.judge(&case);
    }

    fn judge(&mut self, case: &Case<'_>) {
        if case.we_pass == case.they_pass {
            *self.agreed.entry(case.what).or_default() += 1;
            return;
        }
        match known::KNOWN.iter().find(|(_, explains)| explains(case)) {
            Some((name, _)) => *self.explained.entry(name).or_default() += 1,
            None => {
                self.unexplained += 1;
                println!("DIFFERENCE, {}: we: {}; they: {}", case.what, case.we, case.they);
                println!("{}\n", case.message.escape_ascii());
            }
        }
    }

    async fn play(&mut self, number: u64) {
        let mut dice = Dice::new(number);
        let message = dice.message();
        let which = dice.below(2);
        let body = &ours::split(&message).1.to_vec();
        let text = ours::sign(&message, &self.signers[which], self.now);
        let signed = Signed { body, relaxed: true, length: false };
        self.look("we sign", &text, &signed).await;
        self.look_changed("we sign, changed", &mut dice, text, &signed).await;
        let style = theirs::Style {
            relaxed_header: dice.below(2) == 0,
            relaxed_body: dice.below(2) == 0,
            length: dice.below(3) == 0,
        };
        if let Some(text) = theirs::sign(&message, &self.pkcs8[which], which == 0, &style) {
            let signed = Signed { body, relaxed: style.relaxed_body, length: style.length };
            self.look("they sign", &text, &signed).await;
            let longer = [&text[..], b"\r\nmore\r\n"].concat();
            self.look("they sign, longer", &longer, &signed).await;
            self.look_changed("they sign, changed", &mut dice, text, &signed).await;
        }
        self.play_chain(&mut dice, message).await;
    }

    /// One byte becomes another: not white space, so that no form forgives it.
    async fn look_changed(
        &mut self,
        what: &'static str,
        dice: &mut Dice,
        mut message: Vec<u8>,
        signed: &Signed<'_>,
    ) {
        let places: Vec<usize> = (0..message.len()).filter(|at| message[*at].is_ascii_graphic()).collect();
        let at = *dice.one_of(&places);
        message[at] ^= 1;
        self.look(what, &message, signed).await;
    }

    /// Each adds sets in any order, and both look at each.
    async fn play_chain(&mut self, dice: &mut Dice, mut message: Vec<u8>) {
        for _ in 0..dice.below(4) {
            let next = if dice.below(2) == 0 {
                ours::seal(&message, &self.ours, &self.signers[0], self.now)
            } else {
                theirs::seal(&self.resolver, &message, &self.theirs, &self.pkcs8[0]).await
            };
            let Some(next) = next else { return };
            message = next;
            let we = ours::verify(&message, &self.ours, self.now).arc;
            let they = theirs::chain(&self.resolver, &message, &self.theirs).await;
            let case = Case {
                what: "chains",
                message: &message,
                signed_body: ours::split(&message).1,
                relaxed_body: true,
                length: false,
                we: we.reason.to_string(),
                we_pass: we.status == Status::Pass,
                they: format!("{they:?}"),
                they_pass: they.is_ok(),
            };
            self.judge(&case);
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let messages = std::env::args().nth(1).map_or(2000, |text| text.parse().expect("a number of messages"));
    let mut play = Match::new();
    for number in 0..messages {
        play.play(number).await;
    }
    for (what, times) in &play.agreed {
        println!("agreed    {times:>7}  {what}");
    }
    for (name, _) in known::KNOWN {
        println!("explained {:>7}  {name}", play.explained.get(name).unwrap_or(&0));
    }
    println!("{} unexplained", play.unexplained);
    if play.unexplained == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
