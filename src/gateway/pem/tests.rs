use super::*;
use crate::gateway::fixtures::{file, text};
use std::fs;
use std::os::unix::fs::OpenOptionsExt;

fn doc_key() -> rsa::PrivateKey {
    private_key(&file("vectors/wechat_doc_test_key.pkcs8.pem")).unwrap()
}

#[test]
fn a_private_key_is_read_however_it_was_saved() {
    let pkcs8 = text("vectors/wechat_doc_test_key.pkcs8.pem");
    let pkcs1 = text("vectors/wechat_doc_test_key.pkcs1.pem");
    let certificate = text("keys/merchant_cert.pem");
    let public = text("vectors/wechat_doc_test_pub.spki.pem");
    let indented = |pem: &str| pem.replace('\n', "\n    ");
    let one_line = |pem: &str| pem.replace('\n', "");
    for (how, pem) in [
        ("PKCS#8", pkcs8.clone()),
        ("PKCS#1", pkcs1.clone()),
        ("CRLF", pkcs8.replace('\n', "\r\n")),
        ("CR", pkcs8.replace('\n', "\r")),
        ("a BOM", format!("\u{feff}{pkcs1}")),
        (
            "a BOM and CRLF",
            format!("\u{feff}{pkcs1}").replace('\n', "\r\n"),
        ),
        ("blanks around", format!("\n\n \t{pkcs8} \n\n")),
        ("stray blank lines", pkcs8.replace('\n', "\n\n")),
        ("blanks at the ends of lines", pkcs8.replace('\n', " \t\n")),
        (
            "no-break blanks",
            indented(&pkcs8)
                .replace(' ', "\u{a0}")
                .replace("BEGIN\u{a0}PRIVATE\u{a0}KEY", "BEGIN PRIVATE KEY")
                .replace("END\u{a0}PRIVATE\u{a0}KEY", "END PRIVATE KEY"),
        ),
        ("indented", indented(&pkcs1)),
        ("one line", one_line(&pkcs8)),
        ("no line feed at the end", pkcs8.trim_end().into()),
        (
            "a mail around it",
            format!("here it is:\n{pkcs8}\n-- \nregards"),
        ),
        ("behind its certificate", format!("{certificate}{pkcs8}")),
        ("behind its public half", format!("{public}{pkcs1}")),
        (
            "openssl's attributes",
            format!("Bag Attributes\n    friendlyName: x\n{pkcs8}"),
        ),
    ] {
        match private_key(pem.as_bytes()) {
            Ok(key) => assert!(key == doc_key(), "{how}: another key"),
            Err(fault) => panic!("{how}: {fault}"),
        }
    }
}

#[test]
fn what_is_no_private_key_is_named_and_told_what_it_should_be() {
    let good = text("vectors/wechat_doc_test_key.pkcs8.pem");
    let cases: &[(Vec<u8>, KeyCause)] = &[
        (b"".to_vec(), KeyCause::Empty),
        ("\u{feff} \r\n\t".into(), KeyCause::Empty),
        (b"/etc/levy/apiclient_key.pem".to_vec(), KeyCause::NotPem),
        (vec![0x30, 0x82, 0x04, 0xbe, 0xff], KeyCause::NotPem),
        (good.replace("-----END", "").into(), KeyCause::NotPem),
        (
            good.replace("PRIVATE KEY", "MAGIC").into(),
            KeyCause::NotPem,
        ),
        (good.replacen("MIIE", "M*IE", 1).into(), KeyCause::NotBase64),
        (good.replacen("MIIE", "MIE", 1).into(), KeyCause::NotBase64),
        (good.replacen("MIIE", "AAAA", 1).into(), KeyCause::Damaged),
        (
            good.replace("PRIVATE KEY", "RSA PRIVATE KEY").into(),
            KeyCause::Damaged,
        ),
        (
            file("vectors/wechat_doc_test_pub.spki.pem"),
            KeyCause::IsPublicKey,
        ),
        (file("keys/platform_pub.pkcs1.pem"), KeyCause::IsPublicKey),
        (file("keys/merchant_cert.pem"), KeyCause::IsCertificate),
        (file("keys/encrypted_key.pkcs8.pem"), KeyCause::Encrypted),
        (file("keys/encrypted_key.pkcs1.pem"), KeyCause::Encrypted),
        (file("keys/ec_key.pem"), KeyCause::NotRsa),
        (file("keys/ec_key.sec1.pem"), KeyCause::NotRsa),
        (file("keys/weak_key.pem"), KeyCause::TooShort(1024)),
    ];
    for (pem, cause) in cases {
        let fault = private_key(pem).unwrap_err();
        assert_eq!(fault.cause, *cause);
        let words = fault.to_string();
        assert!(words.starts_with("private key: "), "{words}");
        assert!(
            words.contains("PKCS#8") && words.contains("PKCS#1"),
            "{words}"
        );
    }
}

#[test]
fn what_is_no_public_key_or_certificate_is_named_too() {
    let public = KeyPart::PlatformPublicKey;
    for (path, cause) in [
        ("keys/platform_cert.pem", KeyCause::IsCertificate),
        ("keys/platform_key.pem", KeyCause::IsPrivateKey),
        ("keys/encrypted_key.pkcs8.pem", KeyCause::IsPrivateKey),
        ("keys/ec_pub.pem", KeyCause::NotRsa),
        ("keys/weak_pub.pem", KeyCause::TooShort(1024)),
    ] {
        assert_eq!(
            public_key(public, &file(path)).unwrap_err().cause,
            cause,
            "{path}"
        );
    }
    for path in ["keys/platform_pub.spki.pem", "keys/platform_pub.pkcs1.pem"] {
        public_key(public, &file(path)).unwrap();
    }
    for (path, cause) in [
        ("keys/platform_pub.spki.pem", KeyCause::IsPublicKey),
        ("keys/platform_key.pem", KeyCause::IsPrivateKey),
        ("keys/weak_cert.pem", KeyCause::TooShort(1024)),
    ] {
        let fault = certificate(KeyPart::PlatformCertificate, &file(path)).unwrap_err();
        assert_eq!(fault.cause, cause, "{path}");
    }
}

#[test]
fn a_certificates_serial_reads_as_openssl_prints_it() {
    for (path, serial) in [
        (
            "keys/merchant_cert.pem",
            "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB",
        ),
        (
            "keys/platform_cert.pem",
            "F04C8D1B9A3E5C7D2F6A0B1C2D3E4F5A6B7C8D9E",
        ),
        ("keys/zero_nibble_cert.pem", "0A4C8D1B"),
    ] {
        let (_, read) = certificate(KeyPart::Certificate, &file(path)).unwrap();
        assert_eq!(read, serial);
    }
}

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
