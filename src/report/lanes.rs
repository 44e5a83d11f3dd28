//! The lanes of a ledger: whose each is, for how long, and what waits in it.

use serde_json::{Value, json};

use super::summary::{counted, grouped};
use crate::ledger::LaneLine;

/// Milliseconds of a lane without owner after which somebody should look: longer than any lease.
const WAITS_LONG_MS: i64 = 600_000;

/// A table, its sums, and who works.
pub fn human(lines: &[LaneLine], workers: &[String]) -> String {
    let mut rows =
        vec![["lane", "open", "not sent", "held by", "for", "lease left"].map(str::to_owned)];
    rows.extend(lines.iter().map(row));
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(place, (cell, width))| match place {
                1 | 2 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    let sums = Sums::of(lines);
    text.push_str(&format!(
        "in all: {}, {} open, {} not sent; with work and without owner: {}\n",
        counted(lines.len() as u64, "lane"),
        grouped(sums.open),
        grouped(sums.pending),
        grouped(sums.without_owner)
    ));
    match workers {
        [] => text.push_str("nobody works on this ledger"),
        workers => text.push_str(&format!("at work: {}", workers.join(", "))),
    }
    if sums.without_owner > 0 && workers.is_empty() {
        text.push_str("\nnext: `levy work --forever --yes` on one host at least");
    }
    text
}

fn row(line: &LaneLine) -> [String; 6] {
    let is_held = line.left_ms > 0;
    let owner = match (&line.owner, is_held) {
        (Some(owner), true) => owner.clone(),
        (Some(owner), false) => format!("nobody (last: {owner})"),
        (None, _) => "nobody".into(),
    };
    let time = |ms: i64| match is_held {
        true => duration(ms),
        false => String::new(),
    };
    [
        line.merchant.as_str().to_owned(),
        grouped(line.open),
        grouped(line.pending),
        owner,
        time(line.age_ms),
        time(line.left_ms),
    ]
}

/// `12 s`, `4 min`, `3 h`.
fn duration(ms: i64) -> String {
    let seconds = ms / 1000;
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// What the lanes come to.
struct Sums {
    open: u64,
    pending: u64,
    /// Lanes with something to do that are nobody's.
    without_owner: u64,
    /// Of those, let go or lost long ago, or never taken.
    long_without_owner: u64,
}

impl Sums {
    fn of(lines: &[LaneLine]) -> Self {
        let mut sums = Self {
            open: 0,
            pending: 0,
            without_owner: 0,
            long_without_owner: 0,
        };
        for line in lines {
            sums.open += line.open;
            sums.pending += line.pending;
            if line.left_ms <= 0 && line.open + line.pending > 0 {
                sums.without_owner += 1;
                sums.long_without_owner += u64::from(line.left_ms < -WAITS_LONG_MS);
            }
        }
        sums
    }
}

/// The same for a monitor. `workers` is absent where the ledger is a file; `holder` is who has that.
pub fn json(lines: &[LaneLine], workers: Option<&[String]>, holder: Option<&str>) -> Value {
    let sums = Sums::of(lines);
    let lanes: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "lane": line.merchant.as_str(),
                "epoch": line.epoch.map(|epoch| epoch.0),
                "owner": line.owner,
                "is_held": line.left_ms > 0,
                "age_ms": line.age_ms,
                "left_ms": line.left_ms,
                "open": line.open,
                "pending": line.pending,
            })
        })
        .collect();
    json!({
        "lanes": lanes,
        "open": sums.open,
        "pending": sums.pending,
        "without_owner": sums.without_owner,
        "long_without_owner": sums.long_without_owner,
        "workers": workers,
        "holder": holder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Epoch;
    use crate::order::Merchant;

    fn line(merchant: &str, owner: Option<&str>, left_ms: i64, work: (u64, u64)) -> LaneLine {
        LaneLine {
            merchant: Merchant::parse(merchant).unwrap(),
            epoch: owner.map(|_| Epoch(3)),
            owner: owner.map(str::to_owned),
            age_ms: 241_000,
            left_ms,
            open: work.0,
            pending: work.1,
        }
    }

    #[test]
    fn lanes_are_told_with_their_owners_and_what_waits() {
        let lines = [
            line("1900016681", Some("a pid 7"), 21_400, (2, 1_000)),
            line("1900016682", Some("b pid 8"), -700_000, (0, 5)),
            line("1900016683", None, 0, (0, 1)),
        ];
        let workers = ["a pid 7".to_owned()];
        assert_eq!(
            human(&lines, &workers),
            "lane        open  not sent  held by                 for    lease left\n\
             1900016681     2     1,000  a pid 7                 4 min  21 s\n\
             1900016682     0         5  nobody (last: b pid 8)\n\
             1900016683     0         1  nobody\n\
             in all: 3 lanes, 2 open, 1,006 not sent; with work and without owner: 2\n\
             at work: a pid 7"
        );
        let object = json(&lines, Some(&workers), None);
        assert_eq!(object["without_owner"], 2);
        assert_eq!(object["long_without_owner"], 1);
        assert_eq!(object["lanes"][0]["left_ms"], 21_400);
        assert!(human(&lines[1..], &[]).ends_with("on one host at least"));
    }
}
