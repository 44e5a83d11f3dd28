//! `levy doctor`: each check made to fail once, with its words and its exit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::live::Gateway;
use super::{ACCOUNT, Desk, Said};

const AT: &[&str] = &["doctor", "--config", "box/levy.toml"];

fn doctor(desk: &Desk, more: &[&str]) -> Said {
    desk.levy(&[AT, more].concat())
}

/// A gateway in a box, and a ledger for it.
fn ready() -> (Desk, Gateway) {
    ready_with(&[])
}

fn ready_with(options: &[&str]) -> (Desk, Gateway) {
    let desk = Desk::new();
    let gateway = Gateway::start_with(&desk, options);
    let made = desk.levy(&["init", "--config", "box/levy.toml"]);
    assert_eq!(made.exit, 0, "{}", made.err);
    (desk, gateway)
}

/// One change of the settings; the gateway has written them with this line in them.
fn change(desk: &Desk, begins: &str, becomes: &str) {
    let old = desk.read("box/levy.toml");
    let mut found = false;
    let new: Vec<String> = old
        .lines()
        .map(|line| match line.starts_with(begins) {
            true => {
                found = true;
                becomes.to_owned()
            }
            false => line.to_owned(),
        })
        .collect();
    assert!(found, "{begins} in {old}");
    desk.write("box/levy.toml", &new.join("\n"));
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    path.display().to_string()
}

fn arrivals(desk: &Desk) -> String {
    fs::read_to_string(desk.path("box/arrivals.log")).unwrap_or_default()
}

#[test]
fn all_is_well_and_nothing_was_asked_but_certificates() {
    let (desk, _gateway) = ready();
    let said = doctor(&desk, &[]);
    assert_eq!(said.exit, 0, "{}{}", said.out, said.err);
    for line in [
        "  ok    file: box/levy.toml: ",
        "        merchant.mchid ",
        "  ok    private key: ",
        "mode 0600, PKCS#8, 2048 bits",
        "  ok    merchant certificate: ",
        " days left, until ",
        "  ok    pair: private key and certificate are a pair",
        "  ok    platform key: ",
        "  ok    APIv3 key: ",
        "  ok    integrity: no fault (SQLite's quick check; --full",
        "  ok    runs: no run yet",
        "  ok    lock: nobody holds it",
        "no TLS, on this machine alone",
        "  ok    clock: within a second of the gateway's",
        "  ok    signed request: GET /v3/certificates: answered, and the reply's signature verifies",
    ] {
        assert!(said.out.contains(line), "{line}\n{}", said.out);
    }
    let asked = arrivals(&desk);
    assert!(
        asked
            .lines()
            .all(|line| line.contains(" certificates - - ")),
        "{asked}"
    );
    assert!(!asked.is_empty());
}

#[test]
fn l8_a_probe_tells_the_balance_and_never_the_account() {
    let (desk, _gateway) = ready();
    let probe = format!("1900016681:{ACCOUNT}");
    let said = doctor(&desk, &["--probe", &probe]);
    assert_eq!(said.exit, 0, "{}", said.out);
    assert!(said.out.contains("the balance: answered"), "{}", said.out);
    assert!(said.out.contains("(1000000000000000 fen)"), "{}", said.out);
    for wrong in [
        format!("19000166x1:{ACCOUNT}"),
        format!("{ACCOUNT} 1"),
        format!("1:{ACCOUNT}\u{1}"),
    ] {
        let told = doctor(&desk, &["--probe", &wrong]);
        assert_eq!(told.exit, 2, "{wrong}: {}", told.out);
        assert!(
            told.out.contains("fail  signed request: --probe: "),
            "{}",
            told.out
        );
        assert!(
            !format!("{}{}", told.out, told.err).contains(ACCOUNT),
            "{}",
            told.out
        );
    }
    assert!(!said.out.contains(ACCOUNT), "{}", said.out);
    let asked = arrivals(&desk);
    assert!(
        asked
            .lines()
            .all(|line| line.contains(" balance 1900016681 ")),
        "{asked}"
    );
}

