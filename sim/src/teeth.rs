//! Proves that the oracle has teeth: bugs are planted into a copy of the sources, one at a time is switched on, and the
//! simulator must find each within its number of seeds - and nothing in the same seeds while none is on.
//!
//! `sim/teeth/*.toml` lists the bugs. A bug's `edit` replaces `old`, which must stand exactly once in `file`, by
//! `if planted::on(NAME) { new } else { old }`; a `raw` edit puts `new` there as it is, where `$on` asks whether the
//! bug is on. The copy is built once, beside the real simulator and with the same dependencies. No line of the product
//! knows of this.

mod copy;
mod hunt;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::show::say;
use table::Bug;

/// What `sim teeth` is asked.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Arguments {
    /// Only these bugs
    bugs: Vec<String>,
    /// Only say which bugs there are
    #[arg(long)]
    list: bool,
    /// Bugs hunted at once; default: as many as there are processors
    #[arg(long)]
    jobs: Option<usize>,
    /// In the planted build: runs seeds up to this one until one fails, and says which
    #[arg(long, hide = true)]
    hunt: Option<u64>,
    /// In the planted build: the first seed
    #[arg(long, hide = true, default_value_t = 1)]
    from: u64,
}

/// `sim teeth`
pub fn run(arguments: &Arguments) -> ExitCode {
    if let Some(seeds) = arguments.hunt {
        return hunt::child(arguments.from, seeds);
    }
    match hunt_all(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            say(format_args!("{why}"));
            ExitCode::from(2)
        }
    }
}

/// The workspace this program was built from.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

fn hunt_all(arguments: &Arguments) -> Result<bool, String> {
    let root = root();
    let bugs = table::read(&root)?;
    let chosen = choose(&bugs, &arguments.bugs)?;
    if arguments.list {
        for bug in chosen {
            say(format_args!("{:<28} {}", bug.name, bug.breaks));
        }
        return Ok(true);
    }
    let copy = copy::make(&root, &bugs)?;
    let program = build(&root, &copy)?;
    let (holes, chosen): (Vec<&Bug>, Vec<&Bug>) =
        chosen.into_iter().partition(|bug| bug.hole.is_some() && arguments.bugs.is_empty());
    let well = hunt::all(&program, &chosen, arguments.jobs);
    for bug in holes {
        say(format_args!("not hunted: {}: {}", bug.name, bug.hole.as_deref().unwrap_or_default()));
    }
    Ok(well)
}

fn choose<'a>(bugs: &'a [Bug], names: &[String]) -> Result<Vec<&'a Bug>, String> {
    if let Some(unknown) = names.iter().find(|name| bugs.iter().all(|bug| bug.name != **name)) {
        return Err(format!("there is no planted bug {unknown}; `sim teeth --list` names them"));
    }
    Ok(bugs.iter().filter(|bug| names.is_empty() || names.contains(&bug.name)).collect())
}

/// Builds the copy in the real target directory and with the profile of the tests, but optimised a little: the
/// dependencies, which that profile optimises in any case, are there already.
fn build(root: &Path, copy: &Path) -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--offline", "--package", "sim", "--bin", copy::BINARY]);
    // What would be warned of in a bug is nobody's business.
    command.arg("--manifest-path").arg(copy.join("Cargo.toml")).arg("--target-dir").arg(&target);
    for setting in ["profile.dev.opt-level=1", "profile.dev.debug=0", "build.warnings=\"allow\""] {
        command.args(["--config", setting]);
    }
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!("the copy with the planted bugs, {}, does not build", copy.display()));
    }
    Ok(target.join("debug").join(copy::BINARY))
}
