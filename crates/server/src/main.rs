//! The binary `posthouse`.

use std::process::ExitCode;

fn main() -> ExitCode {
    posthouse::main()
}
