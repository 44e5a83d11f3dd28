//! Metrics, messages and pings: who was not there is told, and a run is no other for it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::Value;

use super::{Desk, row};

/// What a server was asked: method and target, and the body.
type Asked = (String, String);

/// A server that answers everything with one status and body, and tells what it was asked.
fn server(status: &'static str, answer: &'static str) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answered(stream.unwrap(), status, answer, &tell);
        }
    });
    (base, told)
}

/// Tells what it was asked before it answers: whoever has the answer finds it told.
fn answered(mut stream: TcpStream, status: &str, answer: &str, tell: &Sender<Asked>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let target = first.trim_end_matches("HTTP/1.1\r\n").trim().to_owned();
    let _ = tell.send((target, String::from_utf8(body).unwrap()));
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(reply.as_bytes()).unwrap();
}

/// What it was asked by commands that have ended.
fn all(told: &Receiver<Asked>) -> Vec<Asked> {
    told.try_iter().collect()
}

/// A desk with settings whose gateway is nowhere, and `more` behind them; one file whose row is no
/// valid deduction, so that a run of it needs a person and sends nothing.
fn desk(more: &str) -> Desk {
    let desk = Desk::new();
    desk.settings();
    let settings = desk.read("levy.toml");
    desk.write("levy.toml", &format!("{settings}{more}\n"));
    desk.batch("night.csv", &[row("N 1", "100", "case 1")]);
    desk
}

#[test]
fn a_webhook_is_looked_for_among_the_services_credentials_and_its_failure_is_counted() {
    let (base, told) = server("500 Oh", "");
    let desk = desk("[notify]\nwebhook_file = \"hook\"\n[metrics]\nfile = \"levy.prom\"");
    fs::create_dir(desk.path("credentials")).unwrap();
    desk.write("credentials/hook", &format!("{base}/service\n"));
    let credentials = desk.path("credentials");
    let variables = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
    let said = desk.levy_with(&RUN, &variables);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(said.err.contains("it answered 500"), "{}", said.err);
    assert_eq!(all(&told)[0].0, "POST /service");
    let text = desk.read("levy.prom");
    assert!(
        text.contains("levy_last_run_notify_failures{command=\"run\"} 1"),
        "{text}"
    );
}

#[test]
fn whoever_reads_metrics_may_read_them_whatever_the_umask() {
    let desk = desk("[metrics]\nfile = \"levy.prom\"");
    let run = format!(
        "umask 077; exec '{}' run gone.csv --yes",
        env!("CARGO_BIN_EXE_levy")
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &run]).current_dir(desk.dir.path());
    assert_eq!(shell.output().unwrap().status.code(), Some(2));
    let mode = fs::metadata(desk.path("levy.prom")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o644);
}

/// Its only row is invalid: exit 3.
const RUN: [&str; 4] = ["run", "night.csv", "--yes", "--create-ledger"];

#[test]
fn a_run_that_needs_somebody_is_told_in_the_robots_form() {
    let (base, told) = server("200 OK", r#"{"errcode":0,"errmsg":"ok"}"#);
    let (watchdog, pinged) = server("200 OK", "OK");
    let desk = desk(&format!(
        "[notify]\nwebhook_file = \"hook\"\nform = \"wecom\"\nping = \"{watchdog}/uuid\""
    ));
    desk.write("hook", &format!("{base}/send?key=693a91f6\n"));
    let said = desk.levy(&RUN);
    assert_eq!(said.exit, 3, "{}", said.err);
    let [(target, body)] = &all(&told)[..] else {
        panic!("one message");
    };
    assert_eq!(target, "POST /send?key=693a91f6");
    let body: Value = serde_json::from_str(body).unwrap();
    let text = body["markdown"]["content"].as_str().unwrap();
    for part in [
        "levy run",
        "(exit 3)",
        "night.csv, batch 1:",
        "1 row, 1.00 yuan",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !text.contains(super::ACCOUNT) && !text.contains("case 1"),
        "{text}"
    );
    let pings: Vec<String> = all(&pinged).into_iter().map(|(target, _)| target).collect();
    assert_eq!(pings, ["GET /uuid/start", "GET /uuid/3"]);
    assert!(
        !said.err.contains("693a91f6") && !said.err.contains("uuid"),
        "{}",
        said.err
    );
}

#[test]
fn what_went_well_is_told_only_if_that_is_wanted() {
    for (on, messages) in [("trouble", 0), ("always", 1)] {
        let (base, told) = server("204 No Content", "");
        let desk = desk(&format!(
            "[notify]\nwebhook = \"{base}/hook\"\non = \"{on}\""
        ));
        // A ledger without an open order: nothing to do, exit 0.
        assert_eq!(desk.levy(&["init"]).exit, 0);
        let said = desk.levy(&["resume", "--yes"]);
        assert_eq!(said.exit, 0, "{}", said.err);
        let told = all(&told);
        assert_eq!(told.len(), messages, "{on}");
        if let Some((_, body)) = told.first() {
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["command"], "resume");
            assert_eq!(body["exit_code"], 0);
        }
    }
}

