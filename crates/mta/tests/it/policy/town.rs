//! `r.test` with a mail host, a web server for its MTA-STS policy, and an issuer of certificates.

use std::sync::{Arc, Mutex};

use mta::{Settings, TlsLevel, TlsRule};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::sync::mpsc;
use world::tls::Acceptor;
use world::{Stream, Tasks};

use crate::office::{Office, Plan};
use crate::outgoing::send;
use crate::remote::Remote;
use crate::world::Outside;

/// An EHLO reply with STARTTLS, and one without.
pub(super) const OFFER: (&str, &str) =
    ("EHLO", "250-remote.test\r\n250-STARTTLS\r\n250-REQUIRETLS\r\n250 SIZE");
pub(super) const GO: (&str, &str) = ("STARTTLS", "220 go");

pub(super) struct Town {
    pub(super) outside: Outside,
    pub(super) office: Office,
    pub(super) remote: Remote,
    pub(super) issuer: CertifiedIssuer<'static, KeyPair>,
    pub(super) web: Web,
}

/// A certificate with its key.
pub(super) struct Shown {
    pub(super) acceptor: Acceptor,
    /// In hexadecimal digits.
    pub(super) der: String,
}

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl Town {
    /// The host is `mx.r.test` and offers no TLS yet.
    pub(super) async fn open(outside: &Outside, change: impl FnOnce(&mut Settings)) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "issuer");
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("an issuer");
        for record in ["r.test MX 10 mx.r.test", "mx.r.test A 192.0.2.9", "mta-sts.r.test A 192.0.2.8"] {
            outside.zones.add(record);
        }
        let plan = Plan { tls: true, roots: issuer.pem(), ..Plan::alpha() };
        let office = Office::open(outside, &plan, change).await;
        office.start_queue();
        let remote = Remote::bind(outside, "192.0.2.9:25", &[]);
        let town = Self { outside: outside.clone(), office, remote, web: Web::default(), issuer };
        let shown = town.certificate("mta-sts.r.test", 2040);
        town.web.open(outside, shown.acceptor);
        town
    }

    /// A certificate from the issuer.
    pub(super) fn certificate(&self, name: &str, until: i32) -> Shown {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = key();
        let made = params.signed_by(&key, &self.issuer).expect("a certificate");
        let chain = made.pem() + &self.issuer.pem();
        let acceptor = Acceptor::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes());
        Shown { acceptor: acceptor.expect("a good chain"), der: hex(made.der()) }
    }

    /// The host offers TLS with this certificate.
    pub(super) fn offer(&self, shown: &Shown) {
        self.remote.certify(&shown.acceptor);
        self.remote.follow(&[OFFER, GO]);
    }

    /// The host offers TLS with a good certificate.
    pub(super) fn offer_good(&self) -> Shown {
        let shown = self.certificate("mx.r.test", 2040);
        self.offer(&shown);
        shown
    }

    pub(super) fn zone(&self, records: &[&str]) {
        for record in records {
            self.outside.zones.add(record);
        }
    }

    /// All names are signed, and the host's certificates are named by a record.
    pub(super) fn sign(&self, tlsa: &str) {
        self.zone(&["r.test SIGNED", "mx.r.test SIGNED", &format!("_25._tcp.mx.r.test TLSA {tlsa}")]);
    }

    /// The domain has an MTA-STS policy.
    pub(super) fn publish(&self, id: &str, policy: &str) {
        self.outside.zones.remove("_mta-sts.r.test");
        self.zone(&[&format!("_mta-sts.r.test TXT v=STSv1; id={id}")]);
        self.web.say_policy(policy);
    }

    /// Ann writes to `r.test`; what came of it within some minutes: taken `under TLS`, `in clear`, or `waiting`.
    pub(super) async fn try_once(&self) -> &'static str {
        let (taken, commands) = (self.remote.taken().len(), self.commands().len());
        let reports = self.office.inbox("ann@alpha.test").await.len();
        send(&self.office, &["a@r.test"]).await;
        for _ in 0..600 {
            crate::outgoing::wait(&self.office, 1).await;
            let items = self.office.queued().await;
            let is_settled = items.is_empty() || items.iter().all(|item| item.attempts > 0);
            if is_settled {
                break;
            }
        }
        let went = self.remote.taken().len() > taken;
        // The last connection's own words.
        let new = self.commands().split_off(commands);
        let last = new.iter().rposition(|line| line == "(connected)").unwrap_or(0);
        let secure = new[last..].iter().any(|line| line == "(handshake)");
        match (went, secure, self.office.inbox("ann@alpha.test").await.len() - reports) {
            (true, true, 0) => "under TLS",
            (true, false, 0) => "in clear",
            (false, _, 0) => "waiting",
            _ => "reported",
        }
    }

    pub(super) fn commands(&self) -> Vec<String> {
        self.remote.ledger.lock().expect("no panics").commands.clone()
    }

    /// All that the journeys tell.
    pub(super) async fn told(&self) -> String {
        self.office.told().await.join("\n")
    }
}

/// A rule for `r.test`.
pub(super) fn rule(level: TlsLevel, hosts: &[&str]) -> TlsRule {
    TlsRule {
        domain: "r.test".parse().expect("a domain"),
        level,
        hosts: hosts.iter().map(|host| host.parse().expect("a host")).collect(),
    }
}

/// A web server that gives one answer to everybody.
#[derive(Clone, Default)]
pub(super) struct Web {
    answer: Arc<Mutex<String>>,
    /// First lines of requests.
    requests: Arc<Mutex<Vec<String>>>,
    /// What came with each.
    pub(super) bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Web {
    /// Listens with this certificate from now on.
    pub(super) fn open(&self, outside: &Outside, acceptor: Acceptor) {
        let arrivals = outside.wires.bind("192.0.2.8:443".parse().expect("an address"));
        let tasks = outside.time.clone();
        outside.time.spawn(Box::pin(serve(self.clone(), tasks, arrivals, acceptor)));
    }

    pub(super) fn say(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().expect("no panics"));
    }

    pub(super) fn say_policy(&self, policy: &str) {
        let length = policy.len();
        self.say(&format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{policy}"
        ));
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panics").clone()
    }
}

async fn serve(
    web: Web,
    tasks: crate::time::Time,
    mut arrivals: mpsc::UnboundedReceiver<Stream>,
    acceptor: Acceptor,
) {
    while let Some(stream) = arrivals.recv().await {
        let (web, acceptor) = (web.clone(), acceptor.clone());
        tasks.spawn(Box::pin(async move { drop(answer(&web, stream, &acceptor).await) }));
    }
}

async fn answer(web: &Web, stream: Stream, acceptor: &Acceptor) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream, b"http/1.1").await?;
    let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
    let body = loop {
        if let Some(body) = body_of(&request) {
            break body;
        }
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => request.extend_from_slice(&buffer[..n]),
        }
    };
    web.bodies.lock().expect("no panics").push(body);
    let request = String::from_utf8_lossy(&request).into_owned();
    web.requests.lock().expect("no panics").push(request.lines().take(2).collect::<Vec<_>>().join(" "));
    let answer = web.answer.lock().expect("no panics").clone();
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// What came with a request, once it is complete.
fn body_of(request: &[u8]) -> Option<Vec<u8>> {
    let start = request.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&request[..start]).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.map_or(0, |length| length.parse().expect("a length"));
    request.get(start..start + length).map(<[u8]>::to_vec)
}
