//! What can be typed of `levy report`.

use std::path::PathBuf;

use clap::Args;

use super::{TemplateLanguage, Where};

/// `levy report`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy report night.csv                        night.report.html beside night.csv
  levy report 3 --out /srv/reports/3.html      by the batch's number in the ledger
  levy report 3 --lang zh                      in Chinese
  levy report sample_batch.csv --sandbox

One page that loads nothing from anywhere: sums, what needs a person and why,
pace, latency, and a table of at most 2,000 rows, those that need a person
first. It can be mailed, and prints on A4. Account and card numbers are masked.
Takes no lock and changes nothing: it may be used while a run is going on.")]
pub struct ReportArgs {
    /// The batch: its number, the beginning of its digest, or its input file.
    #[arg(value_name = "BATCH")]
    pub batch: String,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Where the page goes, a .html; NAME.report.html beside the input file if that was given, else in
    /// this directory.
    #[arg(long, value_name = "REPORT.html")]
    pub out: Option<PathBuf>,
    /// The page's language; as `[result] language` says where it is not given.
    #[arg(long, value_name = "LANG")]
    pub lang: Option<TemplateLanguage>,
    /// Say nothing if all goes well.
    #[arg(long)]
    pub quiet: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}
