//! Progress on a terminal: how many orders are done, how fast, and how long it may still take.
//!
//! Silent where nobody looks (cron, a pipe, `--quiet`); alerts are shown always. It decides nothing.

use std::borrow::Cow;
use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::log;
use crate::worker::engine::{Reply, Sent};
use crate::worker::{Observer, Progress, RunReport};

/// How often the clock of a bar moves on while nothing else happens.
const TICK: Duration = Duration::from_millis(250);
/// Narrower terminals are not believed.
const COLUMNS_MIN: usize = 40;
/// Before what goes on in a new line.
const SET_IN: &str = "    ";
/// Draws a second, at most.
const DRAWS_PER_SECOND: u8 = 8;
/// Two lines, so that a million orders fit into 80 columns.
const TEMPLATE: &str =
    "{elapsed_precise} [{bar:24}] {pos}/{len} orders, {rate}, {eta} left\n         {msg}";

/// The bar that is on the screen, which must not be in the way of a line.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a person hears of a run while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Notices, and a bar where stderr is a terminal.
    Full,
    /// Alerts alone.
    Quiet,
}

/// Shows a run on stderr.
pub struct Screen {
    voice: Voice,
    bar: Option<ProgressBar>,
    hears: Option<Hears>,
}

/// Who else hears what a run came to so far.
pub type Hears = Box<dyn FnMut(&RunReport) + Send>;

impl Screen {
    /// A bar over so many orders, if anybody looks.
    pub fn new(voice: Voice, orders: u64) -> Self {
        let looked_at = voice == Voice::Full && !log::is_json() && stderr().is_terminal();
        let bar = looked_at.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
            let bar = ProgressBar::with_draw_target(Some(orders), target);
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                let style = style.with_key(
                    "rate",
                    |state: &ProgressState, words: &mut dyn fmt::Write| {
                        let _ = write!(words, "{:.0}/s", state.per_sec());
                    },
                );
                bar.set_style(style.progress_chars("=> "));
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        *shown() = bar.clone();
        Self {
            voice,
            bar,
            hears: None,
        }
    }

    /// The same, and somebody else hears of the run.
    pub fn heard_by(self, hears: Option<Hears>) -> Self {
        Self { hears, ..self }
    }

    /// Takes the bar away, so that the summary has the screen.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        *shown() = None;
    }
}

/// Bytes on stderr, with the bar out of the way. A screen that is gone is no reason to stop a run.
pub(super) fn write(bytes: &[u8]) {
    let out = || {
        let _ = stderr().write_all(bytes);
    };
    match shown().as_ref() {
        Some(bar) => bar.suspend(out),
        None => out(),
    }
}

/// Tells people something, in one line or some. As an event of the log its level is told by how a line
/// begins: `error: `, `alert: `, `warning: `; in the first line perhaps after the name of a file.
pub fn say(words: &str) {
    if !tracing::dispatcher::has_been_set() {
        return write(format!("{}\n", fitted(words, columns(&stderr()))).as_bytes());
    }
    match level_of(words) {
        log::Level::Error => tracing::error!(target: log::TOLD, "{words}"),
        log::Level::Warn => tracing::warn!(target: log::TOLD, "{words}"),
        _ => tracing::info!(target: log::TOLD, "{words}"),
    }
}

/// A question, which is shown whatever the level; the answer is typed behind it.
pub fn ask(words: &str) {
    write(fitted(words, columns(&stderr())).as_bytes());
}

fn level_of(words: &str) -> log::Level {
    let first = words.lines().next().unwrap_or("");
    let marked = |mark: &str| {
        let begins = words.lines().any(|line| line.starts_with(mark));
        begins || first.contains(&format!(": {mark}"))
    };
    if marked("error: ") {
        log::Level::Error
    } else if marked("alert: ")
        || marked("warning: ")
        || first.starts_with("window: ")
        || first.starts_with("never sent: ")
    {
        log::Level::Warn
    } else {
        log::Level::Info
    }
}

/// Columns of a terminal; none of a file or a pipe, whose lines stay as they are.
pub fn columns(stream: &impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    let columns = usize::from(size.ws_col);
    (columns >= COLUMNS_MIN).then_some(columns)
}

