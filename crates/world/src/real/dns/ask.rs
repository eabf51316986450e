//! Questions that ask for the AD bit.
//!
//! hickory's stub resolver never does; its connections are wrapped to set the bit in each question, which asks a
//! validating server to say whether its answer is secure, without the signatures themselves (RFC 6840 §5.7).

use std::net::IpAddr;
use std::pin::Pin;

use hickory_resolver::config::ConnectionConfig;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsHandle, NetError};
use hickory_resolver::proto::op::DnsRequest;
use hickory_resolver::{ConnectionProvider, PoolContext};

/// Makes connections whose questions carry the AD bit if `ad` says so.
#[derive(Clone, Default)]
pub(super) struct Asking {
    pub(super) ad: bool,
    tokio: TokioRuntimeProvider,
}

impl Asking {
    pub(super) fn new(ad: bool) -> Self {
        Self { ad, ..Self::default() }
    }
}

type Plain = <TokioRuntimeProvider as ConnectionProvider>::Conn;

impl ConnectionProvider for Asking {
    type Conn = Connection;
    type FutureConn = Pin<Box<dyn Future<Output = Result<Connection, NetError>> + Send>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        cx: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let (ad, made) = (self.ad, self.tokio.new_connection(ip, config, cx)?);
        Ok(Box::pin(async move { Ok(Connection { ad, plain: made.await? }) }))
    }

    fn runtime_provider(&self) -> &TokioRuntimeProvider {
        &self.tokio
    }
}

/// One of hickory's connections.
#[derive(Clone)]
pub(super) struct Connection {
    ad: bool,
    plain: Plain,
}

impl DnsHandle for Connection {
    type Response = <Plain as DnsHandle>::Response;
    type Runtime = TokioRuntimeProvider;

    fn is_using_edns(&self) -> bool {
        self.plain.is_using_edns()
    }

    fn send(&self, mut request: DnsRequest) -> Self::Response {
        request.metadata.authentic_data = self.ad;
        self.plain.send(request)
    }
}
