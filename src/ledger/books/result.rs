//! A batch's rows and sums, as the result shows them.

pub(super) mod wish;
mod words;

use super::{before, convert, read, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Go, Row, Tx, values};
use crate::ledger::{
    AttemptId, BatchId, Before, LedgerError, LedgerResult, ReplyFacts, ResultRow, RowOrder, Totals,
};
use crate::order::{Fate, NextAction, OrderNo, Resolution, State, Status};

/// Streams a batch's rows; reads only, so it holds no lock that a writer waits for.
pub(super) fn rows(
    tx: &dyn Tx,
    batch: BatchId,
    each: &mut dyn FnMut(ResultRow) -> std::io::Result<()>,
) -> LedgerResult<()> {
    tx.scan(sql::RESULT_ROWS, values![batch.0], &mut |row| {
        let shown = result_row(tx, row)?;
        each(shown)
            .map_err(|e| LedgerError::Broken(format!("the rows could not be written out: {e}")))?;
        Ok(Go::On)
    })
}

/// What a row is: none of our orders, or the newest of its deduction.
#[derive(Clone, Copy)]
enum Shown {
    Invalid,
    Conflict,
    Order {
        state: State,
        proof_runs: u32,
        superseded: bool,
        resolved: Option<Resolution>,
        /// It is not submitted until a person has seen to what stands before it.
        stopped: bool,
    },
}

impl Shown {
    fn read(
        kind: &str,
        state: Option<&str>,
        proof_runs: Option<u32>,
        superseded: bool,
        resolved: Option<&str>,
    ) -> LedgerResult<Self> {
        match (kind, state, proof_runs) {
            ("INVALID", _, _) => Ok(Self::Invalid),
            ("CONFLICT", _, _) => Ok(Self::Conflict),
            (_, Some(state), Some(proof_runs)) => Ok(Self::Order {
                state: convert::state(state, 0)?,
                proof_runs,
                superseded,
                resolved: convert::resolved(resolved, 0)?,
                stopped: false,
            }),
            _ => Err(LedgerError::Broken("a row without its order".into())),
        }
    }

    /// What stands before the order, if it would be submitted next; noted in its next action too.
    fn look_before(
        &mut self,
        tx: &dyn Tx,
        order: Option<i64>,
        has_past: Option<bool>,
    ) -> LedgerResult<Option<Before>> {
        let (
            Self::Order {
                state,
                resolved,
                stopped,
                superseded: false,
                ..
            },
            Some(order),
        ) = (self, order)
        else {
            return Ok(None);
        };
        let found = before::shown(tx, order, *state, *resolved, has_past.unwrap_or(false))?;
        *stopped = found.as_ref().is_some_and(Before::wants_a_person);
        Ok(found)
    }

    fn status(self) -> Status {
        match self {
            Self::Invalid => Status::Invalid,
            Self::Conflict => Status::Conflict,
            Self::Order {
                state, resolved, ..
            } => Status::shown(state, resolved),
        }
    }

    fn next_action(self) -> NextAction {
        match self {
            Self::Invalid => NextAction::FixRow,
            Self::Conflict => NextAction::Review,
            // Another deduction has taken its place: issuing it again would deduct both.
            Self::Order {
                superseded: true, ..
            } => NextAction::None,
            Self::Order { stopped: true, .. } => NextAction::Review,
            Self::Order {
                state,
                proof_runs,
                resolved,
                ..
            } => NextAction::shown(state, proof_runs, resolved),
        }
    }
}

