//! The command, driven as a person or cron drives it: what is printed, what is left on disk, and the
//! exit code.

mod address;
mod box_run;
mod check;
mod doctor;
mod herald;
mod keys;
pub mod live;
mod logs;
mod people;
mod plans;
mod refusals;
mod sweep;
mod totals;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";
const HEADER: &str = "mchid,bal_account_no,out_request_no,reduction_type,amount,reason\n";

/// A directory to work in, and levy in it.
struct Desk {
    dir: TempDir,
}

/// What a command said and how it ended.
#[derive(Debug)]
struct Said {
    exit: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A batch of the rows after a header.
    fn batch(&self, name: &str, rows: &[String]) -> PathBuf {
        self.write(name, &format!("{HEADER}{}\n", rows.join("\n")))
    }

    /// Settings and keys of a caller whose gateway is nowhere: what is sent is never connected.
    fn settings(&self) {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        for (from, to, mode) in [
            (
                "vectors/wechat_doc_test_key.pkcs8.pem",
                "apiclient_key.pem",
                0o600,
            ),
            ("keys/merchant_cert.pem", "apiclient_cert.pem", 0o644),
            ("keys/platform_pub.spki.pem", "pub_key.pem", 0o644),
        ] {
            let to = self.path(to);
            std::fs::copy(fixtures.join(from), &to).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        self.write("levy.toml", SETTINGS);
    }

    fn levy(&self, args: &[&str]) -> Said {
        self.levy_with(args, &[])
    }

    fn levy_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levy"));
        command.args(args).current_dir(self.dir.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LEVY_") {
                command.env_remove(name);
            }
        }
        // As on a terminal: `levy_from_cron` is told less.
        command.env("LEVY_LOG_LEVEL", "info");
        command.envs(variables.iter().copied());
        said(command.output().unwrap())
    }

    /// As cron starts it: nobody looks on.
    fn levy_from_cron(&self, args: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levy"));
        command.args(args).current_dir(self.dir.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LEVY_") {
                command.env_remove(name);
            }
        }
        command.envs(variables.iter().copied());
        said(command.output().unwrap())
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn said(output: Output) -> Said {
    Said {
        exit: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn row(no: &str, amount: &str, reason: &str) -> String {
    format!("1900016681,{ACCOUNT},{no},JUDICIAL_DEDUCTION,{amount},{reason}")
}

const SETTINGS: &str = r#"[merchant]
mchid = "1900007291"
certificate = "apiclient_cert.pem"
private_key = "apiclient_key.pem"
[platform]
public_key_id = "PUB_KEY_ID_0114232134912410000000000000"
public_key = "pub_key.pem"
[gateway]
base_url = "http://127.0.0.1:1"
[ledger]
url = "levy.db"
"#;

#[test]
fn help_has_examples_and_the_exit_codes() {
    let desk = Desk::new();
    let whole = desk.levy(&["--help"]);
    assert_eq!(whole.exit, 0);
    for line in [
        "  levy run sample_batch.csv --sandbox --wait 10    try it: no account, no network, no real money",
        "  75  another run holds the ledger",
    ] {
        assert!(whole.out.contains(line), "{}", whole.out);
    }
    for name in [
        "run", "sweep", "resume", "rerun", "check", "plan", "approve", "export", "cancel",
        "status", "show", "freeze", "unfreeze", "resolve", "ledger", "template", "init", "doctor",
        "keys", "sandbox",
    ] {
        let help = desk.levy(&[name, "--help"]);
        assert_eq!(help.exit, 0, "{name}");
        assert!(
            help.out.contains("Examples:\n  levy "),
            "{name}: {}",
            help.out
        );
    }
    assert!(desk.levy(&["--version"]).out.starts_with("levy 0."));
    assert_eq!(
        desk.names(),
        Vec::<String>::new(),
        "help leaves nothing behind"
    );
}

#[test]
fn what_cannot_be_meant_is_exit_2() {
    let desk = Desk::new();
    for args in [
        &[][..],
        &["runn"],
        &["run"],
        &["run", "a.csv", "--limit", "0"],
        &["run", "a.csv", "--until", "5:30"],
        &["run", "a.csv", "--wait", "-1"],
        &["run", "a.csv", "--pace", "7"],
        &["check"],
        &["check", "a.csv", "b.csv"],
        &["sandbox", "--listen", "127.0.0.1"],
        &["show"],
        &["freeze", "--reason", "x"],
        &["unfreeze"],
        &[
            "resolve",
            "N1",
            "--as",
            "paid",
            "--by",
            "a",
            "--by",
            "b",
            "--evidence",
            "x",
        ],
        &["resolve", "N1", "--as", "failed", "--evidence", "x"],
        &["ledger"],
        &["keys"],
        &["doctor", "--offline", "--probe", "1900016681:8609cb22"],
        &["ledger", "verify", "--expect", "12"],
        &["ledger", "backup"],
    ] {
        let said = desk.levy(args);
        assert_eq!(said.exit, 2, "{args:?} {}", said.err);
        assert!(!said.err.is_empty(), "{args:?}");
    }
}
