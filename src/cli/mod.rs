//! The command: what was typed becomes arguments, arguments become a command, a command does it, and
//! what went wrong becomes an exit code. One file a command.

pub mod against;
mod approval;
pub mod args;
pub mod cancel;
pub mod check;
pub mod config;
pub mod connect;
pub mod doctor;
mod drive;
pub mod export;
pub mod failure;
pub mod freeze;
mod herald;
pub mod import;
pub mod init;
pub mod keys;
pub mod lanes;
pub mod ledger;
pub mod manual;
pub mod moved;
pub mod plan;
mod pulse;
pub mod reconcile;
pub mod report;
pub mod rerun;
pub mod resolve;
pub mod restored;
pub mod resume;
pub mod run;
mod run_file;
pub mod sandbox;
mod session;
pub mod signals;
pub mod status;
pub mod store;
pub mod sweep;
pub mod target;
pub mod template;
pub mod work;

use std::io::{IsTerminal, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::report::log;
use crate::report::progress::say;
use args::{Cli, Command};
use failure::{Exit, Failure};

/// Does what the process was started for. A panic is a bug, and a bug is exit 1.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(
        cli.log.wish(),
        drives(&cli.command) && !stderr().is_terminal(),
    );
    let exit = catch_unwind(AssertUnwindSafe(|| command(&cli.command))).unwrap_or_else(|_| {
        say("error: levy has a bug: please report the lines above. Nothing is lost: give the command again");
        Exit::Failed
    });
    ExitCode::from(exit.code())
}

/// What cron starts. Where nobody looks on, it says nothing of what went well.
fn drives(command: &Command) -> bool {
    match command {
        Command::Run(_)
        | Command::Sweep(_)
        | Command::Resume(_)
        | Command::Rerun(_)
        | Command::Work(_)
        | Command::Reconcile(_) => true,
        Command::Check(_)
        | Command::Plan(_)
        | Command::Approve(_)
        | Command::Export(_)
        | Command::Report(_)
        | Command::Cancel(_)
        | Command::Status(_)
        | Command::Lanes(_)
        | Command::Show(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Resolve(_)
        | Command::Ledger(_)
        | Command::Template(_)
        | Command::Init(_)
        | Command::Doctor(_)
        | Command::Keys(_)
        | Command::Notify(_)
        | Command::Sandbox(_)
        | Command::Completions(_)
        | Command::Man(_) => false,
    }
}

fn command(command: &Command) -> Exit {
    match command {
        // What drives orders tells of its failures itself, file by file.
        Command::Run(args) => run::run(args),
        Command::Sweep(args) => sweep::sweep(args),
        Command::Resume(args) => resume::resume(args),
        Command::Rerun(args) => rerun::rerun(args),
        Command::Work(args) => work::work(args),
        Command::Reconcile(args) => reconcile::reconcile(args),
        Command::Check(args) => ended(check::check(args)),
        Command::Plan(args) => ended(plan::plan(args)),
        Command::Approve(args) => ended(plan::approve(args)),
        Command::Export(args) => ended(export::export(args)),
        Command::Report(args) => ended(report::report(args)),
        Command::Cancel(args) => ended(cancel::cancel(args)),
        Command::Status(args) => ended(status::status(args)),
        Command::Lanes(args) => ended(lanes::lanes(args)),
        Command::Show(args) => ended(status::show(args)),
        Command::Freeze(args) => ended(freeze::freeze(args)),
        Command::Unfreeze(args) => ended(freeze::unfreeze(args)),
        Command::Resolve(args) => ended(resolve::resolve(args)),
        Command::Ledger(args) => ended(ledger::ledger(args)),
        Command::Template(args) => ended(template::template_file(args)),
        Command::Init(args) => ended(init::init(args)),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Keys(args) => ended(keys::keys(args)),
        Command::Notify(args) => ended(herald::notify(args)),
        Command::Sandbox(args) => ended(sandbox::sandbox(args)),
        Command::Completions(args) => ended(manual::completions(args)),
        Command::Man(args) => ended(manual::man(args)),
    }
}

fn ended(done: Result<Exit, Failure>) -> Exit {
    done.unwrap_or_else(|failure| {
        say(&format!("error: {failure}"));
        failure.exit()
    })
}