#[test]
fn json_is_one_object_with_every_check_and_setting() {
    let (desk, _gateway) = ready();
    let said = doctor(&desk, &["--json"]);
    assert_eq!(said.exit, 0, "{}", said.out);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["exit_code"], 0);
    assert_eq!(told["fail"], 0);
    let checks = told["checks"].as_array().unwrap();
    let clock = checks.iter().find(|c| c["check"] == "clock").unwrap();
    assert_eq!(clock["level"], "ok");
    assert_eq!(clock["area"], "gateway");
    let settings = told["settings"].as_array().unwrap();
    let mchid = settings
        .iter()
        .find(|s| s["key"] == "merchant.mchid")
        .unwrap();
    assert_eq!(mchid["value"], "1900000001");
    assert_eq!(mchid["from"], "box/levy.toml:3");
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let (desk, _gateway) = ready();
    let said = doctor(&desk, &["--quiet"]);
    assert_eq!((said.exit, said.err.as_str()), (0, ""), "{}", said.out);
    // What the tests' directory lies on may be worth a warning, and nothing else is.
    let other = said.out.lines().filter(|l| {
        l.starts_with("  ") && !l.contains("file system") && !l.starts_with("  warn  space: ")
    });
    assert!(
        other.filter(|l| !l.starts_with("     ")).count() == 0,
        "{}",
        said.out
    );
}

/// What is broken, how, the exit, and the line that says so.
type Break = (&'static str, fn(&Desk), i32, &'static str);

