//! What can be typed of `levy ledger move`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::ledger::{Person, Typed};

/// `levy ledger move`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy ledger move levy.db postgres://levy@db.bank.example/levy --by \"Li Wei\"
  levy ledger move postgres://levy@db.bank.example/levy back.db --by \"Li Wei\"

From a file to a server, for several hosts, or back. Everything goes: batches,
orders, the journal with its chain. Afterwards the old ledger is closed for
good (it can still be looked at), since two ledgers of one past that both send
would deduct twice: name the new one in the settings of every host.

The new one must be empty, or not there. No run may be going on. Given again
after a crash, the same command goes on from where it stood; until it has come
to its end neither sends. Killed just before the very last step, it asks for
--never-opened. A new one that was lost after the move is not filled with the
old past again. The password comes from [ledger] password_file or PGPASSWORD.
Sends nothing.")]
pub struct MoveArgs {
    /// The ledger that there is: a file, or postgres://USER@HOST/DATABASE.
    #[arg(value_name = "FROM", value_parser = OsStringValueParser::new().map(Typed::from))]
    pub from: Typed,
    /// Where it goes.
    #[arg(value_name = "TO", value_parser = OsStringValueParser::new().map(Typed::from))]
    pub to: Typed,
    /// Who moves it; it stands in both journals.
    #[arg(long, value_name = "NAME", value_parser = Person::parse)]
    pub by: Person,
    /// Only where the move asks for it: TO is as a killed move left it, and nobody ever sent on it.
    #[arg(long)]
    pub never_opened: bool,
    /// Settings; ./levy.toml where that exists.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Take a file on a network file system, where locks may not hold.
    #[arg(long)]
    pub force_network_file_system: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Say nothing if all goes well.
    #[arg(long)]
    pub quiet: bool,
    /// A ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}
