//! A list of deductions that is compared and not deducted: a file with the input's columns, and
//! perhaps what became of each row. These further columns mean nothing in a batch.
//!
//! Of a result that comes back only levy's own are read: what its input called `state` may be
//! anything.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::columns::{LEVY_COLUMNS, Name, folded, levys};
use super::fault::{FileFault, FileFaultKind, shown};
use super::{InputRow, Reader, Rules};
use crate::order::{Field, Status};

/// A column that says what became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The state.
    State,
    /// The gateway's change number.
    QuotaChangeNo,
    /// When the amount was deducted.
    SuccessTime,
    /// `levy_duplicate_of`: the row adds nothing.
    DuplicateOf,
    /// `levy_attempts`: the row shows an order.
    Attempts,
}

impl Outcome {
    /// All of them, in the order of [`ListedCells`].
    pub const ALL: [Self; 5] = [
        Self::State,
        Self::QuotaChangeNo,
        Self::SuccessTime,
        Self::DuplicateOf,
        Self::Attempts,
    ];

    /// The names that the column has in a list.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::State => &["state", "status", "状态"],
            Self::QuotaChangeNo => &["quota_change_no", "微信支付额度变更单号", "额度变更单号"],
            Self::SuccessTime => &["success_time", "成功时间"],
            Self::DuplicateOf | Self::Attempts => &[],
        }
    }

    /// The name that it has in a result.
    fn levys(self) -> &'static str {
        match self {
            Self::State => "levy_status",
            Self::QuotaChangeNo => "levy_quota_change_no",
            Self::SuccessTime => "levy_success_time",
            Self::DuplicateOf => "levy_duplicate_of",
            Self::Attempts => "levy_attempts",
        }
    }
}

/// What a list says became of a row, trimmed, by [`Outcome::ALL`]; empty where it says nothing.
pub type ListedCells = [String; Outcome::ALL.len()];

/// Reads a list row by row. What it says is whole only after [`ListReader::finish`] has said `Ok`.
pub struct ListReader<R: Read> {
    reader: Reader<R>,
    at: [Option<usize>; Outcome::ALL.len()],
}

impl ListReader<File> {
    /// Opens a list and reads its header.
    pub fn open(path: &Path) -> Result<Self, FileFault> {
        Self::new(Reader::open(path, RULES)?)
    }
}

/// A list is not sent: no ceiling holds, a script in a reason is a reason like any other, and a number
/// that a spreadsheet has rounded is a difference.
const RULES: Rules = Rules {
    amount_fen_max: None,
    sandbox_scripts_allowed: true,
    accept_digits: true,
    encoding: None,
    history_until: None,
};

impl<R: Read> ListReader<R> {
    /// Takes over a reader that has read its header and no row.
    fn new(reader: Reader<R>) -> Result<Self, FileFault> {
        let mut at = [None; Outcome::ALL.len()];
        for (i, cell) in reader.records.record().iter().enumerate() {
            let folded = folded(cell);
            let is = |outcome: &Outcome| match reader.header.returned {
                true => levys(&folded).is_some_and(|at| LEVY_COLUMNS[at] == outcome.levys()),
                false => outcome.words().contains(&folded.as_str()),
            };
            let Some(found) = Outcome::ALL.iter().position(is) else {
                continue;
            };
            if let Some(first) = at[found].replace(i) {
                let kind = FileFaultKind::DoubleColumn {
                    name: Outcome::ALL[found].words().first().copied().unwrap_or(""),
                    first: first + 1,
                    second: i + 1,
                };
                return Err(FileFault::new(&reader.name, Some(1), kind));
            }
        }
        Ok(Self { reader, at })
    }

    /// The list is a result of levy's.
    pub fn is_result(&self) -> bool {
        self.reader.header.returned
    }

    /// A result says of the row that it shows no order: it may name the one that it came back from.
    pub fn is_no_order(&self, row: &InputRow, cells: &ListedCells) -> bool {
        let none = [Status::Invalid, Status::Conflict].map(Status::as_str);
        let shown = !self.tells(Outcome::Attempts) || !cells[Outcome::Attempts as usize].is_empty();
        let named = row.outcome.as_ref().is_ok_and(|d| d.returned.is_some());
        self.is_result() && none.contains(&&*cells[Outcome::State as usize]) && !(shown && named)
    }

