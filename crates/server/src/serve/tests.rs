//! One real server in a temporary directory, over real sockets.

use std::path::PathBuf;

use world::Stream;

use super::*;
use crate::admin::{Reply, Request};
use crate::control::Client;

/// A running server and its directory.
struct House {
    directory: PathBuf,
    config: Config,
    server: Server,
}

impl House {
    async fn open(name: &str, limits: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()));
        drop(world::real::remove_tree(&directory));
        let config = configuration(&directory, limits);
        let server = Server::start(world::real::world(&[]), &config).await.expect("it starts");
        Self { directory, config, server }
    }

    async fn connect(&self, service: Service) -> Stream {
        let found = self.server.addresses().iter().find(|(s, _)| *s == service);
        let (_, address) = found.expect("configured");
        self.server.world.net.connect(*address, None).await.expect("it listens")
    }

    async fn close(self) {
        self.server.stop(Duration::from_secs(10)).await;
        world::real::remove_tree(&self.directory).expect("ours");
    }
}

fn configuration(directory: &Path, limits: &str) -> Config {
    let listeners: String = ["smtp", "imap", "pop3"]
        .map(|service| format!("[[listener]]\nservice = \"{service}\"\nbind = [\"127.0.0.1:0\"]\n"))
        .concat();
    let text = format!("hostname = \"mx.example.org\"\ndata_dir = \"data\"\n{listeners}[limits]\n{limits}\n");
    Config::parse(&text, &directory.join("posthouse.toml")).expect("a good one")
}

/// What the server says until it hangs up, or until it has said `enough`.
async fn said(stream: &mut Stream, enough: &str) -> String {
    let mut said = String::new();
    let mut buffer = [0; 512];
    while !said.contains(enough) {
        match stream.read(&mut buffer).await {
            Ok(n @ 1..) => said.push_str(&String::from_utf8_lossy(&buffer[..n])),
            _ => break,
        }
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_connections_are_told_so_in_the_protocols_own_words() {
    let house = House::open("caps", "connections_per_ip = 1\nexempt = []").await;
    let mut first = house.connect(Service::Smtp).await;
    assert!(said(&mut first, "\r\n").await.starts_with("220 "));
    for (service, farewell) in [
        (Service::Smtp, "421 4.7.0 Too many connections from your address"),
        (Service::Imap, "* BYE Too many connections from your address"),
        (Service::Pop3, "-ERR [SYS/TEMP] Too many connections from your address"),
    ] {
        let mut refused = house.connect(service).await;
        let words = said(&mut refused, "never said").await;
        assert!(words.starts_with(farewell), "{words}");
    }
    drop(first);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_reach_the_running_server_and_a_stop_ends_its_sessions() {
    let house = House::open("stop", "").await;
    let data_dir = &house.config.data_dir;
    let world = &house.server.world;
    let mut client = Client::connect(world, data_dir).await.expect("allowed").expect("it runs");
    let add = Request::DomainAdd { name: "example.org".into() };
    assert!(matches!(client.call(&add).await, Ok(Reply::Done { .. })));
    let again = client.call(&add).await.expect_err("it is there already");
    assert!(again.contains("example.org"), "{again}");
    drop(client);
    let mut sessions = [
        house.connect(Service::Smtp).await,
        house.connect(Service::Imap).await,
        house.connect(Service::Pop3).await,
    ];
    for session in &mut sessions {
        said(session, "\r\n").await;
    }
    let last_words = async {
        let mut words = Vec::new();
        for session in &mut sessions {
            words.push(said(session, "never said").await);
        }
        words
    };
    let (world, data_dir) = (world.clone(), data_dir.clone());
    let begin = world.clock.mono();
    let ((), words) = tokio::join!(house.close(), last_words);
    assert!(world.clock.mono().since(begin) < Duration::from_secs(9), "sessions ended by themselves");
    assert!(words[0].starts_with("421 "), "{words:?}");
    assert!(words[1].starts_with("* BYE "), "{words:?}");
    assert!(Client::connect(&world, &data_dir).await.expect("no obstacle").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_reload_keeps_what_was_good() {
    let house = House::open("reload", "connections = 7").await;
    let mut wrong = configuration(&house.directory, "connections = 8");
    wrong.tls = Some(crate::config::CertificateFiles {
        certificate: house.directory.join("nothing.pem"),
        private_key: house.directory.join("nothing.key"),
    });
    let kept = house.server.reload(house.config.clone(), wrong);
    assert_eq!(kept.limits.connections, 7);
    let good = configuration(&house.directory, "connections = 9");
    assert_eq!(house.server.reload(kept, good).limits.connections, 9);
    house.close().await;
}

#[test]
fn the_ready_line_names_each_address() {
    let address = |text: &str| text.parse().expect("an address");
    let addresses = [(Service::Smtp, address("127.0.0.1:25")), (Service::Imaps, address("[::1]:993"))];
    assert_eq!(ready_line(&addresses), "ready smtp=127.0.0.1:25 imaps=[::1]:993");
}
