use super::*;
use crate::clock::SystemClock;
use crate::gateway::fixtures::file;

const KEY: &[u8] = b"levy's own test key, 32 bytes ok";

fn key() -> ApiV3Key {
    ApiV3Key::parse(KEY).unwrap()
}

/// An answer with one certificate, as the interface's documents have it.
fn answer(pem: &[u8], serial: &str, change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let mut text = pem.to_vec();
    let unbound = UnboundKey::new(&AES_256_GCM, KEY).unwrap();
    let nonce = Nonce::try_assume_unique_for_key(b"61f9c719728a").unwrap();
    LessSafeKey::new(unbound)
        .seal_in_place_append_tag(nonce, Aad::from("certificate"), &mut text)
        .unwrap();
    let mut body = serde_json::json!({"data": [{
        "serial_no": serial,
        "effective_time": "2018-06-08T10:34:56+08:00",
        "expire_time": "2018-12-08T10:34:56+08:00",
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": "61f9c719728a",
            "associated_data": "certificate",
            "ciphertext": BASE64.encode(&text),
        },
    }]});
    change(&mut body["data"][0]);
    serde_json::to_vec(&body).unwrap()
}

fn platform() -> (Vec<u8>, String) {
    let pem = file("keys/platform_cert.pem");
    let certificate = pem::certificate(KeyPart::PlatformCertificate, &pem).unwrap();
    (pem, certificate.serial)
}

#[test]
fn a_certificate_opens_under_the_api_v3_key() {
    let (pem, serial) = platform();
    let found = open(&answer(&pem, &serial, |_| {}), &key()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pem, pem);
    assert_eq!(found[0].key.id(), serial);
    assert!(found[0].certificate.from < found[0].certificate.until);
    // A serial in other letters is the same number.
    open(&answer(&pem, &serial.to_lowercase(), |_| {}), &key()).unwrap();
}

#[test]
fn what_is_not_whole_does_not_open() {
    let (pem, serial) = platform();
    let sealed = |name: &'static str, value: &'static str| {
        move |entry: &mut serde_json::Value| entry["encrypt_certificate"][name] = value.into()
    };
    let flip = |entry: &mut serde_json::Value| {
        let slot = &mut entry["encrypt_certificate"]["ciphertext"];
        let mut text = BASE64.decode(slot.as_str().unwrap().as_bytes()).unwrap();
        text[100] ^= 1;
        *slot = BASE64.encode(&text).into();
    };
    let cut = |entry: &mut serde_json::Value| {
        let slot = &mut entry["encrypt_certificate"]["ciphertext"];
        *slot = BASE64.encode(b"short").into();
    };
    let gone = || CertificateFault::Sealed(serial.clone());
    for (what, body, fault) in [
        ("a flipped bit", answer(&pem, &serial, flip), gone()),
        ("too short", answer(&pem, &serial, cut), gone()),
        (
            "another nonce",
            answer(&pem, &serial, sealed("nonce", "61f9c719728b")),
            gone(),
        ),
        (
            "a nonce of another length",
            answer(&pem, &serial, sealed("nonce", "61")),
            gone(),
        ),
        (
            "other associated data",
            answer(&pem, &serial, sealed("associated_data", "transaction")),
            gone(),
        ),
        (
            "no base64",
            answer(&pem, &serial, sealed("ciphertext", "%")),
            gone(),
        ),
        (
            "another algorithm",
            answer(&pem, &serial, sealed("algorithm", "AEAD_SM4_GCM")),
            CertificateFault::Algorithm("AEAD_SM4_GCM".into()),
        ),
        (
            "another serial",
            answer(&pem, "AB12", |_| {}),
            CertificateFault::OtherSerial {
                said: "AB12".into(),
                found: serial.clone(),
            },
        ),
        (
            "no certificate",
            answer(b"hello", &serial, |_| {}),
            CertificateFault::Key(KeyPart::PlatformCertificate.fault(KeyCause::NotPem)),
        ),
        ("no list", b"{}".to_vec(), CertificateFault::Unreadable),
        ("no JSON", b"<html>".to_vec(), CertificateFault::Unreadable),
    ] {
        assert_eq!(open(&body, &key()).unwrap_err(), fault, "{what}");
    }
    let other = ApiV3Key::parse(&[b'x'; 32]).unwrap();
    let fault = open(&answer(&pem, &serial, |_| {}), &other).unwrap_err();
    assert_eq!(fault, gone());
    assert!(fault.to_string().contains("api_v3_key_file"), "{fault}");
}

#[test]
fn an_api_v3_key_is_32_bytes_whatever_an_editor_put_around_it() {
    for text in [
        "0123456789abcdef0123456789ABCDEF",
        "\u{feff} 0123456789abcdef0123456789ABCDEF\r\n",
    ] {
        ApiV3Key::parse(text.as_bytes()).unwrap();
    }
    for (text, cause) in [
        ("", KeyCause::Empty),
        (" \n", KeyCause::Empty),
        (
            "0123456789abcdef0123456789ABCDE",
            KeyCause::NotThirtyTwo(31),
        ),
        (
            "0123456789abcdef 0123456789ABCDEF",
            KeyCause::NotThirtyTwo(33),
        ),
    ] {
        let fault = ApiV3Key::parse(text.as_bytes()).unwrap_err();
        assert_eq!(fault.cause, cause, "{text:?}");
        assert!(!fault.to_string().contains("0123"), "{fault}");
    }
}

#[test]
fn l8_the_api_v3_key_prints_nothing_of_itself() {
    let shown = format!("{:?} {:#?}", key(), key());
    assert!(shown.contains("[redacted]"), "{shown}");
    assert!(
        !shown.contains("levy") && !shown.contains("108, 101"),
        "{shown}"
    );
}

#[test]
fn l3_an_answer_that_nobody_signed_is_unsigned() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let signer = crate::gateway::fixtures::signer();
    let sent = exchange::signed(&signer, &*clock, None, wire::certificates());
    assert!(
        !sent
            .headers
            .iter()
            .any(|(name, _)| *name == "wechatpay-serial")
    );
    let answer = CertificateAnswer {
        status: 200,
        headers: ReplyHeaders::default(),
        body: b"{\"data\":[]}".to_vec(),
        sent,
    };
    let keys = crate::gateway::fixtures::platform();
    assert!(matches!(
        answer.checked(&keys, clock.wall()),
        Checked::Unsigned(_)
    ));
}
