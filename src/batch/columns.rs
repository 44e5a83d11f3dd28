//! The header: which column is which, under its English or Chinese name, in any order.
//!
//! It does not know what the cells below must look like.

use csv::StringRecord;
use unicode_normalization::UnicodeNormalization;

use super::COLUMNS_MAX;
use super::cell::marked;
use super::escape::unescape_cell;
use super::fault::{FileFaultKind, shown};

/// levy's own columns under their English and their Chinese names, all as [`folded`] gives them. A file
/// that carries any of them is a result that comes back.
const LEVY_NAMES: [[&str; 2]; 18] = [
    ["levy_line", "levy行号"],
    ["levy_status", "levy状态"],
    ["levy_next_action", "levy下一步"],
    ["levy_out_request_no", "levy单号"],
    ["levy_duplicate_of", "levy重复于"],
    ["levy_state", "levy微信状态"],
    ["levy_fail_reason", "levy失败原因"],
    ["levy_quota_change_no", "levy额度变更单号"],
    ["levy_success_time", "levy成功时间"],
    ["levy_fail_time", "levy失败时间"],
    ["levy_http_status", "levy应答状态码"],
    ["levy_code", "levy错误码"],
    ["levy_message", "levy错误信息"],
    ["levy_attempts", "levy请求次数"],
    ["levy_first_sent_at", "levy首次提交时间"],
    ["levy_settled_at", "levy完结时间"],
    ["levy_request_id", "levy请求号"],
    ["levy_note", "levy备注"],
];
/// In a failed file, before them.
const REISSUE_NAMES: [&str; 2] = ["levy_reissue", "levy重新发起"];
/// Where `levy_out_request_no` stands among them.
const OUT_REQUEST_NO: usize = 3;

/// The columns that levy writes behind the input's own, in their order and in English.
pub const LEVY_COLUMNS: [&str; 18] = {
    let mut names = [""; 18];
    let mut i = 0;
    while i < names.len() {
        names[i] = LEVY_NAMES[i][0];
        i += 1;
    }
    names
};

/// The language of a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// `mchid`, `bal_account_no` ….
    #[default]
    English,
    /// 目标商户号, 额度台账号 ….
    Chinese,
}

impl Language {
    /// Where its names stand among others'.
    fn place(self) -> usize {
        match self {
            Self::English => 0,
            Self::Chinese => 1,
        }
    }
}

/// The columns that levy writes behind the input's own, in their order.
pub fn levy_columns(language: Language) -> [&'static str; LEVY_COLUMNS.len()] {
    LEVY_NAMES.map(|names| names[language.place()])
}

/// The column of a failed file that asks for a new number.
pub fn reissue_column(language: Language) -> &'static str {
    REISSUE_NAMES[language.place()]
}

/// Where a header has what a report shows of each row, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShownColumns {
    /// `out_request_no`
    pub number: Option<usize>,
    /// `mchid`
    pub merchant: Option<usize>,
    /// `bal_account_no`
    pub account: Option<usize>,
    /// `card_no`
    pub card: Option<usize>,
    /// `reduction_type`
    pub reduction_type: Option<usize>,
    /// `reason`
    pub reason: Option<usize>,
}

/// Finds them, in any of their names.
pub fn shown_columns(header: &[String]) -> ShownColumns {
    let names: Vec<_> = header
        .iter()
        .map(|cell| Name::of(&folded(cell), false))
        .collect();
    let place = |name: Name| names.iter().position(|n| *n == Some(name));
    ShownColumns {
        number: place(Name::OutRequestNo),
        merchant: place(Name::Mchid),
        account: place(Name::BalAccountNo),
        card: place(Name::CardNo),
        reduction_type: place(Name::ReductionType),
        reason: place(Name::Reason),
    }
}

/// The header of an empty batch: the columns that every batch needs, and the two that most have.
pub fn template(language: Language, yuan: bool) -> [&'static str; 6] {
    let amount = match yuan {
        true => Name::AmountYuan,
        false => Name::Amount,
    };
    let word = language.place();
    let names = [
        Name::Mchid,
        Name::BalAccountNo,
        Name::ReductionType,
        amount,
        Name::Reason,
        Name::OutRequestNo,
    ];
    names.map(|name| name.words()[word])
}

/// Header cells that a message lists.
const LISTED_MAX: usize = 12;
/// Characters of a header cell that is compared with the known names.
const NEAR_CHARS_MAX: usize = 40;

/// A column that levy reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    OutRequestNo,
    Mchid,
    BalAccountNo,
    ReductionType,
    Amount,
    AmountYuan,
    Reason,
    CardNo,
    SgnNo,
    ReqScene,
    LevyOutRequestNo,
    LevyReissue,
    FirstSentAt,
    Outcome,
    QuotaChangeNo,
}

impl Name {
    pub(super) const ALL: [Self; 15] = [
        Self::OutRequestNo,
        Self::Mchid,
        Self::BalAccountNo,
        Self::ReductionType,
        Self::Amount,
        Self::AmountYuan,
        Self::Reason,
        Self::CardNo,
        Self::SgnNo,
        Self::ReqScene,
        Self::LevyOutRequestNo,
        Self::LevyReissue,
        Self::FirstSentAt,
        Self::Outcome,
        Self::QuotaChangeNo,
    ];

