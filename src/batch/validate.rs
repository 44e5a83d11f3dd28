//! One row's cells to a deduction, or to every fault that it has: a ladder in a fixed order.
//!
//! The rungs, one fault at most from each: out_request_no, mchid, bal_account_no, reduction_type,
//! amount (or amount_yuan), reason, card_no, sgn_no, req_scene, levy_out_request_no; of a history
//! first_sent_at, outcome, quota_change_no as well. What a name or
//! an amount must look like is told by `order`; this module only adds where, and what to do.

use std::borrow::Cow;

use csv::StringRecord;

use super::cell::{
    Rounded, half_width, is_error, is_total, rounded, trimmed, ungrouped, was_unfit,
};
use super::columns::{Columns, Name, folded};
use super::fault::{Fault, escaped, shown, shown_secret};
use super::workbook::Kind;
use super::{Deduction, Past, Rules, history};
use crate::clock::WallMs;
use crate::order::{
    Account, AmountFault, CardNo, Comeback, Content, Fen, Merchant, NameFault, OrderNo, Reason,
    ReductionType, ReqScene, SgnNo, looks_like_excel_damage,
};

/// What a row is, and its amount wherever that could be read.
pub(super) struct Checked {
    pub(super) outcome: Result<Deduction, Vec<Fault>>,
    pub(super) amount: Option<Fen>,
    /// What stands in `levy_out_request_no`.
    pub(super) came_back_as: Option<String>,
    /// What may be wrong, and is not for levy to tell.
    pub(super) doubts: Vec<Fault>,
    /// The places of cells that their kind in a workbook rules out.
    pub(super) unfit: Vec<usize>,
}

/// A row as it was read.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) record: &'a StringRecord,
    /// What its cells are to a spreadsheet; texts, where nothing is told.
    pub(super) kinds: &'a [Kind],
    /// The row that a spreadsheet shows it in.
    pub(super) line: u64,
}

/// Walks the ladder.
pub(super) fn check(row: Row<'_>, columns: &Columns, rules: &Rules) -> Checked {
    let mut ladder = Ladder {
        row,
        columns,
        accept_digits: rules.accept_digits,
        faults: Vec::new(),
        doubts: Vec::new(),
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
    let comeback = ladder.comeback();
    let past = rules.history_until.and_then(|now| ladder.past(now));

    let unfit = ladder.unfit_places();
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
                comeback,
                past,
            })
        }
        _ => Err(ladder.total().map_or(ladder.faults, |total| vec![total])),
    };
    let came_back_as = columns.place(Name::LevyOutRequestNo).and_then(|place| {
        let cell = columns.cell(row.record, place).trim();
        (!cell.is_empty()).then(|| cell.to_owned())
    });
    Checked {
        outcome,
        unfit,
        amount,
        came_back_as,
        doubts: ladder.doubts,
    }
}

struct Ladder<'a> {
    row: Row<'a>,
    columns: &'a Columns,
    accept_digits: bool,
    faults: Vec<Fault>,
    doubts: Vec<Fault>,
}

