use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use super::*;
use crate::gateway::fixtures::file;

fn saved(name: &str, mode: u32, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    file.write_all(bytes).unwrap();
    // Not by `open`, whose mode the umask changes.
    file.set_permissions(fs::Permissions::from_mode(mode))
        .unwrap();
    (dir, path)
}

#[test]
fn a_private_key_that_others_may_read_is_refused() {
    let key = file("vectors/wechat_doc_test_key.pkcs8.pem");
    for mode in [0o600, 0o400, 0o700] {
        let (_dir, path) = saved("key.pem", mode, &key);
        // 0o400 and 0o600 are read by their owner.
        assert_eq!(read_private_key_file(&path).unwrap(), key, "{mode:o}");
    }
    for mode in [0o640, 0o604, 0o644, 0o620, 0o601, 0o660] {
        let (_dir, path) = saved("key.pem", mode, &key);
        let fault = read_private_key_file(&path).unwrap_err();
        let shown = path.display().to_string();
        assert_eq!(fault.cause, KeyCause::ReadableByOthers(shown.clone(), mode));
        assert!(
            fault.to_string().ends_with(&format!("chmod 600 {shown}")),
            "{fault}"
        );
    }
}

#[test]
fn a_private_key_file_that_is_missing_or_no_file_or_too_long_is_refused() {
    let (dir, path) = saved(
        "key.pem",
        0o600,
        &vec![b' '; KEY_FILE_BYTES_MAX as usize + 1],
    );
    let cause = |path: &Path| read_private_key_file(path).unwrap_err().cause;
    assert!(matches!(cause(&path), KeyCause::Unreadable(_, why) if why.contains("longer")));
    let missing = dir.path().join("nothing.pem");
    assert_eq!(
        cause(&missing),
        KeyCause::NoSuchFile(missing.display().to_string())
    );
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(cause(dir.path()), KeyCause::Unreadable(..)));
}

#[test]
fn the_service_managers_files_may_show_the_mask_of_an_access_control_list() {
    let part = KeyPart::ApiV3Key;
    for (mode, is_taken) in [(0o400, true), (0o440, true), (0o600, true), (0o640, true)]
        .into_iter()
        .chain([
            (0o460, false),
            (0o444, false),
            (0o450, false),
            (0o644, false),
        ])
    {
        let (_dir, path) = saved("key", mode, b"k");
        let read = read_secret_file(part, &path, Keeper::ServiceManager);
        assert_eq!(read.is_ok(), is_taken, "{mode:o}");
    }
}

#[test]
fn l8_a_secret_file_prints_nothing_of_itself() {
    let (_dir, path) = saved("key", 0o600, b"hunter2");
    let read = read_secret_file(KeyPart::ApiV3Key, &path, Keeper::Owner).unwrap();
    let shown = format!("{read:?} {read:#?}");
    assert!(
        shown.contains("[redacted]") && !shown.contains("104"),
        "{shown}"
    );
}

#[test]
fn l8_a_key_that_stands_where_its_files_name_belongs_is_not_shown() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n";
    let api = "/etc/levy/0123456789abcdef0123456789ABCDEF";
    for (part, text) in [(KeyPart::PrivateKey, pem), (KeyPart::ApiV3Key, api)] {
        let fault = read_secret_file(part, Path::new(text), Keeper::Owner).unwrap_err();
        let words = fault.to_string();
        assert!(
            !words.contains("MIIEvQ") && !words.contains("0123"),
            "{words}"
        );
        assert!(
            words.contains("the key itself, where its file's name belongs"),
            "{words}"
        );
    }
    for name in [
        "apiclient_key.pem",
        "/etc/levy/apiv3_key.txt",
        "0123456789abcdef",
    ] {
        assert!(!is_maybe_a_key(name), "{name}");
    }
}
