//! What can be typed: subcommands and flags, as types.
//!
//! clap checks the form of each value; whether they make sense together is the command's business.

mod books;
mod doctor;
mod file;
mod manual;
mod moved;
mod past;
mod plan;
mod reconcile;
mod report;
mod rerun;
mod shared;
mod sweep;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::ledger::{Person, PlanId, Typed};
use crate::report::log::{Format, Level, Wish};

pub use books::{
    BackupArgs, FreezeArgs, LedgerArgs, LedgerCommand, Outcome, ResolveArgs, ShowArgs, StatusArgs,
    UnfreezeArgs, UpgradeArgs, VerifyArgs,
};
pub use doctor::{DoctorArgs, FetchArgs, KeysArgs, KeysCommand};
pub use file::{ExpectArgs, FileArgs, ResultArgs, TemplateArgs, TemplateLanguage};
pub use manual::{CompletionsArgs, ManArgs};
pub use moved::MoveArgs;
pub use past::{ImportArgs, RestoredArgs};
pub use plan::{ApproveArgs, PlanArgs};
pub use reconcile::{Moment, ReconcileArgs, Until};
pub use report::ReportArgs;
pub use rerun::{DriveArgs, FirstArgs, OnlyDead, RerunArgs, ResumeArgs};
pub use shared::{LanesArgs, WorkArgs};
pub use sweep::SweepArgs;

/// Seconds that `--wait` and `--outage-wait` take at most: a day.
const WAIT_SECONDS_MAX: i64 = 86_400;
/// Days that `--hold-days` takes at most: ten years.
pub const HOLD_DAYS_MAX: i64 = 3_650;

/// Characters of a help's lines at most; those of the longer texts fit a terminal of 80.
const HELP_CHARS_MAX: usize = 100;

/// Court-ordered and penalty deductions on WeChat Pay (特殊减额), as a batch.
///
/// levy reads a CSV of deductions, checks all of it, submits each row once under a paced limit per
/// merchant, and writes a result CSV. What it promised is in a ledger: the same command given again
/// continues where it stopped, and deducts nothing twice.
#[derive(Debug, Parser)]
#[command(
    name = "levy",
    version,
    max_term_width = HELP_CHARS_MAX,
    after_help = "\
Examples:
  levy run sample_batch.csv --sandbox --wait 10    try it: no account, no network, no real money
  levy init                                        write levy.toml, make the ledger
  levy doctor                                      is everything ready for the first night?
  levy check night.csv                             every fault of a file; sends nothing
  levy run night.csv --yes                         the nightly batch
  levy sweep /srv/inbox --yes                      the drop folder, from cron
  levy resume --yes                                the morning after: what is still open
  levy rerun night.csv                             what failed, under new numbers
  levy run night.csv --yes -v --log-format json    a line for each request, for a log collector

Exit codes:
  0   every row is done
  1   levy itself failed: disk, ledger, a bug
  2   usage, configuration, keys or the file are wrong; nothing was sent
  3   finished, and some rows need a person
  4   not finished: give the same command again
  75  another run holds the ledger"
)]
pub struct Cli {
    /// What is said on stderr.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What is said on stderr, by any command.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is said on stderr")]
pub struct LogArgs {
    /// Lines for people, or one JSON object a line.
    #[arg(long, global = true, value_name = "FORMAT", display_order = 900)]
    pub log_format: Option<Format>,
    /// What is shown: this and what is worse. debug has a line for each request and its reply.
    #[arg(long, global = true, value_name = "LEVEL", display_order = 901)]
    pub log_level: Option<Level>,
    /// --log-level debug; twice, trace.
    #[arg(short, global = true, action = ArgAction::Count, conflicts_with = "log_level",
          display_order = 902)]
    pub verbose: u8,
}

