use super::*;
use crate::gateway::fixtures::{file, signer, text};

const NONCE: &str = "593BEC0C930BF1AFEB40B4A08C8FB242";

#[test]
fn signatures_equal_the_vectors_and_differ_with_one_bit_flipped() {
    let signer = signer();
    for name in ["c1", "c2"] {
        let mut message = file(&format!("vectors/{name}.msg"));
        let signature = text(&format!("vectors/{name}.sig"));
        assert_eq!(signer.signature(&message), signature.trim(), "{name}");
        message[40] ^= 1;
        assert_ne!(signer.signature(&message), signature.trim(), "{name}");
    }
}

#[test]
fn an_authorization_signs_the_five_lines_and_carries_the_five_items() {
    let post = text("vectors/c1.msg");
    let body = post.split('\n').nth(4).unwrap();
    let target = "/v3/aggracct-bc/wb-channel/special-reduction";
    let query = format!(
        "{target}/htozr8denqegbt6tk6u10iymo7yww5pn?mchid=1900016681&bal_account_no=Zm9vK2Jhci8%3D"
    );
    for (method, target, body, vector) in [
        ("POST", target, body, "vectors/c1.sig"),
        ("GET", &query, "", "vectors/c2.sig"),
    ] {
        let header = signer().authorization(method, target, 1_554_208_460, NONCE, body.as_bytes());
        let signature = text(vector);
        assert_eq!(
            header,
            format!(
                "WECHATPAY2-SHA256-RSA2048 mchid=\"1900007291\",nonce_str=\"{NONCE}\",\
                 signature=\"{}\",timestamp=\"1554208460\",\
                 serial_no=\"408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB\"",
                signature.trim()
            )
        );
    }
}

#[test]
fn a_body_that_ends_with_a_line_feed_still_gets_one_more() {
    assert_eq!(
        message("POST", "/x", 7, "N", b"a\n"),
        b"POST\n/x\n7\nN\na\n\n"
    );
    assert_eq!(message("GET", "/x?y", 7, "N", b""), b"GET\n/x?y\n7\nN\n\n");
}

#[test]
fn merchant_serial_certificate_and_key_are_checked_against_each_other() {
    let key = file("vectors/wechat_doc_test_key.pkcs8.pem");
    let ours = file("keys/merchant_cert.pem");
    let other = file("keys/platform_cert.pem");
    let serial = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB";
    let new = |mchid, serial_no, certificate_pem| {
        Signer::new(SignerParts {
            mchid,
            serial_no,
            certificate_pem,
            private_key_pem: &key,
        })
    };
    let lower = serial.to_ascii_lowercase();
    for (mchid, given, certificate, expected) in [
        ("1900007291", None, Some(&*ours), serial),
        (" 1900007291\n", Some(serial), None, serial),
        ("1900007291", Some(&*lower), None, serial),
        ("1900007291", Some(&*lower), Some(&*ours), serial),
        ("1900007291", Some(" "), Some(&*ours), serial),
        (
            "1900007291",
            Some("00408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"),
            Some(&*ours),
            "00408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB",
        ),
    ] {
        let signer = new(mchid, given, certificate).unwrap();
        assert_eq!((signer.mchid(), signer.serial()), ("1900007291", expected));
    }
    for (mchid, given, certificate, part, cause) in [
        ("", Some(serial), None, KeyPart::Mchid, KeyCause::NotANumber),
        (
            "19\"x",
            Some(serial),
            None,
            KeyPart::Mchid,
            KeyCause::NotANumber,
        ),
        ("1", None, None, KeyPart::SerialNo, KeyCause::Missing),
        ("1", Some("a\"b"), None, KeyPart::SerialNo, KeyCause::BadId),
        (
            "1",
            None,
            Some(&*other),
            KeyPart::Certificate,
            KeyCause::NotOurs,
        ),
        (
            "1",
            Some(serial),
            Some(&*other),
            KeyPart::Certificate,
            KeyCause::NotOurs,
        ),
        (
            "1",
            None,
            Some(&*key),
            KeyPart::Certificate,
            KeyCause::IsPrivateKey,
        ),
        (
            "1",
            Some("AA"),
            Some(&*ours),
            KeyPart::SerialNo,
            KeyCause::OtherSerial(serial.into()),
        ),
    ] {
        let fault = new(mchid, given, certificate).unwrap_err();
        assert_eq!(fault, part.fault(cause), "{mchid:?} {given:?}");
    }
}

#[test]
fn nonces_are_32_letters_and_digits_and_differ() {
    let signer = signer();
    let many: std::collections::HashSet<String> = (0..1000).map(|_| signer.nonce()).collect();
    assert_eq!(many.len(), 1000);
    for nonce in many {
        assert_eq!(nonce.len(), 32);
        assert!(
            nonce
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        );
    }
}

#[test]
fn l8_a_signer_and_its_parts_print_no_key() {
    let key = text("vectors/wechat_doc_test_key.pkcs1.pem");
    let parts = SignerParts {
        mchid: "1900007291",
        serial_no: Some("408B"),
        certificate_pem: None,
        private_key_pem: key.as_bytes(),
    };
    let shown = format!("{parts:?} {:?} {:#?}", Signer::new(parts), signer());
    assert!(
        shown.contains("1900007291") && shown.contains("[redacted]"),
        "{shown}"
    );
    let middle = key.lines().nth(5).unwrap();
    // The PEM's text, and its bytes as a debug print would list them.
    assert!(
        !shown.contains(middle) && !shown.contains("45, 45, 45"),
        "{shown}"
    );
}
