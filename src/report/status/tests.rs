//! A ledger's standing in words.

use super::*;
use crate::ledger::{Batch, BatchHead, BatchId, Frozen, JournalHead};
use crate::order::{Fen, OrderNo, Resolution};

const NOW: WallMs = WallMs(1_790_000_000_000);

fn batch(id: i64, file: &str, rows: u64) -> BatchLine {
    let mut by_status = ByStatus::default();
    for n in 1..=rows {
        by_status.add(State::Success, None, Fen::new(n * 100_000).unwrap());
    }
    BatchLine {
        batch: Batch {
            id: BatchId(id),
            head: BatchHead {
                digest: [1; 32],
                file: file.into(),
                header: vec![],
                delimiter: b',',
            },
            rows,
            accepted_at: NOW,
        },
        by_status,
    }
}

fn open(no: &str, days: i64) -> OpenOrder {
    OpenOrder {
        no: OrderNo::parse(no).unwrap(),
        state: State::Unknown,
        first_sent_at: NOW.plus_ms(-days * DAY_MS - 3_600_000),
    }
}

fn told(overview: &Overview) -> Status<'_> {
    Status {
        overview,
        totals: None,
        plans: &[],
        now: NOW,
    }
}

#[test]
fn an_empty_ledger_says_so_and_wants_nothing() {
    let text = told(&Overview::default()).human();
    assert_eq!(
        text,
        "\
no batch was accepted yet

orders by status, the newest of each deduction:
  none

open: 0 orders sent and not final, 0 orders never sent

last run:     never
last success: never
"
    );
}

#[test]
fn columns_are_aligned_whatever_the_width_of_a_files_name() {
    let mut overview = Overview {
        batches: vec![batch(9, "夜间.csv", 3), batch(10, "b.csv", 12)],
        ..Overview::default()
    };
    let text = told(&overview).human();
    let lines: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "batch          accepted  rows  orders   deducted  open  dead  file",
            "    9  2026-09-21 22:13     3       3   6,000.00  0.00  0.00  夜间.csv",
            "   10  2026-09-21 22:13    12      12  78,000.00  0.00  0.00  b.csv",
        ]
    );
    overview.batches = (1..=25).map(|id| batch(id, "n.csv", 1)).collect();
    let text = told(&overview).human();
    assert!(text.contains("and 5 earlier ones\n"), "{text}");
    assert!(!text.contains("\n    5  "), "{text}");
}

#[test]
fn what_presses_is_named_with_its_days_and_what_to_do() {
    let mut by_status = ByStatus::default();
    let fen = Fen::new(1).unwrap();
    for state in [
        State::Unknown,
        State::Unknown,
        State::Closed,
        State::ClosedProven,
    ] {
        by_status.add(state, None, fen);
    }
    by_status.add(State::Expired, Some(Resolution::Failed), fen);
    by_status.add(State::Expired, None, fen);
    let overview = Overview {
        by_status,
        reissuable: 2,
        resolved: 1,
        oldest_unknown: Some(open("N1", 30)),
        closing: 2,
        closing_first: vec![open("N1", 30), open("N2", 25)],
        frozen: Some(Frozen {
            by: "Li Wei".into(),
            at: NOW,
            reason: "a look".into(),
        }),
        head: Some(JournalHead {
            entries: 2,
            hash: [0; 32],
        }),
        ..Overview::default()
    };
    let text = told(&overview).human();
    for want in [
        "FROZEN: the ledger is frozen by Li Wei since 2026-09-21T22:13:20.000+08:00: a look\n",
        "open: 3 orders sent and not final, 0 orders never sent",
        "oldest unknown: N1, first sent 2026-08-22T21:13:20.000+08:00 (30 d 1 h ago)",
        "within 5 days of their window's end: 2 orders",
        "its window is over",
        "3 d 23 h left",
        "next: `levy unfreeze --by NAME`",
        "next: 2 orders must be settled before the window's end: `levy resume` now",
        "next: 3 orders sent and not final",
        "next: 2 orders dead",
        "next: 1 order beyond what asking can settle",
    ] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let value: Value = serde_json::from_str(&told(&overview).json()).unwrap();
    assert_eq!(value["sent_and_not_final"], 3);
    assert_eq!(value["by_status"]["CLOSED"]["orders"], 2);
    assert_eq!(value["by_status"]["FAILED"]["orders"], 1);
    assert_eq!(value["window_ends_first"][1]["days_left"], 3);
    assert_eq!(value["window_ends_first"][0]["days_left"], -2);
    assert_eq!(value["oldest_unknown"]["age_seconds"], 30 * 86_400 + 3_600);
}
