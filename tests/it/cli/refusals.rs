//! What is refused before anything is sent: exit 2 or 75, one message, and no trace of a send.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::{Desk, Said, row};

/// A desk with settings, a ledger and a batch.
fn ready() -> Desk {
    let desk = Desk::new();
    desk.settings();
    desk.batch("night.csv", &[row("N1", "1", "case 1")]);
    let said = desk.levy(&["init"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    desk
}

fn refused(said: &Said, exit: i32, words: &str) {
    assert_eq!(said.exit, exit, "{}", said.err);
    assert!(
        said.err.contains(words),
        "{words}\n  is not in\n{}",
        said.err
    );
}

/// Nothing of the batch came into the ledger.
fn untouched(desk: &Desk) {
    let said = desk.levy(&["export", "1"]);
    refused(&said, 2, "1: the ledger knows no such batch");
    assert!(!desk.path("night.result.csv").exists());
}

#[test]
fn settings_and_keys_that_do_not_hold_are_exit_2() {
    let swap = |old: &'static str, new: &'static str| {
        move |desk: &Desk| {
            let text = desk.read("levy.toml").replace(old, new);
            desk.write("levy.toml", &text);
        }
    };
    type Spoil = Box<dyn Fn(&Desk)>;
    let table: Vec<(Spoil, &str)> = vec![
        (
            Box::new(swap("[ledger]", "[pace]\nper_merchant_qps = 0\n[ledger]")),
            "error: levy.toml:11: [pace] per_merchant_qps: 0 is too small, at least 1",
        ),
        (
            Box::new(swap("mchid =", "mchld =")),
            "error: levy.toml:2: unknown field `mchld`",
        ),
        (
            Box::new(swap("http://127.0.0.1:1", "http://10.0.0.1")),
            "error: levy.toml:9: [gateway] base_url: ",
        ),
        (
            Box::new(swap("apiclient_key.pem", "nowhere.pem")),
            "error: levy.toml:4: [merchant] private_key: private key: nowhere.pem: no such file",
        ),
        (
            Box::new(swap("certificate = ", "serial_no = \"7\"\ncertificate = ")),
            "error: [merchant] serial number",
        ),
        (
            Box::new(|desk: &Desk| {
                let open = fs::Permissions::from_mode(0o640);
                fs::set_permissions(desk.path("apiclient_key.pem"), open).unwrap();
            }),
            "error: levy.toml:4: [merchant] private_key: ",
        ),
        (
            Box::new(|desk: &Desk| {
                let other = concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/fixtures/keys/platform_key.pem"
                );
                fs::copy(other, desk.path("apiclient_key.pem")).unwrap();
                let ours = fs::Permissions::from_mode(0o600);
                fs::set_permissions(desk.path("apiclient_key.pem"), ours).unwrap();
            }),
            "error: [merchant] merchant certificate",
        ),
        (
            Box::new(|desk: &Desk| {
                desk.write("pub_key.pem", "no key\n");
            }),
            "error: [platform] platform public key",
        ),
    ];
    for (spoil, words) in table {
        let desk = ready();
        let (settings, key) = (desk.read("levy.toml"), desk.path("apiclient_key.pem"));
        let key_was = fs::read(&key).unwrap();
        spoil(&desk);
        let said = desk.levy(&["run", "night.csv", "--json"]);
        refused(&said, 2, words);
        let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(value["exit_code"], 2);
        assert_eq!(value["file"], "night.csv");
        assert!(
            value["error"]
                .as_str()
                .is_some_and(|e| said.err.contains(e))
        );
        let secret = String::from_utf8_lossy(&key_was);
        let line = secret.lines().nth(3).unwrap();
        assert!(!said.err.contains(line) && !said.out.contains(line));
        desk.write("levy.toml", &settings);
        untouched(&desk);
    }
}

#[test]
fn a_variable_that_levy_does_not_know_is_exit_2() {
    let desk = ready();
    let said = desk.levy_with(&["run", "night.csv"], &[("LEVY_PACE_QPS", "7")]);
    refused(&said, 2, "LEVY_PACE_QPS: is no setting of levy");
    untouched(&desk);
}

#[test]
fn a_ledger_that_is_missing_or_another_callers_is_exit_2() {
    let desk = Desk::new();
    desk.settings();
    desk.batch("night.csv", &[row("N1", "1", "case 1")]);
    let said = desk.levy(&["run", "night.csv"]);
    refused(&said, 2, "the ledger levy.db does not exist");
    assert!(!desk.path("levy.db").exists());

    desk.levy(&["init"]);
    let said = desk.levy_with(
        &["run", "night.csv"],
        &[("LEVY_MERCHANT_MCHID", "1900000009")],
    );
    assert_eq!(said.exit, 2, "{}", said.err);
    let said = desk.levy(&["run", "night.csv", "--sandbox", "--ledger", "levy.db"]);
    assert_eq!(
        said.exit, 2,
        "a real ledger is never mixed with the box: {}",
        said.err
    );
    untouched(&desk);
}

#[test]
fn another_run_that_holds_the_ledger_is_exit_75() {
    let desk = ready();
    let lock = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(desk.path("levy.db.lock"))
        .unwrap();
    lock.lock().unwrap();
    for args in [&["run", "night.csv"][..], &["cancel", "1"]] {
        let said = desk.levy(args);
        refused(&said, 75, "levy.db");
    }
    lock.unlock().unwrap();
    untouched(&desk);
}

#[test]
fn places_that_are_no_place_for_a_result_are_exit_2() {
    let desk = ready();
    desk.batch("day.csv", &[row("N2", "2", "case 2")]);
    desk.batch("night.txt", &[row("N3", "3", "case 3")]);
    symlink(desk.path("day.csv"), desk.path("link.csv")).unwrap();
    for (args, words) in [
        (
            &["night.csv", "day.csv", "--out", "r.csv"][..],
            "--out is for one file",
        ),
        (
            &["night.csv", "night.txt"],
            "would both have their result in night.result.csv",
        ),
        (
            &["night.csv", "--out", "night.csv"],
            "would overwrite night.csv",
        ),
        (
            &["night.csv", "--out", "levy.db"],
            "would overwrite levy.db",
        ),
        (
            &["night.csv", "--out", "levy.toml"],
            "would overwrite levy.toml",
        ),
        (&["night.csv", "--out", "link.csv"], "is a symbolic link"),
        (&["night.csv", "--out", "."], "is no name of a file"),
        (
            &["night.csv", "--out", "nowhere/r.csv"],
            "nowhere/r.csv: its directory does not exist",
        ),
        (&["night.csv", "--sandbox-seed", "7"], "give --sandbox too"),
    ] {
        let said = desk.levy(&[&["run"], args].concat());
        refused(&said, 2, words);
        untouched(&desk);
    }
}

#[test]
fn a_file_that_is_refused_leaves_nothing_and_says_so_in_json() {
    let desk = ready();
    desk.write(
        "bad.csv",
        &format!("{}{}\n1,2\n", super::HEADER, row("N1", "1", "case 1")),
    );
    let said = desk.levy(&["run", "bad.csv", "--json"]);
    refused(
        &said,
        2,
        "error: bad.csv:3: the row has 2 fields, the header 6",
    );
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["exit_code"], 2);
    assert_eq!(value["rows"], serde_json::Value::Null);
    assert!(value["error"].as_str().unwrap().starts_with("bad.csv:3: "));
    assert!(!desk.path("bad.result.csv").exists());
    untouched(&desk);
}

