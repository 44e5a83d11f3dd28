//! What is said on stderr: to cron nothing if all went well; to a collector one object a line; at debug
//! one line a request.

use serde_json::Value;

use super::live::on_a_terminal;
use super::{Desk, row};

const GOOD: [&str; 5] = ["run", "night.csv", "--sandbox", "--wait", "5"];

fn night(desk: &Desk) {
    desk.batch(
        "night.csv",
        &[
            row("N1", "100", "case 1"),
            row("N2", "200", "\"#sandbox post=429,success\""),
        ],
    );
}

#[test]
fn cron_hears_nothing_if_all_went_well() {
    let desk = Desk::new();
    night(&desk);
    for _ in 0..2 {
        let said = desk.levy_from_cron(&GOOD, &[]);
        assert_eq!((said.exit, said.err.as_str()), (0, ""), "{said:?}");
    }
    let said = desk.levy_from_cron(&["resume", "--sandbox"], &[]);
    assert_eq!((said.exit, said.err.as_str()), (0, ""), "{said:?}");
    std::fs::create_dir(desk.path("inbox")).unwrap();
    desk.batch("inbox/a.csv", &[row("A1", "100", "case 9")]);
    let sweep = ["sweep", "inbox", "--sandbox", "--quiet-seconds", "0"];
    let said = desk.levy_from_cron(&sweep, &[]);
    assert_eq!((said.exit, said.err.as_str()), (0, ""), "{said:?}");
    assert!(desk.path("inbox/done").is_dir());
    // A level that is asked for is told.
    let said = desk.levy_from_cron(&[&GOOD[..], &["--log-level", "info"]].concat(), &[]);
    assert!(said.err.contains("it is continued"), "{}", said.err);
}

#[test]
fn cron_hears_of_what_needs_a_person_and_where_it_is() {
    let desk = Desk::new();
    let failed = row("N1", "100", "#sandbox post=failed");
    desk.batch("night.csv", &[failed, row("N2", "-4", "case 2")]);
    let said = desk.levy_from_cron(&GOOD, &[]);
    assert_eq!(said.exit, 3, "{}", said.err);
    for words in ["night.csv:3: amount", "FAILED", "night.result.csv"] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert!(said.err.lines().count() <= 20, "{}", said.err);
    let said = desk.levy_from_cron(&["run", "nowhere.csv", "--sandbox"], &[]);
    assert_eq!(said.exit, 2);
    assert!(said.err.contains("error: "), "{}", said.err);
}

#[test]
fn at_debug_each_request_is_one_line_with_its_request_id() {
    let desk = Desk::new();
    night(&desk);
    let said = desk.levy_from_cron(&[&GOOD[..], &["-v", "--log-format", "json"]].concat(), &[]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let lines: Vec<Value> = said
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let requests: Vec<&Value> = lines.iter().filter(|l| l["level"] == "DEBUG").collect();
    let seen: Vec<(&str, u64)> = requests
        .iter()
        .map(|l| (l["number"].as_str().unwrap(), l["http"].as_u64().unwrap()))
        .collect();
    for wanted in [("N1", 200), ("N2", 429), ("N2", 200)] {
        assert!(seen.contains(&wanted), "{wanted:?} in {seen:?}");
    }
    for line in &requests {
        assert_eq!(line["merchant"], "1900016681", "{line}");
        assert_eq!(line["operation"], "submit", "{line}");
        assert!(line["latency_ms"].is_u64(), "{line}");
        let id = line["request_id"].as_str().unwrap();
        assert!(id.len() > 4, "{line}");
        let word = if line["http"] == 200 { "state" } else { "code" };
        assert!(line[word].is_string(), "{line}");
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.ends_with("+08:00"), "{time}");
    }
    // The summary is a line of the log too.
    assert!(lines.iter().any(|l| l["level"] == "INFO"), "{}", said.err);
}

#[test]
fn the_log_is_set_by_flag_then_variable_then_file() {
    let desk = Desk::new();
    desk.settings();
    desk.batch("night.csv", &[row("N1", "100", "case 1")]);
    let settings = desk.read("levy.toml");
    let run = ["run", "night.csv", "--outage-wait", "0"];
    let first = |args: &[&str], variables: &[(&str, &str)]| {
        let said = desk.levy_from_cron(&[&run[..], args].concat(), variables);
        // The ledger is missing: one error.
        assert_eq!(said.exit, 2, "{}", said.err);
        said.err.starts_with('{')
    };
    assert!(!first(&[], &[]));
    desk.write(
        "levy.toml",
        &format!("{settings}[log]\nformat = \"json\"\n"),
    );
    assert!(first(&[], &[]));
    assert!(!first(&[], &[("LEVY_LOG_FORMAT", "human")]));
    assert!(first(
        &["--log-format", "json"],
        &[("LEVY_LOG_FORMAT", "human")]
    ));
    for (key, value, words) in [
        ("level", "\"loud\"", "[log] level: must be error, warn"),
        ("format", "\"xml\"", "[log] format: must be human or json"),
        ("colour", "true", "unknown field `colour`"),
    ] {
        desk.write("levy.toml", &format!("{settings}[log]\n{key} = {value}\n"));
        let said = desk.levy_from_cron(&run, &[]);
        assert_eq!(said.exit, 2);
        assert!(said.err.contains(words), "{}", said.err);
    }
    desk.write("levy.toml", &settings);
    let said = desk.levy_from_cron(&run, &[("LEVY_LOG_COLOUR", "1")]);
    assert!(
        said.err.contains("LEVY_LOG_COLOUR: is no setting"),
        "{}",
        said.err
    );
}

#[test]
fn a_bar_and_the_lines_of_the_log_do_not_meet() {
    let desk = Desk::new();
    let rows: Vec<String> = (0..30)
        .map(|n| row(&format!("N{n}"), &format!("{}", 100 + n), "case"))
        .collect();
    desk.batch("night.csv", &rows);
    let run = "run night.csv --sandbox --wait 5 -v --sandbox-latency-ms 20-30";
    let (exit, screen) = on_a_terminal(desk.dir.path(), run, "");
    assert_eq!(exit, 0, "{screen}");
    let lines: Vec<&str> = screen.lines().filter(|l| l.contains(" DEBUG ")).collect();
    assert_eq!(lines.len(), 30, "{screen}");
    for line in lines {
        // After the codes that took the bar away there is the line alone, to its end.
        let shown = line
            .rsplit(['\r', '\u{1b}'])
            .find(|part| part.contains(" DEBUG "));
        let shown = shown.unwrap_or_else(|| panic!("{line:?}"));
        assert!(!shown.contains("orders,"), "{line:?}");
        assert!(line.trim_end().contains("latency_ms="), "{line:?}");
    }
}
