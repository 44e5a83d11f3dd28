//! Which rows of a file may have to do with each other: they claim one number, or ask for one debt.
//!
//! What becomes of a row that has to do with no other, in a ledger that is empty, follows from the row alone.
//! It does not know what becomes of the others.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::Deduction;
use crate::order::OrderNo;

/// Keys that are held at once: two of eight bytes for a row.
const KEYS_MAX: usize = 8_000_000;
/// What levy's derived numbers begin with.
const DERIVED: &str = "LV";

/// Collects the rows of a file. Keys are hashes under a secret of this process: two that agree by chance
/// cost a second look, and nobody can make many.
#[derive(Default)]
pub struct Alike {
    secret: RandomState,
    keys: Vec<u64>,
    words: String,
    too_many: bool,
    /// A row has no number and will get a derived one.
    derives: bool,
    /// A row has a number that looks derived: it may be that of another.
    looks_derived: bool,
}

/// The keys that more than one row has.
pub struct Shared {
    rows: Alike,
    /// Sorted.
    keys: Vec<u64>,
}

impl Alike {
    /// Takes the row in.
    pub fn add(&mut self, row: &Deduction) {
        match &row.no {
            None => self.derives = true,
            Some(no) => self.looks_derived |= no.as_str().starts_with(DERIVED),
        }
        if self.keys.len() + 2 > KEYS_MAX {
            self.too_many = true;
            return;
        }
        let keys = [self.number(row), Some(self.debt(row))];
        self.keys.extend(keys.into_iter().flatten());
    }

    /// What the rows share; none where that can't be told.
    pub fn shared(mut self) -> Option<Shared> {
        if self.too_many || (self.derives && self.looks_derived) {
            return None;
        }
        let mut keys = std::mem::take(&mut self.keys);
        keys.sort_unstable();
        let shared = keys.chunk_by(|one, two| one == two);
        let keys = shared.filter(|keys| keys.len() > 1).map(|keys| keys[0]);
        Some(Shared {
            keys: keys.collect(),
            rows: self,
        })
    }

    fn number(&self, row: &Deduction) -> Option<u64> {
        let key = |no: &OrderNo| self.secret.hash_one(no);
        row.no.as_ref().map(key)
    }

    fn debt(&mut self, row: &Deduction) -> u64 {
        let mut hash = self.secret.build_hasher();
        row.content.hash_debt(&mut hash, &mut self.words);
        hash.finish()
    }
}

impl Shared {
    /// No row has to do with another.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The row may have to do with another.
    pub fn has(&mut self, row: &Deduction) -> bool {
        let keys = [self.rows.number(row), Some(self.rows.debt(row))];
        let known = |key: u64| self.keys.binary_search(&key).is_ok();
        keys.into_iter().flatten().any(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Reader, Rules};

    fn rows(numbers_and_reasons: &[(&str, &str)]) -> Vec<Deduction> {
        let mut text =
            "mchid,bal_account_no,reduction_type,amount,out_request_no,reason\n".to_owned();
        for (no, reason) in numbers_and_reasons {
            let account = "8609cb22e1774a50a930e414cc71eca06121bc";
            text.push_str(&format!("1900016681,{account},司法扣划,7,{no},{reason}\n"));
        }
        let mut reader = Reader::new("a.csv", text.as_bytes(), Rules::default()).unwrap();
        let next = || reader.next_row().unwrap().map(|row| row.outcome.unwrap());
        std::iter::from_fn(next).collect()
    }

    /// The rows' places, from 0, that have to do with another.
    fn alike(numbers_and_reasons: &[(&str, &str)]) -> Option<Vec<usize>> {
        let rows = rows(numbers_and_reasons);
        let mut alike = Alike::default();
        rows.iter().for_each(|row| alike.add(row));
        let mut shared = alike.shared()?;
        let places = (0..rows.len()).filter(|i| shared.has(&rows[*i])).collect();
        assert_eq!(shared.is_empty(), Vec::is_empty(&places));
        Some(places)
    }

    #[test]
    fn rows_with_one_number_or_one_debt_have_to_do_with_each_other() {
        let derived = "LVHKGPSOXG2KP64TSZXQ32VK7ULEMSAH";
        for (rows, want) in [
            (
                &[("N1", "a 1"), ("N2", "a 2"), ("n1", "a 3")][..],
                Some(vec![]),
            ),
            (
                &[("N1", "a 1"), ("N2", "a 2"), ("N1", "a 3")],
                Some(vec![0, 2]),
            ),
            (
                &[("N1", "a 1"), ("N2", "a 2"), ("N3", "Ａ-02")],
                Some(vec![1, 2]),
            ),
            (&[("", "a 1"), ("", "a 2"), ("", "a 1")], Some(vec![0, 2])),
            (&[("N1", "a 1"), ("", "a 1"), ("", "a 2")], Some(vec![0, 1])),
            (&[(derived, "a 1"), ("N1", "a 2")], Some(vec![])),
            (&[(derived, "a 1"), ("", "a 2")], None),
        ] {
            assert_eq!(alike(rows), want, "{rows:?}");
        }
    }
}
