//! How a file is read and taken in: what `run`, `check` and `rerun` share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::HOLD_DAYS_MAX;
use crate::batch::{Encoding, Language};
use crate::report::layout::{Ends, Style};

/// How a file is read and taken in.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "The file")]
pub struct FileArgs {
    /// What the file is in: utf-8, utf-16le, utf-16be, gb18030 (or gbk). Unless given, its byte
    /// order mark tells; without one it is UTF-8 if that holds to its last byte, else GB18030 if
    /// that does.
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    pub encoding: Option<Encoding>,
    /// Take identifiers of 16 digits and more that end in zeros as they are, though a spreadsheet may
    /// have rounded them.
    #[arg(long)]
    pub accept_digits: bool,
    /// Days within which another order for the same debt holds a new one, in place of `[holds] days`.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=HOLD_DAYS_MAX))]
    pub hold_days: Option<u32>,
}

/// What a file must add up to.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Control totals")]
pub struct ExpectArgs {
    /// Refuse the file unless it has so many data rows. FILE.ok beside the input may tell it too, as
    /// may it the amount and the file's SHA-256.
    #[arg(long, value_name = "N")]
    pub expect_rows: Option<u64>,
    /// Refuse the file unless its amounts add up to so many fen.
    #[arg(long, value_name = "FEN")]
    pub expect_amount: Option<u64>,
}

/// What a result looks like.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "The result")]
pub struct ResultArgs {
    /// A CSV for programs: without a byte order mark, and with lines that end in LF. A spreadsheet may
    /// show its Chinese garbled.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub plain: Option<bool>,
    /// The language of levy's own columns, of statuses and of what is to be done next; a result in
    /// either comes back as well.
    #[arg(long, value_name = "LANG")]
    pub lang: Option<TemplateLanguage>,
}

/// `levy template`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy template batch.xlsx --lang zh --yuan    a workbook with text cells, Chinese headers, yuan
  levy template batch.csv                      a CSV
  levy template                                the header line alone

A workbook is the safer one to fill in: its cells are texts, and no number is rounded. Nothing that
exists is overwritten.")]
pub struct TemplateArgs {
    /// The file to make, .csv or .xlsx; without it the header is printed.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The language of the headers.
    #[arg(long, value_name = "LANG", default_value = "en")]
    pub lang: TemplateLanguage,
    /// A column for yuan (12.34) in place of fen.
    #[arg(long)]
    pub yuan: bool,
}

impl ResultArgs {
    /// What was typed goes before what is set.
    pub fn style(self, set: Style) -> Style {
        Style {
            language: self.lang.map_or(set.language, Language::from),
            ends: match self.plain {
                None => set.ends,
                Some(true) => Ends::Plain,
                Some(false) => Ends::Excel,
            },
        }
    }
}

impl From<TemplateLanguage> for Language {
    fn from(typed: TemplateLanguage) -> Self {
        match typed {
            TemplateLanguage::En => Self::English,
            TemplateLanguage::Zh => Self::Chinese,
        }
    }
}

/// What `--lang` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TemplateLanguage {
    /// English.
    En,
    /// Chinese.
    Zh,
}

fn encoding(text: &str) -> Result<Encoding, String> {
    Encoding::from_word(text).ok_or_else(|| "must be utf-8, utf-16le, utf-16be or gb18030".into())
}
