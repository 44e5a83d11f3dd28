//! What can be typed of the commands that look at the ledger, and of people's decisions.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ImportArgs, MoveArgs, RestoredArgs, Where};
use crate::ledger::JournalHead;
use crate::order::Resolution;

/// `levy status`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy status                  every batch, what is open, and what to do next
  levy status night.csv        one batch, row by row added up
  levy status 3 --json         the same as one JSON object

Takes no lock and changes nothing: it may be used while a run is going on.")]
pub struct StatusArgs {
    /// One batch: its number, the beginning of its digest, or its input file.
    #[arg(value_name = "BATCH")]
    pub batch: Option<String>,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

/// `levy show`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy show LVHKGPSOXG2KP64TSZXQ32VK7ULEMSAH          everything that is known of one order
  levy show LVHKGPSOXG2KP64TSZXQ32VK7ULEMSAH --json

Account and card numbers print masked. Takes no lock and changes nothing.")]
pub struct ShowArgs {
    /// The order's number.
    #[arg(value_name = "OUT_REQUEST_NO")]
    pub no: String,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

/// `levy freeze`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy freeze --reason \"the court called the batch back\" --by \"Li Wei\"

Stops all sending on this ledger, queries too: a run that is going on ends, and
no other begins, cron's included, until `levy unfreeze`. Needs no lock.")]
pub struct FreezeArgs {
    /// Why; it stands in the journal.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who says so; it stands in the journal.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Say nothing if all goes well.
    #[arg(long)]
    pub quiet: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

/// `levy unfreeze`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy unfreeze --by \"Wang Fang\"

Lets a frozen ledger send again. Nothing is sent by this command itself.")]
pub struct UnfreezeArgs {
    /// Who says so; it stands in the journal.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Say nothing if all goes well.
    #[arg(long)]
    pub quiet: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

/// `levy resolve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy resolve N42 --as success --by \"Li Wei\" --by \"Wang Fang\" \\
      --evidence \"statement of 2026-03-02, line 17\"
  levy resolve N42 --as failed --by \"Li Wei\" --by \"Wang Fang\" \\
      --evidence \"call with the gateway's desk, ticket 8812\"

For orders that were sent and that no verified reply has settled. The row then
shows SUCCESS or FAILED; the order keeps its state, no run submits it again,
and a verified reply that comes later always wins. One that was resolved as
failed gets a new number only 31 days after its first send. While a run goes on
it ends in 75, as every command that writes.")]
pub struct ResolveArgs {
    /// The order's number.
    #[arg(value_name = "OUT_REQUEST_NO")]
    pub no: String,
    /// What was found out.
    #[arg(long = "as", value_name = "success|failed", value_enum)]
    pub outcome: Outcome,
    /// Who found out; two different people, so it is given twice.
    #[arg(long, value_name = "NAME", required = true)]
    pub by: Vec<String>,
    /// How it was found out; it stands in the journal and in the result.
    #[arg(long, value_name = "TEXT")]
    pub evidence: String,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Say nothing if all goes well.
    #[arg(long)]
    pub quiet: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

/// What people found out, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Outcome {
    /// The amount was deducted.
    Success,
    /// Nothing was deducted.
    Failed,
}

impl Outcome {
    /// The ledger's word.
    pub fn resolution(self) -> Resolution {
        match self {
            Self::Success => Resolution::Success,
            Self::Failed => Resolution::Failed,
        }
    }
}

/// `levy ledger`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy ledger verify                               is the ledger what was written?
  levy ledger verify --expect 1842:9f86d081…       and has nothing before this head changed?
  levy ledger backup /backup/levy-2026-03-02.db    a verified copy, while a run may be on
  levy ledger import history.csv --by \"Li Wei\"     numbers that another tool has used
  levy ledger move levy.db postgres://levy@db/levy --by \"Li Wei\"
                                                   from a file to a server, for several hosts
  levy ledger restored --since TIME --by \"Li Wei\"  after it came back from a backup")]
pub struct LedgerArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: LedgerCommand,
}

/// The commands about the ledger's file.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Go through the whole ledger, say what is wrong; changes nothing.
    Verify(VerifyArgs),
    /// Make a verified copy of the ledger, while a run may be going on.
    Backup(BackupArgs),
    /// Bring a ledger that an older levy made up to date; sends nothing.
    Upgrade(UpgradeArgs),
    /// Take over numbers of another tool: content, first send, outcome.
    Import(ImportArgs),
    /// Move the ledger from a file to a server, or back; close the old one for good.
    Move(MoveArgs),
    /// Tell a ledger that it came back from a backup: what was not sent may have been since.
    Restored(RestoredArgs),
}

/// `levy ledger verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy ledger verify
  levy ledger verify --ledger /backup/levy-2026-03-02.db
  levy ledger verify --expect \"$(cat last-night.head)\"
  levy ledger verify --json

Looks at SQLite's own checks, the journal's chain, the sums, and each order's
state against its journal. Ends in 0 if all is well, in 1 if anything is not.
Takes no lock.")]
pub struct VerifyArgs {
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// A head that the journal had before (`journal_head` of a summary or a backup): it must have
    /// come through since.
    #[arg(long, value_name = "HEAD", value_parser = head)]
    pub expect: Option<JournalHead>,
    /// Print one JSON object, with every lane's head.
    #[arg(long)]
    pub json: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

/// `levy ledger upgrade`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy ledger upgrade
  levy ledger upgrade --ledger /backup/levy-2026-03-02.db     a copy, before it is verified

A run does the same by itself. Adds what newer versions need, and changes nothing that was
written; an older levy can't use the ledger afterwards. Sends nothing. Takes the run's lock.")]
pub struct UpgradeArgs {
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Print nothing.
    #[arg(long)]
    pub quiet: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

/// `levy ledger backup`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy ledger backup /backup/levy-$(date +%F).db
  levy ledger backup /backup/levy.db --force       in place of the last one

The copy is of one moment, is verified before it gets its name, and is readable
by you alone. Note the head that is printed: with it `levy ledger verify
--expect` sees a ledger that was set back. Note the time too: if the copy ever
comes back, `levy ledger restored --since TIME` must be told it.")]
pub struct BackupArgs {
    /// Where the copy goes.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Take the place of a file that is there.
    #[arg(long)]
    pub force: bool,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

fn head(text: &str) -> Result<JournalHead, String> {
    text.trim().parse().map_err(str::to_owned)
}
