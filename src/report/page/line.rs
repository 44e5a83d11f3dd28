//! A row of the page's table: texts that are safe to look at, whatever stood in the file.

use crate::batch::{Language, RUN_CHARS_MASKED, ShownColumns, shown_text};
use crate::ledger::ResultRow;
use crate::order::{Merchant, NextAction, ReductionType, Status, mask};

/// Characters of a reason, and of what is known of a row.
const TEXT_CHARS_MAX: usize = 400;
/// Characters of any other cell.
const CELL_CHARS_MAX: usize = 40;
/// In a reason of a valid row: shorter runs are case numbers, and cards have 15 digits at least.
const REASON_RUN_CHARS_MASKED: usize = 15;
/// In what levy wrote itself, numbers of orders must stay: it masked the rest when it wrote it.
const NO_RUN_IS_MASKED: usize = usize::MAX;

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub line: u64,
    pub status: Status,
    pub action: NextAction,
    pub number: String,
    pub merchant: String,
    pub account: String,
    pub kind: String,
    pub fen: Option<u64>,
    pub reason: String,
    pub known: String,
}

impl Line {
    pub(super) fn of(row: &ResultRow, columns: &ShownColumns, language: Language) -> Self {
        let cell = |place: Option<usize>| -> &str {
            let cell = place.and_then(|place| row.cells.get(place));
            cell.map_or("", |cell| cell.trim())
        };
        let valid = row.status != Status::Invalid;
        // In a row that is no deduction, anything may stand anywhere.
        let runs = match valid {
            true => NO_RUN_IS_MASKED,
            false => RUN_CHARS_MASKED,
        };
        let veil = Veil([cell(columns.account), cell(columns.card)]);
        let short = |text: &str, runs| shown_text(&veil.over(text), runs, CELL_CHARS_MAX);
        let merchant = cell(columns.merchant);
        let number = match &row.order {
            Some(order) => order.no.as_str().to_owned(),
            None => short(cell(columns.number), runs),
        };
        let reason = veil.over(cell(columns.reason));
        let reason_runs = if valid { REASON_RUN_CHARS_MASKED } else { runs };
        Self {
            line: row.line,
            status: row.status,
            action: row.next_action,
            number,
            merchant: match (valid, Merchant::parse(merchant)) {
                (true, Ok(merchant)) => merchant.as_str().to_owned(),
                _ => short(merchant, RUN_CHARS_MASKED),
            },
            account: match cell(columns.account) {
                "" => String::new(),
                account => mask(account),
            },
            kind: kind(cell(columns.reduction_type), language).map_or_else(
                || short(cell(columns.reduction_type), RUN_CHARS_MASKED),
                str::to_owned,
            ),
            fen: row.amount.map(|fen| fen.get()),
            reason: shown_text(&reason, reason_runs, TEXT_CHARS_MAX),
            known: known(row, &veil),
        }
    }
}

/// A type for people.
pub(super) fn kind_word(kind: ReductionType, language: Language) -> &'static str {
    match (kind, language) {
        (ReductionType::FinancialPenalty, Language::English) => "penalty",
        (ReductionType::FinancialPenalty, Language::Chinese) => "金融惩戒",
        (ReductionType::JudicialDeduction, Language::English) => "court",
        (ReductionType::JudicialDeduction, Language::Chinese) => "司法扣划",
    }
}

fn kind(cell: &str, language: Language) -> Option<&'static str> {
    let chinese = |kind: &&ReductionType| kind_word(**kind, Language::Chinese) == cell;
    let known = ReductionType::from_word(cell).or(ReductionType::ALL.iter().find(chinese).copied());
    known.map(|kind| kind_word(kind, language))
}

/// What the gateway and levy say of a row.
fn known(row: &ResultRow, veil: &Veil<'_>) -> String {
    let reply = row.order.as_ref().and_then(|order| order.reply.as_ref());
    let said = reply.map(|reply| [&reply.fail_reason, &reply.code, &reply.message]);
    let said = said.into_iter().flatten().flatten();
    let said = said.map(|text| shown_text(&veil.over(text), RUN_CHARS_MASKED, TEXT_CHARS_MAX));
    let note = shown_text(&veil.over(&row.note), NO_RUN_IS_MASKED, TEXT_CHARS_MAX);
    let all: Vec<String> = said.chain([note]).filter(|text| !text.is_empty()).collect();
    all.join("; ")
}

/// Why a row is where it is, in the gateway's word, to put rows with one cause together.
pub(super) fn cause(row: &ResultRow) -> String {
    let reply = row.order.as_ref().and_then(|order| order.reply.as_ref());
    let word = reply.and_then(|reply| reply.fail_reason.as_ref().or(reply.code.as_ref()));
    word.map_or(String::new(), |word| {
        shown_text(word, RUN_CHARS_MASKED, CELL_CHARS_MAX)
    })
}

/// A row's own account and card, which are masked wherever they stand.
struct Veil<'r>([&'r str; 2]);

/// Shorter texts are not looked for elsewhere: they are no accounts.
const SECRET_CHARS_MIN: usize = 6;

impl Veil<'_> {
    fn over(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.0 {
            if secret.len() >= SECRET_CHARS_MIN && text.contains(secret) {
                text = text.replace(secret, &mask(secret));
            }
        }
        text
    }
}
