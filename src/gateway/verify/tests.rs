use super::*;
use crate::gateway::fixtures::{KEY_ID, file, platform, platform_key, platform_signer};
use crate::gateway::reply::Body;
use crate::gateway::{Signer, SignerParts};

const NOW: WallMs = WallMs(1_769_817_600_500);
const BODY: &[u8] = "{\"state\":\"成功\"}".as_bytes();

fn reply(status: u16) -> Reply {
    Reply {
        status,
        request_id: None,
        retry_after_seconds: None,
        body: Body::Unreadable,
    }
}

type Headers = Vec<(&'static str, String)>;

/// The headers of a reply that the gateway signed this many seconds from now.
fn signed(seconds_off: i64, nonce: &str) -> Headers {
    let timestamp = NOW.unix_seconds() + seconds_off;
    let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(BODY);
    message.push(b'\n');
    vec![
        (TIMESTAMP, timestamp.to_string()),
        (NONCE, nonce.into()),
        (SIGNATURE, platform_signer().signature(&message)),
        (SERIAL, KEY_ID.into()),
    ]
}

fn check(verifier: &Verifier, headers: &Headers, now: WallMs) -> Checked {
    let pairs = headers.iter().map(|(n, v)| (*n, v.as_bytes()));
    verifier.check(&ReplyHeaders::of(pairs), BODY, reply(200), now)
}

fn fault(headers: &Headers) -> Option<SignatureFault> {
    match check(&Verifier::new(platform()), headers, NOW) {
        Checked::IllSigned { fault, .. } => Some(fault),
        Checked::Verified(_) => None,
        other => panic!("{other:?}"),
    }
}

fn changed(name: &str, change: impl FnOnce(&mut String)) -> Headers {
    let mut headers = signed(0, "N");
    change(&mut headers.iter_mut().find(|(n, _)| *n == name).unwrap().1);
    headers
}

#[test]
fn the_official_message_verifies_and_not_with_one_bit_flipped_anywhere() {
    let message = file("vectors/go_notify_verify_message.bin");
    let body_at = "1624523846\nEcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz\n".len();
    let body = &message[body_at..message.len() - 1];
    let signature = file("vectors/go_notify_signature.bin");
    let now = WallMs::from_unix_seconds(1_624_523_846);
    let check = |timestamp: &str, nonce: &str, signature: &[u8], body: &[u8]| {
        let key = file("vectors/go_notify_pub.spki.pem");
        let key = PlatformKey::public_key("D7CE59D1F522D701", &key).unwrap();
        let signature = BASE64.encode(signature);
        let headers = ReplyHeaders::of([
            (TIMESTAMP, timestamp.as_bytes()),
            (NONCE, nonce.as_bytes()),
            (SIGNATURE, signature.as_bytes()),
            // The serial of a certificate is a number: its case and leading zeros do not count.
            (SERIAL, b"00d7ce59d1f522d701".as_slice()),
        ]);
        Verifier::new(PlatformKeys::new(key)).check(&headers, body, reply(200), now)
    };
    let (timestamp, nonce) = ("1624523846", "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz");
    match check(timestamp, nonce, &signature, body) {
        Checked::Verified(verified) => assert_eq!(verified.signed_at(), now),
        other => panic!("{other:?}"),
    }
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    for at in [0, 100, 255] {
        let checked = check(timestamp, nonce, &flipped(&signature, at), body);
        assert!(is_mismatch(&checked), "signature, byte {at}");
    }
    for at in [0, body.len() / 2, body.len() - 1] {
        let checked = check(timestamp, nonce, &signature, &flipped(body, at));
        assert!(is_mismatch(&checked), "body, byte {at}");
    }
    assert!(is_mismatch(&check("1624523847", nonce, &signature, body)));
    assert!(is_mismatch(&check(timestamp, "EcZ9", &signature, body)));
}

fn is_mismatch(checked: &Checked) -> bool {
    let Checked::IllSigned { fault, .. } = checked else {
        return false;
    };
    *fault == SignatureFault::Mismatch
}

#[test]
fn each_fault_of_a_signature_is_told_apart() {
    use SignatureFault::{HeaderMissing, Mismatch, Stale};
    let unknown = |got: String| SignatureFault::UnknownSerial {
        got,
        held: vec![KEY_ID.into()],
    };
    // As the gateway sends them now and then, on purpose: 355 characters, no base64.
    let probe = format!("WECHATPAY/SIGNTEST/{}", "a".repeat(336));
    assert_eq!(probe.len(), 355);
    let with = |name, value: &str| {
        let mut headers = signed(0, "N");
        headers.push((name, value.into()));
        headers
    };
    let without = |name| {
        let headers = signed(0, "N").into_iter();
        headers.filter(|(n, _)| *n != name).collect::<Headers>()
    };
    let rough = |headers: Headers| {
        let names: [&str; 4] = [
            "WECHATPAY-TIMESTAMP",
            "wechatpay-nonce",
            "WechatPay-signature",
            "wechatpay-SERIAL",
        ];
        let values = headers.into_iter().map(|(_, value)| value);
        names.into_iter().zip(values).collect::<Headers>()
    };
    let kind = "Wechatpay-Signature-Type";
    for (what, headers, expected) in [
        ("whole", signed(0, "N"), None),
        ("names in any case", rough(signed(0, "N")), None),
        (
            "the type named",
            with(kind, "WECHATPAY2-SHA256-RSA2048"),
            None,
        ),
        (
            "another type",
            with(kind, "WECHATPAY2-SM2-WITH-SM3"),
            Some(Mismatch),
        ),
        (
            "no timestamp",
            without(TIMESTAMP),
            Some(HeaderMissing(TIMESTAMP)),
        ),
        ("no nonce", without(NONCE), Some(HeaderMissing(NONCE))),
        (
            "no signature",
            without(SIGNATURE),
            Some(HeaderMissing(SIGNATURE)),
        ),
        ("no serial", without(SERIAL), Some(HeaderMissing(SERIAL))),
        ("a signature twice", with(SIGNATURE, "x"), Some(Mismatch)),
        ("a serial twice", with(SERIAL, KEY_ID), Some(Mismatch)),
        ("a timestamp twice", with(TIMESTAMP, "1"), Some(Mismatch)),
        ("a nonce twice", with(NONCE, "N"), Some(Mismatch)),
        (
            "another serial",
            changed(SERIAL, |v| *v = "AB12".into()),
            Some(unknown("AB12".into())),
        ),
        (
            "a serial in other letters",
            changed(SERIAL, |v| *v = v.to_lowercase()),
            Some(unknown(KEY_ID.to_lowercase())),
        ),
        (
            "an endless serial",
            changed(SERIAL, |v| *v = "AB\u{7}".repeat(500)),
            Some(unknown("AB".repeat(64))),
        ),
        (
            "a probe",
            changed(SIGNATURE, |v| *v = probe.clone()),
            Some(Mismatch),
        ),
        (
            "an empty signature",
            changed(SIGNATURE, String::clear),
            Some(Mismatch),
        ),
        (
            "half a signature",
            changed(SIGNATURE, |v| v.truncate(172)),
            Some(Mismatch),
        ),
        (
            "base64 of nothing known",
            changed(SIGNATURE, |v| *v = "AAAA".into()),
            Some(Mismatch),
        ),
        (
            "another time",
            changed(TIMESTAMP, |v| v.push('0')),
            Some(Mismatch),
        ),
        (
            "no time",
            changed(TIMESTAMP, |v| *v = "now".into()),
            Some(Mismatch),
        ),
        (
            "another nonce",
            changed(NONCE, |v| v.push('0')),
            Some(Mismatch),
        ),
        ("300 s old", signed(-300, "N"), None),
        ("301 s old", signed(-301, "N"), Some(Stale(-301))),
        ("300 s early", signed(300, "N"), None),
        ("301 s early", signed(301, "N"), Some(Stale(301))),
    ] {
        assert_eq!(fault(&headers), expected, "{what}");
    }
    let old_and_wrong = signed(-9999, "N").into_iter().map(|(n, v)| match n {
        NONCE => (n, "other".to_owned()),
        _ => (n, v),
    });
    let old_and_wrong: Headers = old_and_wrong.collect();
    assert_eq!(
        fault(&old_and_wrong),
        Some(Mismatch),
        "only what holds can be called stale"
    );
}

#[test]
fn a_reply_without_any_of_the_four_headers_is_unsigned_whatever_its_status() {
    for status in [200, 403, 500] {
        let verifier = Verifier::new(platform());
        let headers = ReplyHeaders::of([
            ("Request-ID", b"x".as_slice()),
            (
                "Wechatpay-Signature-Type",
                b"WECHATPAY2-SHA256-RSA2048".as_slice(),
            ),
        ]);
        let checked = verifier.check(&headers, BODY, reply(status), NOW);
        assert_eq!(checked, Checked::Unsigned(reply(status)));
    }
}

#[test]
fn a_signature_counts_once_for_as_long_as_it_is_fresh() {
    let verifier = Verifier::new(platform());
    let later = |seconds: i64| NOW.plus_ms(seconds * 1000);
    let early = signed(299, "early");
    let verified = |checked: &Checked| matches!(checked, Checked::Verified(_));
    let seen = |checked: &Checked| {
        let Checked::IllSigned { fault, .. } = checked else {
            return false;
        };
        *fault == SignatureFault::SeenBefore
    };
    assert!(verified(&check(&verifier, &early, NOW)));
    assert!(verified(&check(&verifier, &signed(0, "other"), NOW)));
    for seconds in [0, 1, 300, 598, 599] {
        assert!(
            seen(&check(&verifier, &early, later(seconds))),
            "after {seconds} s"
        );
    }
    // Over a rotation too.
    assert!(verified(&check(
        &verifier,
        &signed(598, "late"),
        later(598)
    )));
    assert!(verified(&check(
        &verifier,
        &signed(601, "rotates"),
        later(601)
    )));
    assert!(seen(&check(&verifier, &signed(598, "late"), later(700))));
    // A clock that steps back brings no signature back.
    assert!(seen(&check(&verifier, &signed(598, "late"), later(400))));
}

#[test]
fn seen_signatures_are_forgotten_in_the_end_and_a_generation_has_a_bound() {
    let mut seen = Seen::default();
    let at = |ms| WallMs(ms);
    assert!(seen.is_new(b"a", at(0)));
    assert!(!seen.is_new(b"a", at(SEEN_ROTATION_MS)));
    assert!(seen.is_new(b"b", at(SEEN_ROTATION_MS)));
    assert!(seen.is_new(b"c", at(2 * SEEN_ROTATION_MS)));
    assert_eq!(
        (seen.young.len(), seen.old.len()),
        (1, 1),
        "a is gone, b is old, c is young"
    );
    for n in 0..SEEN_SIGNATURES_MAX as u64 {
        seen.young.insert(n);
    }
    assert!(seen.is_new(b"d", at(2 * SEEN_ROTATION_MS + 1)));
    assert_eq!(seen.young.len(), 1);
    assert!(!seen.is_new(b"c", at(2 * SEEN_ROTATION_MS + 2)));
}

#[test]
fn several_keys_verify_each_under_its_own_serial() {
    let mut keys = PlatformKeys::new(platform_key());
    let certificate = PlatformKey::certificate(&file("keys/platform_cert.pem")).unwrap();
    assert_eq!(certificate.id(), "F04C8D1B9A3E5C7D2F6A0B1C2D3E4F5A6B7C8D9E");
    keys.add(certificate.clone()).unwrap();
    keys.add(certificate.clone()).unwrap();
    let doc = file("vectors/wechat_doc_test_pub.spki.pem");
    keys.add(PlatformKey::public_key("PUB_KEY_ID_2", &doc).unwrap())
        .unwrap();
    assert_eq!(keys.first().id(), KEY_ID);

    let other = PlatformKey::public_key(certificate.id(), &doc).unwrap();
    let twice = keys.add(other).unwrap_err();
    assert_eq!(twice.cause, KeyCause::Twice(certificate.id().into()));

    let serials = ["f04c8d1b9a3e5c7d2f6a0b1c2d3e4f5a6b7c8d9e", KEY_ID];
    for serial in serials {
        let headers = changed(SERIAL, |v| *v = serial.into());
        let checked = check(&Verifier::new(keys.clone()), &headers, NOW);
        assert!(matches!(checked, Checked::Verified(_)), "{serial}");
    }
    let headers = changed(SERIAL, |v| *v = "PUB_KEY_ID_2".into());
    assert!(
        is_mismatch(&check(&Verifier::new(keys), &headers, NOW)),
        "another key's signature"
    );
}

#[test]
fn a_key_needs_an_id_and_its_own_kind_of_file() {
    let public = file("keys/platform_pub.spki.pem");
    for (id, cause) in [
        ("", KeyCause::Empty),
        ("PUB KEY", KeyCause::BadId),
        ("PUB\r\nX: y", KeyCause::BadId),
        (&"A".repeat(129), KeyCause::BadId),
    ] {
        let fault = PlatformKey::public_key(id, &public).unwrap_err();
        assert_eq!(fault, KeyPart::PlatformKeyId.fault(cause), "{id:?}");
    }
    let certificate = file("keys/platform_cert.pem");
    let fault = PlatformKey::public_key("PUB_KEY_ID_1", &certificate).unwrap_err();
    assert_eq!(
        fault,
        KeyPart::PlatformPublicKey.fault(KeyCause::IsCertificate)
    );
    let fault = PlatformKey::certificate(&public).unwrap_err();
    assert_eq!(
        fault,
        KeyPart::PlatformCertificate.fault(KeyCause::IsPublicKey)
    );
}

#[test]
fn the_callers_own_signature_is_not_the_gateways() {
    let ours = Signer::new(SignerParts {
        mchid: "1",
        serial_no: Some("1"),
        certificate_pem: None,
        private_key_pem: &file("vectors/wechat_doc_test_key.pkcs8.pem"),
    });
    let mut message = format!("{}\nN\n", NOW.unix_seconds()).into_bytes();
    message.extend_from_slice(BODY);
    message.push(b'\n');
    let signature = ours.unwrap().signature(&message);
    assert_eq!(
        fault(&changed(SIGNATURE, |v| *v = signature)),
        Some(SignatureFault::Mismatch)
    );
}

mod keys;
