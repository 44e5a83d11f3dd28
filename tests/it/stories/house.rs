//! A house of finance: a directory, a gateway with its own books, and levy.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use levy::sandbox::books::{BookedOrder, BookedState, Books};
use levy::sandbox::{self, Options, Running, books};
use tokio::runtime::Runtime;

const DAY_MS: i64 = 86_400_000;

pub const MERCHANT: &str = "1900016681";
pub const HEADER: &str = "out_request_no,mchid,bal_account_no,reduction_type,amount,reason";

/// A row; its account is told by its number's last three digits, so that debts differ.
pub fn row(no: &str, account: u32, amount: u64, reason: &str) -> String {
    let account = format!("8609cb22e1774a50a930e414cc71eca{account:07}");
    format!("{no},{MERCHANT},{account},JUDICIAL_DEDUCTION,{amount},{reason}")
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

/// Rows of a CSV by column.
pub type Rows = Vec<BTreeMap<String, String>>;

pub struct House {
    dir: tempfile::TempDir,
    runtime: Runtime,
    gateway: Option<Running>,
}

impl House {
    /// No money on any account: every order is closed.
    pub fn poor() -> Self {
        Self::with(0)
    }

    pub fn with(balance_fen: u64) -> Self {
        let mut house = Self {
            dir: tempfile::tempdir().unwrap(),
            runtime: Runtime::new().unwrap(),
            gateway: None,
        };
        house.open(balance_fen);
        house
    }

    /// The next morning there is money.
    pub fn money_comes_in(&mut self) {
        self.close();
        self.open(1_000_000_000);
    }

    pub fn close(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            self.runtime.block_on(gateway.shutdown());
        }
    }

    fn open(&mut self, balance_fen: u64) {
        let options = Options {
            dir: self.path("gateway"),
            balance_fen,
            ..Options::default()
        };
        self.gateway = Some(self.runtime.block_on(sandbox::start(options)).unwrap());
        self.settings(&sandbox::material(&self.path("gateway")).unwrap().mchid);
    }

    /// A configuration for this caller.
    pub fn settings(&self, mchid: &str) {
        let material = sandbox::material(&self.path("gateway")).unwrap();
        let base = match &self.gateway {
            Some(gateway) => gateway.base_url(),
            None => "http://127.0.0.1:1".into(),
        };
        let config = format!(
            "[merchant]\nmchid = \"{mchid}\"\nserial_no = \"{}\"\nprivate_key = \"{}\"\n\
             [platform]\npublic_key_id = \"{}\"\npublic_key = \"{}\"\n\
             [gateway]\nbase_url = \"{base}\"\n[ledger]\nurl = \"levy.db\"\n",
            material.serial_no,
            material.private_key.display(),
            material.public_key_id,
            material.public_key.display(),
        );
        fs::write(self.path("levy.toml"), config).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file of these rows.
    pub fn file(&self, name: &str, rows: &[String]) {
        let text = format!("{HEADER}\n{}\n", rows.join("\n"));
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levy"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("LEVY_LOG_LEVEL", "info")
            .stdin(Stdio::null());
        command
    }

    pub fn levy(&self, args: &[&str]) -> Said {
        let output = self.command(args).output().unwrap();
        Said {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// This command's first request leaves and finds nobody; then levy is killed.
    pub fn swallowed(&self, args: &[&str]) {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        let real = fs::read_to_string(self.path("levy.toml")).unwrap();
        let away = format!("base_url = \"http://{}\"", nobody.local_addr().unwrap());
        let line = real.lines().find(|line| line.starts_with("base_url"));
        fs::write(self.path("levy.toml"), real.replace(line.unwrap(), &away)).unwrap();
        let mut levy = self.spawn(args);
        let (mut stream, _) = nobody.accept().unwrap();
        assert!(stream.read(&mut [0; 16]).unwrap() > 0);
        levy.kill().unwrap();
        levy.wait().unwrap();
        fs::write(self.path("levy.toml"), real).unwrap();
    }

    /// What the gateway has of every number.
    pub fn books(&self) -> Books {
        books::read(&self.path("gateway")).unwrap()
    }

    /// Numbers that were debited, with their fen.
    pub fn debited(&self) -> BTreeMap<String, u64> {
        debited(&self.books())
    }

    pub fn result(&self, name: &str) -> Rows {
        rows(&self.path(name))
    }

    /// The result with its rows changed by a person, as another file.
    pub fn edit(&self, from: &str, to: &str, change: impl FnMut(&mut Rows)) {
        edit(&self.path(from), &self.path(to), change);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.close();
    }
}

pub fn debited(books: &Books) -> BTreeMap<String, u64> {
    assert_eq!(books.debited_twice(), Vec::<&str>::new());
    assert_eq!(books.changed_numbers(), Vec::<&str>::new());
    let success = |order: &&BookedOrder| order.state == BookedState::Success;
    let orders = books.orders.iter();
    orders
        .filter(|(_, order)| success(order))
        .map(|(no, order)| (no.clone(), order.debited_fen))
        .collect()
}

pub fn rows(path: &Path) -> Rows {
    let text = fs::read_to_string(path).unwrap();
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().unwrap().clone();
    let record = |record: csv::Result<csv::StringRecord>| {
        let record = record.unwrap();
        let cells = header.iter().zip(&record);
        cells
            .map(|(name, cell)| (name.into(), cell.into()))
            .collect()
    };
    reader.records().map(record).collect()
}

/// What a spreadsheet does: the same header, other rows.
pub fn edit(from: &Path, to: &Path, mut change: impl FnMut(&mut Rows)) {
    let mut edited = rows(from);
    let text = fs::read_to_string(from).unwrap();
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().unwrap().clone();
    change(&mut edited);
    let mut writer = csv::Writer::from_path(to).unwrap();
    writer.write_record(&header).unwrap();
    for row in edited {
        let cells = header.iter().map(|name| row[name].as_str());
        writer.write_record(cells).unwrap();
    }
    writer.flush().unwrap();
}

/// `STATUS NEXT_ACTION` of each row.
pub fn statuses(rows: &Rows) -> Vec<String> {
    let told = |row: &BTreeMap<String, String>| {
        format!("{} {}", row["levy_status"], row["levy_next_action"])
    };
    rows.iter().map(told).collect()
}

/// The number of an order's first reissue.
pub fn child(no: &str) -> String {
    levy::order::OrderNo::parse(no)
        .unwrap()
        .reissued(2)
        .to_string()
}

/// A directory with levy and its gateway in a box, for rows with scripts.
pub struct Boxed {
    dir: tempfile::TempDir,
}

impl Boxed {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn file(&self, name: &str, rows: &[String]) {
        let text = format!("{HEADER}\n{}\n", rows.join("\n"));
        fs::write(self.path(name), text).unwrap();
    }

    pub fn levy(&self, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levy"));
        command
            .args(args)
            .args(["--sandbox"])
            .current_dir(self.dir.path())
            .env("LEVY_LOG_LEVEL", "info")
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        Said {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn books(&self) -> Books {
        books::read(&self.path(".levy-sandbox")).unwrap()
    }

    pub fn result(&self, name: &str) -> Rows {
        rows(&self.path(name))
    }

    /// The ledger, as if an order had been first sent so many days ago.
    pub fn sent_before(&self, no: &str, days: i64) {
        let ledger = rusqlite::Connection::open(self.path(".levy-sandbox/ledger.db")).unwrap();
        let aged =
            "UPDATE orders SET first_sent_at_ms = first_sent_at_ms - ?2 WHERE out_request_no = ?1";
        assert_eq!(ledger.execute(aged, (no, days * DAY_MS)).unwrap(), 1);
        // The journal is append-only: for its intents the rule is taken away for a moment.
        let rule = "SELECT sql FROM sqlite_schema WHERE name = 'attempt_never_changes'";
        let rule: String = ledger.query_row(rule, [], |row| row.get(0)).unwrap();
        ledger
            .execute_batch("DROP TRIGGER attempt_never_changes")
            .unwrap();
        let aged = "UPDATE attempt SET claimed_at_ms = claimed_at_ms - ?2 WHERE order_id =
            (SELECT order_id FROM orders WHERE out_request_no = ?1)";
        assert!(ledger.execute(aged, (no, days * DAY_MS)).unwrap() > 0);
        ledger.execute_batch(&rule).unwrap();
    }

    /// Somebody else deducts under this number; the gateway says so from now on.
    pub fn deducted_elsewhere(&self, no: &str) {
        use std::io::Write;
        let path = self.path(".levy-sandbox/books.jsonl");
        let mut books = fs::OpenOptions::new().append(true).open(path).unwrap();
        let line = format!(
            "{{\"event\":\"state\",\"no\":\"{no}\",\"state\":{{\"is\":\"success\",\"at_ms\":1}}}}"
        );
        writeln!(books, "{line}").unwrap();
    }
}