#[test]
fn init_writes_an_example_then_the_ledger_and_overwrites_neither() {
    let desk = Desk::new();
    let said = desk.levy(&["init"]);
    refused(&said, 0, "levy.toml: an example");
    let example = desk.read("levy.toml");
    let said = desk.levy(&["init"]);
    refused(&said, 2, "public_key_id: is the example's");
    refused(&said, 2, "`levy doctor --offline` lists all");
    let own = example.replace("PUB_KEY_ID_00", "PUB_KEY_ID_01");
    desk.write("levy.toml", &own);
    let wanted =
        "[merchant] private_key: private key: apiclient_key.pem: no such file; put it there";
    refused(&desk.levy(&["init"]), 2, wanted);
    desk.write("levy.toml", &example);
    assert_eq!(desk.read("levy.toml"), example);

    desk.settings();
    refused(
        &desk.levy(&["init"]),
        0,
        "levy.db: the ledger, made for merchant 1900007291",
    );
    let made = fs::read(desk.path("levy.db")).unwrap();
    refused(&desk.levy(&["init"]), 0, "the ledger was there already");
    assert_eq!(fs::read(desk.path("levy.db")).unwrap(), made);
    let mode = fs::metadata(desk.path("levy.db"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o600);
}

/// What is typed is looked at before settings are asked for.
#[test]
fn a_move_of_a_ledger_that_is_not_there_says_so_where_there_are_no_settings() {
    let desk = Desk::new();
    let to = "postgres://levy@127.0.0.1:1/levy";
    let said = desk.levy(&["ledger", "move", "levy.db", to, "--by", "Li Wei"]);
    refused(&said, 2, "levy.db: there is no such file");
    assert!(!said.err.contains("[merchant]"), "{}", said.err);
    desk.write("levy.db", "");
    let said = desk.levy(&["ledger", "move", "levy.db", to, "--by", "Li Wei"]);
    refused(&said, 2, "[merchant]");
}
