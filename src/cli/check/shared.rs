//! A file beside a ledger on a server. It is staged there, accepted, told and undone in one transaction: while
//! that goes on, others who write wait.

use super::{EachRow, Found, mark, of_totals, standing, warned};
use crate::cli::args::CheckArgs;
use crate::cli::failure::Failure;
use crate::cli::store::Store;
use crate::ledger::{Accepted, Address, Ledger, LedgerResult};
use crate::report::result::Place;
use crate::worker::intake::{Staged, Terms, stage};

use super::desk::Desk;

/// Tries the file out.
pub(super) fn shared(
    args: &CheckArgs,
    store: &Store,
    (mut ledger, address): (Box<dyn Ledger>, Address),
    place: Option<&Place>,
    terms: &Terms,
    desk: &mut Desk,
) -> Result<Found, Failure> {
    ledger.stage_clear()?;
    let done = stage(&mut *ledger, &args.file, None, terms, desk)
        .map_err(Failure::from)
        .and_then(|staged| {
            warned(&staged, desk);
            tried(
                args,
                store,
                (&mut *ledger, address),
                &staged,
                place,
                terms,
                desk,
            )
        });
    // The next to stage clears it too; a second failure would hide the first.
    let _ = ledger.stage_clear();
    done
}

fn tried(
    args: &CheckArgs,
    store: &Store,
    (ledger, address): (&mut dyn Ledger, Address),
    staged: &Staged,
    place: Option<&Place>,
    terms: &Terms,
    desk: &mut Desk,
) -> Result<Found, Failure> {
    let head = &staged.head;
    let approval = standing(args, store, Some(&mut *ledger), &head.digest)?;
    let before = ledger.find_batch(&head.digest)?;
    let mut accepted = Accepted::default();
    if let Some(batch) = &before {
        accepted = of_totals(&ledger.totals(batch.id)?);
    }
    let mut rows = |each: EachRow<'_>| -> LedgerResult<()> {
        match &before {
            Some(batch) => ledger.rows(batch.id, each),
            None => {
                accepted = ledger.try_out(head, terms.at, terms.hold_days, each)?;
                Ok(())
            }
        }
    };
    let mut marked = None;
    match place {
        Some(place) => {
            place.hold(desk.valid() + desk.invalid)?;
            mark(args, terms.rules, place, &mut rows, head, None, desk)?;
            marked = Some(place.path().to_path_buf());
        }
        None => rows(&mut |row| {
            desk.after(&row, None);
            Ok(())
        })?,
    }
    Ok(Found {
        approval,
        marked,
        ..Found::beside(Ok(address), accepted, before)
    })
}
