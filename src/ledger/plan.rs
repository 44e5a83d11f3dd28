//! Plans: what a file would do, stored before anything is done, so that somebody else may look at it
//! and approve exactly that.
//!
//! A plan is worked out by accepting the file and undoing it. It pins the file by its digest and what
//! the ledger makes of it by [`Outcome`]: a run takes the file in only if the very same comes out.

use std::fmt;

use super::{Accepted, BatchHead, BatchId, Person};
use crate::clock::WallMs;
use crate::order::{OrderNo, ReductionType, yuan};

/// A plan's number in its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(pub i64);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which files may become batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Any.
    Any,
    /// One without a new deduction: it moves no money of its own.
    NothingNew,
    /// The file of this plan, if exactly that comes out of it which was planned.
    Planned(PlanId),
}

/// Orders and their fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderSum {
    /// Orders.
    pub orders: u64,
    /// Fen.
    pub fen: u64,
}

/// What taking a file in comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Rows by what becomes of them.
    pub accepted: Accepted,
    /// New orders that would be sent, in the order of [`ReductionType::ALL`].
    pub to_send: [OrderSum; ReductionType::ALL.len()],
    /// Fen of the new orders that are held.
    pub held_fen: u64,
    /// SHA-256 over the new orders: row, number, content and state of each.
    pub orders_digest: [u8; 32],
    /// Orders that rows ask to be issued again (`levy_reissue`), each once. They move what was approved
    /// before, and are no new orders.
    pub reissues: OrderSum,
}

/// How a file was read and taken in: with other words, other rows and holds may come of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Days within which another order for the same debt holds a new one; a plan of an older levy does not
    /// tell.
    pub hold_days: Option<u32>,
    /// The encoding, if it was told and not recognised.
    pub encoding: Option<String>,
    /// Identifiers that a spreadsheet may have rounded were taken as they are.
    pub accept_digits: bool,
}

impl fmt::Display for Reading {
    /// As options of a command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = Vec::new();
        options.extend(self.hold_days.map(|days| format!("--hold-days {days}")));
        let encoding = self.encoding.as_ref();
        options.extend(encoding.map(|encoding| format!("--encoding {encoding}")));
        options.extend(self.accept_digits.then(|| "--accept-digits".to_owned()));
        f.write_str(&options.join(" "))
    }
}

impl Outcome {
    /// All that would be sent.
    pub fn sum(&self) -> OrderSum {
        let add = |sum: OrderSum, one: &OrderSum| OrderSum {
            orders: sum.orders + one.orders,
            fen: sum.fen.saturating_add(one.fen),
        };
        self.to_send.iter().fold(OrderSum::default(), add)
    }

    /// What differs from what was planned, in words; nothing if it is the same.
    pub fn differs(&self, planned: &Self) -> Option<String> {
        let sums = |of: &Self| (of.sum().orders, of.accepted);
        let (was, is) = (sums(planned), sums(self));
        let counts = [
            ("rows", was.1.rows, is.1.rows),
            ("orders to send", was.0, is.0),
            ("held", was.1.held, is.1.held),
            ("repeats", was.1.repeats, is.1.repeats),
            ("in conflict", was.1.conflicts, is.1.conflicts),
            ("invalid", was.1.invalid, is.1.invalid),
            (
                "to be issued again",
                planned.reissues.orders,
                self.reissues.orders,
            ),
        ];
        let mut words: Vec<String> = counts
            .iter()
            .filter(|(_, was, is)| was != is)
            .map(|(word, was, is)| format!("{word}: {was} were planned, and it is {is} now"))
            .collect();
        let money = [
            ("yuan to send", planned.sum().fen, self.sum().fen),
            ("yuan held", planned.held_fen, self.held_fen),
        ];
        for (word, was, is) in money.iter().filter(|(_, was, is)| was != is) {
            let (was, is) = (yuan(u128::from(*was)), yuan(u128::from(*is)));
            words.push(format!("{word}: {was} were planned, and it is {is} now"));
        }
        if words.is_empty() && self != planned {
            words.push("the sums are as planned, but the orders are others".into());
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// A plan to be stored; what it says, the ledger works out.
#[derive(Clone, Copy, Debug)]
pub struct NewPlan<'a> {
    /// The staged file.
    pub head: &'a BatchHead,
    /// Where it lies, absolute, if that can be written down.
    pub path: Option<&'a str>,
    /// Who plans.
    pub by: &'a Person,
    /// The encoding, if it was told.
    pub encoding: Option<&'a str>,
    /// Doubtful identifiers were taken as they are.
    pub accept_digits: bool,
}

/// Who approved a plan, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who; never who made the plan.
    pub by: String,
    /// When.
    pub at: WallMs,
}

/// A stored plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlan {
    /// Its number.
    pub id: PlanId,
    /// SHA-256 of the file's bytes.
    pub digest: [u8; 32],
    /// The file's name as people know it (no directories).
    pub file: String,
    /// Where it lay, absolute.
    pub path: Option<String>,
    /// How it was read and taken in.
    pub reading: Reading,
    /// What taking it in came to.
    pub outcome: Outcome,
    /// Who made the plan.
    pub made_by: String,
    /// When.
    pub made_at: WallMs,
    /// Who approved it, if somebody did.
    pub approval: Option<Approval>,
    /// The batch that it became.
    pub batch: Option<BatchId>,
}

/// How a plan is found.
#[derive(Clone, Copy, Debug)]
pub enum PlanKey<'a> {
    /// By its number.
    Id(PlanId),
    /// The newest one of these bytes.
    File(&'a [u8; 32]),
    /// The one by which a batch was taken in.
    Batch(BatchId),
    /// The one by which this order's deduction was taken in.
    Order(&'a OrderNo),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_the_plan_is_told() {
        let planned = Outcome {
            accepted: Accepted {
                rows: 3,
                orders: 2,
                held: 1,
                repeats: 1,
                ..Accepted::default()
            },
            to_send: [
                OrderSum::default(),
                OrderSum {
                    orders: 1,
                    fen: 150,
                },
            ],
            held_fen: 7,
            orders_digest: [1; 32],
            reissues: OrderSum::default(),
        };
        assert_eq!(planned.differs(&planned), None);
        let mut now = planned;
        now.orders_digest = [2; 32];
        let words = now.differs(&planned).unwrap();
        assert!(words.contains("the orders are others"), "{words}");
        now.accepted.held = 0;
        now.held_fen = 0;
        now.to_send[1] = OrderSum {
            orders: 2,
            fen: 157,
        };
        let words = now.differs(&planned).unwrap();
        for want in [
            "orders to send: 1 were planned, and it is 2 now",
            "held: 1 were planned, and it is 0 now",
            "yuan to send: 1.50 were planned, and it is 1.57 now",
            "yuan held: 0.07 were planned, and it is 0.00 now",
        ] {
            assert!(words.contains(want), "{words}");
        }
    }
}
