//! A gateway, a configuration, a batch and the command, in a directory of their own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use levy::sandbox::books::{Arrival, Books};
use levy::sandbox::{self, Options, Running, books};
use serde_json::Value;
use tokio::runtime::Runtime;

/// A run that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(300);

pub struct Bench {
    dir: tempfile::TempDir,
    gateway: Option<Running>,
    runtime: Runtime,
    output: Option<(String, String)>,
}

/// A batch of plain rows, over so many merchants; every tenth without a number of its own.
pub fn rows_of(rows: usize, merchants: usize) -> String {
    let mut csv = "mchid,bal_account_no,out_request_no,reduction_type,amount,reason\n".to_owned();
    for n in 1..=rows {
        let merchant = 1_900_000_000 + n % merchants;
        let number = if n % 10 == 0 {
            String::new()
        } else {
            format!("NIGHT{n:07}")
        };
        csv.push_str(&format!(
            "{merchant},8609cb22e1774a50a930e414cc71eca{:08},{number},JUDICIAL_DEDUCTION,{n},案件号{n}\n",
            n % 97,
        ));
    }
    csv
}

impl Bench {
    pub fn start(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let options = Options {
            dir: dir.path().join("gateway"),
            ..options
        };
        let gateway = runtime.block_on(sandbox::start(options)).unwrap();
        let material = sandbox::material(&dir.path().join("gateway")).unwrap();
        let config = format!(
            "[merchant]\nmchid = \"{}\"\nserial_no = \"{}\"\nprivate_key = \"{}\"\n\
             [platform]\npublic_key_id = \"{}\"\npublic_key = \"{}\"\n\
             [gateway]\nbase_url = \"{}\"\n[ledger]\nurl = \"levy.db\"\n",
            material.mchid,
            material.serial_no,
            material.private_key.display(),
            material.public_key_id,
            material.public_key.display(),
            gateway.base_url(),
        );
        fs::write(dir.path().join("levy.toml"), config).unwrap();
        Self {
            dir,
            gateway: Some(gateway),
            runtime,
            output: None,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, batch: &str) {
        fs::write(self.path("night.csv"), batch).unwrap();
    }

    pub fn stop_gateway(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            self.runtime.block_on(gateway.shutdown());
        }
    }

    pub fn change_config(&self, change: impl Fn(&str) -> String) {
        let path = self.path("levy.toml");
        let text = fs::read_to_string(&path).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed);
        fs::write(path, changed).unwrap();
    }

    /// Another platform's public key, under the id of this gateway's.
    pub fn use_another_public_key(&self) {
        let other = self.path("other");
        let material = sandbox::material(&other).unwrap();
        let ours = sandbox::material(&self.path("gateway")).unwrap();
        let (from, to) = (ours.public_key, material.public_key);
        self.change_config(|text| text.replace(from.to_str().unwrap(), to.to_str().unwrap()));
    }

    pub fn spawn(&self, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_levy"))
            .current_dir(self.dir.path())
            .args(["run", "night.csv", "--json", "--create-ledger"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(fs::File::create(self.path("stdout")).unwrap())
            .stderr(fs::File::create(self.path("stderr")).unwrap())
            .spawn()
            .unwrap()
    }

    /// Another command, to its end.
    pub fn levy(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levy"));
        let command = command.current_dir(self.dir.path()).args(args);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs to the end.
    pub fn run(&mut self, more: &[&str]) -> i32 {
        let mut child = self.spawn(more);
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it hangs: {}", self.read("stderr"));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        self.output = Some((self.read("stdout"), self.read("stderr")));
        status.code().expect("an exit code")
    }

    /// Runs, and kills it once so many requests have arrived in all.
    pub fn run_until_and_kill(&mut self, arrivals: usize) {
        let mut child = self.spawn(&[]);
        self.wait_for_arrivals(arrivals);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs, and sends it a signal once so many requests have arrived in all; its exit code.
    pub fn run_until_and_signal(&mut self, arrivals: usize, signal: &str) -> Option<i32> {
        let mut child = self.spawn(&[]);
        self.wait_for_arrivals(arrivals);
        let pid = child.id().to_string();
        let kill = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(kill.unwrap().success());
        let status = child.wait().unwrap();
        self.output = Some((self.read("stdout"), self.read("stderr")));
        status.code()
    }

    pub fn wait_for_arrivals(&self, arrivals: usize) {
        let began = Instant::now();
        while self.arrivals().len() < arrivals {
            assert!(
                began.elapsed() < PATIENCE,
                "nothing arrives: {}",
                self.read("stderr")
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn stderr(&self) -> &str {
        &self.output.as_ref().expect("a run").1
    }

    /// The summary of the last run.
    pub fn summary(&self) -> Value {
        let stdout = &self.output.as_ref().expect("a run").0;
        serde_json::from_str(stdout).unwrap_or_else(|e| panic!("{e}: {stdout}"))
    }

    pub fn statuses(&self) -> BTreeMap<String, u64> {
        let summary = self.summary();
        let by_status = summary["by_status"].as_object().unwrap();
        by_status
            .iter()
            .map(|(status, rows)| (status.clone(), rows.as_u64().unwrap()))
            .collect()
    }

    pub fn books(&self) -> Books {
        books::read(&self.path("gateway")).unwrap()
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        books::arrivals(&self.path("gateway")).unwrap()
    }

    pub fn numbers_arrived(&self) -> BTreeMap<String, usize> {
        let mut numbers = BTreeMap::new();
        for arrival in self.arrivals() {
            *numbers.entry(arrival.number).or_default() += 1;
        }
        numbers
    }

    /// Intents by number, read from the ledger's file.
    pub fn intents(&self) -> BTreeMap<String, usize> {
        let ledger = rusqlite::Connection::open(self.path("levy.db")).unwrap();
        let sql =
            "SELECT out_request_no, count(*) FROM attempt JOIN orders USING (order_id) GROUP BY 1";
        let mut statement = ledger.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as usize)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The most requests of one merchant in any sliding second, by the gateway's own log.
    pub fn most_in_a_second(&self) -> usize {
        let mut lanes: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for arrival in self.arrivals() {
            lanes
                .entry(arrival.merchant)
                .or_default()
                .push(arrival.at_us);
        }
        let most = |times: &mut Vec<i64>| {
            times.sort_unstable();
            (0..times.len())
                .map(|i| {
                    times[i..]
                        .iter()
                        .take_while(|&&t| t < times[i] + 1_000_000)
                        .count()
                })
                .max()
        };
        lanes.values_mut().filter_map(most).max().unwrap_or(0)
    }

    /// The result's rows, by column.
    pub fn result(&self) -> Vec<BTreeMap<String, String>> {
        read_result(&self.path("night.result.csv"))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop_gateway();
    }
}

pub fn read_result(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o777,
        0o600,
        "the result is its owner's alone (law L8)"
    );
    let text = fs::read(path).unwrap();
    let text = text.strip_prefix("\u{feff}".as_bytes()).expect("a BOM");
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            header
                .iter()
                .map(Into::into)
                .zip(record.iter().map(Into::into))
                .collect()
        })
        .collect()
}
