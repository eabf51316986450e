//! Connections and what they suffer.

use std::net::Ipv4Addr;
use std::path::Path;

use world::{Stream, World};

use super::*;
use crate::executor::{Death, Halt, Order};
use crate::trace::Trace;
use crate::universe::{Process, Universe};

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SECOND: Duration = Duration::from_secs(1);

/// A universe with a server and a client.
struct Pair {
    universe: Universe,
    server: Process,
    client: Process,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let universe = Universe::new(seed, Order::Random, Trace::quiet());
        let server = universe.actor("server", SERVER.into());
        let client = universe.actor("client", CLIENT.into());
        Self { universe, server, client }
    }

    fn hosts(&self) -> (HostId, HostId) {
        (self.universe.host_of(self.server.id), self.universe.host_of(self.client.id))
    }

    fn run<T>(&self, main: impl Future<Output = T>) -> T {
        self.universe.run(main).expect("it ends")
    }

    /// Both ends of a new connection.
    async fn connect(&self) -> (Stream, Stream) {
        let address = SocketAddr::new(SERVER.into(), 25);
        let listener = self.server.world.net.listen(address).expect("free");
        let near = self.client.world.net.connect(address, None).await.expect("somebody listens");
        let far = listener.accept().await.expect("a connection");
        assert_eq!((near.peer(), far.local(), far.peer().ip()), (address, address, CLIENT.into()));
        (near, far)
    }
}

/// All bytes until the end or an error, and whether it was the end.
async fn rest(stream: &mut Stream) -> (Vec<u8>, bool) {
    let (mut all, mut buffer) = (Vec::new(), [0; 100]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return (all, true),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(_) => return (all, false),
        }
    }
}

fn spawn(world: &World, future: impl Future<Output = ()> + Send + 'static) {
    world.tasks.spawn(Box::pin(future));
}

#[test]
fn bytes_arrive_in_order_in_pieces_of_any_size() {
    for seed in 0..30 {
        let pair = Pair::new(seed);
        pair.universe.net.set_weather(Weather { latency_us: (0, 50_000), segment: 7, ..Weather::calm() });
        let text: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        let sent = text.clone();
        let received = pair.run(async {
            let (mut near, mut far) = pair.connect().await;
            spawn(&pair.client.world, async move {
                near.write_all(&sent).await.expect("it is taken");
                near.shutdown().await.expect("still open");
                // Half closed: the other way is still open.
                assert_eq!(rest(&mut near).await, (b"thanks".to_vec(), true));
            });
            let received = rest(&mut far).await;
            far.write_all(b"thanks").await.expect("it is taken");
            received
        });
        assert_eq!(received, (text, true), "seed {seed}");
        assert_eq!(pair.universe.executor.violations(), []);
    }
}

#[test]
fn nobody_listening_refuses_and_nobody_there_never_answers() {
    let pair = Pair::new(1);
    let net = &pair.client.world.net;
    let to = |ip, port| SocketAddr::new(IpAddr::V4(ip), port);
    let kind = |result: std::io::Result<Stream>| result.err().map(|error| error.kind());
    let refused = pair.run(net.connect(to(SERVER, 25), None));
    assert_eq!(kind(refused), Some(std::io::ErrorKind::ConnectionRefused));
    let nowhere = pair.run(net.connect(to(Ipv4Addr::new(203, 0, 113, 9), 25), None));
    assert_eq!(kind(nowhere), Some(std::io::ErrorKind::TimedOut));
    assert!(pair.universe.executor.elapsed() >= CONNECT_TIMEOUT);
    let local = pair.run(net.connect_local(Path::new("/no.sock")));
    assert_eq!(kind(local), Some(std::io::ErrorKind::NotFound));
}

#[test]
fn an_address_is_listened_on_once_and_free_again_afterwards() {
    let pair = Pair::new(1);
    let net = &pair.server.world.net;
    let address = SocketAddr::new(SERVER.into(), 25);
    let first = net.listen(address).expect("free");
    assert_eq!(net.listen(address).err().map(|e| e.kind()), Some(std::io::ErrorKind::AddrInUse));
    drop(first);
    let _held = net.listen(address).expect("free again");
    pair.universe.kill(pair.server.id, Death::Kill);
    let process = pair.universe.boot(&pair.universe.machine_of(pair.server.id), "server");
    process.world.net.listen(address).expect("the dead hold nothing");
}