fn result_row(tx: &dyn Tx, row: &dyn Row) -> LedgerResult<ResultRow> {
    let ordinal: i64 = row.get("ordinal")?;
    let superseded_by: Option<i64> = row.get("superseded_by")?;
    let mut shown = Shown::read(
        row.get("kind")?,
        row.get("state")?,
        row.get("proof_runs")?,
        superseded_by.is_some(),
        row.get("resolved_as")?,
    )?;
    let before = shown.look_before(tx, row.get("order_id")?, row.get("has_past")?)?;
    let duplicate_of = match row.get::<Option<&str>>("first_file")? {
        Some(file) => Some(format!("{file}:{}", row.get::<i64>("repeat_of_line")?)),
        None => None,
    };
    let order = match shown {
        Shown::Invalid | Shown::Conflict => None,
        Shown::Order { state, .. } => Some(row_order(row, state)?),
    };
    let cells: &str = row.get("cells")?;
    let amount: Option<i64> = row.get("amount_fen")?;
    Ok(ResultRow {
        ordinal: ordinal as u64,
        line: row.get::<i64>("line")? as u64,
        cells: read::texts(cells, &format!("text of row {ordinal}"))?,
        amount: amount.map(|fen| convert::fen(fen, 0)).transpose()?,
        status: shown.status(),
        next_action: shown.next_action(),
        note: words::note(
            tx,
            row,
            shown,
            duplicate_of.as_deref(),
            superseded_by,
            before,
        )?,
        duplicate_of,
        order,
        came_back_as: row.get("came_back_as")?,
        undecided: row.get("undecided")?,
    })
}

fn order_no(row: &dyn Row) -> LedgerResult<OrderNo> {
    let no: &str = row.get("out_request_no")?;
    convert::parsed(no, OrderNo::parse, "number", row.get("order_id")?)
}

fn row_order(row: &dyn Row, state: State) -> LedgerResult<RowOrder> {
    let id: i64 = row.get("order_id")?;
    let settled = state.is_final() || state == State::Cancelled;
    let settled_at: Option<i64> = row.get("settled_at_ms")?;
    Ok(RowOrder {
        no: order_no(row)?,
        reply: reply(row, id)?,
        attempts: row.get("attempts")?,
        first_sent_at: row.get::<Option<i64>>("first_sent_at_ms")?.map(WallMs),
        settled_at: settled_at.filter(|_| settled).map(WallMs),
    })
}

/// A reply's columns, by their names.
pub(super) fn reply(row: &dyn Row, order: i64) -> LedgerResult<Option<ReplyFacts>> {
    let Some(trust) = row.get::<Option<&str>>("trust")? else {
        return Ok(None);
    };
    Ok(Some(ReplyFacts {
        trust: convert::trust(trust, order)?,
        http_status: row.get("http_status")?,
        code: row.get("code")?,
        message: row.get("message")?,
        request_id: row.get("request_id")?,
        signed_at: row.get::<Option<i64>>("signed_at_ms")?.map(WallMs),
        state: row.get("reply_state")?,
        fail_reason: row.get("fail_reason")?,
        quota_change_no: row.get("quota_change_no")?,
        success_time: row.get("success_time")?,
        fail_time: row.get("fail_time")?,
    }))
}

/// A batch's sums. They are made here and not in SQL: a million of the largest amounts overflow its
/// 64 bits, and grouping would sort the whole batch in memory.
pub(super) fn totals(tx: &dyn Tx, batch: BatchId) -> LedgerResult<Totals> {
    let mut totals = Totals::default();
    totals_of_rows(tx, batch, &mut totals)?;
    totals_of_orders(tx, batch, &mut totals)?;
    Ok(totals)
}

fn totals_of_rows(tx: &dyn Tx, batch: BatchId, totals: &mut Totals) -> LedgerResult<()> {
    let mut counts = Counts::default();
    tx.scan(sql::TOTALS_OF_ROWS, values![batch.0], &mut |row| {
        let mut shown = Shown::read(
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(6)?,
        )?;
        shown.look_before(tx, row.get(7)?, row.get(8)?)?;
        let amount: Option<i64> = row.get(4)?;
        let fen = amount.map(|fen| convert::fen(fen, 0)).transpose()?;
        let fen = fen.map(|fen| u128::from(fen.get()));
        totals.unreadable_amounts += u64::from(fen.is_none());
        counts.add(shown, fen);
        totals.rows += 1;
        let repeats: bool = row.get(5)?;
        totals.repeats += u64::from(repeats);
        // A row that repeats nothing is the first that shows its order, whose amount is its own.
        if let (
            Shown::Order {
                state, resolved, ..
            },
            false,
        ) = (shown, repeats)
        {
            add_order(totals, state, resolved, row.get(9)?, fen.unwrap_or(0));
        }
        Ok(Go::On)
    })?;
    counts.into_totals(totals);
    Ok(())
}

