//! Which cells a result has, in which language, and which of a batch's rows it shows.
//!
//! A failed file is a result with a filter and one more column. Nothing here knows CSV or workbooks.

use std::borrow::Cow;
use std::io;

use crate::batch::{LEVY_COLUMNS, Language, levy_columns, reissue_column};
use crate::clock::WallMs;
use crate::ledger::ResultRow;

/// Where `levy_status` stands among levy's columns.
const STATUS_PLACE: usize = 1;

/// Who is to open a CSV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// A spreadsheet: a byte order mark, and lines that end in CRLF.
    #[default]
    Excel,
    /// A program: no byte order mark, and lines that end in LF.
    Plain,
}

/// What a result looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Of levy's own columns, of statuses and of what is to be done next.
    pub language: Language,
    /// Of a CSV.
    pub ends: Ends,
}

/// Which rows of a batch are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of them: the result.
    Whole,
    /// Those that need somebody, ready to be mended: the failed file.
    Failed,
}

impl Part {
    /// Whether a row is shown.
    pub fn takes(self, row: &ResultRow) -> bool {
        match self {
            Self::Whole => true,
            Self::Failed => row.next_action.needs_person(),
        }
    }
}

/// The columns of one result.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'h> {
    header: &'h [String],
    style: Style,
    part: Part,
}

impl<'h> Layout<'h> {
    /// Of an input with this header.
    pub fn new(header: &'h [String], style: Style, part: Part) -> Self {
        Self {
            header,
            style,
            part,
        }
    }

    /// What it looks like.
    pub fn style(&self) -> Style {
        self.style
    }

    /// The header: the input's own cells, then levy's.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let language = self.style.language;
        let reissue = self.asks().then(|| reissue_column(language));
        let own = self.header.iter().map(String::as_str);
        own.chain(reissue).chain(levy_columns(language))
    }

    /// Columns of the header.
    pub fn width(&self) -> usize {
        self.header.len() + usize::from(self.asks()) + LEVY_COLUMNS.len()
    }

    /// Where `levy_status` stands, counted from 0.
    pub fn status_place(&self) -> usize {
        self.width() - LEVY_COLUMNS.len() + STATUS_PLACE
    }

    /// It has the column `levy_reissue`.
    fn asks(&self) -> bool {
        match self.part {
            Part::Whole => false,
            Part::Failed => true,
        }
    }

    /// Every cell of a row, in the order of [`Layout::names`].
    pub fn cells(
        &self,
        row: &ResultRow,
        each: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> io::Result<()> {
        // Also where the row must be mended: one that lost a number which the ledger knows would be
        // another deduction, should somebody cut levy's columns off.
        for cell in &row.cells {
            each(cell)?;
        }
        if self.asks() {
            each(match row.undecided {
                true => yes(self.style.language),
                false => "",
            })?;
        }
        for cell in levy_cells(row, self.style.language) {
            each(&cell)?;
        }
        Ok(())
    }
}

/// What a row says that asked for a new number and was changed as well: left out it would count as mended.
fn yes(language: Language) -> &'static str {
    match language {
        Language::English => "yes",
        Language::Chinese => "是",
    }
}

/// levy's own cells of a row, in the order of [`LEVY_COLUMNS`].
pub(super) fn levy_cells(
    row: &ResultRow,
    language: Language,
) -> [Cow<'_, str>; LEVY_COLUMNS.len()] {
    let order = row.order.as_ref();
    let reply = order.and_then(|o| o.reply.as_ref());
    let text = |value: Option<&'_ String>| -> Cow<'_, str> {
        value.map_or(Cow::Borrowed(""), |v| Cow::Owned(v.clone()))
    };
    let time = |at: Option<WallMs>| -> Cow<'_, str> {
        at.map_or(Cow::Borrowed(""), |at| Cow::Owned(at.rfc3339()))
    };
    let (status, action) = match language {
        Language::English => (row.status.as_str(), row.next_action.as_str()),
        Language::Chinese => (row.status.chinese(), row.next_action.chinese()),
    };
    // What names no order that it could show must not get lost: given back, it would be a new deduction.
    let came_back_as = row.came_back_as.as_deref().unwrap_or("");
    [
        row.line.to_string().into(),
        status.into(),
        action.into(),
        order.map_or(came_back_as, |o| o.no.as_str()).into(),
        text(row.duplicate_of.as_ref()),
        text(reply.and_then(|r| r.state.as_ref())),
        text(reply.and_then(|r| r.fail_reason.as_ref())),
        text(reply.and_then(|r| r.quota_change_no.as_ref())),
        text(reply.and_then(|r| r.success_time.as_ref())),
        text(reply.and_then(|r| r.fail_time.as_ref())),
        reply
            .and_then(|r| r.http_status)
            .map_or(Cow::Borrowed(""), |s| Cow::Owned(s.to_string())),
        text(reply.and_then(|r| r.code.as_ref())),
        text(reply.and_then(|r| r.message.as_ref())),
        order.map_or(Cow::Borrowed(""), |o| Cow::Owned(o.attempts.to_string())),
        time(order.and_then(|o| o.first_sent_at)),
        time(order.and_then(|o| o.settled_at)),
        text(reply.and_then(|r| r.request_id.as_ref())),
        row.note.as_str().into(),
    ]
}
