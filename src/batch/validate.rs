//! One row's cells to a deduction, or to every fault that it has: a ladder in a fixed order.
//!
//! The rungs, one fault at most from each: out_request_no, mchid, bal_account_no, reduction_type,
//! amount (or amount_yuan), reason, card_no, sgn_no, req_scene, levy_out_request_no; of a history
//! first_sent_at, outcome, quota_change_no as well. What a name or
//! an amount must look like is told by `order`; this module only adds where, and what to do.

use csv::StringRecord;

use super::columns::{Columns, Name};
use super::fault::{Fault, escaped, shown, shown_secret};
use super::{Deduction, Past, Rules, history};
use crate::clock::WallMs;
use crate::order::{
    Account, AmountFault, CardNo, Content, Fen, Merchant, NameFault, OrderNo, Reason,
    ReductionType, ReqScene, SgnNo,
};

/// What a row is, and its amount wherever that could be read.
pub(super) struct Checked {
    pub(super) outcome: Result<Deduction, Vec<Fault>>,
    pub(super) amount: Option<Fen>,
}

/// Walks the ladder. `line` is where the row begins.
pub(super) fn check(record: &StringRecord, columns: &Columns, rules: &Rules, line: u64) -> Checked {
    let blank = record.iter().all(|cell| cell.trim().is_empty());
    let mut ladder = Ladder {
        record,
        columns,
        line,
        blank,
        faults: Vec::new(),
    };
    let no = match rules.history_until {
        Some(_) => ladder.required(Name::OutRequestNo, OrderNo::parse),
        None => ladder.optional(Name::OutRequestNo, OrderNo::parse),
    };
    let merchant = ladder.required(Name::Mchid, Merchant::parse);
    let account = ladder.required(Name::BalAccountNo, Account::parse);
    let reduction_type = ladder.reduction_type();
    let amount = ladder.amount(rules);
    let reason = ladder.reason(rules);
    let card_no = ladder.optional(Name::CardNo, CardNo::parse);
    let sgn_no = ladder.optional(Name::SgnNo, SgnNo::parse);
    let req_scene = ladder.req_scene();
    let returned = ladder.optional(Name::LevyOutRequestNo, OrderNo::parse);
    let past = rules.history_until.and_then(|now| ladder.past(now));

    let outcome = match (merchant, account, reduction_type, amount) {
        // What is missing has left its fault; `None` never comes alone.
        (Some(merchant), Some(account), Some(reduction_type), Some(amount))
            if ladder.faults.is_empty() =>
        {
            let content = Content {
                merchant,
                account,
                reduction_type,
                amount,
                reason,
                card_no,
                sgn_no,
                req_scene,
            };
            Ok(Deduction {
                no,
                content,
                returned,
                past,
            })
        }
        _ => Err(ladder.faults),
    };
    Checked { outcome, amount }
}

struct Ladder<'a> {
    record: &'a StringRecord,
    columns: &'a Columns,
    line: u64,
    blank: bool,
    faults: Vec<Fault>,
}

impl<'a> Ladder<'a> {
    /// The trimmed cell; empty where the file has no such column.
    fn text(&self, name: Name) -> &'a str {
        let place = self.columns.place(name);
        place.map_or("", |i| self.columns.cell(self.record, i).trim())
    }

    /// A part that must be there. `None` comes with a fault.
    fn required<T>(&mut self, name: Name, parse: fn(&str) -> Result<T, NameFault>) -> Option<T> {
        let text = self.text(name);
        match parse(text) {
            Ok(part) => Some(part),
            Err(what) => {
                self.fault(name, what.into(), hint(name, text).into());
                None
            }
        }
    }

    /// A part that may be blank. `None` comes with a fault, or the cell is blank.
    fn optional<T>(&mut self, name: Name, parse: fn(&str) -> Result<T, NameFault>) -> Option<T> {
        if self.text(name).is_empty() {
            return None;
        }
        self.required(name, parse)
    }

    fn reduction_type(&mut self) -> Option<ReductionType> {
        self.required(Name::ReductionType, |text| match text {
            "" => Err("must be given"),
            "金融惩戒" => Ok(ReductionType::FinancialPenalty),
            "司法扣划" => Ok(ReductionType::JudicialDeduction),
            word => ReductionType::from_word(word).ok_or("is no known type"),
        })
    }

    fn req_scene(&mut self) -> Option<ReqScene> {
        self.optional(Name::ReqScene, |word| {
            ReqScene::from_word(word).ok_or("is no known scene")
        })
    }

    /// What a history says of the number's past. `None` comes with a fault.
    fn past(&mut self, now: WallMs) -> Option<Past> {
        let first_sent_at = match history::time(self.text(Name::FirstSentAt), now) {
            Ok(at) => Some(at),
            Err((what, hint)) => {
                self.fault(Name::FirstSentAt, what.into(), hint.into());
                None
            }
        };
        let outcome = match history::outcome(self.text(Name::Outcome)) {
            Some(outcome) => Some(outcome),
            None => {
                let hint = hint(Name::Outcome, "");
                self.fault(Name::Outcome, "is no known outcome".into(), hint.into());
                None
            }
        };
        let change_no = self.optional(Name::QuotaChangeNo, history::change_no);
        Some(Past {
            first_sent_at: first_sent_at?,
            outcome: outcome?,
            change_no,
        })
    }

    fn reason(&mut self, rules: &Rules) -> Option<Reason> {
        let text = self.text(Name::Reason);
        if text.starts_with("#sandbox") && !rules.sandbox_scripts_allowed {
            self.fault(
                Name::Reason,
                "is a sandbox script".into(),
                "give the real case number or reason, or run with --sandbox".into(),
            );
            return None;
        }
        self.optional(Name::Reason, Reason::parse)
    }

    /// The amount, if it can be read; one above the ceiling is read and a fault.
    fn amount(&mut self, rules: &Rules) -> Option<Fen> {
        let name = self.columns.amount().unwrap_or(Name::Amount);
        let text = self.text(name);
        let read = if name == Name::AmountYuan {
            Fen::parse_yuan(text)
        } else {
            Fen::parse(text)
        };
        match (read, rules.amount_fen_max) {
            (Ok(fen), Some(max)) if fen.get() > max => {
                let what = format!("is above the configured ceiling of {max} fen");
                let hint =
                    "check the amount; raise the ceiling in the configuration if it is right";
                let value = escaped(text);
                self.fault_showing(name, value, what, hint.into());
                Some(fen)
            }
            (Ok(fen), _) => Some(fen),
            (Err(fault), _) => {
                let what = amount_what(fault, text);
                self.fault(name, what, amount_hint(name, fault, text).into());
                None
            }
        }
    }

    fn fault(&mut self, name: Name, what: String, hint: String) {
        let text = self.text(name);
        let value = match name {
            Name::BalAccountNo | Name::CardNo => shown_secret(text),
            Name::OutRequestNo | Name::Mchid | Name::ReductionType => shown(text),
            Name::Amount | Name::AmountYuan | Name::Reason | Name::SgnNo => shown(text),
            Name::ReqScene | Name::LevyOutRequestNo => shown(text),
            Name::FirstSentAt | Name::Outcome | Name::QuotaChangeNo => shown(text),
        };
        self.fault_showing(name, value, what, hint);
    }

    fn fault_showing(&mut self, name: Name, value: String, what: String, hint: String) {
        let hint = if self.blank {
            "the whole row is blank; remove it from the file if nothing is meant".into()
        } else {
            hint
        };
        self.faults.push(Fault {
            line: self.line,
            column: self.columns.label(name).to_owned(),
            value,
            what,
            hint,
        });
    }
}

