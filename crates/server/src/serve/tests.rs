//! One real server in a temporary directory, over real sockets.

use std::path::PathBuf;

use world::Stream;
use world::disk::memory::{Fault, MemoryDisk};

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
        drop(world::real::remove_tree(&place(name)));
        Self::open_in(world::real::world(&[]), name, limits).await
    }

    async fn open_in(world: World, name: &str, limits: &str) -> Self {
        let directory = place(name);
        let config = configuration(&directory, limits);
        let server = Server::start(world, &config).await.expect("it starts");
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

/// The same each time within one run.
fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()))
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
async fn the_status_tells_of_the_running_server() {
    let house = House::open("status", "").await;
    let mut sessions = [house.connect(Service::Smtp).await, house.connect(Service::Imap).await];
    for session in &mut sessions {
        said(session, "\r\n").await;
    }
    let add = Request::DomainAdd { name: "example.org".into() };
    house.server.office.carry_out(add).await.expect("a healthy store");
    let Ok(Reply::Status { status }) = house.server.office.carry_out(Request::Status).await else {
        panic!("no status");
    };
    assert_eq!(status.pid, std::process::id());
    assert!(status.memory_bytes.is_some_and(|bytes| bytes > 1 << 20), "{status:?}");
    assert_eq!(status.listeners.len(), 3);
    let expected = [("imap", 1), ("pop3", 0), ("smtp", 1)].map(|(service, open)| (service.to_owned(), open));
    assert_eq!((status.connections.open, status.connections.services), (2, expected.into()));
    assert!(status.store.commits >= 1 && status.store.syncs >= 1, "{:?}", status.store);
    assert!(status.store.syncs_per_commit.is_some_and(|each| each > 0.0));
    assert_eq!((status.queue.items, status.queue.next_due), (0, None));
    drop(sessions);
    house.close().await;
}

/// F16: a failed sync ends the server, so that a new start recovers the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_store_is_noticed_and_sessions_end() {
    let disk = MemoryDisk::new();
    let mut world = world::real::world(&[]);
    // For the control socket, which is no file of the disk in memory.
    world.disk.create_dir_all(&place("poison").join("data")).expect("ours");
    world.disk = Arc::new(disk.clone());
    let house = House::open_in(world, "poison", "").await;
    let mut session = house.connect(Service::Smtp).await;
    said(&mut session, "\r\n").await;
    // From now on, for other work of the store may come before the commit.
    disk.fail_always(Some(Fault::Io));
    let add = Request::DomainAdd { name: "example.org".into() };
    let refused = house.server.office.carry_out(add).await.expect_err("the disk fails");
    assert!(refused.contains("restart posthouse"), "{refused}");
    assert!(matches!(house.server.failed().await, store::Error::Poisoned(_)));
    let ((), words) = tokio::join!(house.close(), said(&mut session, "never said"));
    assert!(words.starts_with("421 "), "{words}");
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
