//! `levy rerun --dry-run`: what a rerun would do, with totals, and as a CSV to be approved.
//!
//! The ledger does it all and undoes it; nothing is sent, and nothing of it stays. It takes the run's
//! lock, since a run would have to wait for it otherwise.

use std::path::Path;

use super::super::approval;
use super::super::args::RerunArgs;
use super::super::export::sandbox_directory;
use super::super::failure::{Exit, Failure};
use super::super::plan::options;
use super::super::run_file::{self, terms};
use super::super::store::Store;
use super::{Asked, asked, only, second_half};
use crate::clock::{Clock, SystemClock};
use crate::ledger::{
    BatchHead, Ledger, LedgerResult, Plan, Planned, Rehearsal, Rehearsed, RehearsedOf, Reissue,
    ResultRow, Unsent,
};
use crate::order::yuan;
use crate::report::progress::say;
use crate::report::result::{Place, write_plan};
use crate::report::summary::{counted, grouped, reissues};
use crate::worker::intake::{Terms, stage};

/// Merchants that are named one by one.
const MERCHANTS_NAMED_MAX: usize = 20;

/// Says what the rerun would do.
pub fn plan(args: &RerunArgs) -> Result<Exit, Failure> {
    if !args.first.release.is_empty() {
        let words = "--dry-run changes nothing: it takes no --release";
        return Err(Failure::Usage(words.into()));
    }
    let store = match args.drive.sandbox {
        true => Store::sandbox(&args.drive.at, &sandbox_directory(&args.target))?,
        false => Store::real(&args.drive.at)?,
    };
    let _hold = store.hold()?;
    let mut ledger = store.open(false)?;
    let now = SystemClock::default().wall();
    let terms = terms(args.taking, &store.config, store.environment, now);
    let asked = asked(&mut *ledger, &args.target, terms.rules)?;
    let place = match &args.out {
        Some(out) => {
            let mut taken = vec![Path::new(&args.target)];
            taken.extend(store.address.file());
            taken.extend(store.config.file.as_deref());
            Some(Place::look(out, &taken)?.styled(args.result.style(store.config.result)))
        }
        None => None,
    };
    let staged = match &asked {
        Asked::Known(..) => None,
        Asked::CameBack(file) => Some(staged(&mut *ledger, file, &terms)?),
    };
    let unsent = match &asked {
        Asked::Known(_, unsent) => *unsent,
        Asked::CameBack(_) => Unsent::All,
    };
    let (of, head) = match (&asked, &staged) {
        (Asked::Known(batch, _), _) => (RehearsedOf::Batch(batch.id), batch.head.clone()),
        (Asked::CameBack(_), Some(head)) => (RehearsedOf::Staged(head), head.clone()),
        (Asked::CameBack(_), None) => unreachable!("what came back was staged"),
    };
    let rehearsal = Rehearsal {
        of,
        only: only(&args.only),
        rerun: second_half(&args.only, unsent),
        at: terms.at,
        hold_days: terms.hold_days,
    };
    let said = rehearsed(&mut *ledger, &rehearsal, &head, place.as_ref());
    let cleared = ledger.stage_clear();
    let said = said?;
    cleared?;
    tell(args, &said, &rehearsal, place.as_ref());
    if store.config.require_approval && unsent == Unsent::All && !args.drive.quiet {
        let options = options(&args.drive.at, args.drive.sandbox, &store.address);
        let file = Path::new(&args.target);
        let words = approval::standing(Some(&mut *ledger), file, &head.digest, &options)?;
        say(&words);
    }
    Ok(Exit::Done)
}

fn staged(ledger: &mut dyn Ledger, file: &Path, terms: &Terms) -> Result<BatchHead, Failure> {
    ledger.stage_clear()?;
    let (_, never) = tokio::sync::watch::channel(false);
    let mut desk = run_file::Desk::new(file, never);
    let staged = stage(ledger, file, None, terms, &mut desk)?;
    desk.conclude();
    for warning in &staged.warnings {
        say(&format!("{}: warning: {warning}", desk.name));
    }
    Ok(staged.head)
}