fn totals_of_orders(tx: &dyn Tx, batch: BatchId, totals: &mut Totals) -> LedgerResult<()> {
    tx.each(sql::TOTALS_OF_ORDERS, values![batch.0], &mut |row| {
        total_of_order(row, totals)?;
        Ok(Go::On)
    })
}

/// State, attempts, amount and what people found out in the first four columns.
fn total_of_order(
    row: &dyn Row,
    totals: &mut Totals,
) -> LedgerResult<(State, Option<Resolution>, u128)> {
    let state = convert::state(row.get(0)?, 0)?;
    let fen = u128::from(convert::fen(row.get(2)?, 0)?.get());
    let resolved = convert::resolved(row.get(3)?, 0)?;
    add_order(totals, state, resolved, row.get(1)?, fen);
    Ok((state, resolved, fen))
}

fn add_order(
    totals: &mut Totals,
    state: State,
    resolved: Option<Resolution>,
    attempts: u32,
    fen: u128,
) {
    totals.orders += 1;
    totals.attempts += u64::from(attempts);
    match Fate::of(state, resolved) {
        Fate::Deducted => totals.deducted_fen += fen,
        Fate::Open => totals.open_fen += fen,
        Fate::Dead => totals.dead_fen += fen,
    }
}

/// Sums of what was asked for after an attempt, and of what is open: orders, as if each were a row.
pub(super) fn totals_since(tx: &dyn Tx, after: AttemptId) -> LedgerResult<Totals> {
    let mut totals = Totals::default();
    let mut counts = Counts::default();
    tx.scan(sql::TOTALS_SINCE, values![after.0], &mut |row| {
        let (state, resolved, fen) = total_of_order(row, &mut totals)?;
        let mut shown = Shown::Order {
            state,
            proof_runs: row.get(4)?,
            superseded: false,
            resolved,
            stopped: false,
        };
        shown.look_before(tx, row.get(5)?, row.get(6)?)?;
        counts.add(shown, Some(fen));
        totals.rows += 1;
        Ok(Go::On)
    })?;
    counts.into_totals(&mut totals);
    Ok(totals)
}

/// Rows by status and by what is to be done next.
#[derive(Default)]
struct Counts {
    by_status: [(u64, u128); Status::ALL.len()],
    by_action: [u64; NextAction::ALL.len()],
}

impl Counts {
    fn add(&mut self, shown: Shown, fen: Option<u128>) {
        let of_status = &mut self.by_status[index(Status::ALL, shown.status())];
        of_status.0 += 1;
        of_status.1 += fen.unwrap_or(0);
        self.by_action[index(NextAction::ALL, shown.next_action())] += 1;
    }

    fn into_totals(self, totals: &mut Totals) {
        totals.by_status = Status::ALL
            .iter()
            .zip(self.by_status)
            .filter(|(_, (rows, _))| *rows > 0)
            .map(|(status, (rows, fen))| (*status, rows, fen))
            .collect();
        totals.by_action = NextAction::ALL
            .iter()
            .zip(self.by_action)
            .filter(|(_, rows)| *rows > 0)
            .map(|(action, rows)| (*action, rows))
            .collect();
    }
}

fn index<T: PartialEq>(all: &[T], one: T) -> usize {
    all.iter().position(|t| *t == one).expect("one of all")
}
