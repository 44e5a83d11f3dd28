//! What only a process with a terminal, signals and a clock can show.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use super::{Desk, row};

/// levy on a terminal of its own: `script` (util-linux) lends it a pty and hands its exit code on.
pub fn on_a_terminal(dir: &Path, args: &str, typed: &str) -> (i32, String) {
    // exec: a shell in between would answer a signal beside levy.
    let command = format!("exec '{}' {args}", env!("CARGO_BIN_EXE_levy"));
    let mut script = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(dir)
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
    (script.wait().unwrap().code().unwrap_or(-1), screen)
}

/// A gateway in a process of its own, with settings that lead to it: for levy, real money.
pub struct Gateway {
    process: Child,
    /// What it says later must find a reader.
    _said: BufReader<ChildStderr>,
}

impl Gateway {
    pub(super) fn start(desk: &Desk) -> Self {
        Self::start_with(desk, &[])
    }

    pub(super) fn start_with(desk: &Desk, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_levy"))
            .args(["sandbox", "--dir", "box"])
            .args(options)
            .current_dir(desk.dir.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("listening") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended");
        }
        Self {
            process: child,
            _said: said,
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn on_a_terminal_a_real_run_asks_and_only_yes_sends() {
    let desk = Desk::new();
    desk.batch("night.csv", &[row("N1", "12345", "case 1")]);
    let _gateway = Gateway::start(&desk);
    let arrived = || fs::read_to_string(desk.path("box/arrivals.log")).unwrap_or_default();
    let run = "run night.csv --config box/levy.toml --create-ledger";
    for typed in ["no\n", "\n", "y\n", "YES\n", "yes please\n", "\u{4}"] {
        let (exit, screen) = on_a_terminal(desk.dir.path(), run, typed);
        assert_eq!(exit, 4, "{typed:?}: {screen}");
        for words in ["This moves real money. Send?", "123.45", "nothing was sent"] {
            assert!(screen.contains(words), "{typed:?}: {screen}");
        }
        assert_eq!(arrived(), "", "{typed:?}");
        assert!(desk.read("night.result.csv").contains(",PENDING,"));
    }
    // A question that nobody would see is no question.
    let unseen = format!("{run} 2>log");
    let (exit, screen) = on_a_terminal(desk.dir.path(), &unseen, "yes\n");
    assert_eq!(exit, 2, "{screen}");
    let log = desk.read("log");
    assert!(log.contains("give --yes"), "{log}");
    assert_eq!(arrived(), "");
    let (exit, screen) = on_a_terminal(desk.dir.path(), run, "yes\n");
    assert_eq!(exit, 0, "{screen}");
    assert_eq!(arrived().lines().count(), 1);
    // Nothing is left to send: nobody is asked.
    let (exit, screen) = on_a_terminal(desk.dir.path(), run, "");
    assert_eq!((exit, screen.contains("Send?")), (0, false), "{screen}");
}

#[test]
fn a_signal_at_the_question_is_a_no() {
    let desk = Desk::new();
    desk.batch("night.csv", &[row("N1", "100", "case 1")]);
    let _gateway = Gateway::start(&desk);
    // Ctrl-C, as the terminal hands it on; typed early it waits for whoever reads.
    let run = "run night.csv --config box/levy.toml --create-ledger";
    let command = format!("exec '{}' {run}", env!("CARGO_BIN_EXE_levy"));
    let mut script = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .current_dir(desk.dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script, of util-linux, lends a terminal");
    let mut keyboard = script.stdin.take().unwrap();
    let mut out = script.stdout.take().unwrap();
    let mut screen = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&screen).contains("Type yes:") {
        assert_eq!(out.read(&mut byte).unwrap(), 1, "it ended");
        screen.push(byte[0]);
    }
    keyboard.write_all(b"\x03").unwrap();
    out.read_to_end(&mut screen).unwrap();
    let screen = String::from_utf8_lossy(&screen);
    assert_eq!(script.wait().unwrap().code(), Some(4), "{screen}");
    assert!(screen.contains("nothing was sent"), "{screen}");
    assert!(!desk.path("box/arrivals.log").exists() || desk.read("box/arrivals.log").is_empty());
}

#[test]
fn a_second_signal_ends_levy_at_once_and_the_same_command_finishes() {
    let desk = Desk::new();
    desk.batch("night.csv", &[row("N1", "100", "case 1")]);
    let run = ["run", "night.csv", "--sandbox", "--quiet"];
    // No reply before 9 s: whoever waits for it writes a result.
    let slow = ["--sandbox-latency-ms", "9000-9000"];
    let mut levy = Command::new(env!("CARGO_BIN_EXE_levy"))
        .args(run.iter().chain(&slow))
        .current_dir(desk.dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = desk.path(".levy-sandbox/arrivals.log");
    while fs::read_to_string(&log).map_or(0, |log| log.lines().count()) < 1 {
        assert_eq!(levy.try_wait().unwrap(), None, "it ended too early");
        std::thread::yield_now();
    }
    let terminate = |levy: &Child| {
        let id = levy.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status();
        assert!(killed.unwrap().success());
    };
    terminate(&levy);
    let mut words = BufReader::new(levy.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("stopping: nothing new is sent") {
        line.clear();
        assert_ne!(words.read_line(&mut line).unwrap(), 0, "it ended");
    }
    terminate(&levy);
    assert_eq!(levy.wait().unwrap().code(), Some(4));
    assert!(
        !desk.path("night.result.csv").exists(),
        "it did not wait for the reply"
    );

    assert_eq!(desk.levy(&run).exit, 0);
    assert!(desk.read("night.result.csv").contains(",SUCCESS,"));
}

/// A zone in which this very moment is so many seconds before a full minute of the clock, and that
/// minute. `--until` knows no seconds, and a test should not wait for one.
fn zone_before_a_minute(seconds: u64) -> (String, String) {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // POSIX counts west of Greenwich as positive.
    let west = (now + seconds) % 60;
    let minute = (now + seconds - west) / 60 % (24 * 60);
    (
        format!("TST0:00:{west:02}"),
        format!("{:02}:{:02}", minute / 60, minute % 60),
    )
}

#[test]
fn until_ends_new_sends_when_this_machines_clock_shows_it() {
    let desk = Desk::new();
    // The box makes its keys, which takes its time.
    desk.batch("first.csv", &[row("F1", "1", "first")]);
    assert_eq!(
        desk.levy(&["run", "first.csv", "--sandbox", "--quiet"])
            .exit,
        0
    );
    // 3,000 orders of one merchant take half a minute.
    let rows: Vec<String> = (0..3_000)
        .map(|n| row(&format!("N{n}"), "1", &format!("case {n}")))
        .collect();
    desk.batch("night.csv", &rows);
    let (zone, until) = zone_before_a_minute(8);
    let run = ["run", "night.csv", "--sandbox", "--until", &until];
    let said = desk.levy_with(&run, &[("TZ", &zone)]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert!(said.err.contains("--until"), "{}", said.err);
    let told = super::box_run::statuses(&desk.read("night.result.csv"));
    let count = |status: &str| told.iter().filter(|row| *row == status).count();
    let (sent, left) = (count("SUCCESS NONE"), count("PENDING RUN_AGAIN"));
    assert_eq!(sent + left, 3_000, "what was on the wire was awaited");
    assert!(sent > 0 && left > 0, "{sent} sent, {left} left");
}

/// The disk takes a third of the result. What lies in its place must stay whole.
#[test]
fn l7_a_result_that_does_not_fit_on_the_disk_leaves_the_old_one() {
    let desk = Desk::new();
    let rows: Vec<String> = (0..3_000)
        .map(|n| row(&format!("N{n}"), "1", &format!("case {n}")))
        .collect();
    desk.batch("night.csv", &rows);
    let run = ["run", "night.csv", "--sandbox", "--quiet", "--limit", "1"];
    assert_eq!(desk.levy(&run).exit, 4);
    let whole = desk.read("night.result.csv");
    assert!(whole.len() > 300_000, "{} bytes", whole.len());
    let before = desk.names();
    // 200 blocks of 512 or 1,024 bytes; a write beyond them is an error and no signal.
    let command = format!(
        "trap '' XFSZ; ulimit -f 200; exec '{}' export night.csv --sandbox",
        env!("CARGO_BIN_EXE_levy")
    );
    let mut sh = Command::new("sh");
    sh.args(["-c", &command]).current_dir(desk.dir.path());
    let said = super::said(sh.output().unwrap());
    assert_eq!(said.exit, 1, "{}", said.err);
    assert!(said.err.contains("could not be written"), "{}", said.err);
    assert_eq!(desk.read("night.result.csv"), whole);
    assert_eq!(desk.names(), before);
}
