//! The k-th thing that a run does to the disk fails, or the run is killed there: for k = 1, 2, …
//! until the run passes untouched. After each the ledger verifies, whatever arrived has its intent,
//! and the next run ends as if nothing had happened.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bench::{Desk, Ended, Gateway};
use super::chance::setting;
use super::disk::{Deed, EAGAIN, EINTR, EIO, ENOSPC, Op, Plan};

/// Orders of a run, and merchants that they are for.
const ROWS: usize = 50;
const MERCHANTS: usize = 7;
/// More operations than a run of these orders makes.
const OPERATIONS_MAX: usize = 5_000;
/// Of the operations of a run, one in so many is tried, unless `CRASH_EVERY` says otherwise.
const EVERY: u64 = 67;
/// Cases at one gateway: its books are read anew for each.
const CASES_A_GATEWAY: usize = 40;
/// Faults of the gateway, so that there are retries and lost replies on the way.
const FAULTS: &str = "lose-after=0.02,error-500=0.01,ill-signed=0.01";

/// One way in which the k-th operation goes wrong.
#[derive(Clone, Copy, Debug)]
struct Series {
    name: &'static str,
    ops: &'static str,
    deed: Deed,
    on: bool,
    /// It is no failure: the run gets over it. Else exit 0 is a lie.
    harmless: bool,
}

const fn series(name: &'static str, ops: &'static str, deed: Deed, on: bool) -> Series {
    Series {
        name,
        ops,
        deed,
        on,
        harmless: false,
    }
}

const fn harmless(series: Series) -> Series {
    Series {
        harmless: true,
        ..series
    }
}

const FAILURES: [Series; 10] = [
    series("full-once", "w", Deed::Fail(ENOSPC), false),
    series("full-on", "w", Deed::Fail(ENOSPC), true),
    series("half-full-once", "w", Deed::Half(ENOSPC), false),
    series("half-full-on", "w", Deed::Half(ENOSPC), true),
    series("broken-once", "wr", Deed::Fail(EIO), false),
    series("broken-on", "wr", Deed::Fail(EIO), true),
    series("busy-on", "l", Deed::Fail(EAGAIN), true),
    harmless(series("busy-once", "l", Deed::Fail(EAGAIN), false)),
    harmless(series("interrupted-once", "w", Deed::Fail(EINTR), false)),
    harmless(series("short-once", "w", Deed::Short, false)),
];

const KILLS: [Series; 3] = [
    series("kill-before", "w", Deed::KillBefore, false),
    series("kill-half", "w", Deed::KillHalf, false),
    series("kill-after", "w", Deed::KillAfter, false),
];

/// What a failure ends in, so that whoever reads it knows what to do.
const ADVICE: &str = "give the same command again";

#[test]
fn l9_whatever_the_kth_operation_on_the_disk_does_the_next_run_ends_as_if_nothing_had_happened() {
    every_kth(&FAILURES);
}

#[test]
fn l9_killed_at_the_kth_operation_on_the_disk_the_next_run_ends_as_if_nothing_had_happened() {
    every_kth(&KILLS);
}

/// A disk that filled up while SQLite turned the ledger's log on: it had answered "wal" already,
/// took the change back, and levy went on with a rollback journal. That journal's end is not
/// durable, so that a loss of power could have undone the last intents. Found by half-full-once,
/// k = 15.
#[test]
fn l1_a_log_that_could_not_be_turned_on_stops_the_run() {
    let gateway = Gateway::start(&[]);
    let desk = Desk::new(&gateway, 0, ROWS, MERCHANTS);
    let plan = Plan {
        ops: "w",
        at: 0,
        deed: Deed::Short,
        on: false,
        record: None,
    };
    assert_eq!(desk.run(Some(&plan)).exit(), 0);
    let log = desk.disk_log();
    let begun = log.iter().position(|op| op.file == "levy.db-journal");
    let made = log.iter().position(|op| op.file == "levy.db-wal");
    let (begun, made) = (begun.expect("a journal"), made.expect("a log"));
    assert!((begun..made).any(|n| log[n].name == "sync" && log[n].file == "levy.db"));
    for n in (begun..made).filter(|n| log[*n].name == "sync") {
        case(
            &gateway,
            &FAILURES[0],
            n + 1,
            1 + n as u32,
            &Tally::default(),
        );
    }
}

/// `CRASH_EVERY=1` tries each k; `CRASH_SERIES=NAME CRASH_AT=K` repeats one case.
fn every_kth(all: &[Series]) {
    let one = std::env::var("CRASH_SERIES").ok();
    let at = setting("CRASH_AT", 0) as usize;
    let every = setting("CRASH_EVERY", EVERY) as usize;
    let wanted = |series: &&Series| one.as_ref().is_none_or(|one| one == series.name);
    let all: Vec<&Series> = all.iter().filter(wanted).collect();
    let tallies: Vec<Tally> = all.iter().map(|_| Tally::default()).collect();
    // The k-th of each series before the next of any, so that all come to their end together.
    share(all.len() * OPERATIONS_MAX / every, |gateway, n| {
        let (step, which) = (n / all.len(), n % all.len());
        let k = match at {
            // Each series takes other ones.
            0 => 1 + which * 7 % every + step * every,
            at => at,
        };
        if (at == 0 || step == 0) && !tallies[which].untouched() {
            case(gateway, all[which], k, n as u32, &tallies[which]);
        }
        !tallies.iter().all(Tally::untouched)
    });
    for (series, tally) in all.iter().zip(tallies) {
        let untouched = tally.untouched();
        let ends = tally.0.into_inner().unwrap();
        println!(
            "{}: {} cases, ended {ends:?}",
            series.name,
            ends.values().sum::<usize>()
        );
        assert!(at > 0 || untouched, "{}: none was untouched", series.name);
    }
}

