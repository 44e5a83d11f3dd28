//! The drop folder, killed at moments and at operations that a seed decides, with two sweeps side by
//! side now and then, and on a disk that fills up: every file ends in `done/` or `rejected/`, with one
//! result, and nothing is deducted twice.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use levy::sandbox::books::BookedState;
use tempfile::TempDir;

use super::bench::{Gateway, PATIENCE, intents_cover, levy, read_result, signal, verify};
use super::chance::{Chance, setting};
use super::disk::{Deed, EIO, ENOSPC, Plan};

/// Files of the folder that is killed.
const FILES: usize = 200;
/// Files of a folder that two sweeps want.
const FILES_SIDE_BY_SIDE: usize = 40;
/// Files of a folder whose disk fails.
const FEW_FILES: usize = 6;
/// Sweeps until a folder is quiet, at most.
const SWEEPS_MAX: usize = 40;
/// What the gateway does to some requests.
const FAULTS: &str = "lose-after=0.01,error-500=0.01";
/// Of the operations of a sweep of few files, one in so many is tried.
const EVERY: u64 = 211;
/// More operations than such a sweep makes.
const OPERATIONS_MAX: usize = 4_000;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Plain,
    /// With control totals that agree.
    WithOk,
    /// With control totals that don't: refused as a whole.
    WrongOk,
    /// No batch: refused as a whole.
    Broken,
}

struct Inbox<'a> {
    dir: TempDir,
    gateway: &'a Gateway,
    files: usize,
}

impl<'a> Inbox<'a> {
    fn new(gateway: &'a Gateway, files: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("work/inbox")).unwrap();
        let inbox = Self {
            dir,
            gateway,
            files,
        };
        let settings = gateway.home().join("levy.toml");
        fs::copy(settings, inbox.work("levy.toml")).unwrap();
        for n in 0..files {
            let (name, text, ok) = inbox.file(n);
            fs::write(inbox.path(&name), text).unwrap();
            if let Some(ok) = ok {
                fs::write(inbox.path(&format!("{name}.ok")), ok).unwrap();
            }
        }
        inbox
    }