#[test]
fn last_words_of_the_killed_may_arrive_or_not() {
    let mut heard = BTreeSet::new();
    for seed in 0..60 {
        let pair = Pair::new(seed);
        pair.universe.net.set_weather(Weather { latency_us: (1_000, 2_000), ..Weather::calm() });
        heard.insert(pair.run(async {
            let (mut near, mut far) = pair.connect().await;
            spawn(&pair.server.world, async move {
                far.write_all(b"250 ok\r\n").await.expect("it is taken");
                std::future::pending::<()>().await;
            });
            pair.universe.executor.sleep(Duration::from_micros(500)).await;
            pair.universe.kill(pair.server.id, Death::Kill);
            rest(&mut near).await
        }));
    }
    let words = b"250 ok\r\n".to_vec();
    assert!(heard.contains(&(words.clone(), true)) && heard.contains(&(Vec::new(), false)), "{heard:?}");
}

#[test]
fn a_machine_without_power_is_silent_for_long() {
    let pair = Pair::new(5);
    pair.run(async {
        let (mut near, far) = pair.connect().await;
        spawn(&pair.server.world, async move {
            let _far = far;
            std::future::pending::<()>().await;
        });
        pair.universe.executor.sleep(SECOND).await;
        pair.universe.kill(pair.server.id, Death::PowerCut);
        near.write_all(b"hello?").await.expect("nobody says no");
        assert_eq!(rest(&mut near).await, (Vec::new(), false));
    });
    assert!(pair.universe.executor.elapsed() > SECOND * 2);
}

#[test]
fn what_a_partition_holds_back_arrives_when_it_heals() {
    let pair = Pair::new(2);
    let (server, client) = pair.hosts();
    pair.run(async {
        let (mut near, mut far) = pair.connect().await;
        // Only one way is parted.
        pair.universe.net.part(client, server);
        near.write_all(b"question").await.expect("it is taken");
        far.write_all(b"answer").await.expect("it is taken");
        let mut buffer = [0; 20];
        assert_eq!(near.read(&mut buffer).await.expect("it arrives"), 6);
        let clock = &pair.server.world.clock;
        assert!(clock.within(SECOND * 3600, far.read(&mut buffer)).await.is_none());
        pair.universe.net.heal();
        assert_eq!(far.read(&mut buffer).await.expect("it arrives"), 8);
    });
}

#[test]
fn bad_weather_resets_stalls_and_refuses() {
    let counters = |weather: Weather| {
        let pair = Pair::new(9);
        pair.universe.net.set_weather(weather);
        for _ in 0..40 {
            pair.run(async {
                let (mut near, mut far) = pair.connect().await;
                spawn(&pair.client.world, async move {
                    let _ = near.write_all(&[7; 9000]).await;
                });
                rest(&mut far).await;
            });
        }
        pair.universe.coverage.counters()
    };
    assert!(counters(Weather { reset: 500, ..Weather::calm() })["net.reset"] > 5);
    assert!(counters(Weather { stalled: 500, ..Weather::calm() })["net.stalled"] > 5);
    let pair = Pair::new(9);
    pair.universe.net.set_weather(Weather { refused: 1000, ..Weather::calm() });
    let address = SocketAddr::new(SERVER.into(), 25);
    let _listener = pair.server.world.net.listen(address).expect("free");
    assert!(pair.run(pair.client.world.net.connect(address, None)).is_err());
}

#[test]
fn without_file_descriptors_the_connection_waits() {
    let pair = Pair::new(3);
    let (server, _) = pair.hosts();
    let address = SocketAddr::new(SERVER.into(), 25);
    let listener = pair.server.world.net.listen(address).expect("free");
    pair.run(async {
        let _near = pair.client.world.net.connect(address, None).await.expect("somebody listens");
        pair.universe.net.exhaust_files(server, 1);
        assert_eq!(listener.accept().await.err().and_then(|e| e.raw_os_error()), Some(24));
        listener.accept().await.expect("it is still there");
    });
    // Nobody else comes.
    assert!(matches!(pair.universe.run(async { listener.accept().await.is_ok() }), Err(Halt::Stuck)));
}
