//! A file beside nothing: no ledger is known, nobody asks for balances, and no row goes back to an order. What
//! becomes of a row that has to do with no other row follows from the row; only those that do go into the
//! ledger that is thrown away.

use std::fs::File;

use super::desk::Desk;
use super::{Found, standing, warned};
use crate::batch::{Alike, Reader};
use crate::cli::args::CheckArgs;
use crate::cli::failure::Failure;
use crate::cli::store::Store;
use crate::ledger::{Accepted, Ledger, SqliteLedger};
use crate::worker::intake::{Staged, Terms, read_through, stage_some};

/// Reads the file through; why there is no ledger to look at is told with what it comes to.
pub(super) fn alone(
    args: &CheckArgs,
    store: &Store,
    mut reader: Reader<File>,
    terms: &Terms,
    why: String,
    desk: &mut Desk,
) -> Result<Found, Failure> {
    reader.skip_cells();
    let mut alike = Alike::default();
    let read = read_through(reader, &args.file, None, terms, desk, &mut |row| {
        if let Ok(deduction) = &row.outcome {
            alike.add(deduction);
        }
        Ok(())
    })?;
    warned(&read, desk);
    let approval = standing(args, store, None, &read.head.digest)?;
    let mut shared = alike.shared();
    let mut accepted = Accepted::default();
    if shared.as_ref().is_none_or(|shared| !shared.is_empty()) {
        accepted = beside_each_other(args, &read, terms, desk, &mut |row| match &mut shared {
            Some(shared) => shared.has(row),
            None => true,
        })?;
    }
    let others = desk.valid() - accepted.rows;
    accepted.orders += others;
    accepted.invalid = desk.invalid;
    accepted.rows = desk.valid() + desk.invalid;
    let found = Found::beside_nothing(accepted, why);
    Ok(Found { approval, ..found })
}

/// What becomes of the valid rows that are `wanted`, which is told.
fn beside_each_other(
    args: &CheckArgs,
    read: &Staged,
    terms: &Terms,
    desk: &mut Desk,
    wanted: &mut dyn FnMut(&crate::batch::Deduction) -> bool,
) -> Result<Accepted, Failure> {
    let mut scratch = SqliteLedger::scratch()?;
    scratch.stage_clear()?;
    let digest = read.head.digest;
    let staged = stage_some(&mut scratch, &args.file, digest, terms, &mut |row| {
        row.outcome.as_ref().is_ok_and(&mut *wanted)
    })?;
    let (batch, accepted) = scratch.accept(&staged.head, terms.at, terms.hold_days)?;
    scratch.rows(batch.id, &mut |row| {
        desk.after(&row, None);
        Ok(())
    })?;
    Ok(accepted)
}