fn rehearsed(
    ledger: &mut dyn Ledger,
    rehearsal: &Rehearsal<'_>,
    head: &BatchHead,
    place: Option<&Place>,
) -> Result<Rehearsed, Failure> {
    let Some(place) = place else {
        return Ok(ledger.rehearse(rehearsal, &mut |_| Ok(()))?);
    };
    let tell = |write: &mut dyn FnMut(&ResultRow) -> std::io::Result<()>| -> LedgerResult<_> {
        ledger.rehearse(rehearsal, &mut |planned| write(&noted(planned)))
    };
    Ok(write_plan(place, head, tell)?)
}

/// The row with a note of what would be done.
fn noted(planned: Planned) -> ResultRow {
    let words = match planned.plan {
        Plan::Reissue(Reissue::Issued { child }) => format!("would be issued again as {child}"),
        Plan::Reissue(Reissue::Held { child, by }) => {
            format!("would be issued again as {child} and held, since it looks like {by}")
        }
        Plan::Reissue(Reissue::Kept(_)) => "would stay as it is".into(),
        Plan::New => "would be sent as a new deduction".into(),
        Plan::Again => "would be submitted again under its own number".into(),
    };
    let mut row = planned.row;
    row.note = match row.note.is_empty() {
        true => words,
        false => format!("{words}; {}", row.note),
    };
    row
}

/// What scripts are told.
#[derive(serde::Serialize)]
struct Json {
    batch: Option<String>,
    dry_run: bool,
    issued: u64,
    issued_fen: u128,
    held: u64,
    held_fen: u128,
    kept: u64,
    sent: u64,
    open: u64,
}

fn tell(args: &RerunArgs, said: &Rehearsed, rehearsal: &Rehearsal<'_>, place: Option<&Place>) {
    let mut text = format!("{}: a rerun would do this; nothing was done\n", args.target);
    text.push_str(&words(said));
    let again: u64 = said.lanes.iter().map(|lane| lane.open).sum();
    if rehearsal.rerun.sends_rejected() {
        text.push_str(&format!(
            "{} that were refused would be submitted again under their own numbers\n",
            grouped(again)
        ));
    }
    if said.open > 0 {
        text.push_str(&format!(
            "{} open would be asked for under their own numbers first; what is proven dead by that \
             is issued again too\n",
            grouped(said.open)
        ));
    }
    if let Some(place) = place {
        let path = place.path().display();
        text.push_str(&format!(
            "to be approved: {path}; `levy rerun {path}` does those rows and no others\n"
        ));
    }
    if !args.drive.quiet {
        say(text.trim_end());
    }
    if args.drive.json {
        let known = match rehearsal.of {
            RehearsedOf::Batch(batch) => Some(batch),
            RehearsedOf::Staged(_) => None,
        };
        let object = serde_json::to_string(&Json {
            batch: known.map(|batch| batch.to_string()),
            dry_run: true,
            issued: said.tally.issued,
            issued_fen: said.tally.issued_fen,
            held: said.tally.held,
            held_fen: said.tally.held_fen,
            kept: said.tally.kept_count,
            sent: said.unsent.iter().map(|(_, rows, _)| rows).sum(),
            open: said.open,
        });
        let object = object.expect("texts and numbers");
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), "{object}");
    }
}

/// What would be issued and sent, by merchant where they are few; lines.
pub fn words(said: &Rehearsed) -> String {
    let mut text = reissues(&said.tally);
    let rows: u64 = said.unsent.iter().map(|(_, rows, _)| rows).sum();
    let fen: u128 = said.unsent.iter().map(|(_, _, fen)| fen).sum();
    text.push_str(&format!(
        "{} to be sent in all, those among them, {} yuan, to {}\n",
        grouped(rows),
        yuan(fen),
        counted(said.unsent.len() as u64, "merchant")
    ));
    if said.unsent.len() <= MERCHANTS_NAMED_MAX {
        for (merchant, rows, fen) in &said.unsent {
            text.push_str(&format!(
                "  {merchant}  {}  {} yuan\n",
                counted(*rows, "row"),
                yuan(*fen)
            ));
        }
    }
    text
}
