//! A house of finance on a shared ledger: a directory, a gateway with its own books, a database, and levy.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use levy::sandbox::books::{Arrival, BookedState, Books};
use levy::sandbox::{self, Options, Running, books};
use tokio::runtime::Runtime;

use super::server::{PASSWORD, Server};

/// Longer than this nothing takes.
const PATIENCE: Duration = Duration::from_secs(120);
const HEADER: &str = "out_request_no,mchid,bal_account_no,reduction_type,amount,reason";

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

pub struct House {
    dir: tempfile::TempDir,
    runtime: Runtime,
    gateway: Option<Running>,
    pub database: String,
    /// How the settings name it.
    pub url: String,
    /// Everything that any command has printed.
    heard: RefCell<String>,
}

/// A row; its account is told by a number, so that debts differ.
pub fn row(no: &str, lane: u32, account: u32, amount: u64) -> String {
    let merchant = 1_900_016_680 + lane;
    format!(
        "{no},{merchant},8609cb22e1774a50a930e414cc71eca{account:07},JUDICIAL_DEDUCTION,{amount},"
    )
}

/// So many rows over so many lanes.
pub fn rows(prefix: &str, count: u32, lanes: u32) -> Vec<String> {
    let row = |n| row(&format!("{prefix}{n:05}"), n % lanes, n, u64::from(n));
    (1..=count).map(row).collect()
}

impl House {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// Whose ledger is reached by PgBouncer in transaction mode.
    pub fn pooled() -> Self {
        let database = Server::get().database();
        let url = Server::get().pooled_url(&database);
        Self::at(database, url, Options::default())
    }

    pub fn with(options: Options) -> Self {
        Self::on(Server::get(), options)
    }

    /// On a server of its own.
    pub fn on(server: &'static Server, options: Options) -> Self {
        let database = server.database();
        let url = server.url(&database);
        Self::at(database, url, options)
    }

    /// On a ledger of this database.
    pub fn at(database: String, url: String, options: Options) -> Self {
        let mut house = Self {
            dir: tempfile::tempdir().unwrap(),
            runtime: Runtime::new().unwrap(),
            gateway: None,
            database,
            url,
            heard: RefCell::default(),
        };
        let password = house.path("ledger.password");
        fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        house.open(options);
        house
    }

    /// Another gateway with the same books, such as one with money on every account.
    pub fn reopen(&mut self, options: Options) {
        self.close();
        self.open(options);
    }

    fn open(&mut self, options: Options) {
        let dir = self.path("gateway");
        let options = Options { dir, ..options };
        let gateway = self.runtime.block_on(sandbox::start(options)).unwrap();
        let material = sandbox::material(&self.path("gateway")).unwrap();
        let config = format!(
            "[merchant]\nmchid = \"{}\"\nserial_no = \"{}\"\nprivate_key = \"{}\"\n\
             [platform]\npublic_key_id = \"{}\"\npublic_key = \"{}\"\n\
             [gateway]\nbase_url = \"{}\"\ntimeout_seconds = 2\n\
             [ledger]\nurl = \"{}\"\npassword_file = \"ledger.password\"\nlease = 6\n",
            material.mchid,
            material.serial_no,
            material.private_key.display(),
            material.public_key_id,
            material.public_key.display(),
            gateway.base_url(),
            self.url,
        );
        fs::write(self.path("levy.toml"), config).unwrap();
        self.gateway = Some(gateway);
    }

    /// Other settings beside the first.
    pub fn config(&self, name: &str, more: &str) {
        let text = format!("{}{more}", self.read("levy.toml"));
        fs::write(self.path(name), text).unwrap();
    }

