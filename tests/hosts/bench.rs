//! A gateway in a process of its own, hosts that work beside each other, and what is left at the end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use levy::sandbox::books::{self, Arrival, BookedState, Books};
use tempfile::TempDir;

use super::proxy::{self, Seen, Way};
use super::server::Server;

/// Whatever takes longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// Seconds that a request may take, and that a lease lasts.
const TIMEOUT_SECONDS: u64 = 2;
pub const LEASE_SECONDS: u64 = 6;
/// Where Debian puts it.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

pub fn levy() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_levy"));
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
        let words = dir.path().join("words");
        let mut child = levy()
            .args(["sandbox", "--dir"])
            .arg(dir.path().join("box"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&words).unwrap())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while !fs::read_to_string(&words).unwrap().contains("base_url") {
            let over = began.elapsed() > PATIENCE || child.try_wait().unwrap().is_some();
            assert!(!over, "{}", fs::read_to_string(&words).unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { dir, child }
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

    /// Its settings for levy, and the port in them.
    fn settings(&self) -> (String, u16) {
        let settings = fs::read_to_string(self.home().join("levy.toml")).unwrap();
        let port = settings.split("127.0.0.1:").nth(1).expect("an address");
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        (settings, port.parse().unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a host is.
#[derive(Clone, Copy, Default)]
pub struct Nature {
    /// Its way to the database is cut after so many commits of a connection, before the answer.
    pub cut_at_commit: Option<u64>,
    /// Its wall clock can be moved.
    pub clock: bool,
}

/// A machine with settings of its own; its processes reach gateway and database over ways of its own.
pub struct Host {
    dir: TempDir,
    name: String,
    pub seen: Seen,
    pub cuts: Arc<AtomicU64>,
    nature: Nature,
}

impl Host {
    pub fn new(name: &str, gateway: &Gateway, server: &Server, nature: Nature) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (seen, cuts) = (Seen::default(), Arc::<AtomicU64>::default());
        let (settings, gateway_port) = gateway.settings();
        let way = proxy::open(gateway_port, Way::Counted(seen.clone()));
        let port = match nature.cut_at_commit {
            Some(every) => proxy::open(server.port(), Way::CutAtCommit(every, cuts.clone())),
            None => server.port(),
        };
        let settings = settings
            .replace(&format!(":{gateway_port}"), &format!(":{way}"))
            .replacen(
                "[gateway]\n",
                &format!("[gateway]\ntimeout_seconds = {TIMEOUT_SECONDS}\n"),
                1,
            );
        let at_ledger = settings.find("[ledger]");
        let settings = match at_ledger {
            Some(at) => settings[..at].to_owned(),
            None => settings,
        };
        let ledger = format!(
            "\n[ledger]\nurl = \"postgres://levy@127.0.0.1:{port}/postgres\"\nlease = {LEASE_SECONDS}\n"
        );
        fs::write(dir.path().join("levy.toml"), settings + &ledger).unwrap();
        let host = Self {
            dir,
            name: name.to_owned(),
            seen,
            cuts,
            nature,
        };
        host.set_clock(0);
        host
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Moves the wall clock of what runs here by so many seconds.
    pub fn set_clock(&self, seconds: i64) {
        fs::write(self.path("clock"), format!("{seconds:+}s\n")).unwrap();
    }

    /// Starts a command here.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = levy();
        command
            .current_dir(self.dir.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(self.paper())
            .stderr(self.paper());
        if self.nature.clock {
            assert!(Path::new(FAKETIME).exists(), "libfaketime is missing");
            command
                .env("LD_PRELOAD", FAKETIME)
                .env("FAKETIME_TIMESTAMP_FILE", self.path("clock"))
                .env("FAKETIME_NO_CACHE", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        Running {
            child: command.spawn().unwrap(),
            words: self.words(),
            name: format!("{}: {}", self.name, arguments.join(" ")),
        }
    }

    fn paper(&self) -> File {
        let mut options = File::options();
        options
            .append(true)
            .create(true)
            .open(self.words())
            .unwrap()
    }

    /// What was said here.
    pub fn said(&self) -> String {
        fs::read_to_string(self.words()).unwrap_or_default()
    }

    fn words(&self) -> PathBuf {
        self.path("words")
    }
}

/// A process of levy's. Dropped, it is killed.
pub struct Running {
    child: Child,
    words: PathBuf,
    name: String,
}

impl Running {
    pub fn signal(&self, name: &str) {
        let _ = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status();
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its exit code, once it has one.
    pub fn wait(&mut self) -> i32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{} hangs: {}",
                self.name,
                self.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What was said on its host.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.words).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal("CONT");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A batch of so many rows over so many merchants; row n takes n fen.
pub fn batch(rows: usize, merchants: usize) -> String {
    let mut csv = "mchid,bal_account_no,out_request_no,reduction_type,amount,reason\n".to_owned();
    for n in 1..=rows {
        let merchant = 1_900_000_100 + (n % merchants);
        csv.push_str(&format!(
            "{merchant},8609cb22e1774a50a930e414cc71eca{n:08},HOSTS{n:08},JUDICIAL_DEDUCTION,{n},案件号{n}\n"
        ));
    }
    csv
}

/// What must be when all is over: every row a success, in order, each order debited once, the pace kept.
pub fn audit(gateway: &Gateway, result: &Path, rows: usize) {
    let text = fs::read(result).unwrap();
    let text = text.strip_prefix("\u{feff}".as_bytes()).expect("a BOM");
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|it| it == name).unwrap();
    let (status, number, line) = (
        column("levy_status"),
        column("levy_out_request_no"),
        column("levy_line"),
    );
    let books = gateway.books();
    let mut found = 0;
    for (n, row) in (1..).zip(reader.records()) {
        let row = row.unwrap();
        assert_eq!(row[line], (n + 1).to_string(), "in input order (L7)");
        assert_eq!(&row[status], "SUCCESS", "{row:?}");
        let booked = &books.orders[&row[number]];
        let want = (BookedState::Success, 1, n, 0);
        let is = (
            booked.state,
            booked.debits,
            booked.debited_fen,
            booked.content_changes,
        );
        assert_eq!(is, want, "{} (L1, L2)", &row[number]);
        found += 1;
    }
    assert_eq!(found, rows, "every row stands in it once (L7)");
    assert_eq!(books.orders.len(), rows, "no number more (L5)");
    let most = most_in_a_second(&gateway.arrivals());
    assert!(
        most <= 100,
        "{most} requests of one merchant in a second (L6)"
    );
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
