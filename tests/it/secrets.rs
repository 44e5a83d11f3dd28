//! L8: no account, card, key or signature reaches a log, an error or a summary; the ledger and the
//! result hold them for their owner alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";
const OTHER_ACCOUNT: &str = "1c0fe2b7aa5c4d1f8d3c5b7e90a4f6d2e8b91a";
const CARD: &str = "6222021234567890123";
const PASSPHRASE: &str = "hunter2-of-the-proxy-too";
const PASSPHRASE_FILE: &str = "words";

fn rows() -> String {
    let mut csv =
        "mchid,bal_account_no,card_no,out_request_no,reduction_type,amount,reason\n".to_owned();
    for (n, script) in [
        "",
        "#sandbox post=success",
        "#sandbox post=not-enough",
        "#sandbox post=failed",
        "#sandbox post=param-error",
        "#sandbox post=drop-after,success",
        "#sandbox post=500,success",
        "#sandbox post=429,success",
        "#sandbox post=bad-signature,success",
        "#sandbox post=probe,success",
        "#sandbox post=wrong-number,success",
        "#sandbox post=wrong-amount,success",
        "#sandbox post=no-auth",
    ]
    .iter()
    .enumerate()
    {
        let merchant = if script.ends_with("no-auth") {
            1_900_000_002
        } else {
            1_900_000_001
        };
        csv.push_str(&format!(
            "{merchant},{ACCOUNT},{CARD},S{n},JUDICIAL_DEDUCTION,{},\"{script}\"\n",
            100 + n
        ));
    }
    // Faults that show a value: columns shifted by one, a conflict, a hold, a too long number.
    csv.push_str(&format!(
        "{ACCOUNT},{CARD},1900000001,X1,JUDICIAL_DEDUCTION,1,\n"
    ));
    csv.push_str(&format!(
        "1900000001,{ACCOUNT},,{OTHER_ACCOUNT},JUDICIAL_DEDUCTION,1,\n"
    ));
    csv.push_str(&format!("1900000001,{ACCOUNT},,X2,{OTHER_ACCOUNT},1,\n"));
    csv.push_str(&format!(
        "1900000001,{ACCOUNT},,X3,JUDICIAL_DEDUCTION,{OTHER_ACCOUNT},\n"
    ));
    csv.push_str(&format!("1900000001,{ACCOUNT},,X4,JUDICIAL_DEDUCTION,7,\n"));
    csv.push_str(&format!(
        "1900000001,{OTHER_ACCOUNT},,X4,JUDICIAL_DEDUCTION,7,\n"
    ));
    csv.push_str(&format!(
        "1900000001,{OTHER_ACCOUNT},{CARD},X5,JUDICIAL_DEDUCTION,9,\n"
    ));
    csv.push_str(&format!(
        "1900000001,{OTHER_ACCOUNT},{CARD},X6,JUDICIAL_DEDUCTION,9,\n"
    ));
    csv
}

/// Base64 as long as a signature, a sealed text or a line of a key.
fn longest_run(text: &str) -> usize {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
        .map(str::len)
        .max()
        .unwrap_or(0)
}

#[test]
fn l8_no_secret_is_in_anything_that_a_run_says() {
    nothing_leaks(None);
}

#[test]
fn l8_no_secret_is_in_anything_that_a_run_says_to_a_collector() {
    nothing_leaks(Some("json"));
}

/// At the level that says most.
fn nothing_leaks(format: Option<&str>) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("night.csv"), rows()).unwrap();
    let levy = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_levy"))
            .current_dir(dir.path())
            .args(arguments)
            .env("RUST_LOG", "trace")
            .env("LEVY_LOG_LEVEL", "trace")
            .envs(format.map(|format| ("LEVY_LOG_FORMAT", format)))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let keys = dir.path().join(".levy-sandbox/keys");
    let run = ["run", "night.csv", "--sandbox", "--json", "--wait", "3"];
    let (code, first) = levy(&run);
    assert_eq!(
        code,
        Some(4),
        "the forbidden merchant is left for the next run: {first}"
    );
    assert!(
        first.contains("\"alerts\":[\""),
        "a wrong echo is an alert: {first}"
    );
    for line in ["number", "request_id", "latency_ms", "leaves"] {
        assert!(first.contains(line), "{line} is at trace: {first}");
    }
    for reason in ["#sandbox post=", "aggracct-bc", "WECHATPAY2"] {
        let wire = |line: &&str| line.contains("request_id") && line.contains(reason);
        assert_eq!(first.lines().find(wire), None, "{reason}");
    }
    let mut said = first;
    let settings = format!(
        "[merchant]\nmchid = \"1900000001\"\ncertificate = \"keys/apiclient_cert.pem\"\n\
         private_key = \"keys/apiclient_key.pem\"\napi_v3_key_file = \"keys/apiv3_key.txt\"\n\
         private_key_passphrase_file = \"keys/{PASSPHRASE_FILE}\"\n[gateway]\n\
         base_url = \"https://127.0.0.1:1\"\nproxy = \"http://user:{PASSPHRASE}@127.0.0.1:1\"\n"
    );
    fs::write(dir.path().join(".levy-sandbox/levy.toml"), settings).unwrap();
    let passphrase = keys.join(PASSPHRASE_FILE);
    fs::write(&passphrase, PASSPHRASE).unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    for more in [
        &run[..],
        &["check", "night.csv"],
        &["cancel", "S1", "--sandbox"],
        &["export", "night.csv", "--sandbox", "--out", "again.csv"],
        &["doctor", "--config", ".levy-sandbox/levy.toml"],
        &["keys", "fetch", "--config", ".levy-sandbox/levy.toml"],
        &["report", "night.csv", "--sandbox"],
        &["run", "night.csv"],
        &[
            "run",
            "night.csv",
            "--config",
            ".levy-sandbox/keys/apiclient_key.pem",
        ],
    ] {
        said.push_str(&levy(more).1);
    }
    // A report is made to be passed on.
    said.push_str(&fs::read_to_string(dir.path().join("night.report.html")).unwrap());
    assert!(said.contains("APIv3 key: "), "doctor spoke: {said}");
    let api_v3_key = fs::read_to_string(keys.join("apiv3_key.txt")).unwrap();
    for secret in [
        ACCOUNT,
        OTHER_ACCOUNT,
        CARD,
        "BEGIN PRIVATE KEY",
        PASSPHRASE,
        &api_v3_key,
    ] {
        let found = said.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret}");
    }
    for file in fs::read_dir(&keys).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        for line in text.lines().filter(|line| line.len() == 64) {
            assert!(!said.contains(line), "a line of a key");
        }
    }
    assert!(longest_run(&said) < 80, "{}", longest_run(&said));
    for name in [
        "night.result.csv",
        ".levy-sandbox/ledger.db",
        "again.csv",
        "night.report.html",
    ] {
        let mode = fs::metadata(dir.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let result = fs::read_to_string(dir.path().join("night.result.csv")).unwrap();
    assert!(result.contains(ACCOUNT), "the result holds it");
}
