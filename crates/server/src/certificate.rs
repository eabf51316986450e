//! The certificate that we show: the operator's, or one of our own that is made once and kept.

use std::path::{Path, PathBuf};

use world::tls::Acceptor;
use world::{Disk, World, disk};

use crate::config::{CertificateFiles, Config};

/// Bytes of a PEM file.
const PEM_LENGTH: u64 = 1 << 20;
/// Our own pair, in `data_dir`.
const OWN_CERTIFICATE: &str = "self-signed.pem";
const OWN_KEY: &str = "self-signed.key";

/// A chain and its key, both PEM.
pub(crate) struct Pem {
    chain: Vec<u8>,
    key: Vec<u8>,
    /// For messages.
    from: PathBuf,
}

impl Pem {
    /// What `config` says; makes a pair of our own where it says nothing and there is none yet.
    pub(crate) fn load(world: &World, config: &Config) -> Result<Self, String> {
        match &config.tls {
            Some(files) => Self::read(world.disk.as_ref(), files),
            None => Self::own(world, config),
        }
    }

    fn read(disk: &dyn Disk, files: &CertificateFiles) -> Result<Self, String> {
        Ok(Self {
            chain: read(disk, &files.certificate)?,
            key: read(disk, &files.private_key)?,
            from: files.certificate.clone(),
        })
    }

    fn own(world: &World, config: &Config) -> Result<Self, String> {
        let files = CertificateFiles {
            certificate: config.data_dir.join(OWN_CERTIFICATE),
            private_key: config.data_dir.join(OWN_KEY),
        };
        if !world.disk.exists(&files.certificate) || !world.disk.exists(&files.private_key) {
            make(world.disk.as_ref(), config.hostname.as_str(), &files)?;
        }
        tracing::warn!(
            certificate = %files.certificate.display(),
            "using a self-signed certificate: clients will warn; name a real one in [tls]"
        );
        Self::read(world.disk.as_ref(), &files)
    }

    pub(crate) fn acceptor(&self) -> Result<Acceptor, String> {
        Acceptor::from_pem(&self.chain, &self.key).map_err(|why| self.explain(&why))
    }

    /// Shows this certificate from now on; `acceptor` keeps the old one if this is wrong.
    pub(crate) fn install(&self, acceptor: &Acceptor) -> Result<(), String> {
        acceptor.replace(&self.chain, &self.key).map_err(|why| self.explain(&why))
    }

    fn explain(&self, why: &str) -> String {
        format!("{}: {why}", self.from.display())
    }
}

/// The key first: a certificate that is there says that its key is.
fn make(disk: &dyn Disk, hostname: &str, files: &CertificateFiles) -> Result<(), String> {
    let (chain, key) = world::tls::self_signed(&[hostname.to_owned()])?;
    for (path, text) in [(&files.private_key, key), (&files.certificate, chain)] {
        disk::replace(disk, path, text.as_bytes())
            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, String> {
    disk::read(disk, path, PEM_LENGTH).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// The chain that is shown, for clients in this process that are to trust just that one.
pub(crate) fn own_chain(world: &World, config: &Config) -> Result<Vec<u8>, String> {
    read(world.disk.as_ref(), &config.data_dir.join(OWN_CERTIFICATE))
}
