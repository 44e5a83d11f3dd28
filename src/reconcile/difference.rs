//! One finding of a reconciliation, with both sides, and the CSV of them.
//!
//! The CSV is a file like a result: UTF-8 with BOM, CRLF, mode 0600, no cell that a spreadsheet takes
//! for a formula, written beside its place, synced and renamed. Findings go into it as they come.

use std::io::{self, BufWriter};

use crate::order::words;
use crate::report::result::{Draft, Place, ResultFault, write_cells};

/// UTF-8's byte order mark: without it Excel takes the file for the machine's old code page.
const BOM: &str = "\u{feff}";
/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 64 * 1024;

words! {
    /// What a finding is. All but the last two are differences.
    Kind {
        /// It should be there and is not: at the gateway an order that was sent, in the ledger a row
        /// of the list.
        Missing = "MISSING",
        /// It is there and should not be: at the gateway what the ledger does not have, in the ledger
        /// what no row of the list names.
        Extra = "EXTRA",
        /// The other side tells of another number, or of one that the ledger does not know.
        UnknownNumber = "UNKNOWN_NUMBER",
        /// One deduction, one number or one change number twice.
        Double = "DOUBLE",
        /// Another target merchant.
        Merchant = "MERCHANT",
        /// Another account (masked on both sides).
        Account = "ACCOUNT",
        /// Another type.
        Type = "TYPE",
        /// Another amount.
        Amount = "AMOUNT",
        /// Another reason, agreement or scene.
        Content = "CONTENT",
        /// Another state.
        State = "STATE",
        /// The same failure for another reason.
        FailReason = "FAIL_REASON",
        /// Another change number.
        ChangeNo = "CHANGE_NO",
        /// Another time.
        Time = "TIME",
        /// A row of the list is no deduction, and was not compared.
        Invalid = "INVALID",
        /// No difference: it was asked for, and no answer came that can be believed.
        NotAnswered = "NOT_ANSWERED",
        /// No difference: it could not be asked for; the note says why.
        NotCompared = "NOT_COMPARED",
    }
}

impl Kind {
    /// The two sides differ; else it is not known whether they do.
    pub fn is_difference(self) -> bool {
        !matches!(self, Self::NotAnswered | Self::NotCompared)
    }
}

/// One finding. A text that makes no sense for it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub kind: Kind,
    /// `out_request_no`: the ledger's, else the other side's.
    pub no: String,
    /// Target merchant: the ledger's, else the other side's.
    pub merchant: String,
    /// Balance-ledger account, masked.
    pub account: String,
    /// The field that differs, by the interface's name.
    pub field: &'static str,
    /// What the ledger has.
    pub ours: String,
    /// What the other side has.
    pub theirs: String,
    /// `FILE:LINE` of the row that asked for it, or of the other side's row.
    pub place: String,
    /// Anything else that a person should know.
    pub note: String,
}

impl Difference {
    /// A finding of which nothing is known but its kind and number.
    pub fn of(kind: Kind, no: &str) -> Self {
        Self {
            kind,
            no: no.into(),
            merchant: String::new(),
            account: String::new(),
            field: "",
            ours: String::new(),
            theirs: String::new(),
            place: String::new(),
            note: String::new(),
        }
    }
}

/// The columns of the CSV.
pub const COLUMNS: [&str; 9] = [
    "kind",
    "out_request_no",
    "mchid",
    "bal_account_no",
    "field",
    "ours",
    "theirs",
    "place",
    "note",
];

/// How many findings there are of each kind, in the order of [`Kind::ALL`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    counts: [u64; Kind::ALL.len()],
}

impl Counts {
    /// One more.
    pub fn add(&mut self, kind: Kind) {
        self.counts[kind as usize] += 1;
    }

    /// How many of one kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// Differences, of every kind.
    pub fn differences(&self) -> u64 {
        let kinds = Kind::ALL.iter().filter(|kind| kind.is_difference());
        kinds.map(|&kind| self.of(kind)).sum()
    }

    /// Kinds that occur, with how often.
    pub fn each(&self) -> impl Iterator<Item = (Kind, u64)> {
        let all = Kind::ALL.iter().map(|&kind| (kind, self.of(kind)));
        all.filter(|(_, count)| *count > 0)
    }
}

/// The CSV, on its way to its place. Dropped before [`Paper::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Paper {
    draft: Draft,
    csv: csv::Writer<BufWriter<std::fs::File>>,
    counts: Counts,
}

impl Paper {
    /// Begins it beside its place, with its header.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(place: &Place) -> Result<Self, ResultFault> {
        let draft = Draft::begin(place)?;
        let began = || {
            use io::Write;
            let file = draft.file().try_clone()?;
            let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
            out.write_all(BOM.as_bytes())?;
            let mut csv = csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                .from_writer(out);
            csv.write_record(COLUMNS)?;
            Ok(csv)
        };
        let csv = began().map_err(|e| draft.fault(e))?;
        Ok(Self {
            draft,
            csv,
            counts: Counts::default(),
        })
    }

    /// One more finding.
    ///
    /// # Errors
    /// The disk's.
    pub fn add(&mut self, found: &Difference) -> io::Result<()> {
        self.counts.add(found.kind);
        let cells = [
            found.kind.as_str(),
            &found.no,
            &found.merchant,
            &found.account,
            found.field,
            &found.ours,
            &found.theirs,
            &found.place,
            &found.note,
        ];
        write_cells(&mut self.csv, cells)?;
        self.csv.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// One more finding that is counted and not listed.
    pub fn count(&mut self, kind: Kind) {
        self.counts.add(kind);
    }

    /// Findings so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Puts it into its place, whole.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(self) -> Result<Counts, ResultFault> {
        let Self { draft, csv, counts } = self;
        let flushed = csv
            .into_inner()
            .map_err(|e| io::Error::other(e.to_string()))
            .and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error));
        flushed.map_err(|e| draft.fault(e))?;
        draft.finish()?;
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_csv_is_whole_or_not_there_and_holds_no_formula() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reconcile.diff.csv");
        let place = Place::look(&path, &[]).unwrap();
        let found = Difference {
            field: "amount",
            ours: "100".into(),
            theirs: "=1+1".into(),
            note: "two, \"quoted\"".into(),
            ..Difference::of(Kind::Amount, "N1")
        };
        let mut paper = Paper::begin(&place).unwrap();
        paper.add(&found).unwrap();
        drop(paper);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let mut paper = Paper::begin(&place).unwrap();
        paper.add(&found).unwrap();
        let counts = paper.finish().unwrap();
        assert_eq!((counts.differences(), counts.of(Kind::Amount)), (1, 1));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "\u{feff}kind,out_request_no,mchid,bal_account_no,field,ours,theirs,place,note\r\n\
             AMOUNT,N1,,,amount,100,'=1+1,,\"two, \"\"quoted\"\"\"\r\n"
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn counts_add_up_by_kind_and_what_was_not_asked_is_no_difference() {
        let mut counts = Counts::default();
        for kind in [Kind::Double, Kind::Missing, Kind::Double, Kind::NotCompared] {
            counts.add(kind);
        }
        let each: Vec<(Kind, u64)> = counts.each().collect();
        assert_eq!(
            each,
            [
                (Kind::Missing, 1),
                (Kind::Double, 2),
                (Kind::NotCompared, 1)
            ]
        );
        assert_eq!(counts.differences(), 3);
    }
}