#[test]
fn l8_a_message_that_fails_is_a_warning_without_its_address_and_the_run_is_as_it_was() {
    let (refusing, _kept) = server(
        "200 OK",
        r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
    );
    let nowhere = "http://127.0.0.1:1".to_owned();
    let cases = [
        (
            format!("webhook = \"{refusing}/k?key=693a91f6\"\nform = \"wecom\""),
            "it refused: 93000",
        ),
        (
            format!("webhook = \"{nowhere}/k?key=693a91f6\""),
            "no connection could be made",
        ),
        (
            "webhook_file = \"693a91f6.missing\"".into(),
            "[notify] webhook_file: ",
        ),
        (
            format!("ping = \"{nowhere}/693a91f6\""),
            "was not taken (start)",
        ),
    ];
    for (settings, want) in cases {
        let desk = desk(&format!("[notify]\n{settings}"));
        let said = desk.levy(&RUN);
        assert_eq!(said.exit, 3, "{}", said.err);
        assert!(said.err.contains(want), "{want}: {}", said.err);
        let shown = said.err.replace("693a91f6.missing", "");
        assert!(!shown.contains("693a91f6"), "{shown}");
        assert!(desk.read("night.result.csv").contains(",INVALID,"));
    }
}

#[test]
fn a_test_message_says_whether_it_was_taken() {
    let (base, told) = server("200 OK", r#"{"code":0,"msg":"success"}"#);
    let taken = desk(&format!(
        "[notify]\nwebhook = \"{base}/hook\"\nform = \"feishu\"\nsecret = \"s\""
    ));
    let said = taken.levy(&["notify"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let told = all(&told);
    let body: Value = serde_json::from_str(&told[0].1).unwrap();
    assert_eq!(body["msg_type"], "text");
    assert!(body["sign"].is_string());
    let (base, _kept) = server("200 OK", r#"{"code":19021,"msg":"sign match fail"}"#);
    let refused = desk(&format!(
        "[notify]\nwebhook = \"{base}/hook\"\nform = \"feishu\""
    ));
    let said = refused.levy(&["notify"]);
    assert_eq!(said.exit, 4);
    assert!(said.err.contains("19021 sign match fail"), "{}", said.err);
    let nobody = desk("");
    let said = nobody.levy(&["notify"]);
    assert_eq!(said.exit, 2);
    assert!(said.err.contains("[notify] names nobody"), "{}", said.err);
}

#[test]
fn l8_settings_that_make_no_sense_are_refused_without_their_address() {
    for (settings, want) in [
        (
            "webhook = \"http://example.com/693a91f6\"",
            "[notify] webhook: must be one address",
        ),
        (
            "webhook = \"https://a/693a91f6\"\nwebhook_file = \"b\"",
            "[notify] webhook: or webhook_file, not both",
        ),
        (
            "webhook = \"https://a/693a91f6\"\nform = \"slack\"",
            "[notify] form: must be json, wecom",
        ),
        (
            "webhook = \"https://a/693a91f6\"\non = \"never\"",
            "[notify] on: must be trouble or always",
        ),
        (
            "secret = \"693a91f6\"",
            "[notify] webhook: or webhook_file must be given",
        ),
        ("hook = \"693a91f6\"", "unknown field `hook`"),
    ] {
        let desk = desk(&format!("[notify]\n{settings}"));
        let said = desk.levy(&RUN);
        assert_eq!(said.exit, 2, "{}", said.err);
        assert!(said.err.contains(want), "{want}: {}", said.err);
        assert!(!said.err.contains("693a91f6"), "{}", said.err);
        assert!(!desk.path("levy.db").exists());
    }
}

#[test]
fn metrics_are_written_by_every_end_and_the_last_success_stays() {
    let desk = desk("[metrics]\nfile = \"levy.prom\"");
    let success = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with("levy_last_success_"));
        line.map(str::to_owned)
    };
    // Refused before anything is opened: told all the same.
    let refused = || {
        let said = desk.levy(&["run", "gone.csv", "--metrics-file", "levy.prom"]);
        assert_eq!(said.exit, 2);
        let text = desk.read("levy.prom");
        assert!(
            text.contains("levy_last_run_exit_code{command=\"run\"} 2"),
            "{text}"
        );
        success(&text)
    };
    assert_eq!(refused(), None);
    let said = desk.levy(&RUN);
    assert_eq!(said.exit, 3, "{}", said.err);
    let text = desk.read("levy.prom");
    for line in [
        "levy_last_run_info{command=\"run\",version=",
        "levy_last_run_exit_code{command=\"run\"} 3",
        "levy_last_run_rows{command=\"run\",status=\"INVALID\"} 1",
        "levy_orders{status=\"PENDING\"} 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let after = success(&text).expect("nothing is left to run again");
    assert_eq!(refused(), Some(after));
    // A reconciliation tells of itself, and leaves what was said of the run.
    let reconcile = ["reconcile", "--yes"];
    let said = desk.levy(&reconcile);
    let text = desk.read("levy.prom");
    for line in [
        format!(
            "levy_last_run_exit_code{{command=\"reconcile\"}} {}",
            said.exit
        ),
        "levy_last_run_ill_signed_replies{command=\"reconcile\"} 0".into(),
        "levy_last_run_exit_code{command=\"run\"} 2".into(),
    ] {
        assert!(text.contains(&line), "{line} in {text}");
    }
    // A place that can't be written is a warning.
    let said = desk.levy(&["run", "night.csv", "--metrics-file", "no/such/dir.prom"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert!(
        said.err.contains("warning: metrics: no/such/dir.prom: "),
        "{}",
        said.err
    );
}

#[test]
fn a_sweep_tells_of_its_files_and_the_box_of_nothing() {
    let (base, told) = server("204 No Content", "");
    let desk = desk(&format!("[notify]\nwebhook = \"{base}/hook\""));
    fs::create_dir(desk.path("in")).unwrap();
    fs::copy(desk.path("night.csv"), desk.path("in/night.csv")).unwrap();
    fs::write(desk.path("in/night.csv.ok"), "rows = 1\n").unwrap();
    assert_eq!(desk.levy(&["init"]).exit, 0);
    let said = desk.levy(&["sweep", "in", "--yes", "--quiet-seconds", "0"]);
    assert_eq!(said.exit, 3, "{}", said.err);
    let told = all(&told);
    assert_eq!(told.len(), 1, "{}", said.err);
    let body: Value = serde_json::from_str(&told[0].1).unwrap();
    assert_eq!(body["command"], "sweep");
    assert_eq!(body["files"][0]["file"], "night.csv");
    // A rehearsal wakes nobody.
    let (base, told) = server("204 No Content", "");
    let hook = format!("{base}/hook");
    let variables = [
        ("LEVY_NOTIFY_WEBHOOK", hook.as_str()),
        ("LEVY_NOTIFY_ON", "always"),
    ];
    let said = desk.levy_with(&["run", "night.csv", "--sandbox"], &variables);
    assert_eq!(said.exit, 3, "{}", said.err);
    assert_eq!(all(&told), []);
}

#[test]
fn quiet_is_silent_only_where_nothing_is_left_to_do() {
    let desk = desk("");
    let said = desk.levy(&[&RUN[..], &["--quiet"]].concat());
    let want = "night.csv: exit 3: 1 row FIX_ROW: see night.failed.csv";
    assert_eq!((said.exit, said.err.lines().last()), (3, Some(want)));
    assert_eq!(said.out, "");
    // What is not final is told by a run; a sweep's next pass goes on with it.
    let script = row("N2", "200", "#sandbox post=processing-forever");
    desk.batch("open.csv", &[script]);
    let box_of = |args: &[&str]| {
        let said = desk.levy(&[args, &["--sandbox", "--quiet", "--wait", "1"]].concat());
        let lines: Vec<String> = said.err.lines().map(str::to_owned).collect();
        (said.exit, lines.last().cloned().unwrap_or_default())
    };
    let (exit, last) = box_of(&["run", "open.csv"]);
    assert_eq!(
        (exit, last.as_str()),
        (4, "open.csv: exit 4: 1 row RUN_AGAIN")
    );
    fs::create_dir(desk.path("in")).unwrap();
    fs::rename(desk.path("open.csv"), desk.path("in/open.csv")).unwrap();
    let (exit, last) = box_of(&["sweep", "in", "--quiet-seconds", "0"]);
    assert!(exit == 4 && !last.contains("exit 4"), "{last}");
}
