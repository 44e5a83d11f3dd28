//! How a ledger stands, from one scan of its orders.

use std::collections::{BTreeMap, HashMap};

use super::{before, convert, journal, read, sql};
use crate::clock::WallMs;
use crate::ledger::database::{Go, Row, Tx, values};
use crate::ledger::{
    BatchLine, ByStatus, CLOSING_NAMED_MAX, LedgerResult, OpenOrder, Overview, OverviewAsk,
};
use crate::order::{OrderNo, PROOF_RUNS_MAX, Resolution, State};

/// One moment of the ledger; takes no lock that a writer waits for.
pub(super) fn overview(tx: &dyn Tx, ask: &OverviewAsk) -> LedgerResult<Overview> {
    let mut scan = Scan {
        ask: *ask,
        by_batch: HashMap::new(),
        closing: BTreeMap::new(),
        last_success_ms: None,
        overview: Overview::default(),
    };
    let mut order = |row: &dyn Row| scan.order(tx, row).map(|()| Go::On);
    match ask.batch {
        None => tx.scan(sql::OVERVIEW_ORDERS, &[], &mut order)?,
        Some(batch) => {
            tx.scan(sql::OVERVIEW_ORDERS_OF_BATCH, values![batch.0], &mut order)?;
        }
    }
    let mut overview = scan.finish();
    for line in tx.all(sql::BATCHES, &[], read::batch)? {
        if ask.batch.is_some_and(|batch| batch != line.id) {
            continue;
        }
        overview.0.batches.push(BatchLine {
            by_status: overview.1.remove(&line.id.0).unwrap_or_default(),
            batch: line,
        });
    }
    let mut overview = overview.0;
    overview.last_run_at = tx
        .one(sql::RUN_LATEST, &[], |row| row.get::<Option<i64>>(0))?
        .map(WallMs);
    overview.frozen = journal::frozen(tx)?;
    overview.latest_signed_at = read::latest_signed_at(tx)?;
    overview.head = Some(journal::head(tx)?);
    Ok(overview)
}

/// Sums that grow with the scan.
struct Scan {
    ask: OverviewAsk,
    by_batch: HashMap<i64, ByStatus>,
    /// By first send; the earliest stay.
    closing: BTreeMap<(i64, String), State>,
    last_success_ms: Option<i64>,
    overview: Overview,
}

impl Scan {
    fn order(&mut self, tx: &dyn Tx, row: &dyn Row) -> LedgerResult<()> {
        let batch: i64 = row.get(0)?;
        let state = convert::state(row.get(1)?, 0)?;
        let resolved = convert::resolved(row.get(2)?, 0)?;
        let replaced: Option<&str> = row.get(8)?;
        if replaced == Some("REISSUED") {
            return Ok(());
        }
        let fen = convert::fen(row.get(3)?, 0)?;
        let sums = self.by_batch.entry(batch).or_default();
        sums.add(state, resolved, fen);
        self.overview.by_status.add(state, resolved, fen);
        if state == State::Success {
            self.last_success_ms = self.last_success_ms.max(row.get(5)?);
        }
        if resolved.is_some() && !state.is_final() {
            self.overview.resolved += 1;
        }
        let dead =
            state.is_proven_dead() || (resolved == Some(Resolution::Failed) && !state.is_final());
        if dead && replaced.is_none() {
            self.overview.reissuable += 1;
        }
        let before = before::shown(tx, row.get(9)?, state, resolved, row.get(10)?)?;
        if before.is_some_and(|before| before.wants_a_person()) {
            self.stopped(state, row.get(7)?);
        }
        let first: Option<i64> = row.get(4)?;
        match first {
            Some(first) if is_open(state) && resolved.is_none() => {
                self.open(state, first, row.get(6)?, row.get(7)?);
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// An order that no run submits before a person has seen to what stands before it.
    fn stopped(&mut self, state: State, no: &str) {
        match state.is_unsent() {
            true => self.overview.stopped_unsent += 1,
            false => self.overview.stopped_sent += 1,
        }
        if self.overview.stopped_first.len() < CLOSING_NAMED_MAX {
            self.overview.stopped_first.extend(OrderNo::parse(no).ok());
        }
    }

    /// An order that a run has something to ask about.
    fn open(&mut self, state: State, first: i64, proof_runs: u32, no: &str) {
        if state == State::Closed && proof_runs >= PROOF_RUNS_MAX {
            self.overview.unproven += 1;
        }
        let oldest = &mut self.overview.oldest_unknown;
        let earlier = oldest
            .as_ref()
            .is_none_or(|oldest| first < oldest.first_sent_at.0);
        if state == State::Unknown && earlier {
            *oldest = named(first, no, state);
        }
        let first_of_all = self
            .overview
            .oldest_open_at
            .map_or(first, |at| at.0.min(first));
        self.overview.oldest_open_at = Some(WallMs(first_of_all));
        if first > self.ask.closing_since.0 {
            return;
        }
        self.overview.closing += 1;
        let full = self.closing.len() == CLOSING_NAMED_MAX;
        let last = self.closing.last_key_value();
        if !full || last.is_some_and(|((last, _), _)| first < *last) {
            if full {
                self.closing.pop_last();
            }
            self.closing.insert((first, no.to_owned()), state);
        }
    }

    fn finish(mut self) -> (Overview, HashMap<i64, ByStatus>) {
        let closing = self.closing.iter();
        let first = closing.filter_map(|((at, no), state)| named(*at, no, *state));
        self.overview.closing_first = first.collect();
        self.overview.last_success_at = self.last_success_ms.map(WallMs);
        (self.overview, self.by_batch)
    }
}

fn is_open(state: State) -> bool {
    state.is_unfinished() && !state.is_unsent()
}

fn named(first: i64, no: &str, state: State) -> Option<OpenOrder> {
    Some(OpenOrder {
        no: OrderNo::parse(no).ok()?,
        state,
        first_sent_at: WallMs(first),
    })
}
