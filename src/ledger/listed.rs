//! A list of deductions beside the ledger: which order each of its rows means, and which orders no
//! row means. Whether what they say of each other agrees is not the ledger's question.

use super::BatchId;
use crate::clock::WallMs;
use crate::order::{Fate, Order, Resolution, State, Status};

/// Other orders for one row's debt that are told with it, at most.
pub const TWINS_TOLD_MAX: usize = 10;

/// Which orders the list should have a row for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListScope {
    /// First sent at or after this moment; those that were never sent, created.
    pub since: Option<WallMs>,
    /// The same, before this moment.
    pub before: Option<WallMs>,
    /// Orders of the deductions that this batch's rows show.
    pub batch: Option<BatchId>,
    /// Days within which another order for the same debt is taken for a second deduction of it.
    pub twin_days: u32,
}

/// One thing that a comparison tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside {
    /// A row of the list, each once, in the list's order.
    Row(Box<ListedRow>),
    /// An order of the scope that was or may be deducted, and that no row means; each once, after
    /// the rows.
    Extra(Box<Booked>),
}

/// A row of the list with what the ledger has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRow {
    /// Physical line in the list.
    pub line: u64,
    /// The cells that it was staged with.
    pub cells: Vec<String>,
    /// What the ledger has.
    pub found: Found,
}

/// What the ledger has for a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The row was staged with a fault: it means no order. In words.
    Faulty(String),
    /// No order has its number.
    Nothing {
        /// The row, under the number that was looked for.
        row: Box<Order>,
        /// An order for the same debt under another number, that no row means by its number.
        same_debt: Option<Box<Booked>>,
    },
    /// An order.
    Order {
        /// The row, under the number that was looked for.
        row: Box<Order>,
        /// The newest order of its chain.
        booked: Box<Booked>,
        /// The line of the first row that means the same deduction, if this is another one.
        first_line: Option<u64>,
        /// Other orders for the same debt that are alive or succeeded, that no row means, and of
        /// which no person said that they are no repetitions.
        twins: Vec<Booked>,
    },
}

/// An order as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Number and content.
    pub order: Order,
    /// State.
    pub state: State,
    /// What people found out.
    pub resolved: Option<Resolution>,
    /// Of the reply that settled it.
    pub quota_change_no: Option<String>,
    /// Of the reply that settled it, as the gateway wrote it.
    pub success_time: Option<String>,
    /// Where it came first, `FILE:LINE`; told of orders that no row means.
    pub place: Option<String>,
}

impl Booked {
    /// As a result shows it.
    pub fn status(&self) -> Status {
        Status::shown(self.state, self.resolved)
    }

    /// What became of its money.
    pub fn fate(&self) -> Fate {
        Fate::of(self.state, self.resolved)
    }
}
