//! `levy status` and `levy show`: how a ledger stands, and what became of one order, while a run may
//! be going on.

use std::io::Write;

use super::args::{ShowArgs, StatusArgs};
use super::export::sandbox_directory;
use super::failure::{Exit, Failure};
use super::store::Store;
use super::target;
use crate::clock::{Clock, SystemClock, WallMs};
use crate::ledger::{OverviewAsk, PlanKey};
use crate::order::OrderNo;
use crate::report::progress::{columns, fitted};
use crate::report::{status, story};
use crate::worker::limits::WINDOW_MS;

/// Tells how the ledger stands, or one batch.
pub fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    let store = match (args.sandbox, &args.batch) {
        (true, Some(batch)) => Store::sandbox(&args.at, &sandbox_directory(batch))?,
        (sandbox, _) => Store::here(&args.at, sandbox)?,
    };
    let mut ledger = store.look()?;
    let batch = match &args.batch {
        Some(text) => Some(target::batch(&mut *ledger, text)?.batch.id),
        None => None,
    };
    let now = later(ledger.latest_signed_at()?);
    let overview = ledger.overview(&OverviewAsk {
        batch,
        closing_since: now.plus_ms(status::CLOSING_DAYS * status::DAY_MS - WINDOW_MS),
    })?;
    let totals = batch.map(|batch| ledger.totals(batch)).transpose()?;
    let plans = match batch {
        Some(batch) => ledger
            .find_plan(PlanKey::Batch(batch))?
            .into_iter()
            .collect(),
        None => ledger.plans_waiting()?,
    };
    let told = status::Status {
        overview: &overview,
        plans: &plans,
        totals: totals.as_ref(),
        now,
    };
    print(&match args.json {
        true => told.json(),
        false => told.human(),
    });
    Ok(Exit::Done)
}

/// Tells an order's whole story.
pub fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let no = OrderNo::parse(&args.no)
        .map_err(|fault| Failure::Usage(format!("{}: {fault}", args.no)))?;
    let mut ledger = Store::here(&args.at, args.sandbox)?.look()?;
    let Some(found) = ledger.story(&no)? else {
        return Err(Failure::Usage(format!(
            "{no}: the ledger does not know this number; `levy status` says what it knows"
        )));
    };
    let now = later(ledger.latest_signed_at()?);
    print(&match args.json {
        true => story::json(&found, now),
        false => story::human(&found, now),
    });
    Ok(Exit::Done)
}

/// The window's clock: the later of this machine's and the latest that the gateway signed.
pub(super) fn later(signed_at: Option<WallMs>) -> WallMs {
    let now = SystemClock::default().wall();
    signed_at.map_or(now, |signed| signed.max(now))
}

/// On stdout. A reader that went away is no failure.
pub(super) fn print(text: &str) {
    let out = std::io::stdout();
    let _ = writeln!(&out, "{}", fitted(text.trim_end(), columns(&out)));
}