#[test]
fn each_thing_that_is_wrong_is_told_and_the_rest_is_looked_at_all_the_same() {
    let table: &[Break] = &[
        (
            "a key that others may read",
            |desk| {
                let key = desk.path("box/keys/apiclient_key.pem");
                fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
            },
            2,
            "fail  private key: box/levy.toml:5: [merchant] private_key: private key: ",
        ),
        (
            "an encrypted key without its passphrase",
            |desk| {
                let key = fs::read(fixture("keys/encrypted_key.pkcs8.pem")).unwrap();
                fs::write(desk.path("box/keys/apiclient_key.pem"), key).unwrap();
            },
            2,
            "skip  pair: the private key does not hold, as told above",
        ),
        (
            "a certificate that is not there",
            |desk| change(desk, "certificate =", "certificate = \"gone.pem\""),
            2,
            "gone.pem: no such file: put it there, or name another",
        ),
        (
            "the example's id",
            |desk| {
                change(
                    desk,
                    "public_key_id =",
                    "public_key_id = \"PUB_KEY_ID_000\"",
                )
            },
            2,
            "public_key_id: is the example's: give the id",
        ),
        (
            "a certificate of another key",
            |desk| {
                let certificate = fixture("keys/merchant_cert.pem");
                change(
                    desk,
                    "certificate =",
                    &format!("certificate = {certificate:?}"),
                );
            },
            2,
            "fail  pair: [merchant] merchant certificate: does not belong to the private key",
        ),
        (
            "an expired certificate",
            |desk| {
                let certificate = fixture("keys/merchant_cert.expired.pem");
                change(
                    desk,
                    "certificate =",
                    &format!("certificate = {certificate:?}"),
                );
            },
            2,
            "expired on 2021-01-01T08:00:00.000+08:00",
        ),
        (
            "a platform key that is none",
            |desk| drop(desk.write("box/keys/pub_key.pem", "hello")),
            2,
            "fail  platform key: [platform] platform public key: is not PEM",
        ),
        (
            "an APIv3 key that is too short",
            |desk| drop(desk.write("box/keys/apiv3_key.txt", "short")),
            0,
            "warn  APIv3 key: box/levy.toml:6: [merchant] api_v3_key_file: APIv3 key: has 5 bytes; expected",
        ),
        (
            "another platform key under the same id",
            |desk| {
                let key = fs::read(fixture("keys/platform_pub.spki.pem")).unwrap();
                fs::write(desk.path("box/keys/pub_key.pem"), key).unwrap();
            },
            2,
            "holds another key than its id says",
        ),
        (
            "a serial number of another certificate",
            |desk| change(desk, "certificate =", "serial_no = \"AB12\""),
            2,
            "fail  signed request: GET /v3/certificates: 401 SIGN_ERROR",
        ),
        (
            "no ledger",
            |desk| fs::remove_file(desk.path("box/levy.db")).unwrap(),
            2,
            "fail  file: the ledger box/levy.db does not exist",
        ),
        (
            "a ledger that others may read",
            |desk| {
                let ledger = desk.path("box/levy.db");
                fs::set_permissions(ledger, fs::Permissions::from_mode(0o644)).unwrap();
            },
            2,
            "can be read by others",
        ),
        (
            "a ledger that is damaged",
            |desk| {
                let mut bytes = fs::read(desk.path("box/levy.db")).unwrap();
                let middle = bytes.len() / 2;
                for byte in &mut bytes[middle..middle + 4096] {
                    *byte = 0x5a;
                }
                fs::write(desk.path("box/levy.db"), bytes).unwrap();
            },
            2,
            "fail  integrity: ",
        ),
        (
            "a frozen ledger",
            |desk| {
                let freeze = ["freeze", "--reason", "called back", "--by", "Li Wei"];
                let said = desk.levy(&[&freeze[..], &["--config", "box/levy.toml"]].concat());
                assert_eq!(said.exit, 0, "{}", said.err);
            },
            2,
            "fail  frozen: frozen by Li Wei since ",
        ),
        (
            "a gateway that is not there",
            |desk| change(desk, "base_url =", "base_url = \"http://127.0.0.1:1\""),
            4,
            "fail  base_url: http://127.0.0.1:1: ",
        ),
        (
            "a name that leads nowhere",
            |desk| change(desk, "base_url =", "base_url = \"https://levy.invalid\""),
            4,
            "fail  base_url: https://levy.invalid: the name does not resolve",
        ),
        (
            "no TLS where there should be",
            |desk| {
                let url = desk.read("box/levy.toml");
                let url = url.lines().find(|l| l.starts_with("base_url")).unwrap();
                change(desk, "base_url =", &url.replace("http://", "https://"));
            },
            4,
            "fail  base_url: https://127.0.0.1:",
        ),
        (
            "an address that cannot be",
            |desk| {
                change(
                    desk,
                    "base_url =",
                    "base_url = \"http://api.mch.weixin.qq.com\"",
                )
            },
            2,
            "fail  settings: ",
        ),
    ];
    let (desk, _gateway) = ready();
    let whole: Vec<(String, Vec<u8>, u32)> = [
        "levy.toml",
        "levy.db",
        "keys/apiclient_key.pem",
        "keys/pub_key.pem",
        "keys/apiv3_key.txt",
    ]
    .iter()
    .map(|name| {
        let path = desk.path(&format!("box/{name}"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        (format!("box/{name}"), fs::read(path).unwrap(), mode)
    })
    .collect();
    for (what, spoil, exit, says) in table {
        for (name, bytes, mode) in &whole {
            let path = desk.path(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        for log in ["box/levy.db-wal", "box/levy.db-shm"] {
            let _ = fs::remove_file(desk.path(log));
        }
        spoil(&desk);
        let said = doctor(&desk, &[]);
        assert_eq!(said.exit, *exit, "{what}: {}{}", said.out, said.err);
        assert!(said.out.contains(says), "{what}: {}", said.out);
        let verdict = match exit {
            0 => "\nready, with ",
            _ => "\nnot ready: ",
        };
        for heading in [
            "settings\n",
            "\nkeys\n",
            "\nledger\n",
            "\ngateway\n",
            verdict,
        ] {
            assert!(said.out.contains(heading), "{what}: {heading} {}", said.out);
        }
        assert!(
            said.out.contains("lock: nobody holds it"),
            "{what}: {}",
            said.out
        );
    }
}

#[test]
fn a_standby_that_does_not_answer_is_a_warning() {
    let (desk, _gateway) = ready();
    let url = desk.read("box/levy.toml");
    let url = url
        .lines()
        .find(|l| l.starts_with("base_url"))
        .unwrap()
        .to_owned();
    change(
        &desk,
        "base_url =",
        &format!("{url}\nstandby_url = \"http://127.0.0.1:1\""),
    );
    let said = doctor(&desk, &[]);
    assert_eq!(said.exit, 0, "{}", said.out);
    assert!(
        said.out.contains("warn  standby_url: http://127.0.0.1:1: "),
        "{}",
        said.out
    );
    assert!(said.out.contains("\nready, with "), "{}", said.out);
}

#[test]
fn a_reply_under_a_key_that_is_not_held_names_both_and_what_to_do() {
    let (desk, _gateway) = ready_with(&["--rotation", "signing"]);
    change(&desk, "public_key_id =", "");
    let certificate = desk.path("box/keys/platform_cert.pem");
    change(
        &desk,
        "public_key =",
        &format!("certificate = {certificate:?}"),
    );
    let said = doctor(&desk, &[]);
    assert_eq!(said.exit, 2, "{}", said.out);
    let line = said
        .out
        .lines()
        .find(|l| l.contains("signed request"))
        .unwrap();
    assert!(line.contains("signed with the key "), "{line}");
    assert!(line.contains(", and held is "), "{line}");
    assert!(line.contains("`levy keys fetch`"), "{line}");
}

#[test]
fn without_settings_it_says_where_they_come_from() {
    let desk = Desk::new();
    // No variable is set either.
    let said = desk.levy_from_cron(&["doctor", "--offline"], &[]);
    assert_eq!(said.exit, 2, "{}", said.out);
    assert!(
        said.out.contains("fail  file: there is no levy.toml here"),
        "{}",
        said.out
    );
    assert!(said.out.contains("`levy init`"), "{}", said.out);
    assert!(
        said.out.contains("skip  all of it: --offline"),
        "{}",
        said.out
    );
    desk.write("levy.toml", "[pace]\nper_merchant_qsp = 1\n");
    let said = desk.levy(&["doctor"]);
    assert_eq!(said.exit, 2, "{}", said.out);
    assert!(
        said.out.contains("fail  file: levy.toml:2: unknown field"),
        "{}",
        said.out
    );
    assert_eq!(
        said.out.matches("skip  all of it: ").count(),
        3,
        "{}",
        said.out
    );
    assert_eq!(desk.names(), ["levy.toml"], "it leaves nothing behind");
}

#[test]
fn an_encrypted_key_is_told_with_its_passphrase_right_wrong_and_missing() {
    let desk = Desk::new();
    desk.settings();
    let key = desk.path("apiclient_key.pem");
    fs::copy(fixture("keys/merchant_key.encrypted.pem"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let passphrase = |text: &str, mode: u32| {
        let path = desk.write("passphrase", text);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let named = desk.read("levy.toml").replace(
        "[platform]\n",
        "private_key_passphrase_file = \"passphrase\"\n[platform]\n",
    );
    let told = || {
        let said = desk.levy(&["doctor", "--offline"]);
        let line = said
            .out
            .lines()
            .find(|l| l.contains(" private key: "))
            .unwrap();
        line.to_owned()
    };
    assert!(
        told().contains("is encrypted: name the file with its passphrase"),
        "{}",
        told()
    );
    desk.write("levy.toml", &named);
    assert!(told().contains("passphrase: no such file"), "{}", told());
    passphrase("levy\n", 0o600);
    assert!(
        told().contains("ok    private key: ") && told().contains("encrypted PKCS#8"),
        "{}",
        told()
    );
    passphrase("hunter2\n", 0o600);
    assert!(
        told().contains("is not opened by the passphrase"),
        "{}",
        told()
    );
    assert!(!told().contains("hunter2"), "{}", told());
    passphrase("levy\n", 0o644);
    assert!(
        told().contains("others may read it (mode 0644)"),
        "{}",
        told()
    );
    // And a run takes it as well: nothing answers there, but the keys hold.
    passphrase("levy\n", 0o600);
    let made = desk.levy(&["init"]);
    assert_eq!(made.exit, 0, "{}", made.err);
}

#[test]
fn a_run_that_is_going_on_is_told_by_its_own_words() {
    let (desk, _gateway) = ready();
    let path = desk.path("box/levy.db");
    let lock = levy::ledger::lock::RunLock::take(&path).unwrap();
    let said = doctor(&desk, &["--offline"]);
    assert_eq!(said.exit, 0, "{}", said.out);
    let pid = format!(
        "warn  lock: a run is going on: pid {} on ",
        std::process::id()
    );
    assert!(said.out.contains(&pid), "{}", said.out);
    drop(lock);
}
