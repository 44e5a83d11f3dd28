//! A gateway in a process of its own, desks to run levy at, and the audit of what is left.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use levy::ledger::{Binding, Environment, OpenOptions, SqliteLedger};
use levy::sandbox::books::{self, Arrival, BookedState, Books, Interface};
use tempfile::TempDir;

use super::disk::{self, Op, Plan};

/// A run that takes longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// Runs until a batch is quiet, at most.
const RUNS_MAX: usize = 30;
/// The caller that `levy sandbox` knows.
const CALLER: &str = "1900000001";

/// The command that is tried: `LEVY_BIN`, or the one that was built with the tests.
pub fn levy() -> Command {
    let ours = || env!("CARGO_BIN_EXE_levy").into();
    let mut command = Command::new(std::env::var_os("LEVY_BIN").unwrap_or_else(ours));
    // They would be settings of its.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LEVY_") {
            command.env_remove(name);
        }
    }
    command
}

/// The gateway in a box, in a process of its own.
pub struct Gateway {
    dir: TempDir,
    child: Child,
}

impl Gateway {
    pub fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Self::spawn(dir.path(), arguments);
        Self { dir, child }
    }

    fn spawn(dir: &Path, arguments: &[&str]) -> Child {
        let words = dir.join("words");
        let mut child = levy()
            .args(["sandbox", "--dir"])
            .arg(dir.join("box"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&words).unwrap())
            .spawn()
            .unwrap();
        let began = Instant::now();
        loop {
            let said = fs::read_to_string(&words).unwrap();
            if said.contains("base_url") {
                return child;
            }
            if began.elapsed() > PATIENCE || child.try_wait().unwrap().is_some() {
                panic!("the gateway does not start: {said}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("box")
    }

    pub fn books(&self) -> Books {
        books::read(&self.home()).unwrap()
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        books::arrivals(&self.home()).unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        signal(self.id(), "CONT");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that may have ended.
pub fn signal(id: u32, name: &str) {
    let _ = Command::new("kill")
        .args(["-s", name, &id.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// A batch at a desk of its own: `work` holds its files, and nothing that the test writes later.
pub struct Desk<'a> {
    dir: TempDir,
    gateway: &'a Gateway,
    tag: String,
    rows: usize,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub words: String,
}

impl Ended {
    /// The exit code; -9 where it was killed.
    pub fn exit(&self) -> i32 {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => code,
            (None, signal) => -signal.unwrap_or(0),
        }
    }
}

impl<'a> Desk<'a> {
    /// A batch of so many rows over so many merchants. Its numbers and merchants are its own, so
    /// that many may share a gateway: `tag` is four letters or digits.
    pub fn new(gateway: &'a Gateway, tag: u32, rows: usize, merchants: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        let desk = Self {
            dir,
            gateway,
            tag: format!("N{tag:05}"),
            rows,
        };
        let settings = fs::read_to_string(gateway.home().join("levy.toml")).unwrap();
        fs::write(desk.work("levy.toml"), settings).unwrap();
        fs::write(desk.work("night.csv"), desk.batch(tag, merchants)).unwrap();
        desk
    }

    /// A request is given up after 1 s. On a machine that is busy with other things a gateway that
    /// goes on may seem lost.
    pub fn impatient(self) -> Self {
        let path = self.work("levy.toml");
        let settings = fs::read_to_string(&path).unwrap();
        let mark = "[gateway]\n";
        let settings = settings.replacen(mark, &format!("{mark}timeout_seconds = 1\n"), 1);
        assert!(settings.contains("timeout_seconds"));
        fs::write(path, settings).unwrap();
        self
    }

    fn batch(&self, tag: u32, merchants: usize) -> String {
        let mut csv =
            "mchid,bal_account_no,out_request_no,reduction_type,amount,reason\n".to_owned();
        for n in 1..=self.rows {
            let merchant = 1_000_000_000 + 1_000 * u64::from(tag) + (n % merchants) as u64;
            // Every tenth has no number of its own.
            let number = match n % 10 {
                0 => String::new(),
                _ => format!("{}X{n:05}", self.tag),
            };
            csv.push_str(&format!(
                "{merchant},8609cb22e1774a50a930e414cc71eca{n:08},{number},JUDICIAL_DEDUCTION,{n},\
                 案件号{tag}-{n}\n",
            ));
        }
        csv
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn work(&self, name: &str) -> PathBuf {
        self.path("work").join(name)
    }

    /// The same command each time, on another disk if there is a plan.
    pub fn spawn(&self, plan: Option<&Plan>) -> Child {
        self.spawn_in(&self.path("work"), plan)
    }

    fn spawn_in(&self, dir: &Path, plan: Option<&Plan>) -> Child {
        let mut command = levy();
        command
            .current_dir(dir)
            .args(["run", "night.csv", "--create-ledger", "--yes", "--json"])
            .args(["--wait", "5", "--outage-wait", "2"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(words(dir)).unwrap());
        if let Some(plan) = plan {
            let _ = fs::remove_file(self.path("disk.log"));
            plan.under(&mut command, dir, &self.path("disk.log"));
        }
        // Another test that is about to exec may hold the binary or a pipe of ours for a moment.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(|e| e.into_inner());
        command.spawn().unwrap()
    }

    /// Runs to the end, whatever that is.
    pub fn run(&self, plan: Option<&Plan>) -> Ended {
        let child = self.spawn(plan);
        self.wait(child)
    }

    /// Waits for the end of a run at this desk.
    pub fn wait(&self, child: Child) -> Ended {
        self.wait_in(&self.path("work"), child)
    }

    fn wait_in(&self, dir: &Path, mut child: Child) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it hangs: {}", said(dir));
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        Ended {
            status,
            words: said(dir),
        }
    }

    /// What the last run said to people.
    pub fn said(&self) -> String {
        said(&self.path("work"))
    }

    /// What the disk saw of the last run with a plan.
    pub fn disk_log(&self) -> Vec<Op> {
        disk::log(&self.path("disk.log"))
    }

    /// The same command until no row says RUN_AGAIN.
    fn quiet_in(&self, dir: &Path) -> Ended {
        for _ in 0..RUNS_MAX {
            let ended = self.wait_in(dir, self.spawn_in(dir, None));
            match ended.exit() {
                4 => {}
                _ => return ended,
            }
        }
        panic!("it does not get quiet: {}", said(dir));
    }

    /// How many rows the batch has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Runs until quiet, and audits: everything must be as if nothing had happened.
    pub fn finish(&self) {
        self.finish_restored(&self.path("work"));
        intents_cover(&self.path("work"), &self.submissions());
    }

    /// The same in another directory, with a ledger as it may once have been. The gateway may know
    /// of more submissions than that ledger.
    pub fn finish_restored(&self, dir: &Path) {
        for name in ["levy.toml", "night.csv"] {
            if !dir.join(name).exists() {
                fs::copy(self.work(name), dir.join(name)).unwrap();
            }
        }
        let ended = self.quiet_in(dir);
        assert_eq!(ended.exit(), 0, "{}", ended.words);
        self.audit_in(dir);
    }

    fn audit_in(&self, dir: &Path) {
        let books = self.gateway.books();
        let result = read_result(&dir.join("night.result.csv"));
        assert_eq!(result.len(), self.rows, "every row stands in it once (L7)");
        let mut numbers = Vec::new();
        for (n, row) in (1..).zip(&result) {
            assert_eq!(row["levy_line"], (n + 1).to_string(), "in input order (L7)");
            assert_eq!(row["levy_status"], "SUCCESS", "{row:?}");
            assert_eq!(row["amount"], n.to_string(), "as it came (L7)");
            numbers.push(row["levy_out_request_no"].clone());
        }
        self.audit_books(&books, &numbers);
        assert_eq!(verify(dir), Vec::<String>::new(), "the ledger verifies");
    }

    /// Each order was debited once, and nothing else was.
    fn audit_books(&self, books: &Books, numbers: &[String]) {
        for (n, number) in (1..).zip(numbers) {
            let booked = books.orders.get(number);
            let booked = booked.unwrap_or_else(|| panic!("{number} is not in the books (L7)"));
            let want = (BookedState::Success, 1, n, 0);
            let found = (
                booked.state,
                booked.debits,
                booked.debited_fen,
                booked.content_changes,
            );
            assert_eq!(found, want, "{number} (L1, L2)");
        }
        let ours = books.orders.values().filter(|o| self.is_mine(&o.merchant));
        assert_eq!(ours.count(), self.rows, "no number more (L5)");
    }

    fn is_mine(&self, merchant: &str) -> bool {
        let tag: u64 = self.tag[1..].parse().unwrap();
        merchant.parse::<u64>().unwrap() / 1_000 == 1_000_000 + tag
    }

    /// How often each number of this batch was submitted, as the gateway saw it.
    pub fn submissions(&self) -> BTreeMap<String, usize> {
        let mut numbers = BTreeMap::new();
        for arrival in self.gateway.arrivals() {
            if arrival.interface == Interface::Submit && self.is_mine(&arrival.merchant) {
                *numbers.entry(arrival.number).or_default() += 1;
            }
        }
        numbers
    }

    /// What must hold at any moment while no run is going on: a ledger that is there verifies,
    /// whatever arrived has its intent, nothing was debited twice. Looks at a copy, so that the
    /// next run finds everything as the last one left it.
    pub fn inspect(&self) {
        let copy = tempfile::tempdir().unwrap();
        for name in ["levy.db", "levy.db-wal", "levy.db-journal"] {
            if self.work(name).exists() {
                fs::copy(self.work(name), copy.path().join(name)).unwrap();
            }
        }
        let arrived = self.submissions();
        if arrived.is_empty() && !holds_a_ledger(copy.path()) {
            return;
        }
        assert_eq!(
            verify(copy.path()),
            Vec::<String>::new(),
            "the ledger verifies"
        );
        intents_cover(copy.path(), &arrived);
        let books = self.gateway.books();
        assert_eq!(books.debited_twice(), Vec::<&str>::new());
        assert_eq!(books.changed_numbers(), Vec::<&str>::new());
        if self.work("night.result.csv").exists() {
            let rows = read_result(&self.work("night.result.csv")).len();
            assert_eq!(rows, self.rows, "a result is whole or not there");
        }
    }

    /// Files in the directory of the batch that do not belong there.
    pub fn litter(&self) -> Vec<String> {
        let known = ["levy.toml", "night.csv", "night.result.csv", "levy.db"];
        let beside = ["levy.db-wal", "levy.db-shm", "levy.db.lock"];
        fs::read_dir(self.path("work"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !known.contains(&&**name) && !beside.contains(&&**name))
            .collect()
    }
}

/// Where a run in a directory puts what it says: beside it, since its files are the disk's.
fn words(dir: &Path) -> PathBuf {
    dir.with_extension("words")
}

fn said(dir: &Path) -> String {
    fs::read_to_string(words(dir)).unwrap_or_default()
}

/// Whether there is a ledger that ever held something.
fn holds_a_ledger(dir: &Path) -> bool {
    let bytes = |name| fs::metadata(dir.join(name)).map_or(0, |meta| meta.len());
    bytes("levy.db") > 0 || bytes("levy.db-wal") > 0
}

/// Everything that is wrong with the ledger in a directory, by levy's own check and SQLite's.
pub fn verify(dir: &Path) -> Vec<String> {
    let options = OpenOptions {
        path: dir.join("levy.db"),
        binding: Binding {
            caller: CALLER.into(),
            environment: Environment::Real,
        },
        create: true,
        allow_network_file_system: true,
    };
    match SqliteLedger::open(&options) {
        Ok(mut ledger) => ledger.verify().unwrap_or_else(|e| vec![e.to_string()]),
        Err(e) => vec![e.to_string()],
    }
}

/// Law L1: each submission was an intent in the ledger before.
pub fn intents_cover(dir: &Path, submissions: &BTreeMap<String, usize>) {
    let ledger = rusqlite::Connection::open(dir.join("levy.db")).unwrap();
    let sql = "SELECT count(*) FROM attempt JOIN orders USING (order_id)
               WHERE out_request_no = ? AND asked = 'SUBMISSION'";
    let mut statement = ledger.prepare(sql).unwrap();
    for (number, times) in submissions {
        let intents: i64 = statement
            .query_row([number], |row| row.get(0))
            .unwrap_or_else(|e| panic!("{number} was sent: {e}"));
        assert!(
            intents >= *times as i64,
            "{number}: sent {times} times, {intents} intents (L1)"
        );
    }
}

/// The rows of a result, by column.
pub fn read_result(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its owner's alone (L8)");
    let text = fs::read(path).unwrap();
    let text = text.strip_prefix("\u{feff}".as_bytes()).expect("a BOM");
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.unwrap();
        let cells = record.iter().map(str::to_owned).collect::<Vec<_>>();
        header.iter().map(str::to_owned).zip(cells).collect()
    };
    reader.records().map(row).collect()
}

/// The most requests of one merchant in any sliding second, as the gateway counted them.
pub fn most_in_a_second(arrivals: &[Arrival]) -> usize {
    let mut lanes: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for arrival in arrivals {
        lanes
            .entry(&arrival.merchant)
            .or_default()
            .push(arrival.at_us);
    }
    let mut most = 0;
    for times in lanes.values_mut() {
        times.sort_unstable();
        let mut first = 0;
        for last in 0..times.len() {
            while times[last] >= times[first] + 1_000_000 {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
    }
    most
}