/// So many cases, several desks side by side, until `case` says that it is enough.
fn share(cases: usize, case: impl Fn(&Gateway, usize) -> bool + Sync) {
    let next = AtomicUsize::new(0);
    let fault = Mutex::new(None);
    let desk = || {
        while next.load(Ordering::SeqCst) < cases {
            let gateway = Gateway::start(&["--sandbox-faults", FAULTS]);
            for _ in 0..CASES_A_GATEWAY {
                let n = next.fetch_add(1, Ordering::SeqCst);
                if n >= cases {
                    return;
                }
                match catch_unwind(AssertUnwindSafe(|| case(&gateway, n))) {
                    Ok(true) => {}
                    Ok(false) => next.store(cases, Ordering::SeqCst),
                    Err(panic) => {
                        next.store(cases, Ordering::SeqCst);
                        fault.lock().unwrap().get_or_insert(panic);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..setting("CRASH_JOBS", 4) {
            scope.spawn(desk);
        }
    });
    if let Some(panic) = fault.into_inner().unwrap() {
        resume_unwind(panic);
    }
}

/// How the cases of a series ended, by exit code.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<String, usize>>);

impl Tally {
    fn count(&self, what: String) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    /// A run got to its end without coming to the k-th operation.
    fn untouched(&self) -> bool {
        self.0.lock().unwrap().contains_key("untouched")
    }
}

/// One k.
fn case(gateway: &Gateway, series: &Series, k: usize, tag: u32, tally: &Tally) {
    let desk = Desk::new(gateway, tag, ROWS, MERCHANTS);
    let plan = Plan {
        ops: series.ops,
        at: k,
        deed: series.deed,
        on: series.on,
        record: None,
    };
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let ended = desk.run(Some(&plan));
        let log = desk.disk_log();
        judge(series, &ended, &log, tally);
        if ended.exit() == 2 {
            let sent = desk.submissions();
            assert!(sent.is_empty(), "exit 2 says that nothing was sent");
        }
        desk.inspect();
        desk.finish();
        let litter = desk.litter();
        assert_eq!(litter, Vec::<String>::new(), "nothing stays behind");
    }));
    if let Err(panic) = tried {
        println!(
            "to repeat it: CRASH_SERIES={} CRASH_AT={k} cargo test --test crash kth\n\
             struck: {:?}\nit said: {}",
            series.name,
            desk.disk_log().iter().find(|op| op.struck),
            desk.said(),
        );
        resume_unwind(panic);
    }
}

/// What the run itself may have said and done.
fn judge(series: &Series, ended: &Ended, log: &[Op], tally: &Tally) {
    let exit = ended.exit();
    let Some(first) = log.iter().position(|op| op.struck) else {
        tally.count("untouched".into());
        assert!(
            exit == 0 || exit == 4,
            "untouched: exit {exit}: {}",
            ended.words
        );
        return;
    };
    tally.count(exit.to_string());
    if series.deed.kills() {
        assert_eq!(exit, -9);
        return;
    }
    let op = &log[first];
    match exit {
        // Only a write can be short: nothing happened to this one, which may be the run's last.
        0 if series.deed == Deed::Short && op.name == "sync-directory" => {}
        // SQLite does not look whether a directory was synced; levy does so itself before it sends.
        0 if !series.on && op.name == "sync-directory" => {
            let again = log[first + 1..]
                .iter()
                .any(|op| op.name == "sync-directory");
            assert!(again, "exit 0 with {op:?}, and none later");
        }
        0 => assert!(
            series.harmless || first > all_told(log) || only_closed(log, first),
            "exit 0 with {op:?}"
        ),
        // An order of which the gateway had lost each reply; everything was written down.
        4 => assert!(
            series.harmless || first > all_told(log) || only_closed(log, first),
            "exit 4 with {op:?}"
        ),
        1 => {
            let advised = ended.words.contains(ADVICE);
            assert!(advised, "{op:?}: no advice: {}", ended.words);
        }
        // The input or the settings, which could not be read.
        2 => assert!(
            op.name == "read" && !op.file.starts_with("levy.db"),
            "exit 2 with {op:?}: {}",
            ended.words
        ),
        other => panic!("exit {other} with {op:?}: {}", ended.words),
    }
}

/// Where the result is in its place for good. After that a run only tidies up.
fn all_told(log: &[Op]) -> usize {
    let renamed = log.iter().position(|op| op.name == "rename");
    let after = renamed.unwrap_or(log.len());
    let synced = log
        .iter()
        .skip(after)
        .position(|op| op.name == "sync-directory");
    synced.map_or(usize::MAX, |n| after + n)
}

/// From here on the ledger was only closed: its last connection asks for the file alone, to fold
/// the log into it, and closes without where another one holds it.
fn only_closed(log: &[Op], first: usize) -> bool {
    let on = |op: &Op, file| op.name == "lock" && op.file == file;
    let used = log[..first].iter().any(|op| on(op, "levy.db-shm"));
    used && log[first..].iter().all(|op| on(op, "levy.db"))
}
