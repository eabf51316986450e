//! A small authoritative name server for the demo's zones, over UDP and TCP.
//!
//! It knows a handful of names by heart, and answers that all others do not exist.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, MX, PTR, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// Seconds that answers may be remembered.
const TTL: u32 = 5;
/// Bytes of a question over UDP.
const UDP_LENGTH: usize = 1500;
/// Connections at once over TCP.
const TCP_CONNECTIONS: usize = 64;

/// The names that exist.
#[derive(Default)]
pub(super) struct Zones {
    records: BTreeMap<Name, Vec<RData>>,
}

impl Zones {
    /// A host with its address, and the address with its name.
    pub(super) fn host(&mut self, name: &str, address: Ipv4Addr) {
        let name = absolute(name);
        self.add(name.clone(), RData::A(A(address)));
        self.add(address.into(), RData::PTR(PTR(name)));
    }

    /// A domain and the hosts that take its mail, by preference.
    pub(super) fn domain(&mut self, name: &str, hosts: &[(u16, &str)]) {
        for (preference, host) in hosts {
            self.add(absolute(name), RData::MX(MX::new(*preference, absolute(host))));
        }
    }

    /// A domain that takes no mail at all (RFC 7505).
    pub(super) fn no_mail(&mut self, name: &str) {
        self.add(absolute(name), RData::MX(MX::new(0, Name::root())));
    }

    fn add(&mut self, name: Name, data: RData) {
        self.records.entry(name).or_default().push(data);
    }

    /// The answer to a question; `None` to what is no question.
    fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let request = Message::from_vec(request).ok()?;
        let query = request.queries.first()?.clone();
        let mut reply = Message::response(request.metadata.id, request.metadata.op_code);
        reply.metadata.authoritative = true;
        reply.metadata.recursion_desired = request.metadata.recursion_desired;
        match self.find(query.name(), query.query_type()) {
            Some(found) => reply.answers = found,
            None => reply.metadata.response_code = ResponseCode::NXDomain,
        }
        if reply.answers.is_empty() {
            reply.authorities.push(authority());
        }
        reply.queries = vec![query];
        reply.to_vec().ok()
    }

    /// Records of that type; none if the name has only others, and `None` if it does not exist. Names compare
    /// without regard to case (RFC 4343).
    fn find(&self, name: &Name, kind: RecordType) -> Option<Vec<Record>> {
        let data = self.records.get(name)?.iter().filter(|data| data.record_type() == kind);
        Some(data.map(|data| Record::from_rdata(name.clone(), TTL, data.clone())).collect())
    }
}

/// What goes with each "no": how long it may be remembered (RFC 2308 §5).
fn authority() -> Record {
    let soa = SOA::new(absolute("ns.test"), absolute("hostmaster.test"), 1, 60, 60, 60, TTL);
    Record::from_rdata(absolute("test"), TTL, RData::SOA(soa))
}

fn absolute(name: &str) -> Name {
    let mut name = Name::from_ascii(name).expect("the demo's names are good");
    name.set_fqdn(true);
    name
}

/// Serves `zones` on a free port of loopback, the same for UDP and TCP, until the set is dropped.
pub(super) async fn serve(zones: Zones) -> io::Result<(SocketAddr, JoinSet<()>)> {
    let (udp, tcp) = bind().await?;
    let address = udp.local_addr()?;
    let zones = Arc::new(zones);
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_udp(udp, Arc::clone(&zones)));
    tasks.spawn(serve_tcp(tcp, zones));
    Ok((address, tasks))
}

async fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    for _ in 0..20 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        if let Ok(tcp) = TcpListener::bind(udp.local_addr()?).await {
            return Ok((udp, tcp));
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free for both UDP and TCP"))
}

async fn serve_udp(socket: UdpSocket, zones: Arc<Zones>) {
    let mut buffer = [0; UDP_LENGTH];
    loop {
        // An error here is about an earlier answer that nobody waited for.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = zones.answer(&buffer[..length]) {
            drop(socket.send_to(&answer, peer).await);
        }
    }
}

async fn serve_tcp(listener: TcpListener, zones: Arc<Zones>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        if connections.len() < TCP_CONNECTIONS {
            connections.spawn(converse(stream, Arc::clone(&zones)));
        }
    }
}

/// Messages with their length before them (RFC 1035 §4.2.2), until the other end has no more.
async fn converse(mut stream: TcpStream, zones: Arc<Zones>) {
    while let Ok(length) = stream.read_u16().await {
        let mut request = vec![0; usize::from(length)];
        if stream.read_exact(&mut request).await.is_err() {
            return;
        }
        let Some(answer) = zones.answer(&request) else { return };
        let framed = [&(answer.len() as u16).to_be_bytes()[..], &answer].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use mail::Domain;
    use world::Dns;
    use world::dns::{Error, Mx};

    use super::*;

    fn domain(name: &str) -> Domain {
        Domain::new(name).expect("a good name")
    }

    #[tokio::test]
    async fn our_resolver_understands_it() {
        let mut zones = Zones::default();
        zones.host("mail.alpha.test", Ipv4Addr::new(127, 0, 0, 2));
        zones.domain("alpha.test", &[(10, "mail.alpha.test"), (20, "mail.relay.test")]);
        zones.no_mail("silent.test");
        let (address, _tasks) = serve(zones).await.expect("a free port");
        let dns = world::real::world(&[address]).dns;
        let dns: &dyn Dns = dns.as_ref();
        assert_eq!(dns.mx(&domain("ALPHA.test")).await.map(|found| found.len()), Ok(2));
        assert_eq!(dns.addresses(&domain("mail.alpha.test")).await, Ok(vec![[127, 0, 0, 2].into()]));
        assert_eq!(dns.mx(&domain("silent.test")).await, Ok(vec![Mx { preference: 0, host: None }]));
        assert_eq!(dns.mx(&domain("mail.alpha.test")).await, Err(Error::NoData));
        assert_eq!(dns.mx(&domain("nowhere.test")).await, Err(Error::NxDomain));
    }

    #[tokio::test]
    async fn tcp_takes_several_questions() {
        let mut zones = Zones::default();
        zones.host("a.test", Ipv4Addr::new(127, 0, 0, 9));
        let mut message = Message::query();
        message.add_query(hickory_proto::op::Query::query(absolute("a.test"), RecordType::A));
        let request = message.to_vec().expect("small");
        let (address, _tasks) = serve(zones).await.expect("a free port");
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        for _ in 0..2 {
            stream.write_u16(request.len() as u16).await.expect("open");
            stream.write_all(&request).await.expect("open");
            let length = stream.read_u16().await.expect("an answer");
            let mut answer = vec![0; usize::from(length)];
            stream.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(Message::from_vec(&answer).expect("good").answers.len(), 1);
        }
    }
}
