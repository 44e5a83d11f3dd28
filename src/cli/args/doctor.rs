//! What can be typed of the commands that look after the settings, the keys and the machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Where;
use crate::secret::Secret;

/// `levy doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy doctor                                  before the first night, as the user who will run it
  levy doctor --probe 1900016681:8609cb22…     asks for the balance of that account
  levy doctor --offline                        settings, keys and ledger alone
  levy doctor --full                           the whole ledger too, as `levy ledger verify`
  levy doctor --json                           one JSON object on stdout
  levy doctor --config .levy-sandbox/levy.toml
                                               against `levy sandbox` in another terminal

Looks at everything that a night needs, goes on after what it finds wrong, and changes nothing.
It asks the gateway one harmless thing (the balance of --probe's account, else the platform
certificates); it never submits, and never asks for an order. Takes no lock: it may be used
while a run is going on.

Exit codes:
  0  all is well, warnings allowed
  2  settings, keys, clock or ledger are wrong
  4  the gateway could not be reached or judged")]
pub struct DoctorArgs {
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Ask for the balance of this account, given as its target merchant and the account.
    #[arg(long, value_name = "MCHID:ACCOUNT", value_parser = hidden)]
    pub probe: Option<Secret<String>>,
    /// Ask the gateway nothing.
    #[arg(long, conflicts_with = "probe")]
    pub offline: bool,
    /// Verify the whole ledger with its journal, not by SQLite's quick check.
    #[arg(long)]
    pub full: bool,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
    /// Print what is not well, and nothing else.
    #[arg(long)]
    pub quiet: bool,
}

/// Never at fault: what clap shows of a fault has the value in it.
fn hidden(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.into()))
}

/// `levy keys`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy keys fetch                  download the platform certificates, say what to configure")]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What is done about keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Download the platform's certificates and store them.
    Fetch(FetchArgs),
}

/// `levy keys fetch`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy keys fetch                       beside levy.toml, as wechatpay_SERIAL.pem
  levy keys fetch --dir /etc/levy/keys  elsewhere

Needs [merchant] with its keys and api_v3_key_file; [platform] may be empty: what opens under
the APIv3 key is WeChat Pay's. Nothing that exists is overwritten, and levy.toml is left to you:
the lines for it are printed on stdout.

Exit codes:
  0  stored, or there already
  2  settings, keys or a stored file are wrong
  4  the gateway could not be reached or believed")]
pub struct FetchArgs {
    /// Settings; ./levy.toml where that exists.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the certificates go; beside the settings by default.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
