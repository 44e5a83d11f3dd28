//! The power goes: everything that levy and its SQLite wrote is written down in order, with the
//! requests that left in between. For each moment the disk is built as it may be afterwards: what
//! was synced is there, what was not is gone, or there in shreds. Then no number that was sent may
//! be without its intent, the ledger verifies, and the next run ends as if nothing had happened.

mod record;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use super::bench::{Desk, Gateway, intents_cover, read_result, verify};
use super::chance::{Chance, setting};
use super::disk::{Deed, EIO, Plan};
use record::{Disk, Entry, Fate};

const ROWS: usize = 1_200;
const MERCHANTS: usize = 20;
const FAULTS: &str = "lose-after=0.01";

/// Moments at which the power goes.
struct Cuts {
    /// How many are tried: spread over all.
    tried: usize,
    /// After one in so many of them a run is made to the end.
    finished_one_in: usize,
}

/// `CUTS=N` tries N moments, `CUTS=0` every one; `FINISH=N` lets a run follow after each N-th.
fn cuts(tried: u64, finished_one_in: u64) -> Cuts {
    Cuts {
        tried: setting("CUTS", tried) as usize,
        finished_one_in: setting("FINISH", finished_one_in).max(1) as usize,
    }
}

#[test]
fn l1_no_intent_is_missing_after_the_power_was_gone() {
    let gateway = Gateway::start(&["--sandbox-faults", FAULTS]);
    let desk = Desk::new(&gateway, 1, ROWS, MERCHANTS);
    let record = desk.path("record");
    // Twice killed in the middle: a log that is taken over, and one that was never finished.
    for at in [700, 500] {
        let plan = Plan {
            at,
            deed: Deed::KillAfter,
            ..Plan::recording(record.clone())
        };
        assert_eq!(desk.run(Some(&plan)).exit(), -9);
    }
    for exit in [4, 4, 4, 0] {
        let ended = desk.run(Some(&Plan::recording(record.clone())));
        match ended.exit() {
            0 => break,
            other => assert_eq!(other, exit, "{}", ended.words),
        }
    }
    desk.finish();
    let entries = record::read(&record);
    let seen = census(&entries);
    println!("{} entries: {seen:?}", entries.len());
    for kind in [
        "create",
        "write",
        "truncate",
        "sync",
        "sync-directory",
        "rename",
        "unlink",
    ] {
        assert!(
            seen.get(kind).is_some_and(|n| *n > 0),
            "no {kind}: {seen:?}"
        );
    }
    assert!(seen["submission"] >= ROWS, "{seen:?}");
    checkpoints_in_the_middle(&entries, desk.path("record").as_path());
    cut(&desk, &entries, &cuts(40, 40), Some(ROWS));
}

/// SQLite takes no notice when the directory of its log would not sync. levy must: else the log's
/// name may go with the power, and every intent with it.
#[test]
fn l1_a_directory_that_would_not_sync_costs_no_intent() {
    let gateway = Gateway::start(&[]);
    let desk = Desk::new(&gateway, 1, 30, 3);
    assert_eq!(desk.run(Some(&Plan::recording(desk.path("r")))).exit(), 0);
    let log = desk.disk_log();
    let mut tried = 0;
    for (n, op) in log.iter().enumerate() {
        if op.name != "sync-directory" {
            continue;
        }
        tried += 1;
        let desk = Desk::new(&gateway, 1 + tried, 30, 3);
        let record = desk.path("record");
        let plan = Plan {
            at: n + 1,
            deed: Deed::Fail(EIO),
            ..Plan::recording(record.clone())
        };
        let ended = desk.run(Some(&plan));
        println!("operation {}: exit {}", n + 1, ended.exit());
        let mut cuts = cuts(20, 20);
        // There are several of these records, and each is short.
        cuts.tried = cuts.tried.min(60);
        // Where it said that it had failed, the result need not be there.
        let rows = (ended.exit() == 0).then_some(30);
        desk.finish();
        cut(&desk, &record::read(&record), &cuts, rows);
    }
    assert!(tried >= 4, "ledger, journal, log, result: {log:?}");
}

fn kind(entry: &Entry) -> &'static str {
    match entry {
        Entry::Create { .. } => "create",
        Entry::Write { .. } => "write",
        Entry::Truncate { .. } => "truncate",
        Entry::Sync { .. } => "sync",
        Entry::SyncDirectory => "sync-directory",
        Entry::Rename { .. } => "rename",
        Entry::Unlink { .. } => "unlink",
        Entry::Sent {
            submission: true, ..
        } => "submission",
        Entry::Sent {
            submission: false, ..
        } => "query",
    }
}