    /// Columns that come close to a known one, as sentences.
    pub fn warnings(&self) -> &[String] {
        self.reader.warnings()
    }

    /// The list has a column for this field of the content.
    pub fn has(&self, field: Field) -> bool {
        let name = match field {
            Field::Merchant | Field::Account | Field::ReductionType | Field::Amount => return true,
            Field::Reason => Name::Reason,
            Field::CardNo => Name::CardNo,
            Field::SgnNo => Name::SgnNo,
            Field::ReqScene => Name::ReqScene,
        };
        self.reader.columns.place(name).is_some()
    }

    /// The list has a column for this part of what became of its rows.
    pub fn tells(&self, outcome: Outcome) -> bool {
        self.at[outcome as usize].is_some()
    }

    /// The next row, and what became of it; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<(InputRow, ListedCells)>, FileFault> {
        let Some(row) = self.reader.next_row()? else {
            return Ok(None);
        };
        let cell = |at: Option<usize>| at.map_or("", |at| self.reader.cell(at).trim());
        let mut cells = self.at.map(|at| cell(at).to_owned());
        let state = &mut cells[Outcome::State as usize];
        // A Chinese result's word is an English one's.
        if let Some(status) = Status::from_shown(state).filter(|_| self.is_result()) {
            *state = status.as_str().into();
        }
        Ok(Some((row, cells)))
    }

    /// Reads what is left; a fault of the file, if there was or is one.
    pub fn finish(self) -> Result<(), FileFault> {
        self.reader.finish().map(|_| ())
    }
}

/// A cell of a list as it may be shown: runs that may be account or card numbers masked, control
/// characters escaped, cut.
pub fn shown_cell(text: &str) -> String {
    shown(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "mchid,bal_account_no,reduction_type,amount";
    const ROW: &str = "1900016681,8609cb22e1774a50a930e414cc71eca06121bc,司法扣划,7";

    fn list(
        header: &str,
        cells: &str,
    ) -> Result<(ListReader<&'static [u8]>, ListedCells), FileFault> {
        let text = format!("{HEADER},{header}\n{ROW},{cells}\n").into_bytes();
        let bytes: &'static [u8] = Vec::leak(text);
        let mut list = ListReader::new(Reader::new("list.csv", bytes, RULES)?)?;
        let (row, cells) = list.next_row()?.unwrap();
        assert!(row.outcome.is_ok());
        Ok((list, cells))
    }

    #[test]
    fn a_list_says_what_became_of_its_rows_under_any_of_the_names() {
        for header in [
            "state,quota_change_no,success_time",
            " Status , QUOTA_CHANGE_NO,Success_Time",
            "状态,额度变更单号,成功时间",
            "状态,微信支付额度变更单号,成功时间",
        ] {
            let (list, cells) = list(header, " 成功 ,42,2026-01-01").unwrap();
            assert_eq!(cells, ["成功", "42", "2026-01-01", "", ""], "{header}");
            assert!(list.tells(Outcome::State) && !list.tells(Outcome::DuplicateOf));
            assert!(!list.is_result() && !list.has(Field::Reason));
        }
        let (list, cells) = list("reason,note", "x,y").unwrap();
        assert_eq!(cells, [""; 5]);
        assert!(list.has(Field::Reason) && !list.tells(Outcome::State));
    }

    #[test]
    fn of_a_result_only_levys_own_columns_are_read() {
        let header = "state,status,levy_out_request_no,levy_status,levy_duplicate_of";
        let (list, cells) = list(header, "NY,x,N1,SUCCESS,'-a.csv:2").unwrap();
        assert_eq!(cells, ["SUCCESS", "", "", "-a.csv:2", ""]);
        assert!(list.is_result());
        let header = "状态,levy单号,levy状态,levy请求次数";
        let (list, cells) = self::list(header, "NY,N1,已关闭,1").unwrap();
        assert_eq!(cells, ["CLOSED", "", "", "", "1"]);
        assert!(list.is_result());
    }

    #[test]
    fn a_list_with_two_columns_for_one_thing_is_refused() {
        let Err(fault) = list("state,status", "a,b") else {
            panic!("taken");
        };
        assert!(fault.to_string().starts_with("list.csv:1: "), "{fault}");
    }
}
