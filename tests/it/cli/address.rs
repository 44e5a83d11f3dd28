//! A ledger is named by a URL that may hold a password: no command shows it, whatever becomes of the URL.

use super::{Desk, row};

const PASSWORD: &str = "geheim-4711";

/// Every command that takes `--ledger`.
fn commands() -> Vec<Vec<&'static str>> {
    let by = ["--by", "Li Wei"];
    let two = ["--by", "Li Wei", "--by", "Wang Fang"];
    vec![
        vec!["run", "batch.csv"],
        vec!["check", "batch.csv"],
        vec!["check", "batch.csv", "--json"],
        vec!["plan", "batch.csv", by[0], by[1]],
        vec!["approve", "1", by[0], by[1]],
        vec!["rerun", "batch.csv"],
        vec!["rerun", "batch.csv", "--dry-run"],
        vec!["resume"],
        vec!["reconcile"],
        vec!["reconcile", "--against", "batch.csv"],
        vec!["sweep", "."],
        vec!["export", "1"],
        vec!["report", "1"],
        vec!["cancel", "1"],
        vec!["status"],
        vec!["show", "N1"],
        vec!["freeze", "--reason", "a test", by[0], by[1]],
        vec!["unfreeze", by[0], by[1]],
        [
            &["resolve", "N1", "--as", "failed", "--evidence", "none"][..],
            &two,
        ]
        .concat(),
        vec!["ledger", "verify"],
        vec!["ledger", "backup", "copy.db"],
        vec!["ledger", "upgrade"],
        [&["ledger", "import", "batch.csv"][..], &by].concat(),
        [&["ledger", "restored", "--since", "2026-01-01"][..], &by].concat(),
        vec!["init"],
        vec!["doctor", "--offline"],
    ]
}

#[test]
fn l8_no_command_shows_the_password_of_a_ledger_that_it_cannot_open() {
    let desk = Desk::new();
    desk.batch("batch.csv", &[row("N1", "100", "")]);
    desk.settings();
    for url in [
        // Nobody listens there.
        format!("postgres://levy:{PASSWORD}@127.0.0.1:1/levy"),
        format!("postgres://levy@127.0.0.1:1/levy?password={PASSWORD}"),
        format!("postgres://levy:{PASSWORD}@127.0.0.1:1"),
        format!("postgres:/levy:{PASSWORD}@127.0.0.1:1/levy"),
        format!("mysql://levy:{PASSWORD}@127.0.0.1:1/levy"),
        format!("host=127.0.0.1 password={PASSWORD} dbname=levy"),
    ] {
        for mut args in commands() {
            args.extend(["--ledger", &url]);
            let said = desk.levy(&args);
            assert_ne!(said.exit, 0, "{args:?}");
            let shown = format!("{}{}", said.out, said.err);
            assert!(!shown.contains(PASSWORD), "{args:?}: {shown}");
            assert!(!shown.contains("Usage:"), "{args:?}: {shown}");
        }
    }
    let left: Vec<String> = std::fs::read_dir(desk.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(PASSWORD))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn l8_metrics_go_into_no_address() {
    let desk = Desk::new();
    desk.settings();
    let url = format!("postgres://levy:{PASSWORD}@127.0.0.1:1/levy");
    let said = desk.levy(&["resume", "--metrics-file", &url]);
    assert!(
        said.err.contains("metrics: an address is no file"),
        "{said:?}"
    );
    assert!(!said.err.contains(PASSWORD), "{said:?}");
}

#[test]
fn a_ledger_of_another_kind_is_refused_before_anything_else() {
    let desk = Desk::new();
    desk.settings();
    let said = desk.levy(&["status", "--ledger", "mysql://u:p@h/d"]);
    assert_eq!(said.exit, 2, "{said:?}");
    assert!(
        said.err
            .contains("--ledger mysql://…: is no ledger that levy knows"),
        "{said:?}"
    );
}