fn hint(name: Name, text: &str) -> &'static str {
    if has_wide_digits(text) {
        return "write the digits 0-9 in half width";
    }
    match name {
        Name::OutRequestNo => {
            "give it 1 to 32 digits and letters, or clear it and levy derives one"
        }
        Name::Mchid => "give the target merchant's number, digits only",
        Name::BalAccountNo => "give the account (额度台账号) as its source has it, as text",
        Name::ReductionType => "give JUDICIAL_DEDUCTION (司法扣划) or FINANCIAL_PENALTY (金融惩戒)",
        Name::Amount | Name::AmountYuan => "give the amount in plain digits",
        Name::Reason => "shorten it, or take out what the gateway does not accept",
        Name::CardNo => "give the card number as its source has it, as text, or clear it",
        Name::SgnNo => "give the agreement number as its source has it, or clear it",
        Name::ReqScene => {
            "give SJT_CONVENIENT_SETTLEMENT_SERVICE_MERCHANT, SJT_MICRO_MERCHANT or \
             WX_SHOP_CONVENIENT_SETTLEMENT_SERVICE_MERCHANT, or clear it"
        }
        Name::FirstSentAt => history::TIME_HINT,
        Name::Outcome => {
            "give SUCCESS, FAILED or UNKNOWN (CLOSED counts as failed; PROCESSING or nothing as unknown)"
        }
        Name::QuotaChangeNo => "give the change number as its source has it, or clear it",
        Name::LevyOutRequestNo => "take it from the result as levy wrote it; never edit it",
    }
}

fn amount_what(fault: AmountFault, text: &str) -> String {
    let negative = text.strip_prefix('-').is_some_and(|rest| {
        let digits = |b: u8| b.is_ascii_digit() || b == b'.';
        !rest.is_empty() && rest.bytes().all(digits)
    });
    if negative {
        return AmountFault::Zero.to_string();
    }
    fault.to_string()
}

fn amount_hint(name: Name, fault: AmountFault, text: &str) -> &'static str {
    let fen = name == Name::Amount;
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    match fault {
        AmountFault::Empty if fen => "give the amount in fen (1 yuan is 100)",
        AmountFault::Empty => "give the amount in yuan, such as 12.34",
        AmountFault::Zero => "nothing would be deducted; give the amount or remove the row",
        AmountFault::TooLarge => "check the amount and its unit",
        AmountFault::TooFine => "there is nothing below one fen; round it at its source",
        AmountFault::NotDigits if has_wide_digits(text) => "write the digits 0-9 in half width",
        AmountFault::NotDigits if text.starts_with('-') => {
            "a deduction is positive; give the amount or remove the row"
        }
        AmountFault::NotDigits if text.contains(['e', 'E']) => {
            "a spreadsheet may have rounded it; take it from its source and write it out"
        }
        AmountFault::NotDigits if text.contains([',', '，', ' ', '\'']) => {
            "write it without thousands separators"
        }
        AmountFault::NotDigits if fen && text.split('.').all(digits) => {
            "fen are whole (1 yuan is 100); for yuan name the column amount_yuan"
        }
        AmountFault::NotDigits if fen => "write fen in the digits 0-9, without sign or unit",
        AmountFault::NotDigits => "write yuan such as 12 or 12.34, without sign or unit",
    }
}

fn has_wide_digits(text: &str) -> bool {
    text.contains(|c| matches!(c, '０'..='９'))
}