    /// The English name, then the Chinese ones, all as [`folded`] gives them.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::OutRequestNo => &["out_request_no", "特殊减额单号", "单号"],
            Self::Mchid => &["mchid", "目标商户号", "商户号"],
            Self::BalAccountNo => &["bal_account_no", "额度台账号"],
            Self::ReductionType => &["reduction_type", "特殊减额类型", "类型"],
            Self::Amount => &["amount", "减额金额(分)"],
            Self::AmountYuan => &["amount_yuan", "减额金额(元)"],
            Self::Reason => &["reason", "特殊减额原因", "原因"],
            Self::CardNo => &["card_no"],
            Self::SgnNo => &["sgn_no"],
            Self::ReqScene => &["req_scene"],
            Self::LevyOutRequestNo => &LEVY_NAMES[OUT_REQUEST_NO],
            Self::LevyReissue => &REISSUE_NAMES,
            Self::FirstSentAt => &["first_sent_at", "首次提交时间"],
            Self::Outcome => &["outcome", "结果"],
            Self::QuotaChangeNo => &["quota_change_no", "额度变更单号"],
        }
    }

    /// Read in a history alone; in any other file it is carried through.
    fn is_of_history(self) -> bool {
        matches!(
            self,
            Self::FirstSentAt | Self::Outcome | Self::QuotaChangeNo
        )
    }

    /// The names that a file of this kind may have.
    fn of_file(history: bool) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(move |name| history || !name.is_of_history())
    }

    fn of(folded: &str, history: bool) -> Option<Self> {
        Self::of_file(history).find(|name| name.words().contains(&folded))
    }

    pub(super) fn as_str(self) -> &'static str {
        self.words()[0]
    }
}

/// Where each column of a file is, counted from 0.
pub(super) struct Columns {
    at: [Option<usize>; Name::ALL.len()],
    /// The columns that are not levy's own: what a result carries on.
    pub(super) carried: Vec<usize>,
    /// Header cells as faults show them.
    labels: Vec<String>,
    /// The file is a result that comes back.
    pub(super) returned: bool,
    pub(super) warnings: Vec<String>,
}

impl Columns {
    pub(super) fn read(header: &StringRecord, history: bool) -> Result<Self, FileFaultKind> {
        if header.len() > COLUMNS_MAX + LEVY_COLUMNS.len() + 1 {
            return Err(FileFaultKind::TooManyColumns(header.len()));
        }
        // Before any other name is read: a result's header cells are escaped like all of its cells.
        let returned = header.iter().any(|cell| is_levys(&folded(cell)));
        let names = header.iter().map(|cell| as_it_came(cell, returned));
        let mut columns = Self {
            at: [None; Name::ALL.len()],
            carried: Vec::with_capacity(header.len()),
            labels: names.clone().map(|cell| shown(cell.trim())).collect(),
            returned,
            warnings: Vec::new(),
        };
        let mut levy_at = [None; LEVY_COLUMNS.len()];
        for (i, cell) in names.enumerate() {
            let folded = folded(cell);
            let read = Name::of(&folded, history);
            if let Some(name) = read {
                take_place(&mut columns.at[name as usize], i, name.as_str())?;
            }
            match levys(&folded) {
                Some(levy) => take_place(&mut levy_at[levy], i, LEVY_COLUMNS[levy])?,
                None if is_levys(&folded) => {}
                None => {
                    columns.carried.push(i);
                    if read.is_none() {
                        columns.warnings.extend(near_miss(&folded, i, history));
                    }
                }
            }
        }
        // Levy's own do not count: what was taken once is taken with them too.
        if columns.carried.len() > COLUMNS_MAX {
            return Err(FileFaultKind::TooManyColumns(columns.carried.len()));
        }
        columns.require(history)?;
        Ok(columns)
    }

