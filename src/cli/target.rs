//! Which batch or order a person means by what was typed.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::batch::digest_of;
use crate::ledger::{Batch, BatchId, CancelTarget, Ledger};
use crate::order::OrderNo;

/// Hexadecimal digits of a batch's digest that are taken for its name, at least.
pub const DIGEST_DIGITS_MIN: usize = 8;

/// A batch that was found, and the input file if that is how it was named.
#[derive(Debug)]
pub struct Found {
    /// The batch.
    pub batch: Batch,
    /// The file that was given for it.
    pub input: Option<PathBuf>,
}

/// Finds a batch by its number, by its input file, or by the beginning of its digest, in this order.
pub fn batch(ledger: &mut dyn Ledger, text: &str) -> Result<Found, Failure> {
    find(ledger, text)?.ok_or_else(|| unknown(text))
}

/// The refusal of a text that means no batch.
pub fn unknown(text: &str) -> Failure {
    let number = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let file = match number || Path::new(text).is_file() {
        true => "",
        false => "there is no such file here, and ",
    };
    Failure::Usage(format!(
        "{text}: {file}the ledger knows no such batch; give its number, its input file, or the first \
         {DIGEST_DIGITS_MIN} digits or more of the file's SHA-256"
    ))
}

/// What a cancellation is aimed at; a text that could mean a batch and an order is refused.
pub fn cancel(
    ledger: &mut dyn Ledger,
    text: &str,
    order: bool,
) -> Result<(CancelTarget, String), Failure> {
    let number = OrderNo::parse(text).ok();
    let known = match &number {
        Some(no) => ledger.content_of(no)?.is_some(),
        None => false,
    };
    let found = if order { None } else { find(ledger, text)? };
    match (found, number) {
        (Some(found), _) if known => Err(Failure::Usage(format!(
            "{text} is batch {} and an order's number too: give --order for the order, or the \
             batch's input file",
            found.batch.id
        ))),
        (Some(found), _) => {
            let words = format!("batch {} ({})", found.batch.id, found.batch.head.file);
            Ok((CancelTarget::Batch(found.batch.id), words))
        }
        (None, Some(no)) if known => Ok((CancelTarget::Number(no), format!("order {text}"))),
        (None, _) => Err(Failure::Usage(format!(
            "{text}: the ledger knows no such {}",
            if order { "order" } else { "batch or order" }
        ))),
    }
}

/// The same, if there is one.
pub fn find(ledger: &mut dyn Ledger, text: &str) -> Result<Option<Found>, Failure> {
    let bare = |batch: Batch| Found { batch, input: None };
    if let Some(id) = number(text)
        && let Some(batch) = ledger.batch(id)?
    {
        return Ok(Some(bare(batch)));
    }
    let path = Path::new(text);
    if path.is_file() {
        let found = ledger.find_batch(&digest_of(path)?)?;
        let input = Some(path.to_path_buf());
        return Ok(found.map(|batch| Found { batch, input }));
    }
    Ok(by_digest(ledger, text)?.map(bare))
}

fn number(text: &str) -> Option<BatchId> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let id = plain.then(|| text.parse().ok()).flatten()?;
    (id > 0).then_some(BatchId(id))
}

/// Batches are numbered without gaps and never removed, so that going through them ends.
fn by_digest(ledger: &mut dyn Ledger, text: &str) -> Result<Option<Batch>, Failure> {
    let prefix = text.to_ascii_lowercase();
    let hex = prefix.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex || prefix.len() < DIGEST_DIGITS_MIN || prefix.len() > 64 {
        return Ok(None);
    }
    let mut found: Option<Batch> = None;
    for id in 1.. {
        let Some(batch) = ledger.batch(BatchId(id))? else {
            break;
        };
        if !data_encoding::HEXLOWER
            .encode(&batch.head.digest)
            .starts_with(&prefix)
        {
            continue;
        }
        if let Some(other) = &found {
            return Err(Failure::Usage(format!(
                "{text} is the beginning of batch {} and of batch {id}: give more digits",
                other.id
            )));
        }
        found = Some(batch);
    }
    Ok(found)
}
