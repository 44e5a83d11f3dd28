use super::*;
use crate::gateway::fixtures::{file, text};

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
        // Of one that is encrypted, what to do is the last thing that is said.
        match cause {
            KeyCause::Encrypted => {
                assert!(words.ends_with("private_key_passphrase_file"), "{words}")
            }
            _ => assert!(
                words.contains("PKCS#8") && words.contains("PKCS#1"),
                "{words}"
            ),
        }
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
        let read = certificate(KeyPart::Certificate, &file(path))
            .unwrap()
            .serial;
        assert_eq!(read, serial);
    }
}

fn passphrase(text: &str) -> Option<Passphrase> {
    Some(Passphrase::parse(text.as_bytes()).unwrap())
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_and_with_no_other() {
    let pem = file("keys/merchant_key.encrypted.pem");
    for line in ["levy", "levy\n", "levy\r\nmore\n"] {
        let plain = unlock(&pem, passphrase(line).as_ref()).unwrap();
        assert!(private_key(plain.reveal()).unwrap() == doc_key());
        let form = private_key_form(&pem, plain.reveal()).unwrap();
        assert_eq!(form, (KeyForm::EncryptedPkcs8, 2048));
    }
    for wrong in ["Levy", "levy ", "hunter2"] {
        let fault = unlock(&pem, passphrase(wrong).as_ref()).unwrap_err();
        assert_eq!(fault.cause, KeyCause::WrongPassphrase, "{wrong}");
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }
    // Without one the key is as it came, and refused where it is used.
    let plain = unlock(&pem, None).unwrap();
    let fault = private_key(plain.reveal()).unwrap_err();
    assert_eq!(fault.cause, KeyCause::Encrypted);
    let words = fault.to_string();
    assert!(words.contains("private_key_passphrase_file"), "{words}");
    let fault = Passphrase::parse(b"\n").unwrap_err();
    assert_eq!(fault.cause, KeyCause::Empty);
}

#[test]
fn a_key_that_is_not_encrypted_needs_no_passphrase_and_one_of_the_old_form_is_told_apart() {
    let plain = file("vectors/wechat_doc_test_key.pkcs8.pem");
    let opened = unlock(&plain, passphrase("levy").as_ref()).unwrap();
    assert_eq!(*opened.reveal(), plain);
    let old = file("keys/encrypted_key.pkcs1.pem");
    let fault = unlock(&old, passphrase("levy").as_ref()).unwrap_err();
    assert_eq!(fault.cause, KeyCause::UnknownCipher);
    assert!(
        fault.to_string().contains("openssl pkcs8 -topk8"),
        "{fault}"
    );
}

#[test]
fn l8_a_passphrase_prints_nothing_of_itself() {
    let shown = format!("{:?} {:#?}", passphrase("hunter2"), passphrase("hunter2"));
    assert!(
        shown.contains("[redacted]") && !shown.contains("104"),
        "{shown}"
    );
}
