//! The rows that are measured: made from their number alone, so that the gateway knows them as well.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// One deduction.
pub struct Row {
    /// Numbers come in no order, as derived ones do.
    pub no: String,
    pub merchant: u64,
    pub account: String,
    pub amount_fen: u64,
    pub reason: String,
}

/// What a batch is like.
#[derive(Clone, Copy)]
pub struct Shape {
    pub rows: u64,
    pub merchants: u64,
    /// Each row has an account of its own; else each merchant has one.
    pub own_accounts: bool,
    /// Keeps the numbers of two batches apart.
    pub series: u64,
}

impl Shape {
    pub fn row(&self, n: u64) -> Row {
        let merchant = n % self.merchants;
        let account = match self.own_accounts {
            true => n,
            false => merchant,
        };
        let digest = Sha256::digest(format!("{} {n}", self.series).as_bytes());
        let no = digest[..14].iter().fold("B".to_owned(), |mut no, byte| {
            let _ = write!(no, "{byte:02X}");
            no
        });
        Row {
            no,
            merchant: 1_900_000_000 + merchant,
            account: format!("8609cb22e1774a50a930e414cc71ec{account:08}"),
            amount_fen: n + 1,
            reason: format!("案件号{:012}", n + self.series * 1_000_000_000),
        }
    }

    /// Writes the batch as a CSV.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        writeln!(
            out,
            "mchid,bal_account_no,out_request_no,reduction_type,amount,reason"
        )?;
        for n in 0..self.rows {
            let row = self.row(n);
            writeln!(
                out,
                "{},{},{},JUDICIAL_DEDUCTION,{},{}",
                row.merchant, row.account, row.no, row.amount_fen, row.reason
            )?;
        }
        out.flush()
    }
}
