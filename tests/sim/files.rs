//! The night's two files: made here, cell by cell, so that what every row must come to is known
//! without asking levy.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::dice::Dice;
use super::http::Content;

/// A row of a file, as it was made.
#[derive(Clone, Debug)]
pub struct Row {
    /// The number that stands in it, or nothing.
    pub no: String,
    /// What it asks for; `None` if it is no valid deduction.
    pub content: Option<Content>,
    /// Cells in the file's order.
    pub cells: Vec<String>,
    /// The row that a spreadsheet shows it in.
    pub line: u64,
}

/// A file.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub name: &'static str,
    pub delimiter: u8,
    pub header: Vec<String>,
    pub rows: Vec<Row>,
    pub bytes: Vec<u8>,
    /// It is a result that came back; what its rows must come to.
    pub returned: Option<Vec<Due>>,
}

/// The deductions that both files choose from.
pub struct Pool {
    lanes: u64,
    dice: Dice,
    made: u64,
}

const ENGLISH: [&str; 6] = [
    "out_request_no",
    "mchid",
    "bal_account_no",
    "reduction_type",
    "amount",
    "reason",
];
const CHINESE: [&str; 6] = [
    "特殊减额单号",
    "目标商户号",
    "额度台账号",
    "特殊减额类型",
    "减额金额(分)",
    "特殊减额原因",
];

impl Pool {
    pub fn new(lanes: u64, dice: Dice) -> Self {
        Self {
            lanes,
            dice,
            made: 0,
        }
    }

    /// A deduction that is like no other.
    fn fresh(&mut self) -> (String, Content) {
        self.made += 1;
        let n = self.made;
        let dice = &mut self.dice;
        let content = Content {
            mchid: format!("19000{:05}", dice.below(self.lanes)),
            account: format!("8609cb22e1774a50a930e41400{n:08x}bc"),
            kind: dice
                .pick(&["JUDICIAL_DEDUCTION", "FINANCIAL_PENALTY"])
                .into(),
            amount: dice.between(1, 5_000_000),
            reason: match dice.below(4) {
                0 => String::new(),
                1 => format!("司法案件号：2025{n:06}"),
                2 => format!("\"quoted\", and a comma {n}"),
                _ => format!("(2025) case no. {n}"),
            },
            card: match dice.below(8) {
                0 => format!("62220212345{n:08}"),
                _ => String::new(),
            },
            ..Content::default()
        };
        let no = match dice.below(3) {
            0 => String::new(),
            _ => format!("N{n:05}x{:04x}", dice.below(65_536)),
        };
        (no, content)
    }

    /// The first file: mostly fresh rows, and some of each kind that must not be sent twice.
    pub fn first(&mut self) -> Vec<(String, Option<Content>)> {
        let mut rows = Vec::new();
        for _ in 0..self.dice.between(105, 140) {
            let (no, content) = self.fresh();
            rows.push((no, Some(content)));
        }
        self.spoil(&mut rows);
        rows
    }

    /// The second file: a part of the first, changed here and there, and fresh rows.
    pub fn second(
        &mut self,
        first: &[(String, Option<Content>)],
    ) -> Vec<(String, Option<Content>)> {
        let mut rows = Vec::new();
        for (no, content) in first {
            let Some(content) = content else { continue };
            match self.dice.below(10) {
                0..=2 => rows.push((no.clone(), Some(content.clone()))),
                3 if !no.is_empty() && self.dice.below(4) == 0 => {
                    let mut other = content.clone();
                    other.amount += 1;
                    rows.push((no.clone(), Some(other)));
                }
                // The same debt under a number of its own.
                4 if self.dice.below(4) == 0 => {
                    self.made += 1;
                    rows.push((format!("D{:06}", self.made), Some(content.clone())));
                }
                _ => {}
            }
        }
        for _ in 0..self.dice.between(15, 40) {
            let (no, content) = self.fresh();
            let at = self.dice.below(rows.len() as u64 + 1) as usize;
            rows.insert(at, (no, Some(content)));
        }
        self.spoil(&mut rows);
        rows
    }

