//! A plan, for people as lines and for scripts as a JSON object.

use serde_json::{Value, json};

use super::summary::{column, counted, grouped, orders, rows};
use crate::ledger::{FilePlan, OrderSum};
use crate::order::{ReductionType, yuan};

/// For people: what would be done, and who stands behind it.
pub fn human(plan: &FilePlan) -> String {
    let outcome = &plan.outcome;
    let accepted = &outcome.accepted;
    let mut text = format!(
        "plan {}: {}, {}\n  SHA-256 {}\n",
        plan.id,
        plan.file,
        rows(accepted.rows),
        hex(&plan.digest)
    );
    let sum = outcome.sum();
    let orders_width = grouped(sum.orders).len();
    let yuan_width = money(sum.fen).len();
    let mut line = |word: &str, sum: OrderSum| {
        let (orders, fen) = (grouped(sum.orders), money(sum.fen));
        let noun = column(sum.orders, "order");
        text.push_str(&format!(
            "  {word:<18}  {orders:>orders_width$} {noun}  {fen:>yuan_width$} yuan\n"
        ));
    };
    for (kind, sum) in ReductionType::ALL.iter().zip(outcome.to_send) {
        line(kind.as_str(), sum);
    }
    line("to be sent in all", sum);
    if outcome.reissues.orders > 0 {
        line("issued again", outcome.reissues);
    }
    text.push_str(&format!(
        "  besides: {} held ({} yuan), {}, {} in conflict, {} invalid\n  read with {}\n  made by {} on \
         {}; {}\n",
        grouped(accepted.held),
        money(outcome.held_fen),
        counted(accepted.repeats, "repeat"),
        grouped(accepted.conflicts),
        grouped(accepted.invalid),
        plan.reading,
        plan.made_by,
        plan.made_at.rfc3339(),
        approval(plan)
    ));
    text
}

/// In one line, for a list.
pub fn line(plan: &FilePlan) -> String {
    let sum = plan.outcome.sum();
    format!(
        "plan {}  {}  {}  {} yuan  made by {} on {}; {}",
        plan.id,
        plan.file,
        orders(sum.orders),
        money(sum.fen),
        plan.made_by,
        plan.made_at.rfc3339(),
        approval(plan)
    )
}

fn approval(plan: &FilePlan) -> String {
    match &plan.approval {
        Some(approval) => format!("approved by {} on {}", approval.by, approval.at.rfc3339()),
        None => "not approved".into(),
    }
}

/// For scripts. Sums of money are fen.
pub fn json(plan: &FilePlan) -> Value {
    let outcome = &plan.outcome;
    let accepted = &outcome.accepted;
    let sum = outcome.sum();
    let one = |sum: OrderSum| json!({"orders": sum.orders, "fen": sum.fen});
    let by_type: serde_json::Map<String, Value> = ReductionType::ALL
        .iter()
        .zip(outcome.to_send)
        .map(|(kind, sum)| (kind.as_str().to_owned(), one(sum)))
        .collect();
    json!({
        "plan": plan.id.to_string(),
        "file": plan.file,
        "path": plan.path,
        "sha256": hex(&plan.digest),
        "rows": accepted.rows,
        "orders": accepted.orders,
        "to_send": one(sum),
        "to_send_by_type": by_type,
        "held": {"orders": accepted.held, "fen": outcome.held_fen},
        "repeats": accepted.repeats,
        "conflicts": accepted.conflicts,
        "invalid": accepted.invalid,
        "issued_again": one(outcome.reissues),
        "hold_days": plan.reading.hold_days,
        "encoding": plan.reading.encoding,
        "accept_digits": plan.reading.accept_digits,
        "made_by": plan.made_by,
        "made_at": plan.made_at.rfc3339(),
        "approved_by": plan.approval.as_ref().map(|approval| approval.by.clone()),
        "approved_at": plan.approval.as_ref().map(|approval| approval.at.rfc3339()),
        "batch": plan.batch.map(|batch| batch.to_string()),
    })
}

fn money(fen: u64) -> String {
    yuan(u128::from(fen))
}

fn hex(digest: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(digest)
}
