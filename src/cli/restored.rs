//! `levy ledger restored`: the ledger came back from a backup, and has forgotten what happened since.

use super::approval;
use super::args::RestoredArgs;
use super::failure::{Exit, Failure};
use super::store::Store;
use crate::batch::read_time;
use crate::clock::{Clock, SystemClock, WallMs};
use crate::ledger::{Restored, SUBMITTED_FOR_MS};
use crate::report::progress::say;
use crate::report::summary::{grouped, orders as counted_orders};

/// Batches that are named one by one.
const BATCHES_NAMED_MAX: usize = 20;

/// Tells the ledger, and says what is to be done next.
pub fn restored(args: &RestoredArgs) -> Result<Exit, Failure> {
    let at = SystemClock::default().wall();
    let since = read_time(args.since.trim(), at)
        .map_err(|(what, hint)| Failure::Usage(format!("--since {what}: {hint}")))?;
    let store = Store::here(&args.at, args.sandbox)?;
    let by = approval::two(&store.config, &args.by, args.approved_by.as_deref())?;
    let _hold = store.hold()?;
    let mut ledger = store.open(false)?;
    let restored = ledger.restored(since, &*by, at)?;
    if !args.quiet {
        say(&told(&restored, since, at));
    }
    Ok(Exit::Done)
}

fn told(restored: &Restored, since: WallMs, at: WallMs) -> String {
    let ends = since.plus_ms(SUBMITTED_FOR_MS);
    let since = since.rfc3339();
    let mut text = match restored.known {
        true => format!("{since} was told before; nothing was changed"),
        false => format!(
            "what was not sent by {since} may have been sent since: {} sent from then \
             on, {} more may have been sent again; {} stay held",
            match restored.unknown {
                1 => "1 order counts as".into(),
                more => format!("{} orders count as", grouped(more)),
            },
            grouped(restored.others),
            grouped(restored.held)
        ),
    };
    text.push_str(
        "\nwhat to do next, before anything new is given:\n  \
         1. what was cancelled or corrected since then must not go out now: `levy resolve NO --as failed`\n  \
         2. give every file that was given since then once more, the same bytes, in the same order: the \
         numbers come out the same, so that nothing is deducted twice",
    );
    if !restored.batches.is_empty() {
        text.push_str("; and these, which were not through:");
    }
    for (id, file, orders) in restored.batches.iter().take(BATCHES_NAMED_MAX) {
        let orders = counted_orders(*orders);
        text.push_str(&format!(
            "\n       {file} (batch {id}): {orders} never asked for"
        ));
    }
    if restored.batches.len() > BATCHES_NAMED_MAX {
        let more = restored.batches.len() - BATCHES_NAMED_MAX;
        text.push_str(&format!("\n       and {more} more batches"));
    }
    text.push_str(&format!(
        "\n  3. repeat the reruns and releases of that time\n  \
         4. `levy resume`\n\
         until {}: a file of that time that is first given again later may be deducted twice, and needs a \
         person",
        ends.rfc3339()
    ));
    if at >= ends {
        text.push_str(
            "\nthat is over: numbers that were first sent in that time can't all be asked for by \
             submitting them again. Give no file of that time again; take its numbers over from its \
             results (`levy ledger import`)",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::BatchId;

    #[test]
    fn what_to_do_next_is_told_with_the_files_that_were_not_through() {
        let restored = Restored {
            unknown: 1_200,
            batches: vec![(BatchId(3), "night.csv".into(), 1_200)],
            ..Restored::default()
        };
        let since = WallMs(1_772_409_600_000);
        let text = told(&restored, since, since.plus_ms(1));
        assert!(
            text.starts_with(
                "what was not sent by 2026-03-02T08:00:00.000+08:00 may have been sent since: 1,200 \
                 orders count as sent from then on"
            ),
            "{text}"
        );
        assert!(text.contains("night.csv (batch 3): 1,200 orders"), "{text}");
        assert!(
            text.contains("until 2026-03-31T08:00:00.000+08:00"),
            "{text}"
        );
        assert!(!text.contains("that is over"), "{text}");
        let late = told(&restored, since, since.plus_ms(SUBMITTED_FOR_MS));
        assert!(late.contains("that is over"), "{late}");
    }
}
