//! levy's command; `levy::cli` does the work.

use std::process::ExitCode;

fn main() -> ExitCode {
    levy::cli::main()
}