/// Text whose lines fit into so many columns, if any, where blanks allow it; what goes on is set in. An
/// object of JSON stays one line.
pub fn fitted(text: &str, columns: Option<usize>) -> Cow<'_, str> {
    match columns {
        Some(columns) if !text.starts_with('{') => Cow::Owned(folded(text, columns)),
        Some(_) | None => Cow::Borrowed(text),
    }
}

fn folded(text: &str, columns: usize) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / 16);
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            folded.push('\n');
        }
        fold_line(line, columns, &mut folded);
    }
    folded
}

fn fold_line(line: &str, columns: usize, folded: &mut String) {
    if width(line) <= columns {
        return folded.push_str(line);
    }
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        // The blank behind a line's last word need not fit.
        let wide = width(word.trim_end());
        if used + wide > columns && used > SET_IN.len() {
            folded.truncate(folded.trim_end_matches(' ').len());
            folded.push('\n');
            folded.push_str(SET_IN);
            used = SET_IN.len();
        }
        folded.push_str(word);
        used += width(word);
    }
}

/// Columns that a text takes: two for what East Asian scripts are written with.
fn width(text: &str) -> usize {
    let wide =
        |c: char| matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{ffdc}' | '\u{20000}'..);
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

impl Observer for Screen {
    fn progress(&mut self, progress: &Progress) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(progress.orders);
        bar.set_position(progress.done);
        bar.set_message(counts(progress));
    }

    fn so_far(&mut self, report: &RunReport) {
        if let Some(hears) = &mut self.hears {
            hears(report);
        }
    }

    fn alert(&mut self, words: &str) {
        say(&format!("alert: {words}"));
    }

    fn notice(&mut self, words: &str) {
        match self.voice {
            Voice::Full => say(words),
            Voice::Quiet => {}
        }
    }

    fn sent(&mut self, sent: &Sent) {
        log::sent(sent);
    }

    fn came(&mut self, reply: &Reply) {
        log::came(reply);
    }
}

fn counts(progress: &Progress) -> String {
    let mut words = format!(
        "{} done, {} closed, {} unknown",
        progress.succeeded, progress.closed, progress.unknown
    );
    if progress.throttled > 0 {
        words.push_str(&format!(", {} told to wait", progress.throttled));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_no_word_is_lost() {
        let text = "next: 2 rows REISSUE: proven dead, nothing deducted: `levy rerun` asks for it\n  a  b\n";
        let narrow = folded(text, 40);
        assert!(narrow.split('\n').all(|line| width(line) <= 40), "{narrow}");
        assert!(narrow.ends_with("\n  a  b\n"), "what fits stays as it is");
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&narrow), words(text));
        assert_eq!(folded(text, 200), text);
        let path = format!("result: /{}", "a".repeat(90));
        assert_eq!(
            folded(&path, 40),
            format!("result: \n    /{}", "a".repeat(90)).replace(": \n", ":\n")
        );
        assert_eq!(width("案件号 7"), 8);
        assert_eq!(fitted(text, None), text);
        let json = format!("{{\"a\": \"{}\"}}", "b ".repeat(90));
        assert_eq!(fitted(&json, Some(40)), json);
    }

    #[test]
    fn the_counts_read_as_a_sentence() {
        let mut progress = Progress {
            orders: 10,
            done: 6,
            succeeded: 4,
            closed: 1,
            unknown: 1,
            in_flight: 2,
            attempts: 9,
            throttled: 0,
        };
        assert_eq!(counts(&progress), "4 done, 1 closed, 1 unknown");
        progress.throttled = 3;
        assert_eq!(
            counts(&progress),
            "4 done, 1 closed, 1 unknown, 3 told to wait"
        );
    }

    #[test]
    fn the_level_of_what_is_told_is_how_it_begins() {
        use log::Level;
        for (words, level) in [
            ("error: no such file", Level::Error),
            ("night.csv: error: stopped", Level::Error),
            ("alert: another amount", Level::Warn),
            ("night.csv: warning: a column", Level::Warn),
            ("window: 2 within 5 days", Level::Warn),
            ("night.csv:\nerror: a row has 7 fields", Level::Error),
            ("night.csv: batch 3, 10 rows", Level::Info),
        ] {
            assert_eq!(level_of(words), level, "{words}");
        }
    }

    #[test]
    fn nobody_is_shown_a_bar_where_stderr_is_no_terminal() {
        let screen = Screen::new(Voice::Quiet, 3);
        assert!(screen.bar.is_none());
    }
}
