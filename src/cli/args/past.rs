//! What can be typed of the commands that tell a ledger of sends which it does not know.

use std::path::PathBuf;

use clap::Args;

use super::Where;

/// `levy ledger import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy ledger import history.csv --by \"Li Wei\"     before the first night
  levy ledger import history.csv --by \"Li Wei\" --ledger /srv/levy.db
  levy ledger import history.csv --by \"Li Wei\" --approved-by \"Wang Fang\"  where approval is required

The columns are the input's, with out_request_no in every row, and
first_sent_at (2026-03-02T08:00:00+08:00, or 2026-03-02 08:00:00 in China's
time) and outcome (SUCCESS, FAILED or UNKNOWN); quota_change_no is optional.
Any faulty row refuses the whole file, and so do the ceilings of [limits] where
outcome is UNKNOWN: that is submitted, and may be a deduction.

Another tool's word settles nothing: its rows show SUCCESS or FAILED, nothing
is sent again for them, and a verified reply that comes later wins. What is
UNKNOWN is asked for by `levy resume`, under its own number. Takes the run's
lock; sends nothing.")]
pub struct ImportArgs {
    /// The history: the numbers that another tool has used, .csv or .xlsx.
    #[arg(value_name = "HISTORY")]
    pub file: PathBuf,
    /// Who answers for it; it stands in the journal.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Who else has looked at it; needed where `[batch] require_approval` is set.
    #[arg(long, value_name = "NAME")]
    pub approved_by: Option<String>,
    /// Take identifiers of 16 digits and more that end in zeros as they are, though a spreadsheet may
    /// have rounded them.
    #[arg(long)]
    pub accept_digits: bool,
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

/// `levy ledger restored`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy ledger restored --since 2026-03-02T02:00:00+08:00 --by \"Li Wei\"

Give it at once after a ledger came back from a backup, before any run. TIME is the moment at which
the backup was made: `levy ledger backup` prints it. An earlier one is safe, a later one is not.

What was never sent by then may have been sent since: it counts as sent from
that moment on, and can't be withdrawn. Then give again what was given since
then, in its order, and only after that anything new. Takes the run's lock;
sends nothing.")]
pub struct RestoredArgs {
    /// The moment at which the backup was made, as `levy ledger backup` printed it.
    #[arg(long, value_name = "TIME")]
    pub since: String,
    /// Who says so; it stands in the journal.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Who else has looked at it; needed where `[batch] require_approval` is set.
    #[arg(long, value_name = "NAME")]
    pub approved_by: Option<String>,
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