    fn work(&self, name: &str) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work("inbox").join(name)
    }

    fn sort(n: usize) -> Sort {
        match n % 10 {
            3 | 7 => Sort::WithOk,
            2 => Sort::WrongOk,
            4 => Sort::Broken,
            _ => Sort::Plain,
        }
    }

    fn rows(n: usize) -> usize {
        1 + n % 3
    }

    fn file(&self, n: usize) -> (String, String, Option<String>) {
        let mut csv =
            "mchid,bal_account_no,out_request_no,reduction_type,amount,reason\n".to_owned();
        for row in 0..Self::rows(n) {
            csv.push_str(&format!(
                "{},8609cb22e1774a50a930e414cc71eca{n:08},F{n:05}R{row},JUDICIAL_DEDUCTION,{},\
                 案件号{n}-{row}\n",
                1_900_000_000 + n % 5,
                1 + n,
            ));
        }
        let ok = match Self::sort(n) {
            Sort::WithOk => Some(Self::rows(n)),
            Sort::WrongOk => Some(Self::rows(n) + 1),
            Sort::Plain | Sort::Broken => None,
        };
        if Self::sort(n) == Sort::Broken {
            csv = csv.replacen("mchid", "merchant", 1);
        }
        let ok = ok.map(|rows| format!("rows = {rows}\n"));
        (format!("扣划{n:03}.csv"), csv, ok)
    }

    fn spawn(&self, plan: Option<&Plan>, words: &str) -> Child {
        let mut command = levy();
        command
            .current_dir(self.dir.path().join("work"))
            .args(["sweep", "inbox", "--yes", "--quiet-seconds", "0", "--json"])
            .args(["--wait", "5", "--outage-wait", "2"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.dir.path().join(words)).unwrap());
        if let Some(plan) = plan {
            let log = self.dir.path().join("disk.log");
            let _ = fs::remove_file(&log);
            plan.under(&mut command, &self.dir.path().join("work"), &log);
        }
        command.spawn().unwrap()
    }

    fn wait(&self, mut child: Child) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                let signal = || -status.signal().unwrap_or(0);
                return status.code().unwrap_or_else(signal);
            }
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it hangs: {}", self.said());
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("words")).unwrap_or_default()
    }

    fn names(&self, room: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.path(room));
        let names = entries.into_iter().flatten();
        names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn is_quiet(&self) -> bool {
        let rooms = BTreeSet::from(["done", "processing", "rejected"].map(String::from));
        let ours = BTreeSet::from([".ledger".to_owned()]);
        self.names("") == rooms && self.names("processing") == ours
    }

    /// The ledger is made, so that no sweep is asked to.
    fn init(&self) {
        let mut command = levy();
        let dir = self.dir.path().join("work");
        let made = command.current_dir(dir).arg("init").output().unwrap();
        assert!(made.status.success(), "{made:?}");
    }

    /// Sweeps until nothing is left to do, and audits.
    fn finish(&self) {
        for _ in 0..SWEEPS_MAX {
            let exit = self.wait(self.spawn(None, "words"));
            assert!([0, 2, 4].contains(&exit), "{exit}: {}", self.said());
            if self.is_quiet() {
                return self.audit();
            }
        }
        panic!("it does not get quiet: {}", self.said());
    }

    fn audit(&self) {
        let (mut done, mut rejected) = (BTreeSet::new(), BTreeSet::new());
        let books = self.gateway.books();
        let mut orders = 0;
        for n in 0..self.files {
            let (name, text, ok) = self.file(n);
            let stem = name.strip_suffix(".csv").unwrap();
            let good = matches!(Self::sort(n), Sort::Plain | Sort::WithOk);
            let (room, names) = match good {
                true => ("done", &mut done),
                false => ("rejected", &mut rejected),
            };
            let mut ends = vec![".csv", ".receipt.txt"];
            ends.extend(good.then_some(".result.csv"));
            ends.extend(ok.as_ref().map(|_| ".csv.ok"));
            names.extend(ends.iter().map(|end| format!("{stem}{end}")));
            let there = fs::read_to_string(self.path(&format!("{room}/{name}")));
            assert_eq!(
                there.ok().as_ref(),
                Some(&text),
                "{name}: as it was dropped"
            );
            let receipt = fs::read_to_string(self.path(&format!("{room}/{stem}.receipt.txt")));
            let receipt = receipt.unwrap();
            assert!(
                receipt.contains(&format!("File 文件: {name}\r\n")),
                "{receipt}"
            );
            assert!(
                !receipt.contains("Again 重复文件"),
                "dropped once: {receipt}"
            );
            assert!(!receipt.contains("8609cb22"), "no accounts: {receipt}");
            if !good {
                continue;
            }
            let result = read_result(&self.path(&format!("done/{stem}.result.csv")));
            assert_eq!(result.len(), Self::rows(n), "{name}: every row once (L7)");
            for (row, cells) in result.iter().enumerate() {
                let number = format!("F{n:05}R{row}");
                assert_eq!(cells["levy_out_request_no"], number);
                assert_eq!(cells["levy_status"], "SUCCESS", "{name}");
                let booked = &books.orders[&number];
                let want = (BookedState::Success, 1, 1 + n as u64, 0);
                let found = (
                    booked.state,
                    booked.debits,
                    booked.debited_fen,
                    booked.content_changes,
                );
                assert_eq!(found, want, "{number}: deducted once (L1, L2)");
                orders += 1;
            }
        }
        assert_eq!(
            self.names("done"),
            done,
            "one result each, and nothing else"
        );
        assert_eq!(self.names("rejected"), rejected);
        assert_eq!(
            books.orders.len(),
            orders,
            "nothing that was refused was sent"
        );
        let work = self.dir.path().join("work");
        assert_eq!(verify(&work), Vec::<String>::new(), "the ledger verifies");
        let mut submissions = std::collections::BTreeMap::new();
        for arrival in self.gateway.arrivals() {
            *submissions.entry(arrival.number).or_default() += 1;
        }
        intents_cover(&work, &submissions);
    }
}