    fn require(&self, history: bool) -> Result<(), FileFaultKind> {
        if let (Some(fen), Some(yuan)) = (self.place(Name::Amount), self.place(Name::AmountYuan)) {
            return Err(FileFaultKind::BothAmounts {
                fen: fen + 1,
                yuan: yuan + 1,
            });
        }
        let mut missing = Vec::new();
        for name in [Name::Mchid, Name::BalAccountNo, Name::ReductionType] {
            if self.place(name).is_none() {
                missing.push(name.as_str());
            }
        }
        if self.amount().is_none() {
            missing.push("amount (fen) or amount_yuan (yuan)");
        }
        // Another's outcome is nothing that levy has proven: it must not pass for a result of levy's.
        if history && self.returned {
            return Err(FileFaultKind::ResultAsHistory);
        }
        let of_history = [Name::OutRequestNo, Name::FirstSentAt, Name::Outcome];
        for name in of_history.into_iter().filter(|_| history) {
            if self.place(name).is_none() {
                missing.push(name.as_str());
            }
        }
        // Without it the rows of a result would lose their orders, and pass for new deductions.
        if self.returned && self.place(Name::LevyOutRequestNo).is_none() {
            missing.push(match self.failed() {
                // Without it refused rows would be deducted beside what they take the place of.
                true => "levy_out_request_no (it ties each row to its order: put it back)",
                false => {
                    "levy_out_request_no (a result comes back with it, or without any levy_ column)"
                }
            });
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(FileFaultKind::MissingColumns {
            missing,
            found: self.listed(),
            near: self.warnings.clone(),
        })
    }

    fn listed(&self) -> String {
        let shown = self.labels.len().min(LISTED_MAX);
        let mut list = self.labels[..shown].join(" | ");
        if shown < self.labels.len() {
            list.push_str(" | …");
        }
        list
    }

    /// Fields of the header, levy's own included.
    pub(super) fn width(&self) -> usize {
        self.labels.len()
    }

    /// Where a column is, counted from 0.
    pub(super) fn place(&self, name: Name) -> Option<usize> {
        self.at[name as usize]
    }

    /// Its rows are those of a failed file.
    pub(super) fn failed(&self) -> bool {
        self.place(Name::LevyReissue).is_some()
    }

    /// Which of the two amount columns the file has.
    pub(super) fn amount(&self) -> Option<Name> {
        let mut both = [Name::Amount, Name::AmountYuan].into_iter();
        both.find(|name| self.place(*name).is_some())
    }

    /// The header cell of a column, as faults show it.
    pub(super) fn label(&self, name: Name) -> &str {
        self.place(name).map_or(name.as_str(), |i| &self.labels[i])
    }

    /// The header cell at a place, as faults show it.
    pub(super) fn label_at(&self, place: usize) -> &str {
        self.labels.get(place).map_or("", |label| label)
    }

    /// A cell of a row as the input had it: in a result that comes back, without the escape.
    pub(super) fn cell<'r>(&self, record: &'r StringRecord, place: usize) -> &'r str {
        as_it_came(record.get(place).unwrap_or_default(), self.returned)
    }

    /// The cells of a row that a result carries on.
    pub(super) fn carried_cells(&self, record: &StringRecord, unfit: &[usize]) -> Vec<String> {
        let cells = self.carried.iter();
        let marked = |&i: &usize| marked(self.cell(record, i), unfit.contains(&i)).into_owned();
        cells.map(marked).collect()
    }
}

/// A cell as the input had it: of a result that comes back, without the escape.
fn as_it_came(cell: &str, returned: bool) -> &str {
    if returned { unescape_cell(cell) } else { cell }
}

/// Which of [`LEVY_COLUMNS`] a name is, as [`folded`] gives it, in any language.
pub(super) fn levys(folded: &str) -> Option<usize> {
    LEVY_NAMES.iter().position(|names| names.contains(&folded))
}

/// Whether a name, as [`folded`] gives it, is one of levy's own columns.
fn is_levys(folded: &str) -> bool {
    levys(folded).is_some() || REISSUE_NAMES.contains(&folded)
}

fn take_place(
    place: &mut Option<usize>,
    i: usize,
    name: &'static str,
) -> Result<(), FileFaultKind> {
    match place.replace(i) {
        None => Ok(()),
        Some(first) => Err(FileFaultKind::DoubleColumn {
            name,
            first: first + 1,
            second: i + 1,
        }),
    }
}

/// A header cell by its letters: NFKC (full-width letters and brackets), lower case, trimmed.
pub(super) fn folded(cell: &str) -> String {
    if cell.is_ascii() {
        return cell.to_ascii_lowercase().trim().to_owned();
    }
    let folded: String = cell.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    folded.trim().to_owned()
}

/// A warning when a column that is none of the known ones may be one of them, mistyped.
fn near_miss(folded: &str, i: usize, history: bool) -> Option<String> {
    let ours = Name::of_file(history).flat_map(|name| name.words());
    let known = ours.chain(LEVY_NAMES.as_flattened());
    let length = chars(folded);
    // A character more or less is an edit: most words are told apart by their lengths.
    let near = known
        .filter(|word| length.abs_diff(chars(word)) <= allowed(word))
        .map(|word| (distance(folded, word), word))
        .filter(|(distance, word)| *distance <= allowed(word))
        .min_by_key(|(distance, _)| *distance)?;
    Some(format!(
        "column {} \"{}\" is carried through unread, but is close to {}",
        i + 1,
        shown(folded),
        near.1
    ))
}

/// Edits within which a word counts as mistyped. Two ideographs more or less are another word.
fn allowed(word: &str) -> usize {
    match (word.is_ascii(), chars(word)) {
        (true, _) => 2,
        (false, 0..=3) => 0,
        (false, _) => 1,
    }
}

fn chars(text: &str) -> usize {
    match text.is_ascii() {
        true => text.len(),
        false => text.chars().count(),
    }
}

/// Levenshtein's distance in characters; a long text is as far from everything as can be.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if a.chars().nth(NEAR_CHARS_MAX).is_some() {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
