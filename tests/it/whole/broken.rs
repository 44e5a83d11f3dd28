//! Disks that are full, directories that may not be written, ledgers that are none: sending stops
//! first, the message says where, and the ledger opens clean afterwards.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::bench::{Bench, rows_of};
use super::{Options, audit};

/// Nobody's user and group, where the tests run as root.
const NOBODY: u32 = 65_534;

#[test]
fn a_full_disk_stops_the_sending_and_loses_nothing() {
    let mut bench = Bench::start(Options::default());
    bench.write(&rows_of(1_000, 20));
    assert_eq!(bench.run(&["--limit", "1"]), 4, "{}", bench.stderr());
    // From here on no file may grow far beyond the ledger as it is; a write that does fails like
    // one on a full disk.
    let ledger = fs::metadata(bench.path("levy.db")).unwrap().len();
    let blocks = ledger / 512 + 128;
    let script = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec {} run night.csv --json --yes",
        env!("CARGO_BIN_EXE_levy")
    );
    let output = Command::new("sh")
        .current_dir(bench.path("."))
        .args(["-c", &script])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("ledger"), "{words}");
    let arrived = bench.arrivals().len();
    assert!(
        arrived > 1 && arrived < 1_000,
        "it stopped in the middle: {arrived}"
    );
    assert_eq!(bench.run(&[]), 0, "{}", bench.stderr());
    audit(&bench, 1_000);
}

#[test]
fn a_directory_that_may_not_be_written_is_told_before_anything_is_sent() {
    let bench = Bench::start(Options::default());
    bench.write(&rows_of(10, 1));
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let levy = bench.path("levy");
    fs::copy(env!("CARGO_BIN_EXE_levy"), &levy).unwrap();
    if root {
        for name in [".", "levy", "night.csv", "levy.toml", "gateway"] {
            chown(bench.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        for file in fs::read_dir(bench.path("gateway/keys")).unwrap() {
            chown(file.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        chown(bench.path("gateway/keys"), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let locked = |mode| fs::set_permissions(bench.path("."), fs::Permissions::from_mode(mode));
    locked(0o555).unwrap();
    let mut command = Command::new(&levy);
    command
        .current_dir(bench.path("."))
        .args(["run", "night.csv", "--create-ledger", "--yes"]);
    if root {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    locked(0o755).unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("ermission denied"), "{words}");
    assert_eq!(bench.arrivals().len(), 0);
}

#[test]
fn a_file_that_is_no_ledger_is_left_as_it_is() {
    type Break = fn(&std::path::Path);
    let foreign: [(&str, Break); 3] = [
        ("a text", |path| {
            fs::write(path, "number,amount\n1,2\n".repeat(100)).unwrap()
        }),
        ("another program's database", |path| {
            let other = rusqlite::Connection::open(path).unwrap();
            other
                .execute_batch("CREATE TABLE t (a); PRAGMA application_id = 7;")
                .unwrap();
        }),
        ("a newer levy's", |path| {
            let other = rusqlite::Connection::open(path).unwrap();
            other.execute_batch("PRAGMA user_version = 9999;").unwrap();
        }),
    ];
    for (what, damage) in foreign {
        let mut bench = Bench::start(Options::default());
        bench.write(&rows_of(10, 1));
        if what.starts_with("a newer") {
            assert_eq!(bench.run(&["--limit", "1"]), 4);
        }
        damage(&bench.path("levy.db"));
        fs::set_permissions(bench.path("levy.db"), fs::Permissions::from_mode(0o600)).unwrap();
        let before = fs::read(bench.path("levy.db")).unwrap();
        let arrived = bench.arrivals().len();
        assert_eq!(bench.run(&[]), 1, "{what}: {}", bench.stderr());
        assert!(
            bench.stderr().contains("levy.db"),
            "{what}: {}",
            bench.stderr()
        );
        assert_eq!(fs::read(bench.path("levy.db")).unwrap(), before, "{what}");
        assert_eq!(bench.arrivals().len(), arrived, "{what}");
    }
}

#[test]
fn a_corrupted_ledger_sends_nothing() {
    let mut bench = Bench::start(Options::default());
    bench.write(&rows_of(300, 3));
    assert_eq!(bench.run(&["--limit", "5"]), 4, "{}", bench.stderr());
    let path = bench.path("levy.db");
    let mut bytes = fs::read(&path).unwrap();
    // All but the header and the schema's first page.
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0xA5;
    }
    fs::write(&path, &bytes).unwrap();
    let arrived = bench.arrivals().len();
    assert_eq!(bench.run(&[]), 1, "{}", bench.stderr());
    assert!(bench.stderr().contains("ledger"), "{}", bench.stderr());
    assert_eq!(bench.arrivals().len(), arrived);
}