/// `SWEEP_KILLS=100` for so many; `SEED=N` for other moments.
#[test]
fn l9_a_sweep_that_is_killed_again_and_again_loses_no_file_and_sends_nothing_twice() {
    let (kills, seed) = (setting("SWEEP_KILLS", 8), setting("SEED", 1));
    let mut chance = Chance(seed);
    let gateway = Gateway::start(&["--sandbox-faults", FAULTS]);
    let inbox = Inbox::new(&gateway, FILES);
    inbox.init();
    let mut killed = 0;
    let (mut busy, mut rounds) = (0, 0);
    while killed < kills && !inbox.is_quiet() {
        rounds += 1;
        if chance.below(2) == 0 {
            let deeds = [Deed::KillBefore, Deed::KillHalf, Deed::KillAfter];
            let plan = Plan {
                at: 1 + chance.below(400) as usize,
                deed: deeds[chance.below(3) as usize],
                ops: "w",
                on: false,
                record: None,
            };
            killed += u64::from(inbox.wait(inbox.spawn(Some(&plan), "words")) == -9);
            continue;
        }
        // Two side by side: one of them finds the ledger held, and moves nothing.
        let pair = [inbox.spawn(None, "words"), inbox.spawn(None, "other")];
        std::thread::sleep(Duration::from_millis(20 + chance.below(1_200)));
        for child in &pair {
            signal(child.id(), "KILL");
        }
        for child in pair {
            match inbox.wait(child) {
                -9 => killed += 1,
                75 => busy += 1,
                exit => assert!([0, 2, 4].contains(&exit), "{exit}: {}", inbox.said()),
            }
        }
    }
    println!("SEED={seed}: {killed} killed, {busy} busy, in {rounds} rounds");
    inbox.finish();
}

/// One of them works, the other one ends in 75, or finds the folder as the first has left it.
#[test]
fn l9_two_sweeps_side_by_side_are_as_one() {
    let gateway = Gateway::start(&["--sandbox-faults", FAULTS]);
    let inbox = Inbox::new(&gateway, FILES_SIDE_BY_SIDE);
    inbox.init();
    let mut exits = Vec::new();
    for _ in 0..SWEEPS_MAX {
        let pair = [inbox.spawn(None, "words"), inbox.spawn(None, "other")];
        exits.extend(pair.map(|child| inbox.wait(child)));
        if inbox.is_quiet() {
            break;
        }
    }
    let known = [0, 2, 4, 75];
    assert!(exits.iter().all(|exit| known.contains(exit)), "{exits:?}");
    assert!(exits.contains(&75), "they never met: {exits:?}");
    assert!(inbox.is_quiet(), "{exits:?}");
    inbox.audit();
}

/// `CRASH_EVERY=1` tries each operation.
#[test]
fn l9_whatever_the_disk_does_to_a_sweep_the_next_one_ends_as_if_nothing_had_happened() {
    let every = setting("CRASH_EVERY", EVERY) as usize;
    let series = [
        (Deed::Fail(ENOSPC), false),
        (Deed::Fail(ENOSPC), true),
        (Deed::Half(ENOSPC), true),
        (Deed::Fail(EIO), false),
        (Deed::KillBefore, false),
        (Deed::KillAfter, false),
    ];
    std::thread::scope(|scope| {
        for (which, (deed, on)) in series.into_iter().enumerate() {
            scope.spawn(move || every_kth(deed, on, 1 + which * 37 % every, every));
        }
    });
}

/// From the first on, until a sweep passes untouched.
fn every_kth(deed: Deed, on: bool, first: usize, every: usize) {
    for at in (first..OPERATIONS_MAX).step_by(every) {
        let gateway = Gateway::start(&[]);
        let inbox = Inbox::new(&gateway, FEW_FILES);
        inbox.init();
        let plan = Plan {
            at,
            deed,
            ops: "w",
            on,
            record: None,
        };
        let exit = inbox.wait(inbox.spawn(Some(&plan), "words"));
        println!("{deed:?} (from then on: {on}) at {at}: {exit}");
        if !inbox.is_quiet() {
            assert!([-9, 1, 2, 4].contains(&exit), "{exit}: {}", inbox.said());
        }
        inbox.finish();
        let log = super::disk::log(&inbox.dir.path().join("disk.log"));
        if !log.iter().any(|op| op.struck) {
            return;
        }
    }
    panic!("{deed:?}: none was untouched");
}
