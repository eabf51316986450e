//! `posthouse demo`
mod dns;
use crate::cli::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments) -> Result<(), Failure> {
    Ok(())
}