    /// Repeats, conflicts, identical blank rows and rows that are no deduction.
    fn spoil(&mut self, rows: &mut Vec<(String, Option<Content>)>) {
        for kind in [0, 0, 1, 2, 2, 3, 3] {
            let from = rows[self.dice.below(rows.len() as u64) as usize].clone();
            let at = self.dice.below(rows.len() as u64 + 1) as usize;
            let (no, content) = from;
            let Some(mut content) = content else { continue };
            match kind {
                0 => rows.insert(at, (no, Some(content))),
                1 if !no.is_empty() => {
                    content.amount += 7;
                    rows.insert(at, (no, Some(content)));
                }
                2 => rows.insert(at, (String::new(), Some(content))),
                3 => rows.insert(at, (no, None)),
                _ => {}
            }
        }
    }
}

impl Sheet {
    pub fn new(name: &'static str, rows: Vec<(String, Option<Content>)>, dice: &mut Dice) -> Self {
        let delimiter = dice.pick(b",,;\t");
        let names = dice.pick(&[&ENGLISH, &CHINESE]);
        let mut header: Vec<String> = names.iter().map(|n| n.to_string()).collect();
        header.extend(["card_no".to_string(), "备注".to_string()]);
        let mut order: Vec<usize> = (0..header.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, dice.below(i as u64 + 1) as usize);
        }
        let shuffled =
            |cells: &[String]| -> Vec<String> { order.iter().map(|&i| cells[i].clone()).collect() };
        let mut sheet = Self {
            name,
            delimiter,
            header: shuffled(&header),
            rows: Vec::new(),
            bytes: Vec::new(),
            returned: None,
        };
        let mut line = 1;
        let end = dice.pick(&["\n", "\r\n"]);
        sheet.bytes = sheet.line(&sheet.header, end);
        line += 1;
        for (no, content) in rows {
            let cells = shuffled(&cells(&no, content.as_ref(), dice));
            let bytes = sheet.line(&cells, end);
            sheet.rows.push(Row {
                no,
                content,
                cells,
                line,
            });
            line += 1;
            sheet.bytes.extend(bytes);
        }
        sheet
    }

    /// A line of it.
    pub fn line(&self, cells: &[String], end: &str) -> Vec<u8> {
        let quoted = |cell: &String| {
            let special =
                |c: char| c == '"' || c == '\n' || c == '\r' || c == self.delimiter as char;
            match cell.contains(special) {
                true => format!("\"{}\"", cell.replace('"', "\"\"")),
                false => cell.clone(),
            }
        };
        let cells: Vec<String> = cells.iter().map(quoted).collect();
        let delimiter = (self.delimiter as char).to_string();
        (cells.join(&delimiter) + end).into_bytes()
    }
}

fn cells(no: &str, content: Option<&Content>, dice: &mut Dice) -> Vec<String> {
    let remark = dice.pick(&["", "第一批", "two\nlines", "=1+1", "a \"b\"; c,\td", "-"]);
    let Some(content) = content else {
        let (amount, kind) = dice.pick(&[
            ("0", "司法扣划"),
            ("-4", "JUDICIAL_DEDUCTION"),
            ("1.5", "金融惩戒"),
            ("12", "TAKE_IT_ALL"),
        ]);
        let cells = [
            no,
            "1900000000",
            "8609cb22e1774a50a930e414cc71eca0",
            kind,
            amount,
            "",
            "",
        ];
        let mut cells: Vec<String> = cells.iter().map(|c| c.to_string()).collect();
        cells.push(remark.into());
        return cells;
    };
    let kind = match (content.kind.as_str(), dice.below(2)) {
        ("JUDICIAL_DEDUCTION", 0) => "司法扣划",
        ("FINANCIAL_PENALTY", 0) => "金融惩戒",
        (kind, _) => kind,
    };
    vec![
        no.into(),
        content.mchid.clone(),
        content.account.clone(),
        kind.into(),
        content.amount.to_string(),
        content.reason.clone(),
        content.card.clone(),
        remark.into(),
    ]
}

