//! Commands as they are measured: time, processor time and memory of a whole process.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::keys::{self, CALLER, PLATFORM_KEY_ID};

/// Ticks of `/proc/…/stat` in a second; the same on every Linux that people use.
const TICKS: f64 = 100.0;
/// How often a process is looked at for its peak of memory.
const LOOK: Duration = Duration::from_millis(5);

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    pub seconds: f64,
    /// User and system, of all its threads.
    pub cpu_seconds: f64,
    pub peak_mib: f64,
    pub exit: i32,
}

/// A command on one core.
pub fn pinned(core: Option<u32>, program: &Path) -> Command {
    match core {
        None => Command::new(program),
        Some(core) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(core.to_string()).arg(program);
            command
        }
    }
}

/// Runs a command to its end. Its output is thrown away.
pub fn run(command: &mut Command) -> Took {
    let before = children_seconds();
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_of(child.id()).max(peak_kib);
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None => thread::sleep(LOOK),
        }
    };
    Took {
        seconds: begun.elapsed().as_secs_f64(),
        cpu_seconds: children_seconds() - before,
        peak_mib: peak_kib as f64 / 1024.0,
        exit: status.code().unwrap_or(-1),
    }
}

/// Runs a command until its standard error has a line with these words, then kills it. Of what it took
/// the peak of memory is not known.
pub fn run_until(command: &mut Command, words: &str) -> Took {
    let before = children_seconds();
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
    let said = until(&mut told, words);
    let seconds = begun.elapsed().as_secs_f64();
    child.kill().expect("a child");
    let _ = child.wait();
    assert!(
        said.ends_with('\n'),
        "{command:?} never said {words:?}: {said}"
    );
    Took {
        seconds,
        cpu_seconds: children_seconds() - before,
        peak_mib: 0.0,
        exit: 0,
    }
}

fn until(told: &mut BufReader<ChildStderr>, words: &str) -> String {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        match told.read_line(&mut line) {
            Ok(0) | Err(_) => return all.trim_end().to_owned(),
            Ok(_) => all.push_str(&line),
        }
        if line.contains(words) {
            return all;
        }
    }
}

/// Seconds of processor time of all children that were waited for.
fn children_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name, in brackets, may have blanks.
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |i: usize| fields[i].parse::<f64>().expect("a number");
    (ticks(13) + ticks(14)) / TICKS
}

fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse().ok()).unwrap_or(0)
}

/// A gateway in a process of its own.
pub struct Gateway {
    child: Child,
    pub port: u16,
}

impl Gateway {
    /// Starts it; waits until it listens.
    pub fn start(core: Option<u32>, arguments: &[String]) -> Self {
        let ours = std::env::current_exe().expect("a name");
        let mut child = pinned(core, &ours)
            .arg("gateway")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a gateway");
        let mut line = String::new();
        let mut byte = [0];
        let out = child.stdout.as_mut().expect("a pipe");
        while out.read_exact(&mut byte).is_ok() && byte != *b"\n" {
            line.push(byte[0].into());
        }
        let port = line.trim().parse().expect("a port");
        Self { child, port }
    }

    /// Ends it; what arrived.
    pub fn stop(mut self) -> serde_json::Value {
        drop(self.child.stdin.take());
        let mut told = String::new();
        let mut out = self.child.stdout.take().expect("a pipe");
        out.read_to_string(&mut told).expect("text");
        let _ = self.child.wait();
        serde_json::from_str(&told).expect("JSON")
    }
}

/// Writes settings that lead to a gateway on this port.
pub fn settings(directory: &Path, port: u16) -> std::path::PathBuf {
    let file = directory.join(format!("levy-{port}.toml"));
    let key = directory.join("key.pem");
    if !key.exists() {
        let mut made = OpenOptions::new();
        let made = made.write(true).create_new(true).mode(0o600).open(&key);
        let pem = keys::pem("vectors/wechat_doc_test_key.pkcs8.pem");
        made.and_then(|mut key| key.write_all(&pem))
            .expect("a key of its own");
    }
    let text = format!(
        "[merchant]\nmchid = \"{CALLER}\"\ncertificate = {:?}\nprivate_key = {:?}\n\
         [platform]\npublic_key_id = \"{PLATFORM_KEY_ID}\"\npublic_key = {:?}\n\
         [gateway]\nbase_url = \"http://127.0.0.1:{port}\"\n[ledger]\nurl = \"levy.db\"\n",
        keys::path("keys/merchant_cert.pem"),
        key,
        keys::path("keys/platform_pub.spki.pem"),
    );
    fs::write(&file, text).expect("settings");
    file
}