    fn close(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            self.runtime.block_on(gateway.shutdown());
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A file of these rows.
    pub fn file(&self, name: &str, rows: &[String]) {
        fs::write(self.path(name), format!("{HEADER}\n{}\n", rows.join("\n"))).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levy"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("LEVY_") || name.starts_with("PG") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("LEVY_LOG_LEVEL", "info")
            .stdin(Stdio::null());
        command
    }

    /// A command, to its end.
    pub fn levy(&self, args: &[&str]) -> Said {
        self.hear(self.command(args).output().unwrap())
    }

    /// The same, which must end so.
    pub fn ends(&self, exit: i32, args: &[&str]) -> Said {
        let said = self.levy(args);
        assert_eq!(said.exit, exit, "{args:?}: {said:#?}");
        said
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// A command on a terminal of its own, which `script` (util-linux) lends it; its exit, and what it shows.
    pub fn on_a_terminal(&self, args: &str, typed: &str) -> (i32, String) {
        let command = format!("exec '{}' {args}", env!("CARGO_BIN_EXE_levy"));
        let mut script = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(self.dir.path())
            .env("LEVY_LOG_LEVEL", "info")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of util-linux, lends a terminal");
        let mut keyboard = script.stdin.take().unwrap();
        keyboard.write_all(typed.as_bytes()).unwrap();
        let mut screen = String::new();
        let mut out = script.stdout.take().unwrap();
        out.read_to_string(&mut screen).unwrap();
        // Held until here: a keyboard that goes away is an answer too.
        drop(keyboard);
        self.heard.borrow_mut().push_str(&screen);
        (script.wait().unwrap().code().unwrap_or(-1), screen)
    }

    /// Sends it SIGTERM and waits for its end.
    pub fn stopped(&self, levy: Child) -> Said {
        self.signal(&levy, "TERM");
        self.ended(levy)
    }

    pub fn signal(&self, levy: &Child, signal: &str) {
        let pid = levy.id().to_string();
        let kill = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for its end, and not for ever.
    pub fn ends_by_itself(&self, mut levy: Child) -> Said {
        let began = Instant::now();
        while levy.try_wait().unwrap().is_none() {
            if began.elapsed() > PATIENCE {
                levy.kill().unwrap();
                panic!("it does not end: {:?}", self.ended(levy));
            }
            std::thread::yield_now();
        }
        self.ended(levy)
    }

    pub fn ended(&self, levy: Child) -> Said {
        self.hear(levy.wait_with_output().unwrap())
    }

    fn hear(&self, output: Output) -> Said {
        let said = Said {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        let mut heard = self.heard.borrow_mut();
        heard.push_str(&said.out);
        heard.push_str(&said.err);
        said
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        books::arrivals(&self.path("gateway")).unwrap()
    }

    pub fn wait_for_arrivals(&self, arrivals: usize) {
        self.wait_until("nothing arrives", || self.arrivals().len() >= arrivals);
    }

    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "{what}");
            std::thread::yield_now();
        }
    }

    pub fn books(&self) -> Books {
        books::read(&self.path("gateway")).unwrap()
    }

    /// Numbers that were debited, each once.
    pub fn debited(&self) -> usize {
        let books = self.books();
        assert_eq!(books.debited_twice(), Vec::<&str>::new());
        assert_eq!(books.changed_numbers(), Vec::<&str>::new());
        let orders = books.orders.values();
        orders
            .filter(|order| order.state == BookedState::Success)
            .count()
    }

    /// The most requests of one merchant in any second, as the gateway counted them.
    pub fn most_in_a_second(&self) -> usize {
        let mut lanes: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for arrival in self.arrivals() {
            lanes
                .entry(arrival.merchant)
                .or_default()
                .push(arrival.at_us);
        }
        let most = |times: Vec<i64>| {
            let within = |from: usize| {
                let rest = times[from..].iter();
                rest.take_while(|&&at| at < times[from] + 1_000_000).count()
            };
            (0..times.len()).map(within).max().unwrap_or(0)
        };
        lanes.into_values().map(most).max().unwrap_or(0)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.close();
        if !std::thread::panicking() {
            let heard = self.heard.borrow();
            assert!(!heard.is_empty());
            assert!(!heard.contains(PASSWORD), "L8: the password was printed");
        }
    }
}
