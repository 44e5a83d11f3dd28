//! Progress on a terminal: how many orders are done, how fast, and how long it may still take.
//!
//! Silent where nobody looks (cron, a pipe, `--quiet`); alerts are shown always. It decides nothing.

use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::worker::{Observer, Progress};

/// How often the clock of a bar moves on while nothing else happens.
const TICK: Duration = Duration::from_millis(250);
/// Draws a second, at most.
const DRAWS_PER_SECOND: u8 = 8;
const TEMPLATE: &str = "{elapsed_precise} [{bar:30}] {pos}/{len} orders, {rate}, {msg}, {eta} left";

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
}

impl Screen {
    /// A bar over so many orders, if anybody looks.
    pub fn new(voice: Voice, orders: u64) -> Self {
        let looked_at = voice == Voice::Full && stderr().is_terminal();
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
        Self { voice, bar }
    }

    /// Takes the bar away, so that the summary has the screen.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, words: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(words)),
            None => say(words),
        }
    }
}

/// One line on stderr. A screen that is gone is no reason to stop a run.
pub fn say(words: &str) {
    let _ = writeln!(stderr(), "{words}");
}

impl Observer for Screen {
    fn progress(&mut self, progress: &Progress) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(progress.orders);
        bar.set_position(progress.done);
        bar.set_message(counts(progress));
    }

    fn alert(&mut self, words: &str) {
        self.line(&format!("alert: {words}"));
    }

    fn notice(&mut self, words: &str) {
        match self.voice {
            Voice::Full => self.line(words),
            Voice::Quiet => {}
        }
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
    fn nobody_is_shown_a_bar_where_stderr_is_no_terminal() {
        let screen = Screen::new(Voice::Quiet, 3);
        assert!(screen.bar.is_none());
    }
}
