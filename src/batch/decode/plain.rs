//! Lines that need no states: whole in the chunk, without a quote, a NUL or a lone CR. Nearly all lines are
//! such, and are split where the delimiters stand; any other goes through the filter and `csv`.

use std::io::Read;

use csv::StringRecord;
use memchr::{memchr, memchr_iter, memchr3};

use super::{CHARACTER_BYTES_MAX, Filter, Lines, State, Stop};

impl<R: Read> Filter<R> {
    /// Reads the next record, if it is a plain line; skips blank ones. False where the states must decide,
    /// be it that the file ends: nothing of what they will see is taken then.
    pub(super) fn plain_record(&mut self, record: &mut StringRecord) -> Result<bool, Stop> {
        if self.state != State::StartRecord || self.after_return {
            return Ok(false);
        }
        loop {
            let Some(end) = self.line_end()? else {
                return Ok(false);
            };
            let line = &self.chunk[self.at..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let plain = line.len() <= self.cell_bytes_max
                && line.len() <= self.row_bytes_max
                && memchr3(b'"', b'\0', b'\r', line).is_none();
            // Whole characters, checked: it ends before a line break of `checked` ones.
            let Some(text) = plain.then(|| std::str::from_utf8(line).ok()).flatten() else {
                return Ok(false);
            };
            let blank = text.is_empty();
            if !blank {
                split(text, self.delimiter, record);
                self.record = Lines {
                    first: self.line,
                    last: self.line,
                    row: self.ends + 1,
                };
            }
            self.line += 1;
            self.ends += 1;
            self.at = end + 1;
            if !blank {
                return Ok(true);
            }
        }
    }

    /// Where the line that begins here ends, if it does so in the chunk.
    fn line_end(&mut self) -> Result<Option<usize>, Stop> {
        let find = |filter: &Self| {
            let rest = &filter.chunk[filter.at..filter.checked];
            memchr(b'\n', rest).map(|length| filter.at + length)
        };
        if let Some(end) = find(self) {
            return Ok(Some(end));
        }
        // Its beginning goes to the front, so that there is room for the rest.
        let room = self.chunk.len() - (self.filled - self.at);
        if self.ended || self.broken.is_some() || room < CHARACTER_BYTES_MAX {
            return Ok(None);
        }
        self.refill()?;
        Ok(find(self))
    }
}

fn split(line: &str, delimiter: u8, record: &mut StringRecord) {
    record.clear();
    let mut from = 0;
    for at in memchr_iter(delimiter, line.as_bytes()) {
        record.push_field(&line[from..at]);
        from = at + 1;
    }
    record.push_field(&line[from..]);
}
