//! The workspace as Cargo sees it: crates, their direct dependencies, and all packages below them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One crate of ours.
pub(crate) struct Crate {
    /// Package name (`posthouse` for `crates/server`).
    pub(crate) package: String,
    /// Directory relative to the root: `crates/mail`, `xtask`.
    pub(crate) directory: String,
    /// Package names it depends on outside tests.
    pub(crate) dependencies: Vec<String>,
}

impl Crate {
    /// The room's name on the map: the last part of its directory.
    pub(crate) fn room(&self) -> &str {
        self.directory.rsplit('/').next().unwrap_or(&self.directory)
    }
}

/// Where the workspace begins.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// What `cargo metadata` says; with `all`, the packages of other people as well.
pub(crate) fn metadata(all: bool) -> Result<Value, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root());
    if !all {
        command.arg("--no-deps");
    }
    let output = command.output().map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// All crates of ours, sorted by directory.
pub(crate) fn crates() -> Result<Vec<Crate>, String> {
    let metadata = metadata(false)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    let mut crates: Vec<Crate> = packages.iter().map(of_package).collect();
    crates.sort_by(|a, b| a.directory.cmp(&b.directory));
    Ok(crates)
}

fn of_package(package: &Value) -> Crate {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    let directory = manifest.parent().unwrap_or(manifest);
    let directory = directory.strip_prefix(root()).unwrap_or(directory);
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    Crate {
        package: package["name"].as_str().unwrap_or_default().to_owned(),
        directory: directory.to_string_lossy().into_owned(),
        dependencies: dependencies
            .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
            .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
            .collect(),
    }
}
