//! Why a row's `levy_reissue` came to nothing, where its status alone does not say so.

use crate::ledger::LedgerResult;
use crate::ledger::database::Row;
use crate::order::{Resolution, State};

/// Words for a row that asked for a new number and did not get one; none if it did, or did not ask.
pub(super) fn unfulfilled(
    row: &dyn Row,
    state: State,
    resolved: Option<Resolution>,
) -> LedgerResult<Option<String>> {
    let Some(asked) = row.get::<Option<String>>("reissues")? else {
        return Ok(None);
    };
    let newest: String = row.get("out_request_no")?;
    if newest != asked {
        let elsewhere = row.get::<Option<String>>("other_file")?.is_some();
        return Ok(elsewhere.then(|| {
            format!("levy_reissue: {asked} was issued again before, as {newest}: nothing was done")
        }));
    }
    let why = match (state, resolved) {
        // Two people's word says by itself from when on.
        (State::Failed | State::ClosedProven, _) => "not yet: run this file again",
        (_, Some(Resolution::Failed)) => return Ok(None),
        (State::Success, _) => "it was deducted",
        (_, Some(Resolution::Success)) => "people found that it was deducted",
        (State::Unknown | State::Processing | State::Closed, None) => {
            "it may still be deducted, and was asked for under its own number"
        }
        (State::Expired, None) => "nobody knows what became of it: a person finds out",
        (
            State::Pending | State::Rejected | State::Held | State::Conflict | State::Cancelled,
            None,
        ) => return Ok(in_vain(state).map(|why| words(&asked, why))),
    };
    Ok(Some(words(&asked, why)))
}

/// Why an order that stands so gets no new number, whatever becomes of it: such a wish is not kept.
pub(in crate::ledger::books) fn in_vain(state: State) -> Option<&'static str> {
    match state {
        State::Success => Some("it was deducted"),
        State::Pending => Some("it was never sent, and is sent with its own file"),
        State::Rejected => Some("it was refused: mend the row, and leave levy_reissue empty"),
        State::Held => Some("it was never sent: release it, if it is no repetition"),
        State::Conflict => Some("it was never sent: give the row a number of its own"),
        State::Cancelled => Some("it was withdrawn before it was sent"),
        State::Unknown | State::Processing | State::Closed | State::Expired => None,
        State::Failed | State::ClosedProven => None,
    }
}

/// As the row's note has it.
pub(in crate::ledger::books) fn words(asked: &str, why: &str) -> String {
    format!("levy_reissue: {asked} is not issued again: {why}")
}
