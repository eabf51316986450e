//! Domains that mail cannot reach, each for another reason (F12, F13), and a host that nobody may connect to (I17).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::dns::Name;
use crate::oracle::ledger::Ledger;
use crate::universe::Universe;

/// Where only a server that trusts names blindly would connect.
const TRAP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));

/// Somebody in each of these domains. Mail for them comes back with a report.
pub fn addresses() -> impl Iterator<Item = String> {
    ["null", "missing", "nohost", "private", "ours"].into_iter().map(|name| format!("x@{name}.test"))
}

/// Makes the names. `own` is the name of the office's host: one domain points back to it.
pub fn make(universe: &Universe, own: &str) {
    let mx = |name: &str, host: &str| {
        universe.zones.set(name, Name { mx: vec![(10, host.to_owned())], ..Name::default() });
    };
    universe.zones.set("null.test", Name { mx: vec![(0, String::new())], ..Name::default() });
    mx("nohost.test", "mx.missing.test");
    mx("private.test", "mx.private.test");
    universe.zones.set("mx.private.test", Name { addresses: vec![TRAP], ..Name::default() });
    mx("ours.test", own);
}

/// Whoever connects to the host with a private address breaks I17.
pub fn set_trap(universe: &Universe, ledger: &Arc<Ledger>) {
    let process = universe.actor("trap", TRAP);
    let Ok(listener) = process.world.net.listen(SocketAddr::new(TRAP, 25)) else { return };
    let ledger = Arc::clone(ledger);
    process.world.tasks.spawn(Box::pin(async move {
        while listener.accept().await.is_ok() {
            ledger.wrong("I17", format!("a connection was made to {TRAP}, which names must not lead to"));
        }
    }));
}