fn census(entries: &[Entry]) -> BTreeMap<&'static str, usize> {
    let mut seen = BTreeMap::new();
    for entry in entries {
        *seen.entry(kind(entry)).or_default() += 1;
    }
    seen
}

/// The record shows what it is for: pages go from the log into the ledger while requests leave.
fn checkpoints_in_the_middle(entries: &[Entry], record: &Path) {
    let ledger = entries.iter().find_map(|entry| match entry {
        Entry::Create { inode, path } if path.ends_with("/levy.db") => Some(*inode),
        _ => None,
    });
    let ledger = ledger.unwrap_or_else(|| panic!("no ledger in {}", record.display()));
    let last_sent = entries
        .iter()
        .rposition(|e| matches!(e, Entry::Sent { .. }));
    let first_sent = entries.iter().position(|e| matches!(e, Entry::Sent { .. }));
    let middle = &entries[first_sent.unwrap()..last_sent.unwrap()];
    let moved = middle
        .iter()
        .filter(|e| matches!(e, Entry::Write { inode, .. } if *inode == ledger));
    assert!(moved.count() > 0, "no checkpoint between requests");
}

/// Takes the power away at moments spread over the record, several desks side by side; with `rows`,
/// the last state must hold the whole result.
fn cut(desk: &Desk<'_>, entries: &[Entry], cuts: &Cuts, rows: Option<usize>) {
    let wanted = match cuts.tried {
        0 => entries.len(),
        n => n.min(entries.len()),
    };
    // The last entry is always one of them.
    let chosen = |n: &usize| (n + 1) * wanted / entries.len() > n * wanted / entries.len();
    let moments: Vec<usize> = (0..entries.len()).filter(chosen).collect();
    let jobs = setting("CRASH_JOBS", 6) as usize;
    std::thread::scope(|scope| {
        let share = |job| {
            let mine = moments.iter().enumerate().skip(job).step_by(jobs);
            let mine = mine.map(|(tried, n)| (*n, (tried + 1) % cuts.finished_one_in == 0));
            walk(desk, entries, mine, rows);
        };
        let all: Vec<_> = (0..jobs)
            .map(|job| scope.spawn(move || share(job)))
            .collect();
        for one in all {
            one.join().expect("a moment failed, see above");
        }
    });
    let finished = moments.len() / cuts.finished_one_in;
    println!(
        "{} moments, 3 disks each; a run followed on the disks of {finished}",
        moments.len()
    );
}

/// Goes through the record, and looks at the disk after some of its entries.
fn walk(
    desk: &Desk<'_>,
    entries: &[Entry],
    moments: impl Iterator<Item = (usize, bool)>,
    rows: Option<usize>,
) {
    let seed = setting("SEED", 1);
    let mut disk = Disk::default();
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    let mut next = 0;
    for (moment, finish) in moments {
        for entry in &entries[next..=moment] {
            disk.take(entry);
            if let Entry::Sent {
                number,
                submission: true,
            } = entry
            {
                *sent.entry(number.clone()).or_default() += 1;
            }
        }
        next = moment + 1;
        for fate in fates(seed.wrapping_add(moment as u64)) {
            let done = rows.filter(|_| next == entries.len());
            one(desk, &disk, moment, fate, &sent, finish, done);
        }
    }
}

fn fates(seed: u64) -> [Fate; 3] {
    [
        Fate::Dropped,
        Fate::Torn(Chance(seed), 512),
        Fate::Torn(Chance(!seed), 4_096),
    ]
}

fn one(
    desk: &Desk<'_>,
    disk: &Disk,
    n: usize,
    mut fate: Fate,
    sent: &BTreeMap<String, usize>,
    finish: bool,
    rows: Option<usize>,
) {
    let dir = tempfile::tempdir_in(desk.path(".")).unwrap();
    let what = format!("{fate:?}");
    disk.restore(dir.path(), &mut fate);
    let kept = tempfile::tempdir().unwrap();
    copy(dir.path(), kept.path());
    let held = catch_unwind(AssertUnwindSafe(|| {
        let result = dir.path().join("night.result.csv");
        if result.exists() {
            assert_eq!(
                read_result(&result).len(),
                desk.rows(),
                "whole or not there (L7)"
            );
        }
        assert!(
            rows.is_none() || disk.names("night.result.csv"),
            "it was promised"
        );
        assert_eq!(verify(dir.path()), Vec::<String>::new());
        intents_cover(dir.path(), sent);
        if finish {
            desk.finish_restored(dir.path());
        }
    }));
    if let Err(panic) = held {
        let kept: PathBuf = kept.keep();
        println!(
            "the power went after entry {n}, {what}; the disk as it was is kept in {}",
            kept.display()
        );
        resume_unwind(panic);
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
