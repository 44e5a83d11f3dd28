//! The result against the files, and every word against the secrets.

use std::collections::BTreeMap;

use levy::ledger::Totals;

use super::{Auditor, Held, SECRETS};
use crate::csv;
use crate::files::{Due, Row};

impl Auditor {
    /// L8: words for people.
    pub fn shown(&mut self, words: &str) {
        self.checks += 1;
        let lower = words.to_ascii_lowercase();
        for secret in SECRETS {
            assert!(
                !lower.contains(secret),
                "L8: an account or card is shown: {words}"
            );
        }
        let leaks = lower.contains("signature=");
        assert!(!leaks, "L8: a signature is shown: {words}");
    }

    /// Which batches the ledger has, in the order of their acceptance.
    pub(super) fn learn(&mut self) {
        let files: Vec<String> = {
            let mut statement = self
                .conn()
                .prepare_cached("SELECT file FROM batch ORDER BY batch_id")
                .unwrap();
            let files = statement.query_map([], |row| row.get(0)).unwrap();
            files.map(Result::unwrap).collect()
        };
        for name in files.iter().skip(self.accepted) {
            let file = self.sheets.iter().position(|sheet| sheet.name == name);
            let file = file.expect("L7: a batch of no file");
            assert!(
                !self.dues.contains_key(&file),
                "L9: a file was accepted twice"
            );
            let due = match &self.sheets[file].returned {
                Some(due) => due.clone(),
                None => self.expected.accept(&self.sheets[file]),
            };
            self.dues.insert(file, due);
        }
        self.accepted = files.len();
    }

    /// The order that a row shows: its chain's newest. Chains begin with what the file asked for.
    fn newest(&self, no: &str) -> Held {
        let mut chain = self.chain(no);
        assert_eq!(chain[0].no, no, "L7: {no} does not begin its chain");
        chain.pop().expect("it is in its own chain")
    }

    /// The order of a row that was changed: of this very content, and in place of one that is dead
    /// or was never sent; none if the row is in conflict.
    fn replaced(&self, old: &str, no: &str, row: &Row) -> Option<Held> {
        // In conflict, it goes on naming the order that it came back from: its own result given back must
        // be no new deduction.
        if self.chain(old).iter().any(|held| held.no == no) {
            return None;
        }
        let before = self.newest(old);
        let gone = ["CANCELLED", "FAILED", "CLOSED_PROVEN"].contains(&before.state.as_str());
        assert!(
            before.superseded && gone,
            "L5: {no} took the place of {}, which is {}",
            before.no,
            before.state
        );
        let sql = "SELECT merchant, account, amount_fen FROM orders WHERE out_request_no = ?1";
        let held: (String, String, i64) = self
            .conn()
            .query_row(sql, [no], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .expect("L7: a number of the ledger's");
        let asked = row.content.as_ref().expect("a changed row is valid");
        let asked = (
            asked.mchid.clone(),
            asked.account.clone(),
            asked.amount as i64,
        );
        assert_eq!(held, asked, "L2: {no}");
        let mut chain = self.chain(no);
        chain.pop()
    }

    /// L7: every input row stands in the result once, in input order, as what it must come to; rows
    /// add up by status, money by order.
    pub fn result(&mut self, file: usize, bytes: &[u8], totals: &Totals, rows: u64) {
        self.learn();
        self.checks += 1;
        let sheet = self.sheets[file].clone();
        let table = csv::read(bytes, sheet.delimiter);
        let header: Vec<String> = sheet.header.iter().map(|cell| csv::escaped(cell)).collect();
        let width = header.len();
        assert_eq!(table[0][..width], header[..], "L7: the header");
        let column = |name: &str| {
            let at = table[0].iter().position(|cell| cell == name);
            at.unwrap_or_else(|| panic!("L7: no column {name}"))
        };
        let [line, status, number] =
            ["levy_line", "levy_status", "levy_out_request_no"].map(column);
        assert_eq!(table.len() - 1, sheet.rows.len(), "L7: rows");
        assert_eq!(rows, sheet.rows.len() as u64, "L7: rows");
        let mut replaced = 0;
        let mut by_status: BTreeMap<&str, u64> = BTreeMap::new();
        let mut orders: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
        for (i, row) in sheet.rows.iter().enumerate() {
            let told = &table[i + 1];
            let cells: Vec<String> = row.cells.iter().map(|cell| csv::escaped(cell)).collect();
            assert_eq!(told[..width], cells[..], "L7: row {}", i + 1);
            assert_eq!(told[line], row.line.to_string(), "L7: row {}", i + 1);
            *by_status.entry(&told[status]).or_default() += 1;
            match &self.dues[&file][i] {
                Due::Invalid => assert_eq!(told[status], "INVALID", "L7: row {}", i + 1),
                Due::Conflict => assert_eq!(told[status], "CONFLICT", "L2: row {}", i + 1),
                Due::Changed { old } => {
                    let Some(newest) = self.replaced(old, &told[number], row) else {
                        assert_eq!(told[status], "CONFLICT", "L2: row {}", i + 1);
                        continue;
                    };
                    assert_eq!(told[status], shown(&newest), "L7: row {}", i + 1);
                    replaced += 1;
                    let amount = row.content.as_ref().map_or(0, |content| content.amount);
                    orders.insert(&told[number], (&told[status], amount));
                }
                Due::Order { no, .. } => {
                    let newest = self.newest(no);
                    assert_eq!(told[number], newest.no, "L2: row {}", i + 1);
                    assert_eq!(told[status], shown(&newest), "L7: row {}", i + 1);
                    let amount = row.content.as_ref().map_or(0, |content| content.amount);
                    let before = orders.insert(no, (&told[status], amount));
                    let same = before.is_none_or(|b| b == (told[status].as_str(), amount));
                    assert!(same, "L7: {no} has two statuses");
                }
            }
        }
        self.chains
            .meet("changed rows took their orders' places", replaced);
        for row in &table[1..] {
            row[width..].iter().for_each(|cell| {
                let lower = cell.to_ascii_lowercase();
                let leaks = SECRETS.iter().any(|secret| lower.contains(secret));
                assert!(!leaks, "L8: a levy_ column shows an account: {cell}");
            });
        }
        let told: BTreeMap<&str, u64> = totals
            .by_status
            .iter()
            .map(|(status, rows, _)| (status.as_str(), *rows))
            .collect();
        assert_eq!(told, by_status, "L7: rows do not add up by status");
        let sum = |of: &dyn Fn(&str) -> bool| -> u128 {
            let some = orders.values().filter(|(status, _)| of(status));
            some.map(|(_, amount)| u128::from(*amount)).sum()
        };
        assert_eq!(totals.orders, orders.len() as u64, "L7: orders");
        assert_eq!(totals.deducted_fen, sum(&|s| s == "SUCCESS"), "L7: money");
        let told = totals.deducted_fen + totals.open_fen + totals.dead_fen;
        assert_eq!(told, sum(&|_| true), "L7: money does not add up by order");
    }
}

/// The status of a row that shows this order.
fn shown(order: &Held) -> String {
    match (order.state.as_str(), &order.resolved) {
        ("CLOSED_PROVEN", _) => "CLOSED".into(),
        ("SUCCESS" | "FAILED", _) | (_, None) => order.state.clone(),
        (_, Some(outcome)) => outcome.clone(),
    }
}
