//! rustls with aws-lc.
use crate::Stream;
use crate::tls::Demand;
use mail::Domain;
use std::io;

pub(crate) struct ServerSide;
pub(crate) struct ClientSide;

impl ServerSide {
    pub(crate) fn from_pem(_chain: &[u8], _key: &[u8]) -> Result<Self, String> {
        todo!()
    }
    pub(crate) fn replace(&self, _chain: &[u8], _key: &[u8]) -> Result<(), String> {
        todo!()
    }
}
impl ClientSide {
    pub(crate) fn new(_extra_roots: &[u8]) -> Result<Self, String> {
        todo!()
    }
}
pub(crate) async fn accept(_side: &ServerSide, _stream: Stream, _alpn: &'static [u8]) -> io::Result<Stream> {
    todo!()
}
pub(crate) async fn connect(
    _side: &ClientSide,
    _stream: Stream,
    _name: &Domain,
    _demand: Demand,
) -> io::Result<Stream> {
    todo!()
}
pub(crate) fn self_signed(_names: &[String]) -> Result<(String, String), String> {
    todo!()
}
