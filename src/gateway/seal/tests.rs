use super::*;
use crate::gateway::fixtures::{ACCOUNT, file, platform_key, text};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use rsa::pkcs8::EncodePrivateKey;

fn opened(sealed: &str) -> String {
    let key = crate::gateway::pem::private_key(&file("keys/platform_key.pem")).unwrap();
    let der = key.to_pkcs8_der().unwrap();
    let key = PrivateDecryptingKey::from_pkcs8(der.as_bytes()).unwrap();
    let key = OaepPrivateDecryptingKey::new(key).unwrap();
    let sealed = BASE64.decode(sealed.as_bytes()).unwrap();
    let mut text = vec![0; key.min_output_size()];
    let text = key.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut text, None);
    String::from_utf8(text.unwrap().to_vec()).unwrap()
}

#[test]
fn what_is_sealed_opens_under_the_private_half_up_to_214_bytes() {
    let sealer = Sealer::new(&platform_key());
    let longest = "账".repeat(71) + "a";
    assert_eq!(longest.len(), SEALED_BYTES_MAX);
    for text in [ACCOUNT, "1", &longest] {
        let sealed = sealer.seal(text);
        assert_eq!(sealed.len(), 344, "256 bytes in base64");
        assert_eq!(opened(&sealed), text);
    }
}

/// The opening that the test above trusts opens what openssl sealed, so both mean one padding.
#[test]
fn what_openssl_sealed_opens_the_same_way() {
    assert_eq!(opened(text("vectors/oaep_account.b64").trim()), ACCOUNT);
}

#[test]
fn a_text_is_sealed_once_and_two_sealers_seal_it_differently() {
    let sealer = Sealer::new(&platform_key());
    let one = sealer.seal(ACCOUNT);
    assert!(Arc::ptr_eq(&one, &sealer.seal(ACCOUNT)));
    assert_ne!(
        one,
        Sealer::new(&platform_key()).seal(ACCOUNT),
        "sealing is randomised"
    );
    assert_ne!(one, sealer.seal("another"));
}

#[test]
fn a_full_store_drops_what_was_not_used_for_long_and_never_grows() {
    let mut kept = Generations::default();
    let sealed = |n: usize| -> Arc<str> { n.to_string().into() };
    for n in 0..3 * SEALED_TEXTS_MAX {
        kept.keep(&n.to_string(), sealed(n));
        // One that is asked for again and again stays.
        assert_eq!(kept.get("0").as_deref(), Some("0"), "{n}");
        assert!(kept.young.len() + kept.old.len() <= SEALED_TEXTS_MAX);
    }
    assert_eq!(kept.get("1"), None);
    let last = 3 * SEALED_TEXTS_MAX - 1;
    assert_eq!(kept.get(&last.to_string()), Some(sealed(last)));
}

#[test]
fn l8_a_sealer_prints_nothing_of_what_it_holds() {
    let sealer = Sealer::new(&platform_key());
    let sealed = sealer.seal(ACCOUNT);
    let shown = format!("{sealer:?} {sealer:#?}");
    assert!(!shown.contains(ACCOUNT) && !shown.contains(&*sealed));
}