/// What a row must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Invalid,
    Conflict,
    /// An order of this number; `first` if the row is the one that made it.
    Order {
        no: String,
        first: bool,
    },
    /// A new deduction in place of the one that this number began, or a conflict.
    Changed {
        old: String,
    },
}

/// What is known of all numbers, file after file in the order of acceptance.
#[derive(Default)]
pub struct Expected {
    /// What each number stands for.
    pub stands_for: BTreeMap<String, Content>,
}

impl Expected {
    /// What the rows of a file must come to, after those that were accepted before it.
    pub fn accept(&mut self, sheet: &Sheet) -> Vec<Due> {
        let mut blanks: BTreeMap<Content, u32> = BTreeMap::new();
        let numbered: Vec<Option<(String, &Content)>> = sheet
            .rows
            .iter()
            .map(|row| {
                let content = row.content.as_ref()?;
                if !row.no.is_empty() {
                    return Some((row.no.clone(), content));
                }
                let ordinal = blanks.entry(content.clone()).or_default();
                *ordinal += 1;
                Some((derived(content, *ordinal), content))
            })
            .collect();
        let mut asked: BTreeMap<&str, Vec<&Content>> = BTreeMap::new();
        for (no, content) in numbered.iter().flatten() {
            let contents = asked.entry(no).or_default();
            if !contents.contains(content) {
                contents.push(content);
            }
        }
        let known = self.stands_for.clone();
        let mut due = Vec::new();
        for row in &numbered {
            let Some((no, content)) = row else {
                due.push(Due::Invalid);
                continue;
            };
            due.push(match known.get(no) {
                Some(held) if held == *content => Due::Order {
                    no: no.clone(),
                    first: false,
                },
                Some(_) => Due::Conflict,
                None if asked[no.as_str()].len() > 1 => Due::Conflict,
                None => Due::Order {
                    no: no.clone(),
                    first: self
                        .stands_for
                        .insert(no.clone(), (*content).clone())
                        .is_none(),
                },
            });
        }
        due
    }
}

/// Section 3 of the specification: the number of a row that came without one.
fn derived(content: &Content, ordinal: u32) -> String {
    let mut bytes = Vec::new();
    let amount = content.amount.to_string();
    for field in [
        "levy/1",
        &content.mchid,
        &content.account,
        &content.kind,
        &amount,
        &content.reason,
        &content.card,
        &content.sgn,
        &content.scene,
    ] {
        bytes.extend((field.len() as u32).to_be_bytes());
        bytes.extend(field.as_bytes());
    }
    let mut second = Sha256::digest(&bytes).to_vec();
    second.extend(ordinal.to_be_bytes());
    thirty_letters(&Sha256::digest(&second))
}

/// `LV` and the first thirty letters of base32.
pub fn thirty_letters(hash: &[u8]) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut no = String::from("LV");
    for at in 0..30 {
        let mut five = 0;
        for bit in at * 5..at * 5 + 5 {
            five = five << 1 | (hash[bit / 8] >> (7 - bit % 8) & 1);
        }
        no.push(letters[five as usize] as char);
    }
    no
}

#[test]
fn the_auditors_own_derivation_gives_the_numbers_of_the_specification() {
    let content = Content {
        mchid: "1900016681".into(),
        account: "8609cb22e1774a50a930e414cc71eca06121bc".into(),
        kind: "JUDICIAL_DEDUCTION".into(),
        amount: 1,
        reason: "司法案件号:202508080009".into(),
        ..Content::default()
    };
    assert_eq!(derived(&content, 1), "LVHKGPSOXG2KP64TSZXQ32VK7ULEMSAH");
    assert_eq!(derived(&content, 2), "LV5GBCSKSBCLMOMTV5UEQ2FAOPYAEGKX");
}
