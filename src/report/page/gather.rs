//! What the page shows, gathered in one pass: sums by merchant and type, causes, windows, the rows of
//! the table. It grows with merchants, not with rows.

use std::collections::BTreeMap;

use super::line::{Line, cause};
use super::traffic::Traffic;
use super::{Ask, ROWS_SHOWN_MAX};
use crate::batch::{Language, ShownColumns, shown_columns};
use crate::clock::WallMs;
use crate::ledger::{Reported, ReportedOrder, ResultRow};
use crate::order::{Fate, Merchant, NextAction, ReductionType, Status};
use crate::report::status::{CLOSING_DAYS, DAY_MS};
use crate::worker::limits::WINDOW_MS;

/// Causes that are told apart.
const CAUSES_MAX: usize = 40;
/// Places that are named for a cause.
const PLACES_NAMED_MAX: usize = 5;
/// Windows that are named.
const CLOSING_SHOWN_MAX: usize = 20;
/// Merchants whose pace is drawn: those with the most orders.
const WATCHED_MAX: usize = 6;

/// Orders and their fen by what became of them; each order once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Money {
    pub orders: u64,
    pub asked: u128,
    pub deducted: u128,
    pub open: u128,
    pub dead: u128,
}

impl Money {
    fn add(&mut self, order: &ReportedOrder) {
        let fen = u128::from(order.amount.get());
        self.orders += 1;
        self.asked += fen;
        match order.fate {
            Fate::Deducted => self.deducted += fen,
            Fate::Open => self.open += fen,
            Fate::Dead => self.dead += fen,
        }
    }

    /// Both together.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        self.orders += other.orders;
        self.asked += other.asked;
        self.deducted += other.deducted;
        self.open += other.open;
        self.dead += other.dead;
        self
    }
}

/// Rows that want the same, for one cause.
#[derive(Clone, Debug, Default)]
pub(super) struct Cause {
    pub rows: u64,
    pub fen: u128,
    /// The first of their lines.
    pub lines: Vec<u64>,
}

/// What rows are put together by: what is to be done, status, the gateway's word.
pub(super) type CauseKey = (usize, usize, String);

/// An open order near its window's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    pub line: u64,
    pub status: Status,
}

/// All of it.
pub(super) struct Gathered {
    columns: ShownColumns,
    language: Language,
    now: WallMs,
    pub merchants: BTreeMap<Merchant, Money>,
    pub types: [Money; ReductionType::ALL.len()],
    pub causes: BTreeMap<CauseKey, Cause>,
    pub closing: BTreeMap<(i64, String), Closing>,
    pub closing_rows: u64,
    /// Rows that need a person, that go on by themselves, that are done.
    lines: [Vec<Line>; 3],
    /// Begun with the first row, when the orders are known.
    pub traffic: Traffic,
}

impl Gathered {
    pub(super) fn new(header: &[String], ask: &Ask) -> Self {
        Self {
            columns: shown_columns(header),
            language: ask.language,
            now: ask.now,
            merchants: BTreeMap::new(),
            types: Default::default(),
            causes: BTreeMap::new(),
            closing: BTreeMap::new(),
            closing_rows: 0,
            lines: Default::default(),
            traffic: Traffic::default(),
        }
    }

    /// Takes a piece in.
    pub(super) fn piece(&mut self, piece: Reported) {
        match piece {
            Reported::Order(order) => self.order(&order),
            Reported::Row(row) => self.row(&row),
            Reported::Request(request) => {
                if !self.traffic.is_watching() {
                    self.traffic.watch(self.watched());
                }
                self.traffic.request(request);
            }
        }
    }

    /// The rows of the table, those that need a person first.
    pub(super) fn take_lines(&mut self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.lines.iter_mut().flat_map(std::mem::take).collect();
        lines.truncate(ROWS_SHOWN_MAX);
        lines
    }

    /// How many [`Gathered::take_lines`] will give.
    pub(super) fn lines_kept(&self) -> usize {
        let all: usize = self.lines.iter().map(Vec::len).sum();
        all.min(ROWS_SHOWN_MAX)
    }

    fn order(&mut self, order: &ReportedOrder) {
        let merchant = self.merchants.entry(order.merchant.clone());
        merchant.or_default().add(order);
        let kinds = ReductionType::ALL.iter();
        let of_kind = kinds.zip(&mut self.types);
        for (_, money) in of_kind.filter(|(kind, _)| **kind == order.reduction_type) {
            money.add(order);
        }
    }

    fn row(&mut self, row: &ResultRow) {
        let kept = match row.next_action {
            NextAction::None => 2,
            NextAction::RunAgain => 1,
            NextAction::Reissue | NextAction::FixRow | NextAction::Review => 0,
        };
        if row.next_action != NextAction::None {
            self.cause(row);
        }
        self.window(row);
        if self.lines[kept].len() < ROWS_SHOWN_MAX {
            let line = Line::of(row, &self.columns, self.language);
            self.lines[kept].push(line);
        }
    }

    fn cause(&mut self, row: &ResultRow) {
        let action = place(NextAction::ALL, row.next_action);
        let status = place(Status::ALL, row.status);
        let mut key = (action, status, cause(row));
        if self.causes.len() >= CAUSES_MAX && !self.causes.contains_key(&key) {
            key.2 = "…".into();
        }
        let cause = self.causes.entry(key).or_default();
        cause.rows += 1;
        cause.fen += row.amount.map_or(0, |fen| u128::from(fen.get()));
        if cause.lines.len() <= PLACES_NAMED_MAX {
            cause.lines.push(row.line);
        }
    }

    /// What may still be submitted, and for a few days only.
    fn window(&mut self, row: &ResultRow) {
        let open = match row.status {
            Status::Unknown | Status::Processing => true,
            Status::Closed => row.next_action != NextAction::Reissue,
            Status::Success | Status::Pending | Status::Failed | Status::Rejected => false,
            Status::Invalid | Status::Conflict | Status::Held => false,
            Status::Cancelled | Status::Expired => false,
        };
        let Some(order) = row.order.as_ref().filter(|_| open) else {
            return;
        };
        let Some(first) = order.first_sent_at else {
            return;
        };
        let ends = first.plus_ms(WINDOW_MS);
        if row.next_action == NextAction::None || ends.0 - self.now.0 > CLOSING_DAYS * DAY_MS {
            return;
        }
        self.closing_rows += 1;
        let closing = Closing {
            line: row.line,
            status: row.status,
        };
        self.closing
            .insert((ends.0, order.no.as_str().to_owned()), closing);
        if self.closing.len() > CLOSING_SHOWN_MAX {
            self.closing.pop_last();
        }
    }

    fn watched(&self) -> Vec<Merchant> {
        let mut most: Vec<(&Merchant, u64)> = self
            .merchants
            .iter()
            .map(|(merchant, money)| (merchant, money.orders))
            .collect();
        most.sort_by_key(|(_, orders)| std::cmp::Reverse(*orders));
        most.truncate(WATCHED_MAX);
        most.into_iter().map(|(m, _)| m.clone()).collect()
    }
}

impl Cause {
    /// `2, 3, 5, …`
    pub(super) fn places(&self) -> String {
        let named = self.lines.iter().take(PLACES_NAMED_MAX);
        let mut text: Vec<String> = named.map(u64::to_string).collect();
        if self.lines.len() > PLACES_NAMED_MAX {
            text.push("…".into());
        }
        text.join(", ")
    }
}

fn place<T: PartialEq>(all: &[T], one: T) -> usize {
    all.iter().position(|t| *t == one).expect("one of all")
}
