//! `levy cancel`: withdraws what was never sent, a batch's orders or one.

use super::args::CancelArgs;
use super::export::sandbox_directory;
use super::failure::{Exit, Failure};
use super::store::Store;
use super::target;
use crate::clock::{Clock, SystemClock};
use crate::ledger::Cancelled;
use crate::order::yuan;
use crate::report::progress::say;
use crate::report::summary::grouped;

/// Orders that are named one by one, at most.
const NAMED_MAX: usize = 20;

/// Why the ledger leaves some alone that it never sent.
const MAYBE_SENT: &str = "and may have been sent since the backup that this ledger came back from: run its \
    file, or say what became of it (`levy resolve`)";

/// Withdraws; 0 unless something was asked for that could not be done at all (3).
pub fn cancel(args: &CancelArgs) -> Result<Exit, Failure> {
    let store = match args.sandbox {
        true => Store::sandbox(&args.at, &sandbox_directory(&args.target))?,
        false => Store::real(&args.at)?,
    };
    let _hold = store.hold()?;
    let mut ledger = store.open(false)?;
    let (target, words) = target::cancel(&mut *ledger, &args.target, args.order)?;
    let done = ledger.cancel(&target, SystemClock::default().wall())?;
    if !args.quiet {
        say(&told(&words, &done));
    }
    let sent = done.left.iter().any(|(_, state)| !state.is_unsent());
    let sent = sent || !done.maybe_sent.is_empty();
    Ok(match done.withdrawn.is_empty() && sent {
        true => Exit::NeedsPerson,
        false => Exit::Done,
    })
}

fn told(words: &str, done: &Cancelled) -> String {
    let fen = done
        .withdrawn
        .iter()
        .map(|(_, fen)| u128::from(fen.get()))
        .sum();
    let mut text = match done.withdrawn.len() {
        0 => format!("{words}: nothing to withdraw"),
        1 => format!(
            "{words}: 1 order withdrawn, {} yuan; it will never be sent",
            yuan(fen)
        ),
        count => format!(
            "{words}: {} orders withdrawn, {} yuan; they will never be sent",
            grouped(count as u64),
            yuan(fen)
        ),
    };
    for (no, state) in done.left.iter().take(NAMED_MAX) {
        text.push_str(&format!("\nleft alone: {no} is {state}"));
    }
    if done.left.len() > NAMED_MAX {
        let more = grouped((done.left.len() - NAMED_MAX) as u64);
        text.push_str(&format!("\nleft alone: and {more} more"));
    }
    for (no, state) in done.maybe_sent.iter().take(NAMED_MAX) {
        text.push_str(&format!("\nleft alone: {no} is {state}, {MAYBE_SENT}"));
    }
    if done.maybe_sent.len() > NAMED_MAX {
        let more = grouped((done.maybe_sent.len() - NAMED_MAX) as u64);
        text.push_str(&format!("\nleft alone: and {more} more, {MAYBE_SENT}"));
    }
    if !done.withdrawn.is_empty() {
        text.push_str("\n`levy export` writes the result again");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Fen, OrderNo, State};

    #[test]
    fn what_was_withdrawn_and_what_was_left_is_told() {
        let no = |n: usize| OrderNo::parse(&format!("A{n}")).unwrap();
        let done = Cancelled {
            withdrawn: vec![
                (no(1), Fen::new(150).unwrap()),
                (no(2), Fen::new(50).unwrap()),
            ],
            left: (10..32).map(|n| (no(n), State::Success)).collect(),
            maybe_sent: Vec::new(),
        };
        let text = told("batch 3 (a.csv)", &done);
        assert!(
            text.starts_with(
                "batch 3 (a.csv): 2 orders withdrawn, 2.00 yuan; they will never be sent\n\
                 left alone: A10 is SUCCESS\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("left alone: and 2 more\n`levy export` writes the result again"));
    }
}