impl<'a> Ladder<'a> {
    /// The trimmed cell; empty where the file has no such column. What input methods write in full
    /// width is read in half width, but for texts that people read.
    fn text(&self, name: Name) -> Cow<'a, str> {
        let place = self.columns.place(name);
        let cell = place.map_or("", |i| self.columns.cell(self.row.record, i));
        match name {
            Name::Reason | Name::LevyOutRequestNo | Name::LevyReissue => {
                Cow::Borrowed(trimmed(cell))
            }
            _ => half_width(cell),
        }
    }

    /// A part that must be there. `None` comes with a fault.
    fn required<T>(&mut self, name: Name, parse: fn(&str) -> Result<T, NameFault>) -> Option<T> {
        let text = self.text(name);
        self.given(name, &text, parse)
    }

    fn given<T>(
        &mut self,
        name: Name,
        text: &str,
        parse: fn(&str) -> Result<T, NameFault>,
    ) -> Option<T> {
        if let Some((what, hint)) = self.unfit(name, text) {
            self.fault(name, what.into(), hint.into());
            return None;
        }
        match parse(text) {
            Ok(part) => self.whole(name, text).then_some(part),
            Err(what) => {
                self.fault(name, what.into(), hint(name).into());
                None
            }
        }
    }

    /// The places of cells that their kind in a workbook rules out.
    fn unfit_places(&self) -> Vec<usize> {
        let no_text = |place: &usize| {
            let kind = self.row.kinds.get(*place);
            kind.is_some_and(|kind| *kind != Kind::Text)
        };
        let names = match self.row.kinds {
            [] => [].iter(),
            _ => Name::ALL.iter(),
        };
        names
            .filter_map(|&name| Some((name, self.columns.place(name).filter(no_text)?)))
            .filter(|(name, _)| self.unfit(*name, &self.text(*name)).is_some())
            .map(|(_, place)| place)
            .collect()
    }

    /// Why a cell can't be what its column asks for, by its kind in a workbook; and what to do.
    fn unfit(&self, name: Name, text: &str) -> Option<(&'static str, &'static str)> {
        const AS_TEXT: &str = "format the column as text and enter it anew from its source";
        let place = self.columns.place(name)?;
        match self.row.kinds.get(place).copied().unwrap_or(Kind::Text) {
            Kind::Text if was_unfit(text) => Some((
                "was no text in the workbook that it came from",
                "enter it anew from its source, as text",
            )),
            Kind::Text if !is_error(text) => None,
            Kind::Text | Kind::Error => Some((
                "is an error of the spreadsheet",
                "mend the formula behind it",
            )),
            Kind::Truth => Some(("is a truth value", AS_TEXT)),
            Kind::Formula => Some((
                "is a formula whose value is not in the file",
                "open it in a spreadsheet and save it, so that the value is stored, or enter the value",
            )),
            // A moment is what it is.
            Kind::Date if name == Name::FirstSentAt => None,
            Kind::Date => Some(("is a date to the spreadsheet, and no text", AS_TEXT)),
            Kind::Percent if matches!(name, Name::Amount | Name::AmountYuan) => Some((
                "is shown as a percentage, a hundred times what is stored",
                "format it as a number, or as text, and look what it says then",
            )),
            Kind::Number | Kind::Percent => {
                let whole = text.len() <= 15;
                let fits = match name {
                    Name::Amount | Name::AmountYuan => true,
                    // What a person sees of it is up to its format.
                    Name::Reason => false,
                    Name::ReductionType | Name::ReqScene | Name::LevyReissue => whole,
                    Name::FirstSentAt | Name::Outcome => whole,
                    Name::OutRequestNo | Name::Mchid | Name::BalAccountNo | Name::CardNo => {
                        self.accept_digits && whole
                    }
                    Name::SgnNo | Name::LevyOutRequestNo | Name::QuotaChangeNo => {
                        self.accept_digits && whole
                    }
                };
                let what = "is a number to the spreadsheet, which keeps 15 digits and drops zeros in \
                            front";
                (!fits).then_some((what, AS_TEXT))
            }
        }
    }

    /// False, with a fault, where a spreadsheet has rounded an identifier.
    fn whole(&mut self, name: Name, text: &str) -> bool {
        match name {
            Name::OutRequestNo | Name::BalAccountNo | Name::CardNo | Name::SgnNo => {}
            Name::Mchid | Name::ReductionType | Name::Amount | Name::AmountYuan => return true,
            Name::Reason | Name::ReqScene => return true,
            Name::LevyOutRequestNo | Name::LevyReissue => return true,
            Name::FirstSentAt | Name::Outcome | Name::QuotaChangeNo => return true,
        }
        let hint =
            "compare it with its source, and give it as text; --accept-digits takes it as it is";
        match rounded(text) {
            Rounded::No => true,
            _ if self.accept_digits => true,
            Rounded::Perhaps => {
                let what = "ends in a zero where a spreadsheet may have rounded it";
                let doubt = self.told(name, what.into(), hint.into());
                self.doubts.push(doubt);
                true
            }
            Rounded::Surely => {
                let what = "has nothing but zeros behind its 15th digit, as a spreadsheet leaves a \
                            number that it has rounded";
                self.fault(name, what.into(), hint.into());
                false
            }
        }
    }

    /// The one fault of a row of totals.
    fn total(&self) -> Option<Fault> {
        let cells = self.columns.carried.iter();
        let mut cells = cells.map(|&i| (i, self.columns.cell(self.row.record, i)));
        let (i, label) = cells.find(|(_, cell)| !cell.trim().is_empty())?;
        is_total(label).then(|| Fault {
            line: self.row.line,
            place: i,
            column: self.columns.label_at(i).to_owned(),
            value: shown(label.trim()),
            what: "is the label of a row of totals, not a deduction".into(),
            hint: "remove the row from the file".into(),
        })
    }

    /// A part that may be blank. `None` comes with a fault, or the cell is blank.
    fn optional<T>(&mut self, name: Name, parse: fn(&str) -> Result<T, NameFault>) -> Option<T> {
        let text = self.text(name);
        match text.is_empty() {
            true => None,
            false => self.given(name, &text, parse),
        }
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
        let first_sent_at = match history::time(&self.text(Name::FirstSentAt), now) {
            Ok(at) => Some(at),
            Err((what, hint)) => {
                self.fault(Name::FirstSentAt, what.into(), hint.into());
                None
            }
        };
        let outcome = match history::outcome(&self.text(Name::Outcome)) {
            Some(outcome) => Some(outcome),
            None => {
                let hint = hint(Name::Outcome);
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

    /// What a row that came back asks for.
    fn comeback(&mut self) -> Comeback {
        let text = self.text(Name::LevyReissue);
        let names_order = !text.is_empty() && !self.text(Name::LevyOutRequestNo).is_empty();
        let folded = match text.is_empty() {
            true => String::new(),
            false => folded(&text),
        };
        let (what, hint) = match folded.as_str() {
            "" if self.columns.failed() => return Comeback::Mended,
            "" if self.columns.returned => return Comeback::Result,
            "" => return Comeback::First,
            "yes" | "y" | "是" if names_order => return Comeback::Reissue,
            "yes" | "y" | "是" => (
                "asks for a new number, but the row names no order in levy_out_request_no",
                "clear it: the row is deducted as it stands, once",
            ),
            _ => ("is neither yes nor empty", hint(Name::LevyReissue)),
        };
        self.fault(Name::LevyReissue, what.into(), hint.into());
        Comeback::Result
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
        let reason = self.optional(Name::Reason, Reason::parse)?;
        if looks_like_excel_damage(reason.as_str()) {
            let what = "looks like a number that a spreadsheet has rounded";
            let hint = "compare it with its source; if it was a case number, give that as text";
            // What came back would be another deduction by that, in place of its own.
            if self.columns.returned {
                self.fault(Name::Reason, what.into(), hint.into());
                return None;
            }
            let doubt = self.told(Name::Reason, what.into(), hint.into());
            self.doubts.push(doubt);
        }
        Some(reason)
    }

    /// The amount, if it can be read; one above the ceiling is read and a fault.
    fn amount(&mut self, rules: &Rules) -> Option<Fen> {
        let name = self.columns.amount().unwrap_or(Name::Amount);
        let text = self.text(name);
        if let Some((what, hint)) = self.unfit(name, &text) {
            self.fault(name, what.into(), hint.into());
            return None;
        }
        let plain = ungrouped(&text);
        let read = if name == Name::AmountYuan {
            Fen::parse_yuan(&plain)
        } else {
            Fen::parse(&plain)
        };
        match (read, rules.amount_fen_max) {
            (Ok(fen), Some(max)) if fen.get() > max => {
                let what = format!("is above the configured ceiling of {max} fen");
                let hint =
                    "check the amount; raise the ceiling in the configuration if it is right";
                let value = escaped(&text);
                let fault = self.showing(name, value, what, hint.into());
                self.faults.push(fault);
                Some(fen)
            }
            (Ok(fen), _) => Some(fen),
            (Err(fault), _) => {
                let what = amount_what(fault, &text);
                self.fault(name, what, amount_hint(name, fault, &text).into());
                None
            }
        }
    }

    fn fault(&mut self, name: Name, what: String, hint: String) {
        let fault = self.told(name, what, hint);
        self.faults.push(fault);
    }

    fn told(&self, name: Name, what: String, hint: String) -> Fault {
        let text = self.text(name);
        let value = match name {
            Name::BalAccountNo | Name::CardNo => shown_secret(&text),
            Name::OutRequestNo | Name::Mchid | Name::ReductionType => shown(&text),
            Name::Amount | Name::AmountYuan | Name::Reason | Name::SgnNo => shown(&text),
            Name::ReqScene | Name::LevyOutRequestNo | Name::LevyReissue => shown(&text),
            Name::FirstSentAt | Name::Outcome | Name::QuotaChangeNo => shown(&text),
        };
        self.showing(name, value, what, hint)
    }

    fn showing(&self, name: Name, value: String, what: String, hint: String) -> Fault {
        let blank = self.row.record.iter().all(|cell| cell.trim().is_empty());
        let hint = if blank {
            "the whole row is blank; remove it from the file if nothing is meant".into()
        } else {
            hint
        };
        Fault {
            line: self.row.line,
            place: self.columns.place(name).unwrap_or(0),
            column: self.columns.label(name).to_owned(),
            value,
            what,
            hint,
        }
    }
}

fn hint(name: Name) -> &'static str {
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
        Name::LevyReissue => {
            "give yes (是) for a new number in place of one that failed, or leave it empty"
        }
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
        AmountFault::NotDigits if text.starts_with('-') => {
            "a deduction is positive; give the amount or remove the row"
        }
        AmountFault::NotDigits if text.contains(['e', 'E']) => {
            "a spreadsheet may have rounded it; take it from its source and write it out"
        }
        AmountFault::NotDigits if text.contains([',', ' ', '\'']) => {
            "write it without thousands separators, or a comma before each group of three digits"
        }
        AmountFault::NotDigits if fen && text.split('.').all(digits) => {
            "fen are whole (1 yuan is 100); for yuan name the column amount_yuan"
        }
        AmountFault::NotDigits if fen => "write fen in the digits 0-9, without sign or unit",
        AmountFault::NotDigits => "write yuan such as 12 or 12.34, without sign or unit",
    }
}