impl LogArgs {
    /// As it is asked for.
    pub fn wish(&self) -> Wish {
        let level = match self.verbose {
            0 => self.log_level,
            1 => Some(Level::Debug),
            _ => Some(Level::Trace),
        };
        Wish {
            level,
            format: self.log_format,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Deduct what the files ask for, and write a result beside each.
    Run(Box<RunArgs>),
    /// Deduct what is put into a drop folder, and leave results and receipts there.
    Sweep(Box<SweepArgs>),
    /// Bring every order that was sent to its end, without a file.
    Resume(Box<ResumeArgs>),
    /// Issue what is proven dead again, under new numbers.
    Rerun(Box<RerunArgs>),
    /// Send what is handed over on a ledger that several hosts share.
    Work(Box<WorkArgs>),
    /// Ask the gateway again for what was sent, and say where it and the ledger differ.
    Reconcile(Box<ReconcileArgs>),
    /// Say everything that is wrong with a file; send nothing.
    Check(CheckArgs),
    /// Store what a file would do, to be approved; send nothing.
    Plan(PlanArgs),
    /// Approve a plan that somebody else has made.
    Approve(ApproveArgs),
    /// Write a batch's result again, from the ledger.
    Export(ExportArgs),
    /// Write a batch's report: one page for people, to be looked at or printed.
    Report(ReportArgs),
    /// Withdraw what was never sent.
    Cancel(CancelArgs),
    /// Tell how the ledger stands, and what to do next.
    Status(StatusArgs),
    /// Tell whose each lane of a shared ledger is, and what waits in it.
    Lanes(LanesArgs),
    /// Tell everything that is known of one order.
    Show(ShowArgs),
    /// Stop all sending on a ledger.
    Freeze(FreezeArgs),
    /// Let a frozen ledger send again.
    Unfreeze(UnfreezeArgs),
    /// Say what two people found out about an order that was sent.
    Resolve(ResolveArgs),
    /// Verify the ledger, make a copy of it, or tell it of sends that it does not know.
    Ledger(LedgerArgs),
    /// Write an empty batch with its header, to be filled in.
    Template(TemplateArgs),
    /// Write an example levy.toml, check the keys, and make the ledger.
    Init(InitArgs),
    /// Look at everything that a night needs, and say what is wrong.
    Doctor(Box<DoctorArgs>),
    /// Look after the keys.
    Keys(KeysArgs),
    /// Send a test message to those whom the settings name.
    Notify(NotifyArgs),
    /// Run the gateway in a box by itself, until Ctrl-C.
    Sandbox(SandboxArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Print levy's manual page, or write those of all commands.
    Man(ManArgs),
}

/// Where the settings and the memory are.
#[derive(Args, Clone, Debug, Default)]
pub struct Where {
    /// Settings; ./levy.toml where that exists.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The ledger's file, in place of `[ledger] url`; or postgres://USER@HOST/DATABASE.
    #[arg(long, value_name = "PATH|URL", value_parser = OsStringValueParser::new().map(Typed::from))]
    pub ledger: Option<Typed>,
    /// Take a ledger on a network file system, where locks may not hold.
    #[arg(long)]
    pub force_network_file_system: bool,
}

/// `levy run`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy run night.csv                       asks before the first send, on a terminal
  levy run night.csv --yes --until 05:30   from cron
  levy run night.csv --limit 10            the first night: only ten new orders
  levy run a.csv b.csv --json              one JSON object a file on stdout
  levy run night.csv --expect-rows 120 --expect-amount 4567890
                                           nothing is sent unless it adds up to that (fen)
  levy run --plan 3 --approved-by 'Wang Fang' --yes
                                           what `levy plan` has stored, and nothing else
  levy run sample_batch.csv --sandbox --wait 10
  levy run night.csv --out night.result.xlsx --lang zh
                                           the result as a workbook, in Chinese
  levy run night_fixed.csv                 night.failed.csv, mended and saved under another name

The file's bytes are the batch: the same file again continues it, and sends no row twice. After
any crash, give the same command again. Nothing is sent before the whole file was checked.

The rows that need somebody stand once more in NAME.failed.csv beside the result. Mend them there,
or write yes under levy_reissue for a new number in place of one that failed, and run that file.")]
pub struct RunArgs {
    /// Files of deductions (.csv or .xlsx), in the order to run them.
    #[arg(required_unless_present = "plan", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Run exactly what this plan says: its file, with the orders and sums that were planned. Without
    /// FILE the plan's own file is taken, where it lay.
    #[arg(long, value_name = "ID", value_parser = plan::id)]
    pub plan: Option<PlanId>,
    /// Who approves the plan; not who made it. It is written into the ledger before the first send.
    #[arg(long, value_name = "NAME", requires = "plan", value_parser = Person::parse)]
    pub approved_by: Option<Person>,
    /// Make the ledger if there is none. A ledger that is lost has forgotten what was sent.
    #[arg(long)]
    pub create_ledger: bool,
    /// Where the result goes, a .csv or a .xlsx; NAME.result.csv (.xlsx for a workbook) beside the
    /// input. Only with one file.
    #[arg(long, value_name = "RESULT")]
    pub out: Option<PathBuf>,
    /// What the result looks like.
    #[command(flatten)]
    pub result: ResultArgs,
    /// How the file is read and taken in.
    #[command(flatten)]
    pub taking: FileArgs,
    /// What it must add up to.
    #[command(flatten)]
    pub expect: ExpectArgs,
    /// How it is driven.
    #[command(flatten)]
    pub drive: DriveArgs,
    /// What is sent for the first time.
    #[command(flatten)]
    pub first: FirstArgs,
}

/// How the gateway in a box behaves.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "The gateway in a box")]
pub struct SandboxTuning {
    /// Milliseconds that each reply takes, drawn from A to B.
    #[arg(long, value_name = "A-B", value_parser = millis_range)]
    pub sandbox_latency_ms: Option<(u64, u64)>,
    /// Faults by chance, such as lose-after=0.2,error-500=0.1,throttle=0.05,ill-signed=0.05.
    #[arg(long, value_name = "FAULT=CHANCE,…")]
    pub sandbox_faults: Option<String>,
    /// Requests a second that one merchant may make; or off.
    #[arg(long, value_name = "N|off", value_parser = sandbox_limit)]
    pub sandbox_limit: Option<SandboxLimit>,
    /// Seed of its chances, so that a run can be repeated.
    #[arg(long, value_name = "N")]
    pub sandbox_seed: Option<u64>,
}

/// How many requests a second the gateway in a box takes of one merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxLimit {
    /// So many.
    PerSecond(u32),
    /// Any number.
    Off,
}

/// `levy check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy check night.csv            every fault as FILE:ROW:COLUMN, and the totals
  levy check night.csv --json     the totals as JSON on stdout, the faults on stderr
  levy check night.csv --out faults.xlsx
                                  the file again with a column of its faults: mend the cells there,
                                  and give that file
  levy check night.csv --balances
                                  what each account holds, and which rows it does not reach for
  levy check night.csv --ledger /var/lib/levy/levy.db

Needs no settings and no keys (but for --balances), and deducts nothing. A ledger that the settings
lead to, or --ledger, is looked at without its lock: rows that repeat, contradict or look like what
earlier files asked for are told with both places. Ends in 0 if the file would run whole, 3 if some
of its rows would not be deducted, 2 if the file as a whole is refused.")]
pub struct CheckArgs {
    /// The file, .csv or .xlsx.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Settings, for the ceiling and the hold's days; ./levy.toml if there.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The ledger to look at, in place of `[ledger] url`; it must be there.
    #[arg(long, value_name = "PATH|URL", value_parser = OsStringValueParser::new().map(Typed::from))]
    pub ledger: Option<Typed>,
    /// Write the file again, .csv or .xlsx, with its faults in a column `levy_faults` beside each row.
    #[arg(long, value_name = "FAULTS.csv")]
    pub out: Option<PathBuf>,
    /// Ask the gateway what each account holds, and tell which rows would be closed for lack of it.
    /// Takes settings and keys, and moves no money.
    #[arg(long)]
    pub balances: bool,
    /// Print the totals as JSON on stdout.
    #[arg(long)]
    pub json: bool,
    /// Print the faults alone.
    #[arg(long)]
    pub quiet: bool,
    /// How the file is read and taken in.
    #[command(flatten)]
    pub taking: FileArgs,
    /// What it must add up to.
    #[command(flatten)]
    pub expect: ExpectArgs,
    /// Take rows whose reason is a script for the gateway in a box, and look at its ledger beside the
    /// file.
    #[arg(long)]
    pub sandbox: bool,
}

/// `levy export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy export 3                     by the batch's number in the ledger
  levy export 9f86d081              by the beginning of the file's SHA-256, 8 digits at least
  levy export night.csv             by the input file itself
  levy export 3 --out /tmp/3.xlsx --lang zh
  levy export sample_batch.csv --sandbox

Takes no lock and changes nothing: it may be used while a run is going on.")]
pub struct ExportArgs {
    /// The batch: its number, the beginning of its digest, or its input file.
    #[arg(value_name = "BATCH")]
    pub batch: String,
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
    /// Where the result goes; beside the input file if that was given, else in this directory.
    #[arg(long, value_name = "RESULT.csv")]
    pub out: Option<PathBuf>,
    /// What the result looks like.
    #[command(flatten)]
    pub result: ResultArgs,
    /// Say nothing if all goes well.
    #[arg(long)]
    pub quiet: bool,
    /// The ledger of the gateway in a box.
    #[arg(long)]
    pub sandbox: bool,
}

/// `levy cancel`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy cancel 3                     every order of batch 3 that was never sent
  levy cancel night.csv             the same, by the input file
  levy cancel LVHKGPSOXG2KP64TSZXQ32VK7ULEMSAH    one order
  levy cancel 12345678 --order      one order whose number looks like a batch's

What was sent cannot be withdrawn; it is left alone and named.")]
pub struct CancelArgs {
    /// A batch (number, beginning of its digest, or input file), or one order's number.
    #[arg(value_name = "BATCH|NO")]
    pub target: String,
    /// The target is an order's number, whatever it looks like.
    #[arg(long)]
    pub order: bool,
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

/// `levy init`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy init          no levy.toml yet: writes an example of one
  levy init          filled in: checks settings and keys, and makes the ledger

Nothing that exists is overwritten.")]
pub struct InitArgs {
    /// Settings and ledger.
    #[command(flatten)]
    pub at: Where,
}

/// `levy notify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy notify --config /etc/levy/levy.toml    then look whether the message has arrived

Exit 0: everybody took it; 2: [notify] names nobody, or a setting is wrong; 4:
somebody did not take it.")]
pub struct NotifyArgs {
    /// Settings; ./levy.toml where that exists.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `levy sandbox`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy sandbox --listen 127.0.0.1:8620
  levy sandbox --dir /tmp/box --sandbox-faults lose-after=0.2 --sandbox-seed 7

Then, from another terminal:
  levy run sample_batch.csv --config .levy-sandbox/levy.toml --create-ledger

No real money moves. Its keys are made for it and are worth nothing.")]
pub struct SandboxArgs {
    /// Where its keys and books are kept, and a levy.toml that leads to it.
    #[arg(long, value_name = "DIR", default_value = ".levy-sandbox")]
    pub dir: PathBuf,
    /// Address to listen on, of this machine alone; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Keep the last request that was authentic: what was signed in FILE, its signature in FILE.sig.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// The platform's certificate gives way to another: `announced` hands out both, `signing` signs with
    /// the next one, whatever a request names.
    #[arg(long, value_name = "STEP", value_enum)]
    pub rotation: Option<RotationStep>,
    /// How it behaves.
    #[command(flatten)]
    pub tuning: SandboxTuning,
}

/// How far the certificate of the gateway in a box is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RotationStep {
    /// Both are handed out; each signs what names it.
    Announced,
    /// The next one signs.
    Signing,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
}

fn time_of_day(text: &str) -> Result<TimeOfDay, String> {
    let two = |t: &str| (t.len() == 2).then(|| digits(t)).flatten();
    let parts = text.split_once(':').and_then(|(h, m)| {
        Some(TimeOfDay {
            hour: u32::try_from(two(h)?).ok()?,
            minute: u32::try_from(two(m)?).ok()?,
        })
    });
    match parts {
        Some(time) if time.hour < 24 && time.minute < 60 => Ok(time),
        _ => Err("must be a time of day such as 05:30".into()),
    }
}

fn millis_range(text: &str) -> Result<(u64, u64), String> {
    let range = match text.split_once('-') {
        Some((low, high)) => digits(low).zip(digits(high)),
        None => digits(text).map(|both| (both, both)),
    };
    match range {
        Some((low, high)) if low <= high && high <= 60_000 => Ok((low, high)),
        _ => Err("must be milliseconds from 0 to 60000, such as 20-70".into()),
    }
}

fn sandbox_limit(text: &str) -> Result<SandboxLimit, String> {
    if text == "off" {
        return Ok(SandboxLimit::Off);
    }
    match digits(text).and_then(|n| u32::try_from(n).ok()) {
        Some(n) if n > 0 => Ok(SandboxLimit::PerSecond(n)),
        _ => Err("must be a number from 1, or off".into()),
    }
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_in_its_help() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|h| h.contains("Examples:\n  levy ")),
                "{}",
                command.get_name()
            );
        }
    }

    /// A longer line is broken by clap, which leaves a word alone on the next one.
    #[test]
    fn no_line_of_a_help_is_broken_on_a_wide_terminal() {
        fn look(command: &clap::Command, long: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string);
            let lines = help.iter().flat_map(|help| help.lines());
            let too_long = lines.filter(|line| line.chars().count() > HELP_CHARS_MAX);
            long.extend(too_long.map(|line| format!("{}: {line}", command.get_name())));
            for command in command.get_subcommands() {
                look(command, long);
            }
        }
        let mut long = Vec::new();
        look(&Cli::command(), &mut long);
        assert_eq!(long, Vec::<String>::new());
    }

    /// The lines of a help that a reader may type, in words; without what a shell takes away.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let head = "a".repeat(64);
        let mut whole = help.replace(" \\\n     ", "");
        // What a shell puts in, and what stands for a value.
        for (said, meant) in [
            ("$(cat last-night.head)", format!("1:{head}")),
            ("9f86d081…", head),
            ("$(date +%F)", "today".into()),
            ("--since TIME", "--since 2026-03-02T02:00:00+08:00".into()),
        ] {
            whole = whole.replace(said, &meant);
        }
        let lines = whole.lines().filter_map(|line| {
            let typed = line.strip_prefix("  levy ")?;
            let end = [" > ", " | ", "  "].iter().filter_map(|at| typed.find(at));
            Some(&typed[..end.min().unwrap_or(typed.len())])
        });
        lines.map(words).collect()
    }

    fn words(typed: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = None;
        for c in typed.chars() {
            match (c, quoted) {
                ('\'' | '"', None) => quoted = Some(c),
                (_, Some(q)) if q == c => quoted = None,
                (' ', None) => words.push(String::new()),
                _ => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    fn with_all_below(command: &clap::Command) -> Vec<clap::Command> {
        let below = command.get_subcommands().flat_map(with_all_below);
        std::iter::once(command.clone()).chain(below).collect()
    }

    #[test]
    fn every_example_in_a_help_can_be_typed() {
        let (mut tried, mut wrong) = (0, Vec::new());
        for command in with_all_below(&Cli::command()) {
            let help = command.get_after_help().map(ToString::to_string);
            for example in examples(&help.unwrap_or_default()) {
                let typed = std::iter::once("levy").chain(example.iter().map(String::as_str));
                if let Err(e) = Cli::try_parse_from(typed) {
                    wrong.push(format!("{}: {example:?}: {e}", command.get_name()));
                }
                tried += 1;
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        assert!(tried > 80, "{tried} examples were found");
    }

    #[test]
    fn times_of_day_have_four_digits_and_exist() {
        let at = |hour, minute| Some(TimeOfDay { hour, minute });
        for (text, want) in [
            ("05:30", at(5, 30)),
            ("00:00", at(0, 0)),
            ("23:59", at(23, 59)),
            ("24:00", None),
            ("5:30", None),
            ("05:60", None),
            ("0530", None),
            ("+5:30", None),
            ("", None),
        ] {
            assert_eq!(time_of_day(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn sandbox_tunings_are_read_or_refused() {
        assert_eq!(millis_range("20-70"), Ok((20, 70)));
        assert_eq!(millis_range("5"), Ok((5, 5)));
        for bad in ["70-20", "", "-", "a-b", "0-60001", "1-2-3"] {
            assert!(millis_range(bad).is_err(), "{bad}");
        }
        assert_eq!(sandbox_limit("off"), Ok(SandboxLimit::Off));
        assert_eq!(sandbox_limit("100"), Ok(SandboxLimit::PerSecond(100)));
        assert!(sandbox_limit("0").is_err());
        assert!(sandbox_limit("-1").is_err());
    }
}
